//! `if-linear` is the same here and in the training code, whose values are `tests/golden/if_linear*`.

use timbrel::geometry::Geometry;
use timbrel::spectral::{Analysis, Representation, synthesise};

use crate::check::{check_angle, check_level, check_wave};
use crate::golden;

/// Sizes whose padding is no whole number of hops, and whose bins end below half of the rate.
fn representation() -> Representation {
    Representation::IfLinear(Geometry::named(16_000, 1_536, 384, 167, 600).unwrap())
}

/// The frames whose rows are stored.
const FRAMES: [usize; 4] = [3, 6, 64, 160];

#[test]
fn a_wave_is_analysed_and_synthesised_as_in_training() {
    let Geometry { frames, bins, pad_left, .. } = representation().geometry();
    assert_eq!(pad_left, 1_280);
    let image = Analysis::new(representation()).analyse(&golden::wave(0)).unwrap();
    let golden = golden::read("if_linear");
    for (n, frame) in FRAMES.into_iter().enumerate() {
        let found = |channel: usize| &image[(channel * frames + frame) * bins..][..bins];
        let right = |channel: usize| &golden[(channel * FRAMES.len() + n) * bins..][..bins];
        check_level(found(0), right(0), &format!("level, frame {frame}"));
        check_angle(found(1), right(1), right(0), &format!("IF, frame {frame}"));
    }
    let wave = synthesise(representation(), &image).unwrap();
    let found = [&wave[..2_048], &wave[30_000..32_048]].concat();
    check_wave(&found, &golden::read("if_linear_inverse"), "the inverse");
}
