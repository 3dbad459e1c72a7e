//! The parts of a note's way around the network, by criterion: what is gained or lost here, every note has.
//!
//!     cargo bench --bench parts
//!
//! The image is made up and always the same. `cargo xtask bench note` has the whole beside the network.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use timbrel::geometry::Geometry;
use timbrel::note::{ModelId, NoteKey, Timbre};
use timbrel::spectral::{FramePlan, FrameSynth, PolarMap, Representation};
use timbrel::worker::prepare::Preparer;

const REPRESENTATION: Representation = Representation::IfMelHires;

/// A decaying level with ripples, and angles over their whole range.
fn image(geometry: Geometry) -> Vec<f32> {
    let Geometry { frames, bins, .. } = geometry;
    let level = (0..frames * bins).map(|i| {
        let (frame, bin) = ((i / bins) as f32, (i % bins) as f32);
        2.0 - 0.03 * frame - 0.005 * bin + 3.0 * (0.37 * bin).sin()
    });
    let angle = (0..frames * bins).map(|i| ((i * 7919) % 2001) as f32 * 1e-3 - 1.0);
    level.chain(angle).collect()
}

fn parts(criterion: &mut Criterion) {
    let full_band = Geometry::named(48_000, 6_144, 1_536, 128, 2_560).expect("the sizes lie within the bounds");
    for representation in [REPRESENTATION, Representation::IfLinear(full_band)] {
        parts_of(criterion, representation);
    }
    criterion
        .bench_function("the mel matrices of a new model", |bencher| bencher.iter(|| PolarMap::new(REPRESENTATION)));
}

fn parts_of(criterion: &mut Criterion, representation: Representation) {
    let geometry = representation.geometry();
    let image = image(geometry);
    let mut polar = PolarMap::new(representation);
    let mut magnitude = vec![0.0; geometry.frames * geometry.bins];
    let mut advance = magnitude.clone();
    criterion.bench_function(&format!("{representation}: image to linear magnitude and phase advance"), |bencher| {
        bencher.iter(|| polar.convert(black_box(&image), &mut magnitude, &mut advance));
    });

    let mut preparer = Preparer::new(representation);
    let key = NoteKey { model: ModelId(1), timbre: Timbre::default(), pitch: 60 };
    criterion.bench_function(&format!("{representation}: image to note"), |bencher| {
        bencher.iter(|| preparer.note(key, black_box(&image)).unwrap());
    });

    let (plan, mut synth) = (FramePlan::of(geometry), FrameSynth::new());
    let mut wave = vec![0.0; plan.window_len()];
    let (row, phase) = (&magnitude[..geometry.bins], &advance[..geometry.bins]);
    criterion.bench_function(&format!("{representation}: one frame to sound"), |bencher| {
        bencher.iter(|| synth.compute(&plan, black_box(row), black_box(phase), geometry.bins).add_to(0, &mut wave));
    });
}

criterion_group!(benches, parts);
criterion_main!(benches);
