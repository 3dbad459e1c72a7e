//! Makes sets of recordings as people have them.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::run;
use hound::{SampleFormat, WavSpec, WavWriter};
use timbrel_dataset::example::Examples;
use timbrel_dataset::set::{self, About, read_json};
use timbrel_dataset::tuning::{Tone, Tuner, Tuning, key_hz};
use timbrel_dataset::wav;

/// Three seconds of a plucked tone, stereo with different sides, at a rate.
fn tone(key: f32, rate: u32) -> Vec<[f32; 2]> {
    let value = |i: u32| {
        let seconds = f64::from(i) / f64::from(rate);
        let partial = |number: f64| (f64::from(key_hz(key)) * number * seconds * std::f64::consts::TAU).sin() / number;
        let value = (0.3 * (-seconds).exp() * (1..6).map(f64::from).map(partial).sum::<f64>()) as f32;
        [value, 0.5 * value]
    };
    (0..3 * rate).map(value).collect()
}

fn write_wav(path: &Path, frames: &[[f32; 2]], sample_rate: u32, bits: u16, sample_format: SampleFormat) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let spec = WavSpec { channels: 2, sample_rate, bits_per_sample: bits, sample_format };
    let mut writer = WavWriter::create(path, spec).unwrap();
    let full = ((1u64 << (bits - 1)) - 1) as f32;
    for &sample in frames.iter().flatten() {
        match sample_format {
            SampleFormat::Float => writer.write_sample(sample).unwrap(),
            SampleFormat::Int => writer.write_sample((f64::from(sample) * f64::from(full)) as i32).unwrap(),
        }
    }
    writer.finalize().unwrap();
}

fn write_flac(path: &Path, frames: &[[f32; 2]], rate: u32, bits: usize) {
    use flacenc::component::BitRepr;
    use flacenc::error::Verify;
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let full = ((1u64 << (bits - 1)) - 1) as f32;
    let samples: Vec<i32> = frames.iter().flatten().map(|sample| (sample * full) as i32).collect();
    let config = flacenc::config::Encoder::default().into_verified().unwrap();
    let source = flacenc::source::MemSource::from_samples(&samples, 2, bits, rate as usize);
    let stream = flacenc::encode_with_fixed_block_size(&config, source, config.block_size).unwrap();
    let mut sink = flacenc::bitsink::ByteSink::new();
    stream.write(&mut sink).unwrap();
    fs::write(path, sink.as_slice()).unwrap();
}

/// Runs `folder`, and gives the notes and what is said of them.
fn made(folder: &Path, out: &Path, more: &[&str]) -> (Examples, About) {
    run(&[&["folder", folder.to_str().unwrap(), "--overwrite"], more].concat(), out).unwrap();
    (read_json(&out.join(set::EXAMPLES)).unwrap(), read_json(&out.join(set::ABOUT)).unwrap())
}

fn measured(set: &Path, note: &str, key: u8) -> Tuning {
    let wave: Vec<f32> = wav::read(&set::wav(set, note)).unwrap().iter().map(|&s| f32::from(s) / 32_768.0).collect();
    Tuner::default().measure(&wave, key, Tone::Harmonic).unwrap()
}

#[test]
fn every_usual_kind_of_file_gives_the_same_note() {
    let folder = tempfile::tempdir().unwrap();
    let (own, out) = (folder.path().join("own"), folder.path().join("set"));
    let kinds = [(8, SampleFormat::Int), (16, SampleFormat::Int), (24, SampleFormat::Int), (32, SampleFormat::Int)];
    for (index, (bits, format)) in kinds.into_iter().chain([(32, SampleFormat::Float)]).enumerate() {
        let rate = [44_100, 48_000, 22_050, 96_000, 16_000][index];
        write_wav(&own.join(format!("bass guitar/wav{index}_A#2v1{index}.WAV")), &tone(46.0, rate), rate, bits, format);
    }
    write_flac(&own.join("bass guitar/A#2v20.flac"), &tone(46.0, 44_100), 44_100, 16);
    write_flac(&own.join("bass guitar/A#2v21.flac"), &tone(46.0, 48_000), 48_000, 24);
    let (examples, about) = made(&own, &out, &["--licence", "mine"]);
    let velocities: Vec<u8> = examples.values().map(|example| example.velocity).collect();
    assert_eq!(velocities, [10, 11, 12, 13, 14, 20, 21]);
    assert_eq!((about.licence.as_str(), about.instruments["bass_acoustic_000"].as_str()), ("mine", "bass guitar"));
    let reference = wav::read(&set::wav(&out, "bass_acoustic_000-046-013")).unwrap();
    for name in examples.keys() {
        let samples = wav::read(&set::wav(&out, name)).unwrap();
        let difference = samples.iter().zip(&reference).skip(50).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        // A file of 8 bits has steps of 256; onsets lie on the samples of each rate.
        assert!(difference < 1_500, "{name}: {difference}");
        let tuning = measured(&out, name, 46);
        assert!(tuning.is_in_tune(Tone::Harmonic) && tuning.cents.abs() < 2.0, "{name}: {tuning:?}");
    }
    let loudest = reference.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
    assert!((9_000..22_000).contains(&loudest), "the mean of both sides, at its own level: {loudest}");
}

#[test]
fn a_set_of_the_full_band_keeps_what_lies_above_eight_kilohertz() {
    let folder = tempfile::tempdir().unwrap();
    let (own, out) = (folder.path().join("own"), folder.path().join("set"));
    let mut frames = tone(60.0, 48_000);
    for (i, frame) in frames.iter_mut().enumerate() {
        let high = 0.05 * (i as f32 / 48_000.0 * 15_000.0 * std::f32::consts::TAU).sin();
        *frame = frame.map(|sample| sample + high);
    }
    write_wav(&own.join("Flute_C4.wav"), &frames, 48_000, 24, SampleFormat::Int);
    let (examples, _) = made(&own, &out, &["--rate", "48000"]);
    let (name, example) = examples.iter().next().unwrap();
    assert_eq!((examples.len(), example.sample_rate), (1, 48_000));
    let mut reader = hound::WavReader::open(set::wav(&out, name)).unwrap();
    assert_eq!((reader.spec().sample_rate, reader.spec().sample_format), (48_000, SampleFormat::Float));
    let wave: Vec<f32> = reader.samples::<f32>().map(Result::unwrap).collect();
    assert_eq!(wave.len(), 192_000);
    // The amplitude of the high tone over a tenth of a second, by a single term of the Fourier transform.
    let turn = |i: usize| i as f32 / 48_000.0 * 15_000.0 * std::f32::consts::TAU;
    let [re, im] = [f32::cos, f32::sin].map(|part| (0..4_800).map(|i| wave[i] * part(turn(i))).sum::<f32>() / 2_400.0);
    assert!((0.045..0.055).contains(&re.hypot(im)), "{}", re.hypot(im));
}

#[test]
fn keys_come_from_sfz_then_name_then_sound_and_are_tuned_if_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (own, out) = (folder.path().join("Old Flute"), folder.path().join("set"));
    let write = |name: &str, key: f32| write_wav(&own.join(name), &tone(key, 44_100), 44_100, 16, SampleFormat::Int);
    write("samples/told C4.wav", 62.3);
    write("named_E4.wav", 64.0);
    write("heard.wav", 66.75);
    fs::write(own.join("old.sfz"), "<group> <region> sample=samples\\told C4.wav\npitch_keycenter=d4 hivel=90")
        .unwrap();
    let (examples, _) = made(&own, &out, &["--instrument", "Old Flute"]);
    let names: Vec<&str> = examples.keys().map(String::as_str).collect();
    let expected = ["flute_acoustic_000-062-090", "flute_acoustic_000-064-100", "flute_acoustic_000-067-100"];
    assert_eq!(names, expected);
    let cents =
        |key: u8, velocity: u8| measured(&out, &format!("flute_acoustic_000-{key:03}-{velocity:03}"), key).cents;
    for (found, expected) in [cents(62, 90), cents(64, 100), cents(67, 100)].into_iter().zip([30.0, 0.0, -25.0]) {
        assert!((found - expected).abs() <= 2.0, "{found} cents, not {expected}");
    }
    made(&own, &out, &["--instrument", "Old Flute", "--tune"]);
    for found in [cents(62, 90), cents(64, 100), cents(67, 100)] {
        assert!(found.abs() <= 2.0, "{found} cents after tuning");
    }
    let (examples, about) = made(&own, &out, &["--detect"]);
    let mut heard: Vec<u8> = examples.values().map(|example| example.pitch).collect();
    heard.sort();
    assert_eq!(heard, [62, 64, 67]);
    assert_eq!(about.instruments.len(), 2, "each folder is an instrument: {:?}", about.instruments);
}

#[test]
fn recordings_are_shifted_to_the_keys_within_reach() {
    let folder = tempfile::tempdir().unwrap();
    let (own, out) = (folder.path().join("own"), folder.path().join("set"));
    for key in [48u8, 60] {
        let path = own.join(format!("organ/{key}.wav"));
        write_wav(&path, &tone(f32::from(key), 44_100), 44_100, 16, SampleFormat::Int);
    }
    let (examples, _) = made(&own, &out, &["--fill", "--reach", "4", "--keys", "45", "84"]);
    let keys: Vec<u8> = examples.values().map(|example| example.pitch).collect();
    assert!(keys.iter().copied().eq((45..=52).chain(56..=64)), "{keys:?}");
    for (name, example) in &examples {
        let tuning = measured(&out, name, example.pitch);
        assert!(tuning.is_in_tune(Tone::Harmonic) && tuning.cents.abs() <= 1.0, "{name}: {tuning:?}");
    }
    let (examples, about) = made(&own, &out, &["--keys", "50", "84"]);
    assert_eq!((examples.len(), about.counts["beyond the keys asked for"]), (1, 1));
}

#[test]
fn what_cannot_be_used_is_named_and_the_rest_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (own, out) = (folder.path().join("own"), folder.path().join("set"));
    let wav = |name: &str, frames: &[[f32; 2]]| write_wav(&own.join(name), frames, 48_000, 32, SampleFormat::Float);
    let good = tone(60.0, 48_000);
    wav("C4.wav", &good);
    wav("again C4.wav", &good);
    wav("D4 silent.wav", &[[0.0; 2]; 9_000]);
    wav("E4 short.wav", &good[..1_000]);
    let mut broken = good.clone();
    broken[500][1] = f32::NAN;
    wav("F4 nan.wav", &broken);
    wav("G4 cut.wav", &good);
    fs::File::options().write(true).open(own.join("G4 cut.wav")).unwrap().set_len(50_000).unwrap();
    fs::write(own.join("A4.flac"), "fLaC, no more").unwrap();
    fs::write(own.join("B4.mp3"), "").unwrap();
    fs::write(own.join("own.sfz"), "<region> sample=gone.wav key=40 <region> sample=*sine").unwrap();
    let error = run(&["folder", own.to_str().unwrap()], &out).unwrap_err().to_string();
    assert!(error.starts_with("No set was made, since 7 of 8 recordings would be left out (5 that cannot"), "{error}");
    assert!(!out.exists(), "nothing is made of a folder that was understood wrongly");
    let (examples, about) = made(&own, &out, &["--take-few"]);
    assert_eq!(examples.len(), 1);
    let why = |file: &str| about.others["files"][file]["left_out"].as_str().unwrap_or_default().to_string();
    assert_eq!(why("D4 silent.wav"), "it is silent");
    assert_eq!(why("G4 cut.wav"), "it is cut: 6241 of its 144000 samples are there");
    assert_eq!(why("F4 nan.wav"), "it holds what is no number (sample 500): export it again");
    assert_eq!(why("B4.mp3"), "convert it to WAV or FLAC");
    assert!(why("again C4.wav").contains("name its velocity"), "{}", why("again C4.wav"));
    assert_eq!((why("C4.wav").as_str(), about.others["files"]["C4.wav"]["key"].as_u64()), ("", Some(60)));
    let count = |what: &str| about.counts[what];
    assert_eq!(count("that cannot be used"), 5, "{:?}", about.counts);
    assert_eq!(count("of a key and velocity that another recording has"), 1);
    assert_eq!(count("of a kind that cannot be read"), 1);
    assert_eq!(count("named by an SFZ file but missing"), 1);

    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let run_on = |folder: &PathBuf| run(&["folder", folder.to_str().unwrap()], &out.with_file_name("none"));
    assert!(run_on(&empty).unwrap_err().to_string().starts_with("No note is left"));
    assert!(run_on(&folder.path().join("nowhere")).unwrap_err().to_string().contains("name a folder of recordings"));
}

#[test]
fn keys_of_real_instruments_are_heard() {
    let folder = tempfile::tempdir().unwrap();
    let [rendered, own, out] = ["rendered", "own", "set"].map(|name| folder.path().join(name));
    let presets = "violin,trumpet,bassoon,steel-string,vibraphone,pan flute,harp,grand piano";
    let keys = ["--keys", "55", "58", "--velocities", "100"];
    run(&[&["render", "--presets", presets], &keys[..]].concat(), &rendered).unwrap();
    let notes: Examples = read_json(&rendered.join(set::EXAMPLES)).unwrap();
    // Names that tell nothing, and a folder for each note.
    for (index, name) in notes.keys().enumerate() {
        let path = own.join(format!("{index:03}")).join("take.wav");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(set::wav(&rendered, name), path).unwrap();
    }
    let (heard, about) = made(&own, &out, &[]);
    let right = heard.values().filter(|example| {
        let index: usize = about.instruments[&example.instrument_str].parse().unwrap();
        notes.values().nth(index).is_some_and(|note| note.pitch == example.pitch)
    });
    let (right, all) = (right.count(), notes.len());
    assert!(all > 25 && right * 100 >= all * 97, "{right} of {all}");
}
