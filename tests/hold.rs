//! A key that is held for as long as a player likes.

use timbrel_host::measure::{
    course_correlation, db, envelope_db, equal_temperament, loudest_step_db, pitch_error_cents, rms, splatter_db,
};
use timbrel_host::{Activation, Event, Plugin, sounds};

/// The generated note lasts four seconds; from here on the sound comes out of its sustain region.
const SUSTAINED_S: f64 = 5.0;

#[test]
fn a_sustained_sound_goes_on_for_thirty_seconds() {
    const KEYS: [u8; 3] = [45, 57, 69];
    let mut plugin = Plugin::ready_offline(Activation::default()).unwrap();
    plugin.seek_seed(&KEYS, sounds::sustains).unwrap();
    for key in KEYS {
        plugin.reset();
        let audio = plugin.play(&[Event::on(key).at(0)], 30.0).unwrap();
        let held = audio.slice(SUSTAINED_S, 30.0);
        let levels = envelope_db(held, audio.rate, 0.5);
        assert!(levels.iter().all(|level| *level > -60.0), "key {key} stops: {levels:.1?}");
        assert!(
            loudest_step_db(&levels) < 3.0,
            "key {key} pumps by {:.1} dB in half a second: {levels:.1?}",
            loudest_step_db(&levels)
        );
        let first = db(rms(audio.slice(SUSTAINED_S, 10.0)));
        let last = db(rms(audio.slice(25.0, 30.0)));
        assert!(last < first + 3.0, "key {key} swells from {first:.1} to {last:.1} dB");
        // It is the same note.
        let early = pitch_error_cents(audio.slice(1.0, 3.0), audio.rate, equal_temperament(key.into()));
        let late = pitch_error_cents(audio.slice(26.0, 29.0), audio.rate, equal_temperament(key.into()));
        let (Some(early), Some(late)) = (early, late) else { panic!("key {key} lost its pitch: {early:?}, {late:?}") };
        assert!((early - late).abs() < 5.0, "key {key} drifts from {early:.1} to {late:.1} cents");
        assert!(splatter_db(held, audio.rate) < -65.0, "key {key} clicks: {:.1} dB", splatter_db(held, audio.rate));
    }
}

#[test]
fn a_sound_that_dies_stays_dead() {
    let mut plugin = Plugin::ready_offline(Activation::default()).unwrap();
    plugin.seek_seed(&[57], sounds::dies).unwrap();
    let audio = plugin.play(&[Event::on(57).at(0)], 20.0).unwrap();
    let levels = envelope_db(audio.slice(1.0, 20.0), audio.rate, 1.0);
    assert!(levels.windows(2).all(|pair| pair[1] < pair[0] + 1.0), "it comes back: {levels:.1?}");
    assert!(levels[18] < levels[0] - 30.0, "it does not die: {levels:.1?}");
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

/// How far the course of a held note correlates with itself within twelve seconds, in the median and at most over some sounds.
fn repetition(wander: bool) -> (f64, f64) {
    let mut plugin = Plugin::ready_offline(Activation::default()).unwrap();
    let [seed, switch] = ["Seed", "Wander"].map(|name| plugin.param(name).unwrap());
    let mut found = Vec::new();
    for value in 0..60 {
        if found.len() == 8 {
            break;
        }
        plugin.reset();
        let set = [(seed, f64::from(value)), (switch, f64::from(u8::from(wander)))];
        let mut events: Vec<_> = set.map(|(param, value)| Event::Set { param, value }.at(0)).into();
        events.push(Event::on(57).at(0));
        let audio = plugin.play(&events, 26.0).unwrap();
        if !sounds::sustains(&envelope_db(audio.slice(0.0, 3.0), audio.rate, 0.5)) {
            continue;
        }
        let (most, after) = course_correlation(audio.slice(2.0, 26.0), audio.rate, 0.7, 12.0);
        println!("wander {wander}, seed {value}: {most:.2} after {after:.1} s");
        found.push(most);
    }
    assert!(found.len() >= 4, "too few sounds are sustained");
    found.sort_by(f64::total_cmp);
    (found[found.len() / 2], found[found.len() - 1])
}

#[test]
fn a_held_note_does_not_repeat_itself() {
    let (before, _) = repetition(false);
    let (median, most) = repetition(true);
    println!("to and fro: {before:.2} in the median; wandering: {median:.2}, {most:.2} at most");
    assert!(
        median < 0.4 && most < 0.65,
        "its course correlates with itself by {median:.2} in the median, {most:.2} at most"
    );
    assert!(before > median + 0.2, "to and fro it repeats itself by {before:.2}");
}
