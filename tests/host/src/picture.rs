//! A picture of a sound: its spectrogram, time to the right, frequency upward in octaves, brightness in decibels.

use std::path::Path;

use anyhow::{Context, Result};
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

use crate::measure::{Frames, db};

/// Size of the plot itself, in pixels.
const WIDTH: usize = 1400;
const HEIGHT: usize = 700;

/// Room around the plot for the labels.
const LEFT: usize = 84;
const RIGHT: usize = 110;
const TOP: usize = 48;
const BOTTOM: usize = 64;

const LOW_HZ: f64 = 27.5;
const HIGH_HZ: f64 = 14_080.0;

/// What is this much softer than the loudest spot is black.
const RANGE_DB: f64 = 80.0;

/// Windows a second of sound: the low keys need long windows to be told apart, and onsets short ones.
const WINDOW_S: f64 = 0.12;

const BACKGROUND: [u8; 3] = [16, 15, 20];
const INK: [u8; 3] = [214, 210, 204];
const FAINT: [u8; 3] = [110, 106, 112];

/// Black through violet and orange to pale yellow, even in lightness, so that a step in level is a step in brightness.
const COLOURS: [[u8; 3]; 9] = [
    [0, 0, 4],
    [29, 17, 71],
    [81, 18, 124],
    [130, 37, 129],
    [182, 54, 121],
    [230, 81, 98],
    [251, 136, 97],
    [254, 194, 135],
    [252, 253, 191],
];

/// Draws the left channel's spectrogram into a PNG file.
pub fn spectrogram(samples: &[f32], rate: f64, title: &str, path: &Path) -> Result<()> {
    let mut canvas = Canvas::new(LEFT + WIDTH + RIGHT, TOP + HEIGHT + BOTTOM);
    let seconds = samples.len() as f64 / rate;
    plot(&mut canvas, samples, rate);
    canvas.text(LEFT, 16, title, INK);
    time_axis(&mut canvas, seconds);
    frequency_axis(&mut canvas);
    level_bar(&mut canvas);
    canvas.write(path)
}

fn plot(canvas: &mut Canvas, samples: &[f32], rate: f64) {
    let window = ((WINDOW_S * rate) as usize).next_power_of_two();
    let hop = (samples.len() / (2 * WIDTH)).clamp(1, window / 4);
    let frames = Frames::of(samples, rate, window, hop);
    let loudest = frames.rows.iter().flatten().fold(1e-6_f32, |peak, m| peak.max(*m));
    let octaves = (HIGH_HZ / LOW_HZ).log2();
    for x in 0..WIDTH {
        // A window belongs to its middle.
        let middle = x as f64 / WIDTH as f64 * samples.len() as f64 - window as f64 / 2.0;
        let index = (middle / hop as f64).round();
        if index < 0.0 || index as usize >= frames.rows.len() {
            continue;
        }
        let row = &frames.rows[index as usize];
        for y in 0..HEIGHT {
            let bin_of = |y: f64| LOW_HZ * (octaves * y / HEIGHT as f64).exp2() / frames.bin_hz;
            let (from, to) = (bin_of((HEIGHT - 1 - y) as f64), bin_of((HEIGHT - y) as f64));
            let level = db(f64::from(magnitude_between(row, from, to) / loudest));
            canvas.put(LEFT + x, TOP + y, colour(1.0 + level / RANGE_DB));
        }
    }
}

/// The largest magnitude between two places of a row, interpolated where they lie within one bin.
fn magnitude_between(row: &[f32], from: f64, to: f64) -> f32 {
    let last = row.len() - 1;
    if to - from >= 1.0 {
        let range = (from as usize).min(last)..=(to as usize).min(last);
        return row[range].iter().copied().fold(0.0, f32::max);
    }
    let middle = (from + to) / 2.0;
    let (low, share) = ((middle as usize).min(last), middle.fract() as f32);
    row[low] * (1.0 - share) + row[(low + 1).min(last)] * share
}

fn colour(brightness: f64) -> [u8; 3] {
    let place = brightness.clamp(0.0, 1.0) * (COLOURS.len() - 1) as f64;
    let low = (place as usize).min(COLOURS.len() - 2);
    let share = place - low as f64;
    std::array::from_fn(|c| {
        (f64::from(COLOURS[low][c]) * (1.0 - share) + f64::from(COLOURS[low + 1][c]) * share).round() as u8
    })
}

fn time_axis(canvas: &mut Canvas, seconds: f64) {
    let step = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0].into_iter().find(|s| seconds / s <= 16.0).unwrap_or(60.0);
    let bottom = TOP + HEIGHT;
    for tick in 0..=(seconds / step) as usize {
        let time_s = tick as f64 * step;
        let x = LEFT + (time_s / seconds * WIDTH as f64) as usize;
        canvas.rectangle(x, bottom, 1, 6, INK);
        let label = if step < 1.0 { format!("{time_s:.1}") } else { format!("{time_s:.0}") };
        canvas.text(x.saturating_sub(label.len() * Canvas::letter_width() / 2), bottom + 10, &label, INK);
    }
    canvas.text(LEFT + WIDTH / 2 - 12 * Canvas::letter_width() / 2, bottom + 36, "Time (seconds)", FAINT);
}

fn frequency_axis(canvas: &mut Canvas) {
    let octaves = (HIGH_HZ / LOW_HZ).log2();
    for octave in 0..=octaves.round() as u32 {
        let hz = LOW_HZ * f64::from(1_u32 << octave);
        let y = TOP + HEIGHT - (f64::from(octave) / octaves * HEIGHT as f64) as usize;
        canvas.rectangle(LEFT - 6, y, 6, 1, INK);
        let label = format!("A{octave}");
        canvas.text(LEFT - 12 - label.len() * Canvas::letter_width(), y.saturating_sub(16), &label, INK);
        let label = if hz < 1000.0 { format!("{hz:.0}") } else { format!("{:.1}k", hz / 1000.0) };
        canvas.text(LEFT - 12 - label.len() * Canvas::letter_width(), y, &label, FAINT);
    }
    canvas.text(8, 16, "Hz", FAINT);
}

fn level_bar(canvas: &mut Canvas) {
    let x = LEFT + WIDTH + 24;
    for y in 0..HEIGHT {
        for column in 0..14 {
            canvas.put(x + column, TOP + y, colour(1.0 - y as f64 / HEIGHT as f64));
        }
    }
    for step in 0..=4_usize {
        let y = TOP + step * HEIGHT / 4;
        canvas.text(x + 20, y.saturating_sub(8), &format!("{:>3}", -(step as i32) * (RANGE_DB / 4.0) as i32), INK);
    }
    canvas.text(x + 20, 16, "dB", FAINT);
}

/// Pixels, red, green and blue.
struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl Canvas {
    fn new(width: usize, height: usize) -> Self {
        Self { width, height, pixels: BACKGROUND.repeat(width * height) }
    }

    fn put(&mut self, x: usize, y: usize, colour: [u8; 3]) {
        if x < self.width && y < self.height {
            let at = 3 * (y * self.width + x);
            self.pixels[at..at + 3].copy_from_slice(&colour);
        }
    }

    fn rectangle(&mut self, x: usize, y: usize, width: usize, height: usize, colour: [u8; 3]) {
        for row in y..y + height {
            for column in x..x + width {
                self.put(column, row, colour);
            }
        }
    }

    fn letter_width() -> usize {
        get_raster_width(FontWeight::Regular, RasterHeight::Size16)
    }

    /// Writes text with its upper left corner at a pixel. Letters beyond ASCII are left out.
    fn text(&mut self, x: usize, y: usize, text: &str, colour: [u8; 3]) {
        for (index, letter) in text.chars().enumerate() {
            let Some(raster) = get_raster(letter, FontWeight::Regular, RasterHeight::Size16) else { continue };
            for (row, line) in raster.raster().iter().enumerate() {
                for (column, coverage) in line.iter().enumerate() {
                    let share = f32::from(*coverage) / 255.0;
                    let mixed = std::array::from_fn(|c| {
                        (f32::from(BACKGROUND[c]) * (1.0 - share) + f32::from(colour[c]) * share).round() as u8
                    });
                    self.put(x + index * Self::letter_width() + column, y + row, mixed);
                }
            }
        }
    }

    fn write(&self, path: &Path) -> Result<()> {
        let file = std::fs::File::create(path).with_context(|| format!("{} cannot be written", path.display()))?;
        let mut encoder = png::Encoder::new(std::io::BufWriter::new(file), self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.pixels)?;
        writer.finish().with_context(|| format!("{} cannot be finished", path.display()))
    }
}
