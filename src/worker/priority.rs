//! How urgently a note is wanted, and by whom.

/// One instance, as the service counts them.
pub type ClientId = u64;

/// How urgent a rendering is, most urgent first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Priority {
    /// A note sounds and waits for it.
    Sounding,
    /// A key that was struck lately, in the keyboard's timbre.
    Recent,
    /// The rest of the keyboard.
    Rest,
}

impl Priority {
    pub const ALL: [Self; 3] = [Self::Sounding, Self::Recent, Self::Rest];
}
