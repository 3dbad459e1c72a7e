//! Models, states and notes of the disk.

use std::path::PathBuf;
use std::sync::Arc;

use nice_plug::plugin::ParamValue;
use nice_plug::prelude::{Param, PluginState};

use super::{damaged, run};
use crate::clip::Clip;
use crate::held::{Held, Point};
use crate::model::handmade::{Handmade, external, metadata};
use crate::model::{Model, ModelRef};
use crate::params::TimbrelParams;
use crate::preset::{MadeWith, Preset};
use crate::state::{self, Saved, Session};
use crate::worker::disk::entry;

/// Whether an error is a sentence, or the rest of one.
fn is_told(error: &anyhow::Error) -> bool {
    let text = format!("{error:#}");
    !text.is_empty() && text.len() < 2_000
}

#[test]
fn fuzz_models() {
    let directions = serde_json::json!([{"name": "Bright", "vector": vec![0.25; 16], "scale": 1.0}]);
    let latents = serde_json::json!([{"name": "Near oboe", "vector": vec![0.5; 16]}]);
    let rich = Handmade::named("rich").with("directions", directions).with("latents", latents);
    let good = vec![
        Handmade::named("plain").bytes(),
        rich.bytes(),
        Handmade { takes_batches: true, ..Handmade::named("batched") }.bytes(),
        Handmade { more_graph: external("weights.bin"), more_model: metadata("more", "text"), ..Handmade::default() }
            .bytes(),
    ];
    run(damaged(good), 20_000, |bytes| {
        if let Err(error) = Model::from_bytes(PathBuf::from("/nowhere/fuzz.onnx"), bytes) {
            assert!(is_told(&error), "{error:#}");
        }
    });
}

#[test]
fn fuzz_states() {
    let (_, _, editor) = crate::link::link();
    let defaults = TimbrelParams::new(Session::default(), &editor.status);
    let point = Point { name: "Own".into(), latent: vec![0.5, -1.25, 3.0], at: Some([0.1, 0.2]) };
    let corners = Some(std::array::from_fn(|_| point.clone()));
    let full = Held { point: Some(point), seed: 77, corners, preset: "Harp".into() };
    let saved = |format: u32, held: Held| {
        let field = serde_json::to_string(&Saved { format, held, ..Saved::default() }).unwrap();
        let params = [
            ("gain", ParamValue::F32(-3.0)),
            ("seed", ParamValue::I32(77)),
            ("mode", ParamValue::String("natural".into())),
            ("timbre_1", ParamValue::F32(1.5)),
            ("attack", ParamValue::F32(0.25)),
        ];
        let params = params.into_iter().map(|(id, value)| (id.to_owned(), value)).collect();
        let state = PluginState { version: "0.1.0".into(), params, fields: [("timbrel".to_owned(), field)].into() };
        serde_json::to_vec(&state).unwrap()
    };
    run(damaged(vec![saved(1, Held::default()), saved(2, full), saved(99, Held::default())]), 20_000, |bytes| {
        let bytes = state::readable(&bytes).unwrap_or(bytes);
        // What is no JSON does not come any further.
        let Ok(mut state) = serde_json::from_slice::<PluginState>(&bytes) else { return };
        state::mend(&mut state, &defaults);
        let again = serde_json::to_vec(&state).unwrap();
        let mut again: PluginState = serde_json::from_slice(&again).expect("a mended state can be saved and loaded");
        let saved: Saved = serde_json::from_str(&again.fields["timbrel"]).unwrap();
        assert!((1..=state::STATE_FORMAT).contains(&saved.format));
        for (id, value) in &again.params {
            assert!(!matches!(value, ParamValue::F32(value) if !value.is_finite()), "{id} is {value:?}");
        }
        state::mend(&mut again, &defaults);
        let notice = serde_json::from_str::<Saved>(&again.fields["timbrel"]).unwrap().notice;
        assert_eq!(notice, None, "what was mended is good");
    });
    assert_eq!(defaults.gain.value(), defaults.gain.default_plain_value(), "the defaults are as they were");
}

#[test]
fn fuzz_presets_and_timbres_as_text() {
    let (_, _, editor) = crate::link::link();
    let params = TimbrelParams::new(Session::default(), &editor.status);
    let point = Point { name: "Own".into(), latent: vec![0.5, -1.25, 3.0], at: None };
    params.session.holding().set(Arc::new(Held { point: Some(point.clone()), seed: 3, ..Held::default() }));
    let preset = Preset::of(&params, "Harp", vec!["pluck".into()], MadeWith::default()).text();
    run(damaged(vec![preset.into_bytes()]), 10_000, |bytes| {
        let text = String::from_utf8_lossy(&bytes);
        match Preset::parse(&text) {
            // What is taken can be played, and saved as it is.
            Ok(preset) => {
                assert!(preset.patch.plain().values().all(|value| value.is_finite()));
                assert_eq!(Preset::parse(&preset.text()).unwrap().text(), preset.text());
            }
            Err(error) => assert!(is_told(&error), "{error:#}"),
        }
    });
    let clips =
        [Ok(7), Err(point)].map(|from| Clip::new(&ModelRef::default(), from, 1.0, [0.5; 8]).text().into_bytes());
    run(damaged(clips.to_vec()), 10_000, |bytes| match Clip::read(&String::from_utf8_lossy(&bytes)) {
        Ok(clip) => assert_eq!(Clip::read(&clip.text()).unwrap(), clip),
        Err(error) => assert!(is_told(&error), "{error:#}"),
    });
}

#[test]
fn fuzz_disk_entries() {
    let good = entry::tests::note(entry::tests::key(7, 60));
    let good = entry::to_bytes(&good);
    // Nearly all of it are samples, and what decides lies in front; so one target sees the front alone damaged.
    let front = good[..256].to_vec();
    run(damaged(vec![front]), 2_000, |front| {
        let mut bytes = front;
        bytes.extend(&good[256..]);
        check_entry(&bytes);
        // A checksum that is right lets the damage through to what comes after it.
        entry::tests::put_checksum(&mut bytes);
        check_entry(&bytes);
    });
    run(damaged(vec![good.clone()]), 500, |mut bytes| {
        check_entry(&bytes);
        entry::tests::put_checksum(&mut bytes);
        check_entry(&bytes);
    });
}

/// What is taken for a note can be played.
fn check_entry(bytes: &[u8]) {
    let Some(note) = entry::any_from_bytes(bytes) else { return };
    assert!(note.head.iter().chain(&note.head_phase).all(|sample| sample.is_finite()));
    assert!(note.sustain.trend_db.is_finite() && note.sustain.decay_db.is_finite());
    assert!(note.frames.codes().0.iter().all(|step| step.is_finite()));
}
