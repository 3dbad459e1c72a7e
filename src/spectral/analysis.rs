//! From a wave to an image: the forward short-time Fourier transform, log-magnitude, phase or instantaneous frequency, and
//! the mel scale.
//!
//! Used where models are trained, judged and tested, and where a recording is matched; nothing that plays analyses. Follows magenta's
//! `specgrams_helper.py` (`waves_to_stfts`, `stfts_to_specgrams`, `specgrams_to_melspecgrams`).

use std::f32::consts::PI;
use std::f64::consts::TAU;
use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use crate::geometry::Geometry;
use crate::spectral::phase::InstantaneousFrequency;
use crate::spectral::{MelScale, Representation, SpectralError};

/// Added before a logarithm is taken (`_eps`, `_safe_log`): to the magnitude, and to the mel power.
const LOG_EPS: f32 = 1.0e-6;

/// Analyses waves into images of one representation.
pub struct Analysis {
    representation: Representation,
    geometry: Geometry,
    forward: Arc<dyn RealToComplex<f32>>,
    /// Periodic Hann window.
    window: Box<[f32]>,
    padded: Box<[f32]>,
    frame: Box<[f32]>,
    spectrum: Box<[Complex<f32>]>,
    scratch: Box<[Complex<f32>]>,
    /// Phases of one frame, in radians.
    phase: Box<[f32]>,
    frequency: InstantaneousFrequency,
    mel: Option<Mel>,
}

/// What the mel representations need besides.
struct Mel {
    scale: MelScale,
    /// Unwrapped phase of one frame by linear bins, in radians.
    running_phase: Box<[f32]>,
    /// One frame by linear bins, on its way through the matrix.
    linear: Box<[f32]>,
    /// Phases of one frame by mel bins, in radians.
    phase: Box<[f32]>,
    frequency: InstantaneousFrequency,
}

impl Analysis {
    pub fn new(representation: Representation) -> Self {
        let geometry = representation.geometry();
        let (n_fft, bins) = (geometry.n_fft, geometry.bins);
        let forward = RealFftPlanner::new().plan_fft_forward(n_fft);
        let zeros = || vec![0.0; bins].into_boxed_slice();
        let mel = representation.is_mel().then(|| Mel {
            scale: MelScale::new(bins, geometry.sample_rate),
            running_phase: zeros(),
            linear: zeros(),
            phase: zeros(),
            frequency: InstantaneousFrequency::new(bins),
        });
        Self {
            window: (0..n_fft).map(|i| (0.5 - 0.5 * (TAU * i as f64 / n_fft as f64).cos()) as f32).collect(),
            padded: vec![0.0; geometry.pad_left + geometry.note_samples()].into(),
            frame: vec![0.0; n_fft].into(),
            spectrum: forward.make_output_vec().into(),
            scratch: forward.make_scratch_vec().into(),
            phase: zeros(),
            frequency: InstantaneousFrequency::new(bins),
            mel,
            forward,
            geometry,
            representation,
        }
    }

    pub fn representation(&self) -> Representation {
        self.representation
    }

    /// Analyses one note.
    ///
    /// `wave` is four seconds at the representation's rate, full scale 1. The image is `[2, frames, bins]`, not normalised: log-magnitude
    /// (mel: log-power), then phase or instantaneous frequency in units of pi.
    ///
    /// # Errors
    /// When the wave is of another length, or holds what is no number.
    pub fn analyse(&mut self, wave: &[f32]) -> Result<Vec<f32>, SpectralError> {
        SpectralError::check("wave", self.geometry.note_samples(), wave)?;
        let Geometry { frames, bins, hop, pad_left, .. } = self.geometry;
        self.padded[pad_left..].copy_from_slice(wave);
        self.frequency.reset();
        if let Some(mel) = &mut self.mel {
            mel.running_phase.fill(0.0);
            mel.frequency.reset();
        }
        let mut image = vec![0.0; self.representation.image_len()];
        let (level, angle) = image.split_at_mut(frames * bins);
        for (t, (level, angle)) in level.chunks_exact_mut(bins).zip(angle.chunks_exact_mut(bins)).enumerate() {
            self.transform(t * hop);
            self.polar(level, angle);
            if let Some(mel) = &mut self.mel {
                mel.convert(level, angle);
            }
        }
        Ok(image)
    }

    /// Takes a note whose [`Self::magnitudes`] are asked for: four seconds, as for [`Self::analyse`].
    ///
    /// # Errors
    /// When the wave is of another length, or holds what is no number.
    pub fn take(&mut self, wave: &[f32]) -> Result<(), SpectralError> {
        SpectralError::check("wave", self.geometry.note_samples(), wave)?;
        self.padded[self.geometry.pad_left..].copy_from_slice(wave);
        Ok(())
    }

    /// The magnitudes of one frame of the note that was taken, on the linear scale whatever the representation's, one to each
    /// bin of a linear frame from the first above DC on.
    pub fn magnitudes(&mut self, frame: usize, magnitudes: &mut [f32]) {
        self.transform(frame * self.geometry.hop);
        for (magnitude, bin) in magnitudes.iter_mut().zip(&self.spectrum[1..]) {
            *magnitude = bin.norm_sqr().sqrt();
        }
    }

    /// The spectrum of the window that begins at a sample of the padded wave.
    fn transform(&mut self, start: usize) {
        for ((frame, &sample), &window) in self.frame.iter_mut().zip(&self.padded[start..]).zip(&self.window) {
            *frame = sample * window;
        }
        let result = self.forward.process_with_scratch(&mut self.frame, &mut self.spectrum, &mut self.scratch);
        debug_assert!(result.is_ok(), "the buffers were made by the plan");
    }

    /// Log-magnitude and phase or instantaneous frequency of the spectrum, without its DC bin.
    fn polar(&mut self, level: &mut [f32], angle: &mut [f32]) {
        for ((bin, level), phase) in self.spectrum[1..].iter().zip(level).zip(&mut self.phase) {
            *level = (bin.norm_sqr().sqrt() + LOG_EPS).ln();
            // Adding zero takes the sign from a negative zero, so that digital silence has phase 0 and not pi.
            *phase = (bin.im + 0.0).atan2(bin.re + 0.0);
        }
        if self.representation.is_phase() {
            angle.iter_mut().zip(&self.phase).for_each(|(angle, &phase)| *angle = phase / PI);
        } else {
            self.frequency.advance(&self.phase, angle);
        }
    }
}

impl Mel {
    /// Brings one frame (log-magnitude, instantaneous frequency) to the mel scale, in place.
    fn convert(&mut self, level: &mut [f32], angle: &mut [f32]) {
        self.linear.iter_mut().zip(&*level).for_each(|(power, &level)| *power = (2.0 * level).exp());
        self.scale.to_mel(&self.linear, level);
        level.iter_mut().for_each(|level| *level = (*level + LOG_EPS).ln());

        self.running_phase.iter_mut().zip(&*angle).for_each(|(phase, &advance)| *phase += advance * PI);
        self.scale.to_mel(&self.running_phase, &mut self.phase);
        self.frequency.advance(&self.phase, angle);
    }
}

/// Brings a wave to a length: cuts its end, or pads it with zeros on both sides, the odd one in front.
///
/// As `crop_or_pad` of magenta's `spectral_ops.py`, which brings the recordings to four seconds.
pub fn crop_or_pad(wave: &[f32], length: usize) -> Vec<f32> {
    let padding = length.saturating_sub(wave.len());
    let left = padding - padding / 2;
    let kept = &wave[..wave.len().min(length)];
    let mut fitted = vec![0.0; length];
    fitted[left..left + kept.len()].copy_from_slice(kept);
    fitted
}
