//! The present timbre as a spectrogram in the colours of the paper (a "rainbowgram", Engel et al., ICML 2017): brightness is level,
//! colour is instantaneous frequency. A line for each voice tells where in its note it is.

use std::sync::Arc;

use egui::{Align2, Color32, ColorImage, Rect, Stroke, TextureHandle, TextureOptions, pos2, vec2};

use super::View;
use super::keys;
use super::look::{AMBER, BRIGHT, FAINT, GROUND, LABEL, LINE, RAISED, SMALL, mix};
use crate::note::Note;

/// Rows of the picture, from the lowest to the highest frequency in equal intervals.
const ROWS: usize = 180;
const LOWEST_HZ: f32 = 40.0;

/// What lies further below the loudest is black, in dB.
const DEPTH_DB: f32 = 78.0;

/// A moving timbre is drawn anew no more often than this, in seconds.
const PAUSE_S: f64 = 0.08;

/// What the spectrogram remembers from frame to frame.
#[derive(Default)]
pub struct Spectrogram {
    note: Option<Arc<Note>>,
    texture: Option<TextureHandle>,
    drawn_s: f64,
    key: Option<u8>,
}

impl Spectrogram {
    /// Draws the note of the key that was played last. True while something moves.
    pub fn show(&mut self, view: &View, rect: Rect, note_of: impl Fn(u8) -> Option<Arc<Note>>) -> bool {
        let (look, painter) = (view.look, view.ui.painter());
        let ground = rect.with_min_y(rect.top() + look.px(26.0));
        painter.rect_filled(ground, look.px(8.0), mix(GROUND, RAISED, 0.3));
        let played = (0..128u8).rev().find(|&key| view.snapshot.is_sounding(key));
        let key = played.or(self.key).unwrap_or(60);
        self.key = Some(key);
        let now_s = view.ui.input(|input| input.time);
        if let Some(note) = note_of(key)
            && self.note.as_ref().is_none_or(|drawn| !Arc::ptr_eq(drawn, &note))
            && !(0.0..PAUSE_S).contains(&(now_s - self.drawn_s))
        {
            let image = picture(&note);
            let options = TextureOptions::LINEAR;
            match &mut self.texture {
                Some(texture) => texture.set(image, options),
                None => self.texture = Some(view.ui.ctx().load_texture("timbrel-spectrogram", image, options)),
            }
            (self.note, self.drawn_s) = (Some(note), now_s);
        }
        let (Some(note), Some(texture)) = (&self.note, &self.texture) else {
            let words = "The sound is drawn once a note of it is ready.";
            look.text(painter, (ground.center(), Align2::CENTER_CENTER), words, LABEL, FAINT, ground.width());
            return false;
        };
        let inner = ground.shrink2(vec2(look.px(46.0), look.px(22.0))).with_max_x(ground.right() - look.px(12.0));
        let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        painter.image(texture.id(), inner, whole, Color32::WHITE);
        let top_hz = highest_hz(note);
        for hertz in [50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0, 20_000.0f32] {
            if hertz > top_hz * 1.01 {
                continue;
            }
            let y = inner.bottom() - inner.height() * (hertz / LOWEST_HZ).ln() / (top_hz / LOWEST_HZ).ln();
            let text = if hertz < 1_000.0 { format!("{hertz:.0}") } else { format!("{:.0} k", hertz / 1_000.0) };
            let at = pos2(inner.left() - look.px(8.0), y);
            look.text(painter, (at, Align2::RIGHT_CENTER), &text, SMALL, FAINT, look.px(40.0));
            painter.line_segment(
                [pos2(inner.left() - look.px(4.0), y), pos2(inner.left(), y)],
                Stroke::new(look.px(1.0), LINE),
            );
        }
        let geometry = &note.geometry;
        let seconds = geometry.frames as f32 * geometry.hop as f32 / geometry.sample_rate as f32;
        let begin = geometry.pad_left as f32 / geometry.sample_rate as f32;
        let x = |second: f32| inner.left() + inner.width() * (second + begin) / seconds;
        for second in 0..=seconds as usize {
            let at = pos2(x(second as f32), inner.bottom() + look.px(4.0));
            if at.x < inner.right() - look.px(6.0) {
                look.text(painter, (at, Align2::CENTER_TOP), &format!("{second} s"), SMALL, FAINT, look.px(40.0));
            }
        }
        let name = format!("Hz  ·  {}", keys::name(note.key.pitch));
        look.text(
            painter,
            (pos2(inner.left(), ground.top() + look.px(5.0)), Align2::LEFT_TOP),
            &name,
            SMALL,
            FAINT,
            look.px(120.0),
        );
        for &(key, frame) in &view.snapshot.playheads {
            let x = inner.left() + inner.width() * (frame as f32 + 0.5) / geometry.frames as f32;
            let ink = if Some(key) == self.key { BRIGHT } else { AMBER.gamma_multiply(0.6) };
            painter.line_segment([pos2(x, inner.top()), pos2(x, inner.bottom())], Stroke::new(look.px(1.4), ink));
        }
        !view.snapshot.playheads.is_empty()
    }
}

fn highest_hz(note: &Note) -> f32 {
    note.geometry.bins as f32 * note.geometry.bin_hz()
}

/// One column a frame. Each row shows the loudest of the bins that it covers.
fn picture(note: &Note) -> ColorImage {
    let geometry = &note.geometry;
    let (frames, bins) = (geometry.frames, geometry.bins);
    let rows: Vec<std::ops::Range<usize>> = (0..ROWS)
        .map(|row| {
            let hertz = |row: usize| LOWEST_HZ * (highest_hz(note) / LOWEST_HZ).powf(row as f32 / ROWS as f32);
            // Bin k is (k + 1) times the width of one.
            let bin = |hertz: f32| (hertz / geometry.bin_hz() - 1.0).max(0.0);
            let from = (bin(hertz(row)).round() as usize).min(bins - 1);
            from..(bin(hertz(row + 1)).round() as usize).clamp(from + 1, bins)
        })
        .collect();
    let mut cells: Vec<(f32, f32)> = Vec::with_capacity(frames * ROWS);
    let mut loudest = 1e-9f32;
    for frame in 0..frames {
        let magnitude: Vec<f32> = note.frames.magnitude(frame).collect();
        let advance: Vec<f32> = note.frames.advance(frame).collect();
        for row in &rows {
            let best =
                row.clone().fold(row.start, |best, bin| if magnitude[bin] > magnitude[best] { bin } else { best });
            // The advance that a partial in the middle of its bin would have is no news.
            let middle = (best + 1) as f32 * geometry.hop as f32 / geometry.n_fft as f32;
            let off = advance[best] - middle;
            cells.push((magnitude[best], off - off.round()));
            loudest = loudest.max(magnitude[best]);
        }
    }
    let mut image = ColorImage::filled([frames, ROWS], Color32::BLACK);
    for (index, (magnitude, off)) in cells.into_iter().enumerate() {
        let (frame, row) = (index / ROWS, index % ROWS);
        let level = 1.0 + 20.0 * (magnitude / loudest).max(1e-9).log10() / DEPTH_DB;
        // Most partials lie near the middle of their bins, so small distances get most of the colours.
        image[(frame, ROWS - 1 - row)] = rainbow(0.5 + 0.5 * (4.0 * off).tanh(), level.clamp(0.0, 1.0));
    }
    image
}

/// From red (0) through green to violet (1), the brighter the higher the level.
fn rainbow(hue: f32, level: f32) -> Color32 {
    let value = level.powf(1.6);
    let saturation = 0.78 - 0.35 * level.powi(4);
    egui::ecolor::Hsva::new(0.82 * hue.clamp(0.0, 1.0), saturation, value, 1.0).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::disk::entry::tests::{key, note};

    #[test]
    fn a_partial_is_drawn_at_its_frequency() {
        let mut sine = note(key(1, 60));
        let (frames, bins) = (sine.geometry.frames, sine.geometry.bins);
        let at = 127;
        let magnitude: Vec<f32> = (0..frames * bins).map(|i| if i % bins == at { 1.0 } else { 1e-6 }).collect();
        sine.frames = crate::frames::Frames::encode(bins, &magnitude, &vec![0.0; frames * bins]);
        let image = picture(&sine);
        let light = |row: usize| {
            let pixel = image[(frames / 2, ROWS - 1 - row)];
            u32::from(pixel.r()) + u32::from(pixel.g()) + u32::from(pixel.b())
        };
        let brightest = (0..ROWS).max_by_key(|&row| light(row)).unwrap();
        let hertz = LOWEST_HZ * (highest_hz(&sine) / LOWEST_HZ).powf(brightest as f32 / ROWS as f32);
        let real = (at + 1) as f32 * sine.geometry.bin_hz();
        assert!((hertz / real).log2().abs() < 0.1, "{hertz} Hz for {real}");
        assert!(light(brightest) > 300 && light(brightest + 20) < 30);
    }
}
