//! The drawing of a timbre: growth rings, the outermost of which goes through the eight directions and the inner ones of
//! which are a fingerprint of the seed. Mathematics only; `stage` gives it colours.

use std::f32::consts::{PI, TAU};

use egui::{Pos2, Vec2};

use crate::note::DIRECTIONS;

/// How many rings are drawn.
pub const RINGS: usize = 15;

/// Points of a ring; enough for its smallest bend at the largest size.
pub const POINTS: usize = 144;

/// Radius of a direction that stands in its middle, as a share of the largest.
const MIDDLE: f32 = 0.66;

/// The directions in the order in which they stand around the circle: four on the right from top to bottom, four on the
/// left from bottom to top, so that the rows beside the drawing count downwards on either side.
const AROUND: [usize; DIRECTIONS] = [4, 5, 6, 7, 3, 2, 1, 0];

/// Angle of the first of [`AROUND`]: no direction stands exactly above, below, left or right.
const FIRST_ANGLE: f32 = -3.0 * PI / 8.0;

/// Waves around the circle, of which a seed's fingerprint is made.
const WAVES: std::ops::Range<usize> = 2..8;

/// Where a direction's spoke points.
pub fn spoke(direction: usize) -> Vec2 {
    let place = AROUND.iter().position(|&at| at == direction).unwrap_or(0);
    Vec2::angled(FIRST_ANGLE + place as f32 * TAU / DIRECTIONS as f32)
}

/// Radius of a direction's value (-1 to 1), as a share of the largest.
pub fn radius(value: f32) -> f32 {
    MIDDLE + (1.0 - MIDDLE) * value
}

/// How far the whole range of a direction reaches, as a share of the largest radius.
pub const REACH: f32 = 2.0 * (1.0 - MIDDLE);

/// The fingerprint of a seed, on its way from one seed to the next.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Fingerprint {
    /// Cosine and sine part of each wave.
    waves: [[f32; 2]; WAVES.end - WAVES.start],
}

impl Fingerprint {
    pub fn of(seed: u32) -> Self {
        let mut state = u64::from(seed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut random = || {
            // SplitMix64: well mixed from the first number on, so that seeds side by side look nothing alike.
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut mixed = state;
            mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
            ((mixed ^ mixed >> 31) >> 40) as f32 / (1 << 24) as f32
        };
        let waves = std::array::from_fn(|i| {
            let size = (0.4 + random()) / (WAVES.start + i) as f32;
            let (sin, cos) = (TAU * random()).sin_cos();
            [size * cos, size * sin]
        });
        Self { waves }
    }

    /// Goes a share of the way to another fingerprint; says whether any way is left.
    pub fn approach(&mut self, to: &Self, share: f32) -> bool {
        let mut left = 0.0f32;
        for (mine, theirs) in self.waves.iter_mut().flatten().zip(to.waves.iter().flatten()) {
            let way = theirs - *mine;
            *mine += share * way;
            left = left.max((theirs - *mine).abs());
        }
        if left < 1e-3 {
            *self = *to;
            return false;
        }
        true
    }

    fn at(&self, angle: f32) -> f32 {
        let parts = self.waves.iter().enumerate().map(|(i, [cos_part, sin_part])| {
            let (sin, cos) = ((WAVES.start + i) as f32 * angle).sin_cos();
            cos_part * cos + sin_part * sin
        });
        parts.sum()
    }
}

/// What the rings show.
pub struct Shape {
    /// Value of each direction, -1 to 1.
    pub directions: [f32; DIRECTIONS],
    pub fingerprint: Fingerprint,
    /// 0 to 2: how deep the fingerprint is cut.
    pub character: f32,
    /// Turns of the inner rings against the outermost.
    pub twist: f32,
}

impl Shape {
    /// The points of one ring, from 1 (innermost) to [`RINGS`].
    pub fn ring(&self, ring: usize, centre: Pos2, largest: f32) -> Vec<Pos2> {
        let share = ring as f32 / RINGS as f32;
        let depth = 0.17 * self.character.sqrt() * (PI * share).sin();
        let lag = (0.9 + self.twist) * (1.0 - share);
        let points = (0..POINTS).map(|i| {
            let angle = TAU * i as f32 / POINTS as f32;
            // Rings grow from a circle into the outline.
            let outline = MIDDLE + (self.outline(angle) - MIDDLE) * share.powf(1.4);
            let radius = share * outline * (1.0 + depth * self.fingerprint.at(angle + lag));
            centre + largest * radius * Vec2::angled(angle)
        });
        points.collect()
    }

    /// Radius of the outermost ring: a smooth closed curve (Catmull-Rom) through the values at their spokes.
    fn outline(&self, angle: f32) -> f32 {
        let place = ((angle - FIRST_ANGLE) / TAU).rem_euclid(1.0) * DIRECTIONS as f32;
        let (before, share) = (place as usize % DIRECTIONS, place.fract());
        let value = |offset: usize| self.directions[AROUND[(before + DIRECTIONS - 1 + offset) % DIRECTIONS]];
        let [a, b, c, d] = [value(0), value(1), value(2), value(3)];
        let curve =
            b + 0.5 * share * (c - a + share * (2.0 * a - 5.0 * b + 4.0 * c - d + share * (3.0 * (b - c) + d - a)));
        radius(curve.clamp(-1.2, 1.2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outermost_ring_goes_through_every_handle() {
        let directions = [0.5, -1.0, 0.0, 1.0, -0.3, 0.8, -0.7, 0.2];
        let shape = Shape { directions, fingerprint: Fingerprint::of(7), character: 2.0, twist: 0.4 };
        let ring = shape.ring(RINGS, Pos2::ZERO, 100.0);
        for (direction, &value) in directions.iter().enumerate() {
            let handle = Pos2::ZERO + 100.0 * radius(value) * spoke(direction);
            let nearest = ring.iter().map(|point| point.distance(handle)).fold(f32::MAX, f32::min);
            // The ring's points are a few units apart, none need lie exactly on the spoke.
            assert!(nearest < 3.0, "direction {direction} is {nearest} away");
        }
    }

    #[test]
    fn seeds_side_by_side_look_different_and_the_way_between_them_ends() {
        let (mut from, to) = (Fingerprint::of(41), Fingerprint::of(42));
        assert_ne!(from, to);
        let frames = (0..200).take_while(|_| from.approach(&to, 0.2)).count();
        assert!(frames < 199);
        assert_eq!(from, to);
    }
}
