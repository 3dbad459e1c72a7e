//! From an image to a wave: the whole inverse, frame by frame.
//!
//! Not for the audio thread, where a voice does the same one frame at a time. Equals magenta's `melspecgrams_to_waves` and
//! `specgrams_to_waves`.

use crate::geometry::Geometry;
use crate::spectral::{FramePlan, FrameSynth, PolarMap, Representation, SpectralError, wrap_turns};

/// Frames are computed at this multiple of the sample rate, as the voices do it at 16 kHz.
const OVERSAMPLING: usize = 2;

/// Synthesises images of one representation.
pub struct Synthesis {
    polar: PolarMap,
    plan: FramePlan,
    frame: FrameSynth,
    magnitude: Box<[f32]>,
    advance_turns: Box<[f32]>,
    phase_turns: Box<[f32]>,
    padded: Box<[f32]>,
}

impl Synthesis {
    pub fn new(representation: Representation) -> Self {
        let geometry = representation.geometry();
        let cells = geometry.frames * geometry.bins;
        Self {
            polar: PolarMap::new(representation),
            plan: FramePlan::new(geometry, OVERSAMPLING * geometry.n_fft),
            frame: FrameSynth::new(),
            magnitude: vec![0.0; cells].into(),
            advance_turns: vec![0.0; cells].into(),
            phase_turns: vec![0.0; geometry.bins].into(),
            padded: vec![0.0; OVERSAMPLING * (geometry.pad_left + geometry.note_samples())].into(),
        }
    }

    pub fn representation(&self) -> Representation {
        self.polar.representation()
    }

    /// Synthesises one note.
    ///
    /// `image` is `[2, frames, bins]`, denormalised; the wave is four seconds at the model's rate. Its last three hops fade, since
    /// no window follows that would complete them: the published padding stands all in front.
    ///
    /// # Errors
    /// When the image is of another length, or holds what is no number.
    pub fn synthesise(&mut self, image: &[f32]) -> Result<Vec<f32>, SpectralError> {
        SpectralError::check("image", self.representation().image_len(), image)?;
        self.polar.convert(image, &mut self.magnitude, &mut self.advance_turns);

        let Geometry { bins, hop, pad_left, .. } = self.polar.geometry();
        self.phase_turns.fill(0.0);
        self.padded.fill(0.0);
        let frames = self.magnitude.chunks_exact(bins).zip(self.advance_turns.chunks_exact(bins));
        for (t, (magnitude, advance_turns)) in frames.enumerate() {
            for (phase, advance) in self.phase_turns.iter_mut().zip(advance_turns) {
                *phase = wrap_turns(*phase + advance);
            }
            let frame = self.frame.compute(&self.plan, magnitude, &self.phase_turns, bins);
            frame.add_to(0, &mut self.padded[OVERSAMPLING * t * hop..][..self.plan.window_len()]);
        }
        // Every so-manieth sample is one of the published inverse.
        Ok(self.padded[OVERSAMPLING * pad_left..].iter().step_by(OVERSAMPLING).copied().collect())
    }
}

/// Synthesises a single image; for more than one, [`Synthesis`] spares the preparations.
///
/// # Errors
/// As [`Synthesis::synthesise`].
pub fn synthesise(representation: Representation, image: &[f32]) -> Result<Vec<f32>, SpectralError> {
    Synthesis::new(representation).synthesise(image)
}
