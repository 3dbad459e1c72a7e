//! Where in its note a voice is, frame by frame, and how a held note goes on for longer than was generated.

use crate::note::Note;

/// A sound that has decayed by this gain, 120 dB, is over. Further down, its arithmetic would only get slow.
const INAUDIBLE: f32 = 1e-6;

/// What a voice plays next.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Step {
    /// A frame of the note, at a gain.
    Frame { frame: usize, gain: f32 },
    /// Nothing: the sound has died, though its key may still be held.
    Silence,
    /// The note as generated is over.
    End,
}

/// A position among the frames of a note.
#[derive(Clone, Copy, Debug)]
pub struct Playhead {
    /// The frame that was played last.
    frame: usize,
    /// Frames played since the stroke.
    elapsed: usize,
    backwards: bool,
    /// Whether playback has turned at the end of the sustain region.
    turned: bool,
}

impl Playhead {
    /// Before any note.
    pub const START: Self = Self { frame: 0, elapsed: 0, backwards: false, turned: false };

    /// At the frame that the head of a note ends with.
    pub fn after_head(note: &Note) -> Self {
        let frame = note.geometry.first_whole_frame();
        Self { frame, elapsed: frame, backwards: false, turned: false }
    }

    /// The same moment in a note of other sizes.
    pub fn converted(self, from: &Note, to: &Note) -> Self {
        let (from, to) = (&from.geometry, &to.geometry);
        let scale = |frame: usize| {
            // Samples behind the note's first, of one rate and of the other.
            let sample = (frame * from.hop) as i64 - from.pad_left as i64;
            let sample = sample * i64::from(to.sample_rate) / i64::from(from.sample_rate) + to.pad_left as i64;
            sample.max(0) as usize / to.hop
        };
        Self { frame: scale(self.frame).min(to.frames - 1), elapsed: scale(self.elapsed), ..self }
    }

    /// The frame that was played last.
    pub fn frame(&self) -> usize {
        self.frame
    }

    /// Whether the voice has left the note as it was generated.
    pub fn has_turned(&self) -> bool {
        self.turned
    }

    /// Goes one frame on. `hold` goes through the sustain region for ever; without it the note is played as generated.
    pub fn step(&mut self, note: &Note, hold: bool) -> Step {
        self.elapsed += 1;
        if !hold {
            // A note that was held until now and has turned goes on from where it is, out through its own release.
            self.backwards = false;
            self.frame += 1;
            return if self.frame < note.geometry.frames {
                Step::Frame { frame: self.frame, gain: self.gain(note) }
            } else {
                self.frame = note.geometry.frames;
                Step::End
            };
        }
        let sustain = &note.sustain;
        let (start, end) = (usize::from(sustain.start), usize::from(sustain.end));
        if self.frame >= end {
            self.backwards = true;
            self.turned = true;
        } else if self.frame <= start {
            self.backwards = false;
        }
        self.frame = if self.backwards { self.frame.min(note.geometry.frames) - 1 } else { self.frame + 1 };
        let gain = self.gain(note);
        match sustain.silent_from {
            Some(silent) if self.elapsed >= usize::from(silent) => Step::Silence,
            _ if gain < INAUDIBLE => Step::Silence,
            _ => Step::Frame { frame: self.frame, gain },
        }
    }

    /// Takes the region's own trend out and puts the note's decay in, once playback has turned.
    fn gain(&self, note: &Note) -> f32 {
        if !self.turned {
            return 1.0;
        }
        let end = f32::from(note.sustain.end);
        let trend_db = note.sustain.trend_db * ((self.frame as f32).min(end) - end);
        let wanted_db = note.sustain.decay_db * (self.elapsed as f32 - end).max(0.0);
        10f32.powf((wanted_db - trend_db) / 20.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::{Movement, Touch};
    use crate::geometry::Geometry;
    use crate::note::{NoteKey, Origin, Sustain, Timbre};
    use crate::spectral::{FramePlan, Representation};

    fn note(sustain: Sustain) -> Note {
        let geometry = Representation::IfMelHires.geometry();
        Note {
            key: NoteKey { model: Default::default(), timbre: Timbre::default(), pitch: 60 },
            origin: Origin::Cpu,
            geometry,
            plan: FramePlan::of(geometry),
            frames: Default::default(),
            head: Box::default(),
            head_phase: Box::default(),
            sustain,
            touch: Touch::gentle(16_000),
            movement: Movement::default(),
        }
    }

    #[test]
    fn a_held_note_goes_to_and_fro_without_a_leap() {
        let note = note(Sustain { start: 30, end: 90, trend_db: -0.05, decay_db: 0.0, silent_from: None });
        let mut playhead = Playhead::after_head(&note);
        let mut last = 6;
        let mut turns = 0;
        for _ in 0..2_000 {
            let Step::Frame { frame, gain } = playhead.step(&note, true) else { panic!("a held note does not end") };
            assert_eq!(frame.abs_diff(last), 1, "only neighbours follow each other");
            let level_db = -0.05 * (frame as f32 - 90.0) + 20.0 * gain.log10();
            if playhead.turned {
                turns += usize::from(frame == 30);
                assert!((30..=90).contains(&frame));
                assert!(level_db.abs() < 0.1, "the level is that of the region's end: {level_db} dB");
            }
            last = frame;
        }
        assert!(turns > 10);
    }

    #[test]
    fn the_same_moment_is_found_in_a_note_of_other_sizes() {
        let sustain = Sustain { start: 30, end: 90, trend_db: 0.0, decay_db: 0.0, silent_from: None };
        let hires = note(sustain);
        let mut other = note(sustain);
        let seconds = |frame: usize, Geometry { hop, pad_left, sample_rate, .. }: Geometry| {
            ((frame * hop) as f64 - pad_left as f64) / f64::from(sample_rate)
        };
        let full_band = Geometry::named(48_000, 6_144, 1_536, 128, 2_560).unwrap();
        let finer = Geometry::named(48_000, 4_096, 1_024, 188, 1_707).unwrap();
        for geometry in [hires.geometry, Representation::IfMel.geometry(), full_band, finer] {
            other.geometry = geometry;
            for frame in [6, 20, 100] {
                let playhead = Playhead { frame, elapsed: frame, backwards: false, turned: false };
                let there = playhead.converted(&hires, &other).frame();
                let off = seconds(frame, hires.geometry) - seconds(there, geometry);
                let hop = geometry.hop as f64 / f64::from(geometry.sample_rate);
                assert!((0.0..hop).contains(&off), "frame {frame} is {there}, {off} s off");
            }
        }
    }

    #[test]
    fn a_plucked_note_goes_on_decaying() {
        let note = note(Sustain { start: 60, end: 90, trend_db: -0.4, decay_db: -0.4, silent_from: None });
        let mut playhead = Playhead::after_head(&note);
        for n in 7..300 {
            let Step::Frame { frame, gain } = playhead.step(&note, true) else { panic!("it rings on") };
            let level_db = -0.4 * frame as f32 + 20.0 * gain.log10();
            assert!((level_db + 0.4 * n as f32).abs() < 0.05, "frame {n}: {level_db} dB");
        }
        // 120 dB below the region's end, at frame 90 + 300, it is over.
        assert!((300..500).any(|_| playhead.step(&note, true) == Step::Silence));
    }

    #[test]
    fn a_note_as_generated_ends_with_its_frames() {
        let note = note(Sustain { start: 30, end: 90, trend_db: 0.0, decay_db: 0.0, silent_from: None });
        let mut playhead = Playhead::after_head(&note);
        for frame in 7..128 {
            assert_eq!(playhead.step(&note, false), Step::Frame { frame, gain: 1.0 });
        }
        assert_eq!(playhead.step(&note, false), Step::End);
    }

    #[test]
    fn a_dead_sound_is_silent_while_held() {
        let note = note(Sustain { start: 60, end: 90, trend_db: 0.0, decay_db: 0.0, silent_from: Some(40) });
        let mut playhead = Playhead::after_head(&note);
        let steps: Vec<Step> = (0..200).map(|_| playhead.step(&note, true)).collect();
        assert!(steps[..30].iter().all(|step| matches!(step, Step::Frame { .. })));
        assert!(steps[33..].iter().all(|step| *step == Step::Silence));
    }
}
