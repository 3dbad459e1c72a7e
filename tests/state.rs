//! What a project saves, and what is made of what it gives back.

use timbrel_host::measure::{db, equal_temperament, pitch_error_cents, rms};
use timbrel_host::{Activation, Audio, Event, Param, Plugin};

fn fresh() -> Plugin {
    Plugin::load(&timbrel_host::bundle().unwrap()).unwrap()
}

/// Sets every parameter to a value of its own.
fn set_everything(plugin: &mut Plugin) -> Vec<(String, Param, f64)> {
    let params = plugin.params().unwrap();
    assert!(params.len() >= 19, "there are only {} parameters", params.len());
    let shares = [0.31, 0.62, 0.17, 0.84, 0.45];
    for ((_, param), share) in params.iter().zip(shares.into_iter().cycle()) {
        plugin.set(*param, param.min + share * (param.max - param.min)).unwrap();
    }
    params.into_iter().map(|(name, param)| (name, param, plugin.value(param).unwrap())).collect()
}

fn chord(plugin: &mut Plugin) -> Audio {
    plugin.set_offline(true).unwrap();
    plugin.activate(Activation::default()).unwrap();
    plugin.play(&[48, 60, 67].map(|key| Event::on(key).at(100)), 1.0).unwrap()
}

#[test]
fn a_restored_session_sounds_the_same() {
    let mut saved = fresh();
    let values = set_everything(&mut saved);
    let sound = chord(&mut saved);
    let state = saved.save().unwrap();
    drop(saved);

    let mut restored = fresh();
    restored.restore(&state).unwrap();
    for (name, param, value) in values {
        let now = restored.value(param).unwrap();
        assert!((now - value).abs() < 1e-4 * (param.max - param.min), "{name} was {value} and is {now}");
    }
    assert!(chord(&mut restored).same_bits(&sound));
}

#[test]
fn saving_and_restoring_changes_no_byte() {
    let mut plugin = fresh();
    set_everything(&mut plugin);
    let first = plugin.save().unwrap();
    plugin.restore(&first).unwrap();
    assert_eq!(plugin.save().unwrap(), first);
    let mut other = fresh();
    other.restore(&first).unwrap();
    assert_eq!(other.save().unwrap(), first);
}

#[test]
fn a_state_restored_while_playing_is_heard() {
    let mut plugin = Plugin::ready_offline(Activation::default()).unwrap();
    let default = plugin.save().unwrap();
    let seed = plugin.param("Seed").unwrap();
    let play = |plugin: &mut Plugin| {
        plugin.reset();
        plugin.play(&[Event::on(60).at(0)], 0.5).unwrap()
    };
    let before = play(&mut plugin);
    plugin.play(&[Event::Set { param: seed, value: 41.0 }.at(0)], 0.1).unwrap();
    let changed = play(&mut plugin);
    plugin.restore(&default).unwrap();
    plugin.play(&[], 0.1).unwrap();
    assert!(!changed.same_bits(&before));
    assert!(play(&mut plugin).same_bits(&before));
}

/// Gives a state to an instance that plays, and expects it to go on.
fn survives(state: &[u8], what: &str) {
    let mut plugin = fresh();
    // A refusal is as good as mending; a crash or silence is not.
    let accepted = plugin.restore(state).is_ok();
    let audio = chord(&mut plugin);
    assert!(audio.is_finite());
    assert!(db(rms(&audio.left)) > -60.0, "silent after {what} (accepted: {accepted})");
    for (name, param) in plugin.params().unwrap() {
        let value = plugin.value(param).unwrap();
        assert!((param.min..=param.max).contains(&value), "{name} is {value} after {what}");
    }
}

#[test]
fn a_broken_state_leaves_a_plugin_that_plays() {
    let mut plugin = fresh();
    set_everything(&mut plugin);
    let gain = plugin.param("Gain").unwrap();
    plugin.set(gain, gain.default).unwrap();
    let attack = plugin.param("Attack").unwrap();
    plugin.set(attack, attack.default).unwrap();
    let good = plugin.save().unwrap();
    survives(b"", "an empty state");
    survives(b"{}", "an empty object");
    survives(&[0xff; 4096], "noise");
    survives(br#"{"version":"1","params":{"cutoff":{"f32":3.0}},"fields":{"other":"1"}}"#, "another plugin's state");
    for length in [1, good.len() / 4, good.len() / 2, good.len() - 1] {
        survives(&good[..length], &format!("a state cut to {length} bytes"));
    }
    let mut huge = good.clone();
    huge.extend(std::iter::repeat_n(b' ', 4 << 20));
    survives(&huge, "a state with 4 MiB behind it");
}

/// The state as text, framed as it was: the framework puts a length before its JSON.
fn edited(state: &[u8], edit: impl Fn(&str) -> String) -> Option<Vec<u8>> {
    let start = state.iter().position(|byte| *byte == b'{')?;
    let text = edit(std::str::from_utf8(&state[start..]).ok()?);
    let mut bytes = state[..start].to_vec();
    if start == 8 {
        bytes = (text.len() as u64).to_le_bytes().to_vec();
    }
    bytes.extend(text.into_bytes());
    Some(bytes)
}

#[test]
fn values_out_of_range_are_brought_back() {
    let good = fresh().save().unwrap();
    let far = edited(&good, |text| text.replace("\"f32\":-6.0", "\"f32\":1e30")).expect("the state is JSON");
    assert_ne!(far, good, "the gain is in the state");
    let mut plugin = fresh();
    plugin.restore(&far).unwrap();
    let gain = plugin.param("Gain").unwrap();
    let value = plugin.value(gain).unwrap();
    assert!(value <= gain.max, "the gain is {value} dB");
}

#[test]
fn a_value_that_is_none_is_mended_alone() {
    let mut plugin = fresh();
    set_everything(&mut plugin);
    for name in ["Gain", "Attack"] {
        let param = plugin.param(name).unwrap();
        plugin.set(param, param.default).unwrap();
    }
    let values: Vec<_> = plugin.params().unwrap();
    let values: Vec<_> = values.into_iter().map(|(name, param)| (name, param, plugin.value(param).unwrap())).collect();
    let null = |text: &str| {
        let (before, rest) = text.split_once("\"release\":{\"f32\":").expect("the release is in the state");
        format!("{before}\"release\":{{\"f32\":null{}", &rest[rest.find('}').expect("the value ends")..])
    };
    let broken = edited(&plugin.save().unwrap(), null).expect("the state is JSON");
    survives(&broken, "a value that is null");
    let mut other = fresh();
    other.restore(&broken).unwrap();
    for (name, param, value) in values {
        let expected = if name == "Release" { param.default } else { value };
        let now = other.value(param).unwrap();
        assert!((now - expected).abs() < 1e-4 * (param.max - param.min), "{name} is {now}, not {expected}");
    }
}

#[test]
fn a_missing_model_is_kept_in_the_session_and_something_plays() {
    let mut plugin = fresh();
    chord(&mut plugin);
    let good = plugin.save().unwrap();
    let hash = "0123456789abcdef".repeat(4);
    let lost = edited(&good, |text| replace_field(text, "sha256", &hash)).expect("the state is JSON");
    assert_ne!(lost, good, "the state names the model's hash");
    let mut plugin = fresh();
    plugin.restore(&lost).unwrap();
    plugin.activate(Activation::default()).unwrap();
    let audio = plugin.play(&[Event::on(60).at(0)], 1.0).unwrap();
    assert!(audio.is_finite());
    // A project that is saved again on a machine without the model still names it.
    let saved = String::from_utf8_lossy(&plugin.save().unwrap()).into_owned();
    assert!(saved.contains(&hash), "the missing model was forgotten: {saved}");
}

/// Replaces the value of a field in JSON that stands, escaped, within a JSON text.
fn replace_field(text: &str, field: &str, value: &str) -> String {
    let marker = format!("\\\"{field}\\\":\\\"");
    let Some((before, rest)) = text.split_once(&marker) else { return text.to_string() };
    let Some((_, after)) = rest.split_once("\\\"") else { return text.to_string() };
    format!("{before}{marker}{value}\\\"{after}")
}

/// Puts a tuning into a state, which has none: into the JSON that stands, escaped, within a JSON text.
fn with_tuning(state: &[u8], scale: &str) -> Vec<u8> {
    let scale = scale.replace('\n', "\\\\n");
    let tuning = format!(
        "\\\"tuning\\\":{{\\\"name\\\":\\\"own.scl\\\",\\\"scale\\\":\\\"{scale}\\\",\\\"mapping\\\":\\\"\\\"}},"
    );
    let tuned = edited(state, |text| text.replacen("\\\"model\\\":", &format!("{tuning}\\\"model\\\":"), 1));
    let tuned = tuned.expect("the state is JSON");
    assert_ne!(tuned, state, "the state has the model in it");
    tuned
}

#[test]
fn a_tuning_is_saved_whole_and_heard_again() {
    let mut plugin = fresh();
    let plain = plugin.save().unwrap();
    // Key 61 a quarter tone above middle C.
    let tuned = with_tuning(&plain, "quarter tones\n1\n50.0");
    plugin.restore(&tuned).unwrap();
    let again = plugin.save().unwrap();
    let mut other = fresh();
    other.restore(&again).unwrap();
    assert_eq!(other.save().unwrap(), again);
    let key = 72;
    let pitch = |plugin: &mut Plugin, expected: f64| {
        plugin.set_offline(true).unwrap();
        plugin.activate(Activation::default()).unwrap();
        let audio = plugin.play(&[Event::on(key).at(0)], 1.5).unwrap();
        plugin.deactivate();
        pitch_error_cents(audio.slice(0.5, 1.5), audio.rate, equal_temperament(expected))
    };
    // Twelve keys above middle C are twelve quarter tones.
    let own = pitch(&mut fresh(), 66.0);
    let heard = pitch(&mut other, 66.0);
    assert!(
        heard.is_some_and(|cents| cents.abs() < 15.0) && heard != own,
        "{heard:?} cents, {own:?} in equal temperament"
    );
    // A state without one goes back.
    other.restore(&plain).unwrap();
    assert!(pitch(&mut other, 72.0).is_some_and(|cents| cents.abs() < 15.0));
}

#[test]
fn a_tuning_that_is_none_is_left_out_and_the_rest_is_kept() {
    let mut plugin = fresh();
    let gain = plugin.param("Gain").unwrap();
    plugin.set(gain, 0.7).unwrap();
    let broken = with_tuning(&plugin.save().unwrap(), "no scale at all");
    survives(&broken, "a broken tuning");
    let mut other = fresh();
    other.restore(&broken).unwrap();
    assert!((other.value(gain).unwrap() - 0.7).abs() < 0.01);
    assert!(!String::from_utf8_lossy(&other.save().unwrap()).contains("own.scl"));
}
