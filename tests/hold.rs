//! A key that is held for as long as a player likes.

use timbrel_host::measure::{db, envelope_db, equal_temperament, loudest_step_db, pitch_error_cents, rms, splatter_db};
use timbrel_host::{Activation, Event, Plugin};

/// The generated note lasts four seconds; from here on the sound comes out of its sustain region.
const SUSTAINED_S: f64 = 5.0;

#[test]
fn a_key_sounds_for_thirty_seconds() {
    for key in [40, 57, 72] {
        let mut plugin = Plugin::ready_offline(Activation::default()).unwrap();
        let audio = plugin.play(&[Event::on(key).at(0)], 30.0).unwrap();
        let held = audio.slice(SUSTAINED_S, 30.0);
        // The sound may decay as it did while it was generated, but neither stop nor swell.
        let levels = envelope_db(held, audio.rate, 0.5);
        assert!(levels.iter().all(|level| *level > -70.0), "key {key} stops: {levels:.1?}");
        assert!(
            loudest_step_db(&levels) < 6.0,
            "key {key} pumps by {:.1} dB in half a second",
            loudest_step_db(&levels)
        );
        let first = db(rms(audio.slice(SUSTAINED_S, 10.0)));
        let last = db(rms(audio.slice(25.0, 30.0)));
        assert!(last < first + 3.0, "key {key} swells from {first:.1} to {last:.1} dB");
        // It is the same note.
        let early = pitch_error_cents(audio.slice(1.0, 3.0), audio.rate, equal_temperament(key.into()));
        let late = pitch_error_cents(audio.slice(26.0, 29.0), audio.rate, equal_temperament(key.into()));
        let (Some(early), Some(late)) = (early, late) else { panic!("key {key} lost its pitch: {early:?}, {late:?}") };
        assert!((early - late).abs() < 10.0, "key {key} drifts from {early:.1} to {late:.1} cents");
        assert!(splatter_db(held, audio.rate) < -65.0, "key {key} clicks: {:.1} dB", splatter_db(held, audio.rate));
    }
}

#[test]
fn in_natural_mode_a_note_ends_as_it_was_generated() {
    let mut plugin = Plugin::load(&timbrel_host::bundle().unwrap()).unwrap();
    let mode = plugin.param("Sustain Mode").unwrap();
    plugin.set(mode, mode.max).unwrap();
    plugin.set_offline(true).unwrap();
    plugin.activate(Activation::default()).unwrap();
    let audio = plugin.play(&[Event::on(60).at(0)], 6.0).unwrap();
    assert!(db(rms(audio.slice(0.2, 1.0))) > -55.0);
    assert!(db(rms(audio.slice(5.0, 6.0))) < -80.0, "{:.1} dB left", db(rms(audio.slice(5.0, 6.0))));
}
