//! Makes a playable note of what the generator put out: worker thread.
//!
//! All that can be done once a note is done here: polar form on the linear frequency scale, the head of the note as a
//! waveform, the sustain region.

use super::sustain;
use crate::frames::{FrameEncoder, Frames};
use crate::note::{Geometry, Note, NoteKey, Origin};
use crate::spectral::{FrameSynth, OVERSAMPLING, PolarMap, Representation, wrap_turns};

/// Prepares the notes of one representation. Its buffers are kept from note to note.
pub struct Preparer {
    geometry: Geometry,
    polar: PolarMap,
    encoder: FrameEncoder,
    synth: FrameSynth,
    /// The magnitudes of one frame of the head.
    magnitude: Box<[f32]>,
    /// Power of each frame.
    power: Box<[f32]>,
}

impl Preparer {
    pub fn new(representation: Representation) -> Self {
        let geometry = representation.geometry();
        let zeros = |len| vec![0.0; len].into_boxed_slice();
        Self {
            geometry,
            polar: PolarMap::new(representation),
            encoder: FrameEncoder::new(geometry.bins, geometry.frames),
            synth: FrameSynth::new(geometry, OVERSAMPLING),
            magnitude: zeros(geometry.bins),
            power: zeros(geometry.frames),
        }
    }

    /// Prepares a note from one generated image, [2, frames, bins], denormalised.
    pub fn note(&mut self, key: NoteKey, image: &[f32]) -> Note {
        // Frame by frame, since one fits into the processor's nearest cache and a note does not.
        for (frame, power) in self.power.iter_mut().enumerate() {
            self.encoder.push(|magnitude, advance| {
                self.polar.convert_frame(image, frame, magnitude, advance);
                *power = sustain::power(magnitude);
            });
        }
        let frames = self.encoder.finish();
        let sustain = sustain::find(self.geometry, &self.power);
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
        for frame in 0..=last {
            for (phase, advance) in phase.iter_mut().zip(frames.advance(frame)) {
                *phase = wrap_turns(*phase + advance);
            }
            if let Some(offset) = frame.checked_sub(first_heard) {
                self.magnitude.iter_mut().zip(frames.magnitude(frame)).for_each(|(own, kept)| *own = kept);
                self.synth.add(&self.magnitude, &phase, bins, &mut wave[offset * step..]);
            }
        }
        let head = wave.split_off((last - first_heard) * step).into_boxed_slice();
        (head, phase)
    }
}
