//! Packs a set, and brings it back.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::run;
use timbrel_dataset::example::{self, Example, Examples, Family, Instrument, Source};
use timbrel_dataset::set::{self, About, SetWriter, read_json};
use timbrel_dataset::split::Split;
use timbrel_dataset::wav;

/// A set of noisy notes that a part of one MiB holds a few of.
fn made(folder: &Path) -> PathBuf {
    let set = folder.join("set");
    let writer = SetWriter::new(&set, false).unwrap();
    let instrument = Instrument { id: 3, family: Family::Organ, source: Source::Acoustic, number: 1 };
    let mut examples = Examples::new();
    let mut state = 7u32;
    for pitch in 40..60 {
        for velocity in [25, 127] {
            let mut noise = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 16) as i16 / 4
            };
            let example = Example::new(&instrument, pitch, velocity);
            let samples: Vec<i16> = (0..64_000).map(|_| noise()).collect();
            wav::write(&writer.wav(&example.note_str), &samples).unwrap();
            examples.insert(example.note_str.clone(), example);
        }
    }
    example::number(&mut examples);
    let about = About { name: "noise".into(), gains: [("noise".into(), 3.175_899)].into(), ..About::default() };
    writer.finish(&examples, &about, 5).unwrap();
    set
}

/// Every file of a folder with its bytes, by path.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(contents(&path));
        } else {
            let name = path.strip_prefix(folder.ancestors().nth(1).unwrap()).unwrap();
            files.push((name.iter().skip(1).collect(), fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_set_comes_back_bit_for_bit_from_small_parts() {
    let folder = tempfile::tempdir().unwrap();
    let set = made(folder.path());
    let [packed, back] = ["packed", "back"].map(|name| folder.path().join(name));
    run(&["pack", text(&set), "--part-mib", "1"], &packed).unwrap();
    let parts: Vec<u64> = fs::read_dir(&packed).unwrap().map(|part| part.unwrap().metadata().unwrap().len()).collect();
    assert!(parts.len() > 3 && parts.iter().all(|&bytes| bytes <= 1 << 20), "{parts:?}");
    run(&["unpack", text(&packed)], &back).unwrap();
    assert!(contents(&set) == contents(&back), "all files are the same");
    assert_eq!(contents(&set).len(), 43);
}

#[test]
fn a_thinned_pack_keeps_each_note_on_its_side_of_the_split() {
    let folder = tempfile::tempdir().unwrap();
    let set = made(folder.path());
    let [packed, back] = ["packed", "back"].map(|name| folder.path().join(name));
    run(&["pack", text(&set), "--every-nth-pitch", "4", "--velocities", "127"], &packed).unwrap();
    run(&["unpack", text(&packed)], &back).unwrap();
    let examples: Examples = read_json(&back.join(set::EXAMPLES)).unwrap();
    let notes: Vec<(u8, u8)> = examples.values().map(|example| (example.pitch, example.velocity)).collect();
    assert_eq!(notes, [(40, 127), (44, 127), (48, 127), (52, 127), (56, 127)]);
    let [whole, thin]: [Split; 2] = [&set, &back].map(|folder| read_json(&folder.join(set::SPLIT)).unwrap());
    assert_eq!(thin.train.len() + thin.test.len(), 5);
    assert!(thin.train.iter().all(|name| whole.train.contains(name)));
    let error = run(&["pack", text(&set), "--velocities", "3"], &folder.path().join("none")).unwrap_err().to_string();
    assert!(error.starts_with("No note of"), "{error}");
}

#[test]
fn a_missing_or_damaged_part_is_named_and_no_set_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let set = made(folder.path());
    let [packed, back] = ["packed", "back"].map(|name| folder.path().join(name));
    run(&["pack", text(&set), "--part-mib", "1"], &packed).unwrap();
    let part = packed.join("part-001.tar");
    let whole = fs::read(&part).unwrap();
    let check = |sentence: &str| {
        let error = format!("{:#}", run(&["unpack", text(&packed)], &back).unwrap_err());
        assert!(error.contains(sentence), "{error}");
        assert!(!back.exists());
    };
    let mut damaged = whole.clone();
    damaged[100_000] ^= 1;
    fs::write(&part, damaged).unwrap();
    check("part-001.tar is damaged");
    fs::write(&part, &whole[..1_000]).unwrap();
    check("part-001.tar has 1000 bytes where");
    fs::remove_file(&part).unwrap();
    check("part-001.tar is missing");
    fs::write(packed.join("pack.json"), r#"{"format": 9, "notes": 0, "parts": []}"#).unwrap();
    check("format 9");
    fs::remove_file(packed.join("pack.json")).unwrap();
    check("is no pack");
    fs::remove_file(set::wav(&set, "organ_acoustic_001-050-127")).unwrap();
    let error = run(&["pack", text(&set), "--overwrite"], &folder.path().join("other")).unwrap_err().to_string();
    assert!(error.contains("organ_acoustic_001-050-127.wav is missing"), "{error}");
}
