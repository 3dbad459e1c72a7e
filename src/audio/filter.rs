//! A filter for each voice, with an envelope of its own: a state-variable filter of two poles, integrated by the trapezoidal rule
//! (Andrew Simper, "Solving the continuous SVF equations using trapezoidal integration and equivalent currents", Cytomic, 2013).
//!
//! Its frequency goes in steps counted from the stroke, so that what is heard does not depend on the host's blocks. A voice that
//! has none is not touched.

use super::envelope::{Adsr, Envelope};

/// Samples over which the frequency stands still.
const STEP: usize = 16;

/// Time constant of a change of the cutoff that somebody else makes than the envelope, in seconds.
const GLIDE_SECONDS: f32 = 0.005;

/// How long it takes to come in and to go, in seconds.
const FADE_SECONDS: f32 = 0.01;

/// The frequencies that it goes to, in Hz; and as a share of the host's rate, beyond which the arithmetic is no filter.
const LOWEST_HZ: f32 = 10.0;
const HIGHEST_SHARE: f32 = 0.49;

/// Damping without resonance (Butterworth's), and with all of it, where it does not sound by itself yet.
const DAMPING: (f32, f32) = (std::f32::consts::SQRT_2, 0.05);

/// 300 dB below full scale, far above where numbers lose their precision.
const INAUDIBLE: f32 = 1e-15;

/// What passes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    Off,
    Low,
    Band,
    High,
}

/// What the parameters say of all voices' filters.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct FilterSettings {
    pub mode: Mode,
    /// As a MIDI note number.
    pub cutoff: f32,
    /// 0 to 1.
    pub resonance: f32,
    /// Share of the way from middle C to a note that the cutoff goes with it.
    pub keyed: f32,
    /// How far the envelope moves the cutoff, in semitones.
    pub envelope: f32,
    pub adsr: Adsr,
}

impl FilterSettings {
    pub const OFF: Self = Self {
        mode: Mode::Off,
        cutoff: 100.0,
        resonance: 0.0,
        keyed: 0.0,
        envelope: 0.0,
        adsr: Adsr { attack: 0.0, decay: 1.0, sustain: 1.0, release: 0.1 },
    };
}

/// What is different from voice to voice.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Note {
    /// MIDI note number.
    pub pitch: f32,
    /// Offset of the cutoff, in semitones, and of the resonance.
    pub cutoff: f32,
    pub resonance: f32,
    pub is_released: bool,
}

/// The filter of one voice.
#[derive(Clone, Copy, Debug)]
pub struct Filter {
    /// The last one that was on: it is heard while it goes.
    mode: Mode,
    envelope: Envelope,
    /// Samples since the stroke.
    age: usize,
    /// The cutoff without its envelope, on its way; `None` before the first step.
    pitch: Option<f32>,
    /// Equivalent currents of the two integrators.
    states: [f32; 2],
    /// Of this step: a1, a2, a3 and the damping.
    coefficients: [f32; 4],
    /// Share of what passes in what is heard.
    wet: f32,
}

impl Filter {
    /// At the stroke of a note.
    pub fn struck(settings: &FilterSettings) -> Self {
        let is_on = settings.mode != Mode::Off;
        Self {
            mode: settings.mode,
            envelope: Envelope::start(),
            age: 0,
            pitch: None,
            states: [0.0; 2],
            coefficients: [0.0; 4],
            wet: if is_on { 1.0 } else { 0.0 },
        }
    }

    /// For a voice that goes on where this one is, with a sound of its own.
    pub fn without_sound(&self) -> Self {
        Self { states: [0.0; 2], ..*self }
    }

    /// Whether there is anything to do.
    pub fn is_heard(&self, settings: &FilterSettings) -> bool {
        settings.mode != Mode::Off || self.wet > 0.0
    }

    /// Filters what a voice has put out.
    pub fn apply(&mut self, settings: &FilterSettings, note: &Note, sample_rate: f32, sound: &mut [f32]) {
        if settings.mode != Mode::Off && settings.mode != self.mode {
            // The states of all modes are the same ones.
            self.mode = settings.mode;
        }
        if self.wet == 0.0 {
            (self.states, self.pitch) = ([0.0; 2], None);
        }
        let wet_step = 1.0 / (FADE_SECONDS * sample_rate) * if settings.mode == Mode::Off { -1.0 } else { 1.0 };
        let mut rest = sound;
        while !rest.is_empty() {
            if self.age.is_multiple_of(STEP) {
                self.begin_step(settings, note, sample_rate);
            }
            let (now, later) = rest.split_at_mut((STEP - self.age % STEP).min(rest.len()));
            self.age += now.len();
            for sample in now {
                let passed = self.pass(*sample);
                self.wet = (self.wet + wet_step).clamp(0.0, 1.0);
                *sample += self.wet * (passed - *sample);
            }
            rest = later;
        }
    }

    fn begin_step(&mut self, settings: &FilterSettings, note: &Note, sample_rate: f32) {
        if note.is_released {
            self.envelope.release();
        }
        // What rings on below all hearing would only make the arithmetic slow.
        if self.states.iter().all(|state| state.abs() < INAUDIBLE) {
            self.states = [0.0; 2];
        }
        let mut levels = [1.0; STEP];
        self.envelope.apply(&settings.adsr, sample_rate, &mut levels);
        let target = settings.cutoff + settings.keyed * (note.pitch - 60.0) + note.cutoff;
        let share = 1.0 - (-(STEP as f32) / (GLIDE_SECONDS * sample_rate)).exp();
        let pitch = self.pitch.map_or(target, |pitch| pitch + share * (target - pitch));
        self.pitch = Some(pitch);
        let hertz = 440.0 * ((pitch + settings.envelope * levels[0] - 69.0) / 12.0).exp2();
        let hertz = hertz.max(LOWEST_HZ).min(HIGHEST_SHARE * sample_rate);
        let g = (std::f32::consts::PI * hertz / sample_rate).tan();
        let resonance = (settings.resonance + note.resonance).clamp(0.0, 1.0);
        // By equal steps in dB of the peak.
        let k = DAMPING.0 * (DAMPING.1 / DAMPING.0).powf(resonance);
        let a1 = 1.0 / (1.0 + g * (g + k));
        self.coefficients = [a1, g * a1, g * g * a1, k];
    }

    fn pass(&mut self, sample: f32) -> f32 {
        let [a1, a2, a3, k] = self.coefficients;
        let [one, two] = self.states;
        let v3 = sample - two;
        let band = a1 * one + a2 * v3;
        let low = two + a2 * one + a3 * v3;
        self.states = [2.0 * band - one, 2.0 * low - two];
        match self.mode {
            Mode::Off => sample,
            Mode::Low => low,
            // At the height of its peak, whatever the resonance.
            Mode::Band => k * band,
            Mode::High => sample - k * band - low,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: f32 = 48_000.0;
    const NOTE: Note = Note { pitch: 60.0, cutoff: 0.0, resonance: 0.0, is_released: false };

    fn sine(hz: f32, samples: usize) -> Vec<f32> {
        (0..samples).map(|i| (std::f32::consts::TAU * hz * i as f32 / RATE).sin()).collect()
    }

    /// The level of a tone that has passed, in dB.
    fn passed_db(settings: &FilterSettings, note: &Note, hz: f32) -> f32 {
        let mut wave = sine(hz, 48_000);
        Filter::struck(settings).apply(settings, note, RATE, &mut wave);
        let power: f32 = wave[24_000..].iter().map(|x| x * x).sum::<f32>() / 24_000.0;
        10.0 * (2.0 * power).log10()
    }

    fn settings(mode: Mode) -> FilterSettings {
        // A at 880 Hz.
        FilterSettings { mode, cutoff: 81.0, ..FilterSettings::OFF }
    }

    #[test]
    fn each_mode_passes_what_it_should() {
        for (mode, hz, db) in [
            (Mode::Low, 88.0, 0.0),
            (Mode::Low, 880.0, -3.0),
            (Mode::Low, 8_800.0, -41.6),
            (Mode::High, 88.0, -40.0),
            (Mode::High, 880.0, -3.0),
            (Mode::High, 12_000.0, 0.0),
            (Mode::Band, 880.0, 0.0),
            (Mode::Band, 88.0, -17.0),
        ] {
            let found = passed_db(&settings(mode), &NOTE, hz);
            assert!((found - db).abs() < 1.0, "{mode:?} at {hz} Hz: {found} dB, not {db}");
        }
        assert_eq!(passed_db(&FilterSettings::OFF, &NOTE, 500.0), passed_db(&FilterSettings::OFF, &NOTE, 500.0));
    }

    #[test]
    fn resonance_key_and_envelope_move_it() {
        let resonant = FilterSettings { resonance: 1.0, ..settings(Mode::Low) };
        assert!((passed_db(&resonant, &NOTE, 880.0) - 26.0).abs() < 0.5);
        let keyed = FilterSettings { keyed: 1.0, ..settings(Mode::Low) };
        let octave_up = Note { pitch: 72.0, ..NOTE };
        assert!((passed_db(&keyed, &octave_up, 1_760.0) + 3.0).abs() < 0.3);
        let opened = FilterSettings { envelope: 12.0, ..settings(Mode::Low) };
        assert!((passed_db(&opened, &NOTE, 1_760.0) + 3.0).abs() < 0.3);
        let moved = Note { cutoff: -12.0, ..NOTE };
        assert!((passed_db(&settings(Mode::Low), &moved, 440.0) + 3.0).abs() < 0.3);
    }

    #[test]
    fn blocks_change_nothing_and_extremes_stay_finite() {
        let mut moving = settings(Mode::Low);
        moving.envelope = 60.0;
        moving.adsr.decay = 0.1;
        moving.adsr.sustain = 0.0;
        let play = |block: usize, settings: &FilterSettings| {
            let mut wave = sine(500.0, 20_000);
            let mut filter = Filter::struck(settings);
            for (n, part) in wave.chunks_mut(block).enumerate() {
                let note = Note { is_released: n * block >= 12_000, ..NOTE };
                filter.apply(settings, &note, RATE, part);
            }
            wave
        };
        let whole = play(4_000, &moving);
        for block in [1, 100, 2_000] {
            assert_eq!(play(block, &moving), whole, "{block}");
        }
        for cutoff in [-500.0, 0.0, 140.0, 500.0] {
            for resonance in [0.0, 1.0] {
                let extreme = FilterSettings { cutoff, resonance, envelope: 60.0, ..settings(Mode::High) };
                let wave = play(500, &extreme);
                assert!(wave.iter().all(|x| x.is_finite() && x.abs() < 50.0), "{cutoff} {resonance}");
            }
        }
    }

    #[test]
    fn it_comes_to_rest_in_silence() {
        let resonant = FilterSettings { resonance: 1.0, ..settings(Mode::Band) };
        let mut filter = Filter::struck(&resonant);
        let mut wave = sine(880.0, 4_800);
        wave.resize(200_000, 0.0);
        filter.apply(&resonant, &NOTE, RATE, &mut wave);
        assert!(
            wave[190_000..].iter().all(|sample| *sample == 0.0) && wave[5_000..6_000].iter().any(|x| x.abs() > 0.1)
        );
    }

    #[test]
    fn it_comes_and_goes_without_a_click() {
        let mut wave = sine(220.0, 48_000);
        let mut filter = Filter::struck(&FilterSettings::OFF);
        let on = settings(Mode::High);
        assert!(!filter.is_heard(&FilterSettings::OFF) && filter.is_heard(&on));
        for (n, part) in wave.chunks_mut(480).enumerate() {
            let now = if (30..60).contains(&n) { on } else { FilterSettings::OFF };
            if filter.is_heard(&now) {
                filter.apply(&now, &NOTE, RATE, part);
            }
        }
        let step = wave.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        assert!(step < 0.06, "{step}");
        assert!(!filter.is_heard(&FilterSettings::OFF));
        let (filtered, after) = (&wave[20_000..28_000], &wave[40_000..]);
        let peak = |wave: &[f32]| wave.iter().fold(0.0f32, |a, x| a.max(x.abs()));
        assert!(peak(filtered) < 0.1 && peak(after) > 0.99);
    }
}
