//! Makes a playable note of what the generator put out: worker thread.
//!
//! All that can be done once a note is done here: polar form on the linear frequency scale, the head of the note as a
//! waveform, the sustain region.

use std::sync::Arc;

use anyhow::{Result, ensure};

use super::sustain;
use crate::expression::{GENERATED_VELOCITY, HEAD_VELOCITIES, Movement, Touch};
use crate::frames::{FrameEncoder, Frames};
use crate::geometry::Geometry;
use crate::note::{Note, NoteKey, Origin};
use crate::spectral::{FramePlan, FrameSynth, PolarMap, Representation};

/// What is wrong with an image that holds infinities or what is no number.
pub const NOT_FINITE: &str = "puts out numbers that are not finite";

/// What a model puts out for one note.
#[derive(Clone, Copy)]
pub struct Output<'a> {
    /// [2, frames, bins], denormalised.
    pub image: &'a [f32],
    /// What velocity does to the spectrum ([`Touch`]), where the model says it.
    pub touch: Option<&'a [f32]>,
    /// How the note sways ([`Movement`]), where the model says it.
    pub movement: Option<&'a [f32]>,
}

/// Prepares the notes of one representation. Its buffers are kept from note to note.
pub struct Preparer {
    geometry: Geometry,
    polar: PolarMap,
    encoder: FrameEncoder,
    plan: Arc<FramePlan>,
    synth: FrameSynth,
    /// The magnitudes of one frame of the head, and the gains at one velocity.
    magnitude: Box<[f32]>,
    gains: Box<[f32]>,
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
            gains: zeros(geometry.bins),
            power: zeros(geometry.frames),
        }
    }

    /// Prepares a note from one generated image, [2, frames, bins], denormalised.
    ///
    /// # Errors
    /// When the image holds numbers that are not finite.
    pub fn note(&mut self, key: NoteKey, image: &[f32]) -> Result<Note> {
        self.rendered(key, Output { image, touch: None, movement: None })
    }

    /// Prepares a note from all that a model put out for it.
    ///
    /// # Errors
    /// When the image holds numbers that are not finite.
    pub fn rendered(&mut self, key: NoteKey, Output { image, touch, movement }: Output) -> Result<Note> {
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
        let known = touch.and_then(Touch::of_model);
        let touch = known.unwrap_or_else(|| Touch::gentle(self.geometry.sample_rate));
        let movement = movement.and_then(Movement::of_model).unwrap_or_default();
        let heads = if known.is_some() { &HEAD_VELOCITIES[..] } else { &HEAD_VELOCITIES[..1] };
        let (head, head_phase) = self.heads(&frames, &touch, heads);
        let (geometry, plan) = (self.geometry, Arc::clone(&self.plan));
        Ok(Note { key, origin: Origin::Cpu, geometry, plan, frames, head, head_phase, sustain, touch, movement })
    }

    /// The sound of the frames that start before or at the note's first sample, from the last one's start on and silent before
    /// the note's, at each of some velocities; and the phase at the last of them. Of the frames as they are kept, so that the
    /// voice that goes on from there finds what it would have made.
    fn heads(&mut self, frames: &Frames, touch: &Touch, velocities: &[f32]) -> (Box<[f32]>, Box<[f32]>) {
        let bins = self.geometry.bins;
        let last = self.geometry.first_whole_frame();
        let length = self.plan.window_len();
        let mut heads = vec![0.0; velocities.len() * length].into_boxed_slice();
        let mut phase = vec![0.0; bins].into_boxed_slice();
        for frame in 0..=last {
            frames.move_on(frame, &mut phase);
            // Of the frame's window, what lies before the last one's. Where that is all of it, the frame cannot be heard, and
            // only moves the phase on.
            let before = (last - frame) * self.plan.hop();
            if before >= length {
                continue;
            }
            for (head, &velocity) in heads.chunks_exact_mut(length).zip(velocities) {
                frames.read_magnitude(frame, &mut self.magnitude);
                if velocity != GENERATED_VELOCITY {
                    self.plan.touch().gains(touch, velocity, &mut self.gains);
                    self.magnitude.iter_mut().zip(&self.gains).for_each(|(magnitude, gain)| *magnitude *= gain);
                }
                self.synth.compute(&self.plan, &self.magnitude, &phase, bins).add_to(before, head);
            }
        }
        heads.chunks_exact_mut(length).for_each(|head| self.plan.fade_in(0, head));
        (heads, phase)
    }
}
