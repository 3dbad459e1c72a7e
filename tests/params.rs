//! The parameters as a host sees them.

use timbrel_host::Plugin;

#[test]
fn names_are_as_promised() {
    let mut plugin = Plugin::load(&timbrel_host::bundle().unwrap()).unwrap();
    let params = plugin.params().unwrap();
    let names: Vec<&str> = params.iter().map(|(name, _)| name.as_str()).collect();
    for name in [
        "Timbre 1",
        "Timbre 8",
        "Seed",
        "Character",
        "Attack",
        "Decay",
        "Sustain",
        "Release",
        "Velocity Depth",
        "Bend Range",
        "Tune",
        "Gain",
        "Sustain Mode",
        "Velocity to Brightness",
        "Vibrato",
        "Width",
        "Pad",
        "Pad X",
        "Pad Y",
    ] {
        assert!(names.contains(&name), "{name} is missing from {names:?}");
    }
    assert!(params.iter().all(|(_, param)| param.automatable));
}

#[test]
fn every_value_survives_its_text() {
    let mut plugin = Plugin::load(&timbrel_host::bundle().unwrap()).unwrap();
    for (name, param) in plugin.params().unwrap() {
        for step in 0..=20 {
            let value = param.min + (param.max - param.min) * f64::from(step) / 20.0;
            let text = plugin.text(param, value).unwrap();
            assert!(!text.is_empty());
            let parsed =
                plugin.parse(param, &text).unwrap_or_else(|| panic!("{name} does not read its own \"{text}\""));
            let again = plugin.text(param, parsed).unwrap();
            assert_eq!(text, again, "{name} at {value}");
        }
    }
}

#[test]
fn nonsense_is_no_value() {
    let mut plugin = Plugin::load(&timbrel_host::bundle().unwrap()).unwrap();
    for (name, param) in plugin.params().unwrap() {
        assert_eq!(plugin.parse(param, "no number"), None, "{name}");
    }
}
