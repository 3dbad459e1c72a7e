//! What the command line reads, damaged in every way; see the library's `fuzz`.

use super::automation::Lane;
use super::controls::Controls;
use super::score::{Choice, Score};

#[path = "../fuzz/damage.rs"]
mod damage;

use damage::{damaged, run};

fn cases() -> Vec<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/midi");
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.push(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo.mid").into());
    paths.sort();
    paths.into_iter().map(|path| std::fs::read(path).unwrap()).collect()
}

#[test]
fn fuzz_midi_files() {
    run(damaged(cases()), 20_000, |bytes| match Score::parse(&bytes, Choice::ALL) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(score) => {
            assert!(score.events.windows(2).all(|pair| pair[0].seconds <= pair[1].seconds));
            assert!(score.events.iter().all(|event| event.seconds.is_finite() && event.seconds >= 0.0));
            assert!(score.seconds >= score.last_stroke_seconds && score.seconds.is_finite());
            let strokes = score.events.iter().filter(|event| event.is_stroke());
            assert!(strokes.clone().count() > 0 && strokes.clone().all(|event| event.part < score.programs.len()));
            let ends = score.events.iter().filter(|event| event.is_end()).count();
            assert_eq!(strokes.count(), ends, "each note ends");
        }
    });
}

#[test]
fn fuzz_automation() {
    let (_, _, editor) = timbrel::link::link();
    let controls = Controls::new(&editor.status);
    let good = [
        "seconds,value\n0,-20\n1,-20\n1,-10 # louder\n2,-10\n",
        "0,1\r\n0.5, 2 dB\r\n",
        "\u{feff}time,dB\n1e-3,0\n7,3\n",
    ];
    run(damaged(good.map(|text| text.as_bytes().to_vec()).to_vec()), 20_000, |bytes| {
        let Ok(text) = String::from_utf8(bytes) else { return };
        for id in ["gain", "seed", "mode", "attack"] {
            match Lane::parse(controls.find(id).unwrap(), &text, "lane.csv") {
                Err(error) => assert!(format!("{error:#}").contains("lane.csv")),
                Ok(mut lane) => [0.0, 0.4, 1.0, 1.0, 1e9].iter().for_each(|&time| lane.apply(time)),
            }
        }
        let settings = controls.settings();
        assert!(settings.gain.is_finite() && settings.adsr.attack.is_finite());
    });
}
