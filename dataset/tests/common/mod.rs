//! What the tests of all commands share.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::path::Path;

use anyhow::Result;
use realfft::RealFftPlanner;
use timbrel_dataset::cli;

/// Runs a command as from the shell.
pub fn run(arguments: &[&str], out: &Path) -> Result<()> {
    let out = out.display().to_string();
    cli::run(arguments.iter().copied().chain(["--out", &out]))
}

/// Energy from a frequency up over all energy, in dB.
pub fn highest_share_db(wave: &[f32], from_hz: f32) -> f32 {
    let forward = RealFftPlanner::<f32>::new().plan_fft_forward(wave.len());
    let mut spectrum = forward.make_output_vec();
    forward.process(&mut wave.to_vec(), &mut spectrum).unwrap();
    let energy = |from: usize| spectrum[from..].iter().map(|bin| f64::from(bin.norm_sqr())).sum::<f64>();
    let first = (from_hz / 16_000.0 * wave.len() as f32) as usize;
    10.0 * (energy(first) / energy(0)).log10() as f32
}

/// Writes a WAV of 16 bits, channels interleaved.
pub fn write_wav(path: &Path, sample_rate: u32, channels: u16, samples: &[f32]) {
    let spec = hound::WavSpec { channels, sample_rate, bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
    let mut writer = hound::WavWriter::create(path, spec).unwrap();
    samples.iter().for_each(|sample| writer.write_sample((sample * 32_767.0) as i16).unwrap());
    writer.finalize().unwrap();
}
