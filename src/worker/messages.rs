//! The sentences that the service shows to the user of one instance.

use std::sync::Arc;

use crate::link::Status;

pub struct Messages {
    status: Arc<Status>,
    /// The sentence that the service showed last, so that it takes back no other.
    shown: Option<String>,
}

impl Messages {
    pub fn new(status: Arc<Status>) -> Self {
        Self { status, shown: None }
    }

    /// Shows what went wrong.
    pub fn show(&mut self, sentence: String) {
        *self.status.error.lock() = Some(sentence.clone());
        self.shown = Some(sentence);
    }

    /// Shows what is no fault of the sound, unless something else is shown.
    pub fn show_if_free(&self, sentence: &str) {
        self.status.error.lock().get_or_insert_with(|| sentence.to_owned());
    }

    /// Takes the service's own sentence back, once it was put right.
    pub fn take_back(&mut self) {
        let shown = self.shown.take();
        let mut error = self.status.error.lock();
        if shown.is_some() && *error == shown {
            *error = None;
        }
    }

    /// Takes a sentence back, if it is the one that is shown.
    pub fn withdraw(&mut self, sentence: &str) {
        self.shown.take_if(|shown| shown == sentence);
        self.status.error.lock().take_if(|error| error == sentence);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::link;

    fn messages() -> (Messages, impl Fn() -> Option<String>) {
        let (_, worker, editor) = link();
        (Messages::new(worker.status), move || editor.status.error.lock().clone())
    }

    #[test]
    fn a_sentence_of_somebody_else_is_not_taken_back() {
        let (mut messages, shown) = messages();
        messages.show("The model is missing.".into());
        *messages.status.error.lock() = Some("The preset is broken.".into());
        messages.take_back();
        assert_eq!(shown().as_deref(), Some("The preset is broken."));
        messages.withdraw("The model is missing.");
        assert_eq!(shown().as_deref(), Some("The preset is broken."));
        messages.withdraw("The preset is broken.");
        assert_eq!(shown(), None);
    }

    #[test]
    fn what_is_no_fault_of_the_sound_gives_way_to_what_is() {
        let (mut messages, shown) = messages();
        messages.show("The note could not be rendered.".into());
        messages.show_if_free("The disk is full.");
        assert_eq!(shown().as_deref(), Some("The note could not be rendered."));
        messages.take_back();
        messages.show_if_free("The disk is full.");
        assert_eq!(shown().as_deref(), Some("The disk is full."));
        messages.take_back();
        assert_eq!(shown().as_deref(), Some("The disk is full."), "it was not shown as a fault");
    }
}
