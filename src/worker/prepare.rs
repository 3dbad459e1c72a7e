//! Makes a playable note of what the generator put out: worker thread.
//!
//! All that can be done once a note is done here: polar form on the linear frequency scale, the head of the note as a
//! waveform, the sustain region.

use super::sustain;
use crate::frames::Frames;
use crate::note::{Geometry, Note, NoteKey, Origin};
use crate::spectral::{FrameSynth, OVERSAMPLING, PolarMap, Representation, wrap_turns};

/// Prepares the notes of one representation. Its buffers are kept from note to note.
pub struct Preparer {
    geometry: Geometry,
    polar: PolarMap,
    synth: FrameSynth,
    /// The note at single precision, frames x bins.
    magnitude: Box<[f32]>,
    advance: Box<[f32]>,
}

impl Preparer {
    pub fn new(representation: Representation) -> Self {
        let geometry = representation.geometry();
        let zeros = || vec![0.0; geometry.frames * geometry.bins].into_boxed_slice();
        Self {
            geometry,
            polar: PolarMap::new(representation),
            synth: FrameSynth::new(geometry, OVERSAMPLING),
            magnitude: zeros(),
            advance: zeros(),
        }
    }

    /// Prepares a note from one generated image, [2, frames, bins], denormalised.
    pub fn note(&mut self, key: NoteKey, image: &[f32]) -> Note {
        self.polar.convert(image, &mut self.magnitude, &mut self.advance);
        let sustain = sustain::find(self.geometry, &self.magnitude);
        let frames = Frames::encode(self.geometry.bins, &self.magnitude, &self.advance);
        let (head, head_phase) = self.head(&frames);
        Note { key, origin: Origin::Cpu, geometry: self.geometry, frames, head, head_phase, sustain }
    }

    /// The sound of the frames that start before or at the note's first sample, cut there, and the phase at the last of
    /// them. Of the frames as they are kept, so that the voice that goes on from there finds what it would have made.
    fn head(&mut self, frames: &Frames) -> (Box<[f32]>, Box<[f32]>) {
        let Geometry { bins, hop, .. } = self.geometry;
        let window = self.synth.window_len();
        let last = self.geometry.first_whole_frame();
        // Frames whose windows end before the first sample cannot be heard; they only move the phase on.
        let first_heard = last - (self.geometry.n_fft() / hop - 1);
        let step = hop * OVERSAMPLING;
        let mut wave = vec![0.0; (last - first_heard) * step + window];
        let mut phase = vec![0.0; bins].into_boxed_slice();
        let magnitude = &mut self.magnitude[..bins];
        for frame in 0..=last {
            for (phase, advance) in phase.iter_mut().zip(frames.advance(frame)) {
                *phase = wrap_turns(*phase + advance);
            }
            if let Some(offset) = frame.checked_sub(first_heard) {
                magnitude.iter_mut().zip(frames.magnitude(frame)).for_each(|(own, kept)| *own = kept);
                self.synth.add(magnitude, &phase, bins, &mut wave[offset * step..]);
            }
        }
        let head = wave.split_off((last - first_heard) * step).into_boxed_slice();
        (head, phase)
    }
}
