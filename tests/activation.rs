//! Any rate, any block size, changed between activations of one instance.

use timbrel_host::measure::{db, equal_temperament, pitch_error_cents, rms};
use timbrel_host::{Activation, Event, Pace, Plugin};

const KEY: u8 = 57;

#[test]
fn the_pitch_is_the_same_at_every_rate() {
    let mut plugin = Plugin::load(&timbrel_host::bundle().unwrap()).unwrap();
    plugin.set_offline(true).unwrap();
    let mut errors = Vec::new();
    let mut levels = Vec::new();
    for rate in [48_000.0, 22_050.0, 44_100.0, 16_000.0, 88_200.0, 96_000.0, 192_000.0, 48_000.0] {
        plugin.activate(Activation { rate, max_block: 512 }).unwrap();
        let audio = plugin.play(&[Event::on(KEY).at(0)], 2.0).unwrap();
        let error = pitch_error_cents(audio.slice(0.3, 1.8), rate, equal_temperament(KEY.into()));
        errors.push(error.unwrap_or_else(|| panic!("no pitch at {rate} Hz")));
        levels.push(db(rms(audio.slice(0.3, 1.8))));
    }
    let spread = |values: &[f64]| {
        values.iter().copied().fold(f64::MIN, f64::max) - values.iter().copied().fold(f64::MAX, f64::min)
    };
    assert!(spread(&errors) < 1.0, "cents at each rate: {errors:.2?}");
    assert!(spread(&levels) < 1.0, "levels at each rate: {levels:.2?}");
}

#[test]
fn the_block_size_changes_nothing_that_is_heard() {
    let events = [Event::on(KEY).at(777), Event::on(KEY + 7).at(20_011), Event::off(KEY).at(30_003)];
    let mut plugin = Plugin::load(&timbrel_host::bundle().unwrap()).unwrap();
    plugin.set_offline(true).unwrap();
    plugin.activate(Activation { rate: 48_000.0, max_block: 512 }).unwrap();
    let reference = plugin.play(&events, 1.0).unwrap();
    assert!(db(rms(&reference.left)) > -55.0);
    for size in [1, 7, 64, 480, 2_048, 8_192] {
        plugin.activate(Activation { rate: 48_000.0, max_block: size }).unwrap();
        let audio = plugin.play(&events, 1.0).unwrap();
        let difference = audio.left.iter().zip(&reference.left).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(difference < 1e-3, "blocks of {size} differ by {difference}");
    }
    // Sizes that change from call to call, as some hosts have them.
    plugin.activate(Activation { rate: 48_000.0, max_block: 4_096 }).unwrap();
    let sizes = [1, 4_096, 13, 500, 1, 1, 77, 2_000].into_iter().cycle();
    let audio = plugin.play_in(&events, 1.0, sizes, Pace::Free).unwrap();
    let difference = audio.left.iter().zip(&reference.left).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference < 1e-3, "changing blocks differ by {difference}");
}

#[test]
fn the_model_band_comes_through_and_images_do_not() {
    // What lies above the model's 20 kHz can only be an image of what lies below.
    for rate in [44_100.0, 48_000.0, 96_000.0] {
        let mut plugin = Plugin::ready_offline(Activation { rate, max_block: 512 }).unwrap();
        let audio = plugin.play(&[Event::on(84).at(0)], 2.0).unwrap();
        let spectrum = timbrel_host::measure::Spectrum::of(audio.slice(0.5, 1.5), rate);
        let sound = spectrum.energy(20.0, 20_000.0);
        let images = spectrum.energy(20_500.0, rate / 2.0);
        let ratio = 10.0 * (images / sound).max(1e-20).log10();
        assert!(ratio < -70.0, "images at {ratio:.1} dB at {rate} Hz");
    }
}
