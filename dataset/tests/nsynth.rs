//! Reads small sets as NSynth is published, with every kind of damage.

mod common;

use std::fs;
use std::path::Path;

use common::{run, write_wav};
use serde_json::{Value, json};
use timbrel_dataset::example::Examples;
use timbrel_dataset::set::{self, About, read_json};
use timbrel_dataset::split::Split;

/// A published folder of one bass at all keys from 20, 120 notes in all.
fn published(folder: &Path) -> Value {
    fs::create_dir_all(folder.join("audio")).unwrap();
    let mut examples = json!({});
    for index in 0..120u64 {
        let (pitch, velocity) = (20 + index / 2, [25, 127][index as usize % 2]);
        let name = format!("bass_acoustic_000-{pitch:03}-{velocity:03}");
        examples[&name] = label(&name, 900 + index, pitch, 0);
        write_wav(&set::wav(folder, &name), 16_000, 1, &[0.25; 64_000]);
    }
    write(folder, &examples);
    examples
}

fn label(name: &str, note: u64, pitch: u64, source: u64) -> Value {
    json!({
        "note": note, "note_str": name, "instrument": 12, "instrument_str": "bass_acoustic_000",
        "pitch": pitch, "velocity": 25, "sample_rate": 16000, "qualities": [0, 1, 0, 0, 0, 0, 0, 0, 0, 0],
        "qualities_str": ["dark"], "instrument_family": 0, "instrument_family_str": "bass",
        "instrument_source": source, "instrument_source_str": "acoustic"
    })
}

fn write(folder: &Path, examples: &Value) {
    fs::write(folder.join("examples.json"), examples.to_string()).unwrap();
}

fn take(folder: &Path, out: &Path, more: &[&str]) -> Result<(Examples, About), String> {
    let folder = folder.display().to_string();
    run(&[&["nsynth", &folder], more].concat(), out).map_err(|error| format!("{error:#}"))?;
    Ok((read_json(&out.join(set::EXAMPLES)).unwrap(), read_json(&out.join(set::ABOUT)).unwrap()))
}

#[test]
fn the_papers_filter_and_split_are_made_and_labels_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (train, out) = (folder.path().join("nsynth-train"), folder.path().join("out"));
    let mut examples = published(&train);
    examples["bass_acoustic_000-030-025"]["instrument_source"] = json!(2);
    write(&train, &examples);
    let (taken, about) = take(&train, &out, &["--link", "hard"]).unwrap();
    // Keys 20 to 23 are too low; one note is synthetic.
    assert_eq!(taken.len(), 120 - 8 - 1);
    assert_eq!(["labelled", "out of range", "not acoustic", "kept"].map(|count| about.counts[count]), [120, 8, 1, 111]);
    assert!(about.licence.contains("CC BY"), "{}", about.licence);
    let name = "bass_acoustic_000-060-127";
    assert_eq!(serde_json::to_value(&taken[name]).unwrap(), examples[name]);
    assert_eq!(fs::read(set::wav(&out, name)).unwrap(), fs::read(set::wav(&train, name)).unwrap());
    let split: Split = read_json(&out.join(set::SPLIT)).unwrap();
    assert_eq!((split.train.len(), split.test.len()), (88, 23));

    let (all, _) = take(&train, &folder.path().join("all"), &["--all-instruments", "--link", "symbolic"]).unwrap();
    assert_eq!(all.len(), 112);
}

#[test]
fn a_bad_file_is_left_out_with_a_sentence_and_more_than_one_in_a_hundred_refused() {
    let name = "bass_acoustic_000-060-127";
    type Damage = fn(&Path, &mut Value);
    let damages: [(&str, Damage); 8] = [
        ("is missing", |wav, _| fs::remove_file(wav).unwrap()),
        ("22050 samples a second", |wav, _| write_wav(wav, 22_050, 1, &[0.1; 64_000])),
        ("63999 samples", |wav, _| write_wav(wav, 16_000, 1, &[0.1; 63_999])),
        ("2 channels", |wav, _| write_wav(wav, 16_000, 2, &[0.1; 128_000])),
        ("is cut", |wav, _| fs::File::options().write(true).open(wav).unwrap().set_len(70_000).unwrap()),
        ("no WAV file", |wav, _| fs::write(wav, "RIFF, no more").unwrap()),
        ("missing field `pitch`", |_, labels| drop(labels.as_object_mut().unwrap().remove("pitch"))),
        ("note_str", |_, labels| labels["note_str"] = json!("another")),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (index, (sentence, damage)) in damages.into_iter().enumerate() {
        let train = folder.path().join(format!("train{index}"));
        let mut examples = published(&train);
        damage(&set::wav(&train, name), &mut examples[name]);
        write(&train, &examples);
        let out = folder.path().join("out");
        let (taken, about) = take(&train, &out, &["--overwrite"]).unwrap();
        assert!(taken.len() == 111 && !taken.contains_key(name), "{sentence}: {}", taken.len());
        assert_eq!(
            about.counts.iter().filter(|(what, _)| what.starts_with("with")).map(|(_, count)| count).sum::<u64>(),
            1
        );

        // A second one is one too many, and the set that was there stays.
        fs::remove_file(set::wav(&train, "bass_acoustic_000-061-127")).unwrap();
        fs::remove_file(set::wav(&train, "bass_acoustic_000-062-127")).unwrap();
        let error = take(&train, &out, &["--overwrite"]).unwrap_err();
        assert!(error.starts_with("3 of 112 notes cannot be used"), "{error}");
        assert!(out.join(set::EXAMPLES).is_file());
        fs::remove_dir_all(&train).unwrap();
    }
}

#[test]
fn what_is_no_set_and_what_is_there_twice_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let error = take(folder.path(), &out, &[]).unwrap_err();
    assert!(error.contains("examples.json cannot be read"), "{error}");
    fs::write(folder.path().join("examples.json"), "{\"a\": ").unwrap();
    let error = take(folder.path(), &out, &[]).unwrap_err();
    assert!(error.contains("not what NSynth's format asks for"), "{error}");

    let train = folder.path().join("train");
    let examples = published(&train);
    let orphan = set::wav(&train, "bass_acoustic_001-060-127");
    write_wav(&orphan, 16_000, 1, &[0.25; 64_000]);
    let (_, about) = take(&train, &out, &[]).unwrap();
    assert_eq!(about.counts["without usable labels"], 1);
    fs::remove_file(orphan).unwrap();

    let valid = folder.path().join("valid");
    fs::create_dir_all(valid.join("audio")).unwrap();
    let name = "bass_acoustic_000-060-127";
    write(&valid, &json!({ name: examples[name] }));
    let (taken, about) = take(&train, &out, &[&valid.display().to_string(), "--overwrite"]).unwrap();
    assert_eq!((taken.len(), about.counts["there twice"]), (112, 1));
}
