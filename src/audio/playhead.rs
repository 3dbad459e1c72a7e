//! Where in its note a voice is, frame by frame, and how a held note goes on for longer than was generated.

use crate::note::{HELD_SECONDS, Note};

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
    /// What is left of a frame where the note is gone through slower or faster than it was generated.
    rest: f32,
    /// Whether it plays the sound of letting go that was generated with it.
    rings: bool,
    wander: Wander,
}

/// How the frames of a note are gone through.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Course {
    pub hold: Hold,
    /// Frames in the time of one; none while the note is frozen.
    pub speed: f32,
    pub reverse: bool,
}

impl Course {
    /// Whether the frames follow each other as they were generated.
    pub fn is_plain(&self) -> bool {
        self.speed == 1.0 && !self.reverse
    }
}

/// How a held note goes through its sustain region.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hold {
    /// Not at all: the note is played as generated.
    Natural,
    /// To and fro from end to end, which repeats itself.
    ToAndFro,
    /// From one place to another, without a period.
    Wander,
}

/// Where a note wanders that goes without a period. The places are drawn by a generator of its own, so that the way of a note is the
/// same whenever it is played.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Wander {
    random: u64,
    goal: usize,
}

impl Wander {
    const START: Self = Self { random: 0, goal: 0 };

    /// Least way from place to place, as a share of the region: shorter ones would be heard as a flutter.
    const LEAST_WAY: usize = 5;

    fn of(note: &Note) -> Self {
        let random = u64::from(note.key.pitch) << 32 | u64::from(note.key.timbre.seed);
        Self { random, ..Self::START }
    }

    /// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ self.random >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// Draws the next place among those of the region that are far enough from `frame`.
    fn seek(&mut self, frame: usize, start: usize, end: usize) {
        let least = ((end - start) / Self::LEAST_WAY).max(1);
        let below = (frame + 1).saturating_sub(start + least);
        let above = (end + 1).saturating_sub(frame + least);
        if below + above == 0 {
            self.goal = if frame > start { start } else { end };
            return;
        }
        let drawn = (self.draw() % (below + above) as u64) as usize;
        self.goal = if drawn < below { start + drawn } else { frame + least + (drawn - below) };
    }
}

impl Playhead {
    /// Before any note.
    pub const START: Self =
        Self { frame: 0, elapsed: 0, backwards: false, turned: false, rest: 0.0, rings: false, wander: Wander::START };

    /// At the frame that the head of a note ends with.
    pub fn after_head(note: &Note) -> Self {
        let frame = note.geometry.first_whole_frame();
        Self { frame, elapsed: frame, wander: Wander::of(note), ..Self::START }
    }

    /// At a frame of a note that is not played from its beginning.
    pub fn at(note: &Note, frame: usize) -> Self {
        Self { frame, elapsed: frame, wander: Wander::of(note), ..Self::START }
    }

    /// The frame so many seconds after the note's first sample.
    pub fn frame_after(note: &Note, seconds: f32) -> usize {
        let geometry = &note.geometry;
        let sample = (seconds * geometry.sample_rate as f32) as usize + geometry.pad_left;
        (sample / geometry.hop).max(geometry.first_whole_frame()).min(geometry.frames - 1)
    }

    /// Goes over to the sound of letting go that was generated with the note.
    pub fn ring(&mut self, note: &Note) {
        // From the last frame on that is mostly of the held note.
        let frame = Self::frame_after(note, HELD_SECONDS).saturating_sub(2);
        self.frame = self.frame.max(frame);
        (self.rings, self.turned, self.backwards) = (true, true, false);
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
        let wander = Wander { goal: scale(self.wander.goal), ..self.wander };
        Self { frame: scale(self.frame).min(to.frames - 1), elapsed: scale(self.elapsed), wander, ..self }
    }

    /// The frame that was played last.
    pub fn frame(&self) -> usize {
        self.frame
    }

    /// Whether it plays the sound of letting go.
    pub fn is_ringing(&self) -> bool {
        self.rings
    }

    /// Whether the voice has left the note as it was generated.
    pub fn has_turned(&self) -> bool {
        self.turned
    }

    /// Goes one frame on.
    pub fn step(&mut self, note: &Note, course: &Course) -> Step {
        if course.is_plain() {
            return self.go(note, course);
        }
        self.rest += course.speed;
        let frames = self.rest.floor();
        self.rest -= frames;
        let mut step = self.here(note, course);
        for _ in 0..frames as usize {
            step = self.go(note, course);
        }
        step
    }

    /// Goes to the next frame. A note that is held goes through its sustain region for ever.
    fn go(&mut self, note: &Note, course: &Course) -> Step {
        self.elapsed += 1;
        if course.reverse {
            if self.frame == 0 {
                return Step::End;
            }
            self.frame = self.frame.min(note.geometry.frames) - 1;
            return Step::Frame { frame: self.frame, gain: self.gain(note) };
        }
        if course.hold == Hold::Natural || self.rings {
            // A note that was held until now and has turned goes on from where it is, out through its own release.
            self.backwards = false;
            self.frame = (self.frame + 1).min(note.geometry.frames);
            return self.here(note, course);
        }
        let sustain = &note.sustain;
        let (start, end) = (usize::from(sustain.start), usize::from(sustain.end));
        if self.frame >= end {
            self.backwards = true;
            self.turned = true;
        } else if self.frame <= start {
            self.backwards = false;
        }
        if course.hold == Hold::Wander && self.turned {
            let Wander { goal, .. } = self.wander;
            // Another note, that the voice has gone over into, may have another region.
            if !(start..=end).contains(&goal) || goal == self.frame || !(start..=end).contains(&self.frame) {
                self.wander.seek(self.frame.clamp(start, end), start, end);
            }
            self.backwards = self.wander.goal < self.frame;
        }
        self.frame = if self.backwards { self.frame.min(note.geometry.frames) - 1 } else { self.frame + 1 };
        self.here(note, course)
    }

    /// What is played where the playhead is.
    fn here(&self, note: &Note, course: &Course) -> Step {
        if self.frame >= note.geometry.frames {
            return Step::End;
        }
        let gain = self.gain(note);
        let is_held = course.hold != Hold::Natural && !course.reverse && !self.rings;
        match note.sustain.silent_from {
            Some(silent) if is_held && self.elapsed >= usize::from(silent) => Step::Silence,
            _ if is_held && gain < INAUDIBLE => Step::Silence,
            _ => Step::Frame { frame: self.frame, gain },
        }
    }

    /// Takes the region's own trend out and puts the note's decay in, once playback has turned.
    fn gain(&self, note: &Note) -> f32 {
        /// A note that is let go of early is louder by its decay than its own end was, within what is believed of a straight line.
        const MOST_RINGING_DB: f32 = 24.0;
        if !self.turned {
            return 1.0;
        }
        let (start, end) = (f32::from(note.sustain.start), f32::from(note.sustain.end));
        let trend_db = note.sustain.trend_db * ((self.frame as f32).clamp(start, end) - end);
        let mut wanted_db = note.sustain.decay_db * (self.elapsed as f32 - end).max(0.0);
        if self.rings {
            let passed = self.elapsed as f32 - self.frame as f32;
            wanted_db = (note.sustain.decay_db * passed).min(MOST_RINGING_DB);
        }
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

    fn course(hold: Hold) -> Course {
        Course { hold, speed: 1.0, reverse: false }
    }

    #[test]
    fn a_held_note_goes_to_and_fro_without_a_leap() {
        let note = note(Sustain { start: 30, end: 90, trend_db: -0.05, decay_db: 0.0, silent_from: None });
        let mut playhead = Playhead::after_head(&note);
        let mut last = 6;
        let mut turns = 0;
        for _ in 0..2_000 {
            let Step::Frame { frame, gain } = playhead.step(&note, &course(Hold::ToAndFro)) else {
                panic!("a held note does not end")
            };
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
                let playhead = Playhead { frame, elapsed: frame, ..Playhead::START };
                let there = playhead.converted(&hires, &other).frame();
                let off = seconds(frame, hires.geometry) - seconds(there, geometry);
                let hop = geometry.hop as f64 / f64::from(geometry.sample_rate);
                assert!((0.0..hop).contains(&off), "frame {frame} is {there}, {off} s off");
            }
        }
    }

    #[test]
    fn a_wandering_note_stays_in_its_region_and_never_repeats_its_way() {
        let sustain = |start, end| Sustain { start, end, trend_db: 0.0, decay_db: 0.0, silent_from: None };
        for (start, end) in [(30, 90), (40, 66), (50, 53), (60, 61)] {
            let note = note(sustain(start, end));
            let way = |steps: usize| -> Vec<usize> {
                let mut playhead = Playhead::after_head(&note);
                let step = |_| match playhead.step(&note, &course(Hold::Wander)) {
                    Step::Frame { frame, .. } => frame,
                    other => panic!("it goes on, and does not answer {other:?}"),
                };
                (0..steps).map(step).collect()
            };
            let long = way(4_000);
            assert_eq!(long, way(4_000), "the same every time");
            let turned = long.iter().position(|&frame| frame == usize::from(end)).unwrap();
            assert!(long[..=turned].windows(2).all(|pair| pair[1] == pair[0] + 1), "as generated up to the end");
            let rest = &long[turned..];
            assert!(rest.windows(2).all(|pair| pair[0].abs_diff(pair[1]) == 1), "only neighbours meet");
            assert!(rest.iter().all(|frame| (usize::from(start)..=usize::from(end)).contains(frame)));
            if end - start > 20 {
                // Against itself at any later time: the places are those of another moment.
                let mean = rest.iter().sum::<usize>() as f64 / rest.len() as f64;
                let at = |lag: usize| -> f64 {
                    let pairs = rest.iter().zip(&rest[lag..]);
                    pairs.map(|(&a, &b)| (a as f64 - mean) * (b as f64 - mean)).sum()
                };
                let most = (60..400).map(|lag| at(lag) / at(0)).fold(0.0, f64::max);
                assert!(most < 0.3, "the way correlates with itself by {most}");
            }
        }
    }

    #[test]
    fn a_speed_goes_by_so_many_frames_and_reverse_goes_back_to_the_beginning() {
        let note = note(Sustain { start: 30, end: 90, trend_db: 0.0, decay_db: 0.0, silent_from: None });
        for (speed, frames) in [(0.25, 20), (0.5, 40), (1.0, 80), (3.0, 240), (0.0, 0)] {
            let mut playhead = Playhead::at(&note, 6);
            let natural = Course { speed, ..course(Hold::Natural) };
            let passed: Vec<Step> = (0..80).map(|_| playhead.step(&note, &natural)).collect();
            let last = 6 + frames;
            let end = if last < 128 { Step::Frame { frame: last, gain: 1.0 } } else { Step::End };
            assert_eq!(passed[79], end, "at a speed of {speed}");
        }
        let mut playhead = Playhead::at(&note, 20);
        let back = Course { reverse: true, ..course(Hold::Wander) };
        for frame in (0..20).rev() {
            assert_eq!(playhead.step(&note, &back), Step::Frame { frame, gain: 1.0 });
        }
        assert_eq!(playhead.step(&note, &back), Step::End);
    }

    #[test]
    fn a_note_that_is_let_go_of_plays_its_own_release_at_its_level() {
        for (decay_db, turns) in [(0.0, 0), (0.0, 400), (-0.2, 10), (-0.2, 200)] {
            let note = note(Sustain { start: 60, end: 90, trend_db: decay_db, decay_db, silent_from: None });
            let mut playhead = Playhead::after_head(&note);
            for _ in 0..turns {
                playhead.step(&note, &course(Hold::ToAndFro));
            }
            playhead.ring(&note);
            let Step::Frame { frame, gain } = playhead.step(&note, &course(Hold::ToAndFro)) else { panic!("it rings") };
            assert!((95..100).contains(&frame), "{frame}");
            let level_db = decay_db * frame as f32 + 20.0 * gain.log10();
            assert!((level_db - decay_db * (turns + 7) as f32).abs() < 0.1, "{level_db} dB after {turns}");
            let rest = (0..128).map(|_| playhead.step(&note, &course(Hold::ToAndFro)));
            assert!(rest.skip(40).all(|step| step == Step::End), "and ends");
        }
    }

    #[test]
    fn a_plucked_note_goes_on_decaying() {
        let note = note(Sustain { start: 60, end: 90, trend_db: -0.4, decay_db: -0.4, silent_from: None });
        let mut playhead = Playhead::after_head(&note);
        for n in 7..300 {
            let Step::Frame { frame, gain } = playhead.step(&note, &course(Hold::ToAndFro)) else {
                panic!("it rings on")
            };
            let level_db = -0.4 * frame as f32 + 20.0 * gain.log10();
            assert!((level_db + 0.4 * n as f32).abs() < 0.05, "frame {n}: {level_db} dB");
        }
        // 120 dB below the region's end, at frame 90 + 300, it is over.
        assert!((300..500).any(|_| playhead.step(&note, &course(Hold::ToAndFro)) == Step::Silence));
    }

    #[test]
    fn a_note_as_generated_ends_with_its_frames() {
        let note = note(Sustain { start: 30, end: 90, trend_db: 0.0, decay_db: 0.0, silent_from: None });
        let mut playhead = Playhead::after_head(&note);
        for frame in 7..128 {
            assert_eq!(playhead.step(&note, &course(Hold::Natural)), Step::Frame { frame, gain: 1.0 });
        }
        assert_eq!(playhead.step(&note, &course(Hold::Natural)), Step::End);
    }

    #[test]
    fn a_dead_sound_is_silent_while_held() {
        let note = note(Sustain { start: 60, end: 90, trend_db: 0.0, decay_db: 0.0, silent_from: Some(40) });
        let mut playhead = Playhead::after_head(&note);
        let steps: Vec<Step> = (0..200).map(|_| playhead.step(&note, &course(Hold::ToAndFro))).collect();
        assert!(steps[..30].iter().all(|step| matches!(step, Step::Frame { .. })));
        assert!(steps[33..].iter().all(|step| *step == Step::Silence));
    }
}
