//! Draws what the editor shows into a picture, without a window or a graphics processor: for who looks at it.

use std::path::Path;

use egui::epaint::{ClippedShape, ImageData, Primitive, Vertex};
use egui::{Color32, ColorImage, TextureId, TexturesDelta, Vec2};

/// The one texture that the editor uses: its letters.
#[derive(Default)]
pub struct Letters(ColorImage);

impl Letters {
    /// Takes in what a frame has changed of them.
    pub fn take(&mut self, delta: &TexturesDelta) {
        let own = delta.set.iter().filter(|(id, _)| **id == TextureId::default());
        for delta in own.flat_map(|(_, deltas)| deltas) {
            let ImageData::Color(image) = &delta.image;
            match delta.pos {
                None => self.0 = ColorImage::clone(image),
                Some([left, top]) => {
                    for y in 0..image.size[1] {
                        for x in 0..image.size[0] {
                            self.0[(left + x, top + y)] = image[(x, y)];
                        }
                    }
                }
            }
        }
    }

    fn at(&self, u: f32, v: f32) -> [f32; 4] {
        let [width, height] = self.0.size;
        let (x, y) = (u * width as f32 - 0.5, v * height as f32 - 0.5);
        let (left, top) = (x.floor(), y.floor());
        let mut sum = [0.0; 4];
        for (dx, dy) in [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)] {
            let share = (1.0 - (x - left - dx).abs()) * (1.0 - (y - top - dy).abs());
            let near = |at: f32, most: usize| (at.max(0.0) as usize).min(most - 1);
            let texel = self.0[(near(left + dx, width), near(top + dy, height))].to_array();
            (0..4).for_each(|i| sum[i] += share * f32::from(texel[i]) / 255.0);
        }
        sum
    }
}

/// Writes a PNG.
pub fn write(ctx: &egui::Context, shapes: Vec<ClippedShape>, letters: &Letters, size: Vec2, path: &Path) {
    let (width, height) = (size.x as usize, size.y as usize);
    let mut pixels = vec![[0.0f32; 3]; width * height];
    for clipped in ctx.tessellate(shapes, 1.0) {
        let Primitive::Mesh(mesh) = clipped.primitive else { continue };
        let clip = clipped.clip_rect;
        for triangle in mesh.indices.chunks_exact(3) {
            let [a, b, c] = [0, 1, 2].map(|i: usize| mesh.vertices[triangle[i] as usize]);
            fill(&mut pixels, width, height, clip, [a, b, c], letters);
        }
    }
    let bytes: Vec<u8> = pixels.iter().flatten().map(|x| (255.0 * x.clamp(0.0, 1.0)).round() as u8).collect();
    let file = std::io::BufWriter::new(std::fs::File::create(path).unwrap());
    let mut encoder = png::Encoder::new(file, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header().unwrap().write_image_data(&bytes).unwrap();
}

fn fill(
    pixels: &mut [[f32; 3]],
    width: usize,
    height: usize,
    clip: egui::Rect,
    mut corners: [Vertex; 3],
    letters: &Letters,
) {
    let twice_area = |[a, b, c]: [egui::Pos2; 3]| (b.x - a.x) * (c.y - a.y) - (c.x - a.x) * (b.y - a.y);
    let area = twice_area(corners.map(|corner| corner.pos));
    if area == 0.0 {
        return;
    }
    if area < 0.0 {
        corners.swap(1, 2);
    }
    let area = area.abs();
    let [a, b, c] = corners.map(|corner| corner.pos);
    // A point on an edge belongs to one of the two triangles that share it, or fine lines would be drawn twice or not at all.
    let owns = |from: egui::Pos2, to: egui::Pos2| to.y < from.y || (to.y == from.y && to.x > from.x);
    let is_inside = |weight: f32, from, to| weight > 0.0 || (weight == 0.0 && owns(from, to));
    let range = |low: f32, high: f32, clip_low: f32, clip_high: f32, most: usize| {
        let from = low.max(clip_low).max(0.0) as usize;
        from..(high.min(clip_high).max(0.0).ceil() as usize).min(most)
    };
    let low = a.min(b).min(c);
    let high = a.max(b).max(c);
    for y in range(low.y, high.y, clip.top(), clip.bottom(), height) {
        for x in range(low.x, high.x, clip.left(), clip.right(), width) {
            let at = egui::pos2(x as f32 + 0.5, y as f32 + 0.5);
            let wb = ((at.x - a.x) * (c.y - a.y) - (c.x - a.x) * (at.y - a.y)) / area;
            let wc = ((b.x - a.x) * (at.y - a.y) - (at.x - a.x) * (b.y - a.y)) / area;
            let wa = ((c.x - b.x) * (at.y - b.y) - (at.x - b.x) * (c.y - b.y)) / area;
            if !(is_inside(wa, b, c) && is_inside(wb, c, a) && is_inside(wc, a, b) && clip.contains(at)) {
                continue;
            }
            let weights = [wa, wb, wc];
            let uv = weights.iter().zip(&corners).fold(Vec2::ZERO, |sum, (w, corner)| sum + *w * corner.uv.to_vec2());
            let texel = letters.at(uv.x, uv.y);
            let mut ink = [0.0; 4];
            for (weight, corner) in weights.iter().zip(&corners) {
                let colour: Color32 = corner.color;
                (0..4).for_each(|i| ink[i] += weight * f32::from(colour.to_array()[i]) / 255.0);
            }
            (0..4).for_each(|i| ink[i] *= texel[i]);
            let pixel = &mut pixels[y * width + x];
            (0..3).for_each(|i| pixel[i] = ink[i] + pixel[i] * (1.0 - ink[3]));
        }
    }
}
