//! Makes a playable note of what the generator put out: worker thread.
//!
//! All that can be done once a note is done here: polar form on the linear frequency scale, the head of the note as a
//! waveform, the sustain region.

use super::sustain;
use crate::note::{Geometry, Note, NoteKey, Origin};
use crate::spectral::{FrameSynth, OVERSAMPLING, PolarMap, Representation, wrap_turns};

/// Prepares the notes of one representation. Its buffers are kept from note to note.
pub struct Preparer {
    geometry: Geometry,
    polar: PolarMap,
    synth: FrameSynth,
}

impl Preparer {
    pub fn new(representation: Representation) -> Self {
        let geometry = representation.geometry();
        Self { geometry, polar: PolarMap::new(representation), synth: FrameSynth::new(geometry, OVERSAMPLING) }
    }

    /// Prepares a note from one generated image, [2, frames, bins], denormalised.
    pub fn note(&mut self, key: NoteKey, image: &[f32]) -> Note {
        let Geometry { frames, bins, .. } = self.geometry;
        let mut magnitude = vec![0.0; frames * bins].into_boxed_slice();
        let mut advance = vec![0.0; frames * bins].into_boxed_slice();
        self.polar.convert(image, &mut magnitude, &mut advance);
        let (head, head_phase) = self.head(&magnitude, &advance);
        let sustain = sustain::find(self.geometry, &magnitude);
        Note { key, origin: Origin::Cpu, geometry: self.geometry, magnitude, advance, head, head_phase, sustain }
    }

    /// The sound of the frames that start before or at the note's first sample, cut there, and the phase at the last of
    /// them.
    fn head(&mut self, magnitude: &[f32], advance: &[f32]) -> (Box<[f32]>, Box<[f32]>) {
        let Geometry { bins, hop, .. } = self.geometry;
        let window = self.synth.window_len();
        let last = self.geometry.first_whole_frame();
        // Frames whose windows end before the first sample cannot be heard; they only move the phase on.
        let first_heard = last - (self.geometry.n_fft() / hop - 1);
        let step = hop * OVERSAMPLING;
        let mut wave = vec![0.0; (last - first_heard) * step + window];
        let mut phase = vec![0.0; bins].into_boxed_slice();
        for frame in 0..=last {
            let row = frame * bins..(frame + 1) * bins;
            for (phase, advance) in phase.iter_mut().zip(&advance[row.clone()]) {
                *phase = wrap_turns(*phase + advance);
            }
            if let Some(offset) = frame.checked_sub(first_heard) {
                self.synth.add(&magnitude[row], &phase, bins, &mut wave[offset * step..]);
            }
        }
        let head = wave.split_off((last - first_heard) * step).into_boxed_slice();
        (head, phase)
    }
}
