//! Makes a playable note of what the generator put out: worker thread.
//!
//! All that can be done once a note is done here: polar form on the linear frequency scale, the head of the note as a
//! waveform, the sustain region.

use std::sync::Arc;

use anyhow::{Result, ensure};

use super::generator::NOT_FINITE;
use super::sustain;
use crate::frames::{FrameEncoder, Frames};
use crate::geometry::Geometry;
use crate::note::{Note, NoteKey, Origin};
use crate::spectral::{FramePlan, FrameSynth, PolarMap, Representation};

/// Prepares the notes of one representation. Its buffers are kept from note to note.
pub struct Preparer {
    geometry: Geometry,
    polar: PolarMap,
    encoder: FrameEncoder,
    plan: Arc<FramePlan>,
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
            plan: FramePlan::of(geometry),
            synth: FrameSynth::new(),
            magnitude: zeros(geometry.bins),
            power: zeros(geometry.frames),
        }
    }

    /// Prepares a note from one generated image, [2, frames, bins], denormalised.
    ///
    /// # Errors
    /// When the image holds numbers that are not finite.
    pub fn note(&mut self, key: NoteKey, image: &[f32]) -> Result<Note> {
        let mut is_finite = true;
        // Frame by frame, since one fits into the processor's nearest cache and a note does not.
        for (frame, power) in self.power.iter_mut().enumerate() {
            self.encoder.push(|magnitude, advance| {
                let level = self.polar.convert_frame(image, frame, magnitude, advance);
                *power = level.power;
                is_finite &= level.is_finite;
                level.loudest
            });
        }
        let frames = self.encoder.finish();
        ensure!(is_finite, NOT_FINITE);
        let sustain = sustain::find(self.geometry, &self.power);
        let (head, head_phase) = self.head(&frames);
        let (geometry, plan) = (self.geometry, Arc::clone(&self.plan));
        Ok(Note { key, origin: Origin::Cpu, geometry, plan, frames, head, head_phase, sustain })
    }

    /// The sound of the frames that start before or at the note's first sample, from the last one's start on and silent before
    /// the note's, and the phase at the last of them. Of the frames as they are kept, so that the voice that goes on from there finds what it would have made.
    fn head(&mut self, frames: &Frames) -> (Box<[f32]>, Box<[f32]>) {
        let bins = self.geometry.bins;
        let last = self.geometry.first_whole_frame();
        let mut head = vec![0.0; self.plan.window_len()].into_boxed_slice();
        let mut phase = vec![0.0; bins].into_boxed_slice();
        for frame in 0..=last {
            frames.move_on(frame, &mut phase);
            // Of the frame's window, what lies before the last one's. Where that is all of it, the frame cannot be heard, and
            // only moves the phase on.
            let before = (last - frame) * self.plan.hop();
            if before < head.len() {
                frames.read_magnitude(frame, &mut self.magnitude);
                self.synth.compute(&self.plan, &self.magnitude, &phase, bins).add_to(before, &mut head);
            }
        }
        head[..self.geometry.voice_start()].fill(0.0);
        (head, phase)
    }
}
