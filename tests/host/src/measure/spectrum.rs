//! Spectra of a stretch of sound.

use realfft::RealFftPlanner;

/// The periodic Hann window.
pub fn hann(length: usize) -> Vec<f32> {
    (0..length).map(|n| (0.5 - 0.5 * (std::f64::consts::TAU * n as f64 / length as f64).cos()) as f32).collect()
}

/// Zeros added to a stretch of sound, as a multiple of its length, so that a peak can be read off between bins.
const ZERO_PADDING: usize = 4;

/// The magnitudes of one stretch of sound. A sine of amplitude 1 has a peak of 1.
pub struct Spectrum {
    pub magnitudes: Vec<f32>,
    /// From one bin to the next.
    pub bin_hz: f64,
    /// Half the width of the window's main lobe.
    pub lobe_hz: f64,
}

impl Spectrum {
    pub fn of(samples: &[f32], rate: f64) -> Self {
        let length = (samples.len() * ZERO_PADDING).next_power_of_two();
        let window = hann(samples.len());
        let scale = 2.0 / window.iter().sum::<f32>();
        let fft = RealFftPlanner::<f32>::new().plan_fft_forward(length);
        let mut input = fft.make_input_vec();
        for ((x, w), out) in samples.iter().zip(&window).zip(&mut input) {
            *out = x * w * scale;
        }
        let mut output = fft.make_output_vec();
        fft.process(&mut input, &mut output).expect("the buffers come from the plan");
        Self {
            magnitudes: output.iter().map(|c| c.norm()).collect(),
            bin_hz: rate / length as f64,
            lobe_hz: 2.0 * rate / samples.len() as f64,
        }
    }

    /// The highest peak within a band: its frequency, interpolated between bins, and its magnitude.
    pub fn peak(&self, from_hz: f64, to_hz: f64) -> Option<(f64, f32)> {
        let last = self.magnitudes.len().checked_sub(2)?;
        let from = ((from_hz / self.bin_hz).floor() as usize).max(1);
        let to = ((to_hz / self.bin_hz).ceil() as usize).min(last);
        let bin = (from..=to).max_by(|a, b| self.magnitudes[*a].total_cmp(&self.magnitudes[*b]))?;
        let [a, b, c] = [bin - 1, bin, bin + 1].map(|k| f64::from(self.magnitudes[k]).max(1e-30).ln());
        // A maximum at the edge of the band is the flank of a peak outside it.
        if b < a || b < c {
            return None;
        }
        let curvature = a - 2.0 * b + c;
        let shift = if curvature == 0.0 { 0.0 } else { 0.5 * (a - c) / curvature };
        Some(((bin as f64 + shift) * self.bin_hz, self.magnitudes[bin]))
    }

    /// Energy within a band.
    pub fn energy(&self, from_hz: f64, to_hz: f64) -> f64 {
        let bin = |hz: f64| ((hz / self.bin_hz).round().max(0.0) as usize).min(self.magnitudes.len());
        let (from, to) = (bin(from_hz), bin(to_hz));
        self.magnitudes[from..to.max(from)].iter().map(|m| f64::from(*m).powi(2)).sum()
    }
}

/// Magnitudes of overlapping windows, one row a window.
pub struct Frames {
    pub rows: Vec<Vec<f32>>,
    pub bin_hz: f64,
    pub hop_s: f64,
}

impl Frames {
    /// Windows of `window` samples, one every `hop` samples.
    pub fn of(samples: &[f32], rate: f64, window: usize, hop: usize) -> Self {
        let shape = hann(window);
        let scale = 2.0 / shape.iter().sum::<f32>();
        let fft = RealFftPlanner::<f32>::new().plan_fft_forward(window);
        let (mut input, mut output) = (fft.make_input_vec(), fft.make_output_vec());
        let rows = samples
            .windows(window)
            .step_by(hop)
            .map(|stretch| {
                for ((x, w), out) in stretch.iter().zip(&shape).zip(&mut input) {
                    *out = x * w * scale;
                }
                fft.process(&mut input, &mut output).expect("the buffers come from the plan");
                output.iter().map(|c| c.norm()).collect()
            })
            .collect();
        Self { rows, bin_hz: rate / window as f64, hop_s: hop as f64 / rate }
    }
}
