//! The sizes of a spectral representation: what a model's file may name, and what a voice has room for.

use anyhow::{Result, ensure};

use crate::expression::HEAD_VELOCITIES;

/// Bounds of the sizes that a model names itself. A voice has room for all that lies within.
const SAMPLE_RATES: std::ops::RangeInclusive<u32> = 16_000..=48_000;
const FFT_LENGTHS: std::ops::RangeInclusive<usize> = 512..=MAX_FFT;
const MAX_FRAMES: usize = 1_024;
const MAX_FFT: usize = 6_144;

/// Seconds of every note.
const NOTE_SECONDS: usize = 4;

/// Most padding in front of a note, in hops.
const MOST_PADDING_HOPS: usize = 8;

/// Most bytes of a note in memory.
pub const MOST_NOTE_BYTES: usize = 1_600_000;

/// Longest frame in bins.
pub const MAX_BINS: usize = MAX_FFT / 2;

/// Longest FFT that a voice is synthesised with.
pub const MAX_SYNTHESIS_FFT: usize = 10_240;

/// Frames that overlap at any sample: a hop is a quarter of a window.
pub const OVERLAP: usize = 4;

/// Voices are synthesised at so many times the highest frequency of their model at least, as a fraction. The filter that brings them to the
/// host's rate has 16 points, which reach from the top of the pass band, 5 / 16 of the voice's rate, to the bottom of the stop
/// band, 11 / 16, where the images begin (`audio/interpolate.rs`).
const LEAST_RATE: (usize, usize) = (16, 5);

/// The sizes of a spectral representation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Geometry {
    /// Frames of one note.
    pub frames: usize,
    /// Frequency bins of a frame, the DC bin not counted: half the FFT length, or fewer where nothing sounds above.
    pub bins: usize,
    /// FFT length in samples.
    pub n_fft: usize,
    /// Samples from one frame to the next: a quarter of the FFT length.
    pub hop: usize,
    /// Zeros before the first sample of the note, in samples.
    pub pad_left: usize,
    /// Samples a second.
    pub sample_rate: u32,
}

impl Geometry {
    /// The sizes that a model names, with all padding in front of a note of four seconds. The error is the end of a sentence
    /// about the model.
    pub fn named(sample_rate: u32, n_fft: usize, hop: usize, frames: usize, bins: usize) -> Result<Self> {
        let (rates, lengths) = (SAMPLE_RATES, FFT_LENGTHS);
        ensure!(
            rates.contains(&sample_rate),
            "names a sample rate of {sample_rate} Hz; from {} to {} Hz are possible",
            rates.start(),
            rates.end()
        );
        ensure!(
            lengths.contains(&n_fft) && n_fft.is_multiple_of(4) && is_smooth(n_fft),
            "names an FFT length of {n_fft}; it must be a multiple of 4 from {} to {}, with no prime factor above 5",
            lengths.start(),
            lengths.end()
        );
        ensure!(
            hop == n_fft / OVERLAP,
            "names a hop of {hop} samples, and a quarter of the FFT length is {}",
            n_fft / OVERLAP
        );
        ensure!((1..=n_fft / 2).contains(&bins), "names {bins} bins; an FFT of {n_fft} has 1 to {}", n_fft / 2);
        ensure!((1..=MAX_FRAMES).contains(&frames), "names {frames} frames; 1 to {MAX_FRAMES} are possible");
        let note = NOTE_SECONDS * sample_rate as usize;
        let pad_left = ((frames - 1) * hop + n_fft).checked_sub(note).filter(|&pad| pad <= MOST_PADDING_HOPS * hop);
        let least = (note.saturating_sub(n_fft)).div_ceil(hop) + 1;
        let Some(pad_left) = pad_left else {
            anyhow::bail!(
                "names {frames} frames, which are not those of a note of {NOTE_SECONDS} s: {least} to {} of hop {hop} are",
                (note + MOST_PADDING_HOPS * hop - n_fft) / hop + 1
            );
        };
        let geometry = Self { frames, bins, n_fft, hop, pad_left, sample_rate };
        let note_bytes = geometry.note_bytes(HEAD_VELOCITIES.len());
        ensure!(
            note_bytes <= MOST_NOTE_BYTES,
            "names {frames} frames of {bins} bins, of which a note takes {:.1} MB, and {:.1} MB is the most",
            note_bytes as f64 / 1e6,
            MOST_NOTE_BYTES as f64 / 1e6
        );
        Ok(geometry)
    }

    /// Samples of one note.
    pub fn note_samples(&self) -> usize {
        NOTE_SECONDS * self.sample_rate as usize
    }

    /// The last frame whose window starts before or at the note's first sample. The frames before it reach into the
    /// padding; the sound of the note from this frame on no longer needs them.
    pub fn first_whole_frame(&self) -> usize {
        self.pad_left / self.hop
    }

    /// Whether the last bin is that of half the sample rate, which counts once where all others count twice.
    pub fn has_nyquist(&self) -> bool {
        self.bins == self.n_fft / 2
    }

    /// From one bin to the next, in hertz.
    pub fn bin_hz(&self) -> f32 {
        self.sample_rate as f32 / self.n_fft as f32
    }

    /// FFT length that voices are synthesised with, in samples of their own rate: the shortest fast one that leaves room for
    /// the filter between the highest bin and its image. At 16 kHz it is twice the model's.
    pub fn synthesis_fft(&self) -> usize {
        // Half of it is the length of a complex transform, and a power of two, five quarters or one and a half of one are fast.
        let mut fast = (1..).flat_map(|power| [4usize, 5, 6].map(|factor| factor << power));
        let is_enough = |length: &usize| *length >= self.n_fft && LEAST_RATE.1 * length >= LEAST_RATE.0 * self.bins;
        fast.find(is_enough).expect("there is always a longer one")
    }

    /// Samples from frame to frame at the rate of a voice.
    pub fn voice_hop(&self) -> usize {
        self.synthesis_fft() / OVERLAP
    }

    /// Samples a second of a voice.
    pub fn voice_rate(&self) -> f64 {
        f64::from(self.sample_rate) * self.synthesis_fft() as f64 / self.n_fft as f64
    }

    /// Where the note's first sample lies behind the start of the frame [`Self::first_whole_frame`], in samples of a voice.
    /// Less than a hop; nothing where the padding is of whole hops.
    pub fn voice_start(&self) -> usize {
        (self.pad_left % self.hop) * self.synthesis_fft() / self.n_fft
    }

    /// Bytes of one note of so many heads, in memory as on the disk, but for a few hundred.
    pub fn note_bytes(&self, heads: usize) -> usize {
        let codes = 2 * size_of::<u16>() * self.frames * self.bins;
        let steps = size_of::<f32>() * self.frames;
        codes + steps + size_of::<f32>() * (heads * self.synthesis_fft() + self.bins)
    }
}

/// Whether a number has no prime factor above 5.
fn is_smooth(mut number: usize) -> bool {
    for prime in [2, 3, 5] {
        while number.is_multiple_of(prime) {
            number /= prime;
        }
    }
    number == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full_band() -> Geometry {
        Geometry::named(48_000, 6_144, 1_536, 128, 2_560).unwrap()
    }

    #[test]
    fn the_sizes_of_a_full_band_model_follow_from_those_that_it_names() {
        let geometry = full_band();
        assert_eq!((geometry.pad_left, geometry.first_whole_frame(), geometry.voice_start()), (9_216, 6, 0));
        assert_eq!((geometry.synthesis_fft(), geometry.voice_hop(), geometry.voice_rate()), (8_192, 2_048, 64_000.0));
        assert!(!geometry.has_nyquist() && geometry.note_bytes(4) < MOST_NOTE_BYTES);
    }

    #[test]
    fn every_length_leaves_room_for_the_filter_and_fits_into_a_voice() {
        for n_fft in (512..=MAX_FFT).filter(|n_fft| n_fft.is_multiple_of(4) && is_smooth(*n_fft)) {
            for bins in [1, n_fft / 4, n_fft * 5 / 12, n_fft / 2] {
                let geometry = Geometry { frames: 1, bins, n_fft, hop: n_fft / 4, pad_left: 0, sample_rate: 48_000 };
                let (length, top) = (geometry.synthesis_fft(), f64::from(geometry.bin_hz()) * bins as f64);
                assert!(geometry.voice_rate() >= 3.199 * top, "{n_fft}, {bins} bins: {length}");
                assert!(length >= n_fft && length <= MAX_SYNTHESIS_FFT && bins <= MAX_BINS, "{n_fft}: {length}");
            }
        }
    }

    #[test]
    fn what_lies_beyond_the_bounds_is_refused_in_words() {
        for (sizes, word) in [
            ((96_000, 6_144, 1_536, 253, 2_560), "96000 Hz"),
            ((48_000, 8_192, 2_048, 96, 2_560), "FFT length of 8192"),
            ((48_000, 6_146, 1_536, 128, 2_560), "FFT length of 6146"),
            ((48_000, 5_376, 1_344, 145, 2_560), "prime factor"),
            ((48_000, 6_144, 1_024, 128, 2_560), "a quarter"),
            ((48_000, 6_144, 1_536, 128, 3_073), "1 to 3072"),
            ((48_000, 6_144, 1_536, 128, 0), "0 bins"),
            ((48_000, 6_144, 1_536, 0, 2_560), "0 frames"),
            ((48_000, 6_144, 1_536, 121, 2_560), "122 to 130"),
            ((48_000, 6_144, 1_536, 131, 2_560), "122 to 130"),
            ((48_000, 4_096, 1_024, 190, 2_048), "1.6 MB is the most"),
            ((48_000, 512, 128, 1_500, 256), "1500 frames"),
        ] {
            let (rate, n_fft, hop, frames, bins) = sizes;
            let error = Geometry::named(rate, n_fft, hop, frames, bins).unwrap_err().to_string();
            assert!(error.contains(word), "{sizes:?}: {error}");
        }
        for frames in [122, 130] {
            assert!(Geometry::named(48_000, 6_144, 1_536, frames, 2_560).is_ok(), "{frames}");
        }
    }
}
