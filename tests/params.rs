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
        "Wheel To",
        "Wheel Amount",
        "Breath To",
        "Breath Amount",
        "Pressure To",
        "Pressure Amount",
        "Slide To",
        "Slide Amount",
        "Velocity To",
        "Velocity Amount",
        "Key To",
        "Key Amount",
        "Brightness",
        "Velocity Law",
        "Velocity Shape",
        "Voices",
        "Glide",
        "Limiter",
        "Wander",
        "MTS-ESP",
        "Filter",
        "Filter Cutoff",
        "Filter Resonance",
        "Filter Key",
        "Filter Envelope",
        "Filter Attack",
        "Filter Decay",
        "Filter Sustain",
        "Filter Release",
        "LFO To",
        "LFO Amount",
        "LFO Length",
        "Start",
        "Speed",
        "Freeze",
        "Reverse",
        "Release Mode",
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

#[test]
fn a_remote_has_pages_of_parameters_that_there_are() {
    let mut plugin = Plugin::load(&timbrel_host::bundle().unwrap()).unwrap();
    let params = plugin.params().unwrap();
    let pages = plugin.remote_pages().unwrap();
    let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Timbre", "Envelope", "Expression", "Motion", "Filter", "Filter envelope"]);
    let name_of = |id| params.iter().find(|(_, param)| param.id == id).map(|(name, _)| name.as_str());
    for (page, ids) in &pages {
        let known: Vec<&str> =
            ids.iter().flatten().map(|id| name_of(*id).expect("a parameter of the plugin")).collect();
        assert!(known.len() >= 4, "{page}: {known:?}");
    }
    assert_eq!(name_of(pages[0].1[7].unwrap()), Some("Timbre 8"));
}
