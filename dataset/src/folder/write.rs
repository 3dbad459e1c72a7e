//! The notes of the set: which keys each recording plays, and their files.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use rayon::prelude::*;
use timbrel::spectral::SAMPLE_RATE;

use super::{Found, Left, Options, Reason, audio, fill, keys, listen, pitch, shape};
use crate::example::{Example, Examples, Instrument};
use crate::full_band;
use crate::progress;
use crate::set::SetWriter;
use crate::tuning::Tuner;
use crate::wav;

/// A recording and the keys that it plays.
pub type Planned = (Found, Vec<u8>);

/// The keys that each recording plays; those beyond the keys that are asked for play none, and are left out.
pub fn plan(found: Vec<Found>, options: &Options, left: &mut Vec<Left>) -> Vec<Planned> {
    let range = options.keys[0]..=options.keys[1];
    let mut layers: BTreeMap<(String, u8), Vec<Found>> = BTreeMap::new();
    for one in found {
        layers.entry((one.instrument.clone(), one.velocity)).or_default().push(one);
    }
    let layers: Vec<Vec<Found>> = layers.into_values().collect();
    let recorded: Vec<Vec<u8>> = layers.iter().map(|layer| layer.iter().map(|one| one.key).collect()).collect();
    let filled = match (options.fill, options.reach) {
        (true, None) => fill::all(&recorded, range, fill::REACH),
        (is_filled, reach) => {
            let reach = reach.filter(|_| is_filled).unwrap_or(0);
            recorded.iter().map(|recorded| fill::nearest(recorded, range.clone(), reach)).collect()
        }
    };
    let mut plan = Vec::new();
    for (layer, nearest) in layers.into_iter().zip(filled) {
        for one in layer {
            let own: Vec<u8> = nearest.iter().filter(|(_, from)| **from == one.key).map(|(key, _)| *key).collect();
            if own.is_empty() {
                let key = keys::named(one.key, options);
                let sentence = format!("its key is {key}: widen --keys to take it");
                left.push(Left::of(&one, Reason::OutOfRange, sentence));
            } else {
                plan.push((one, own));
            }
        }
    }
    plan
}

/// Writes the notes, shifted ones among them if asked.
pub fn write(
    plan: &[Planned],
    instruments: &BTreeMap<String, Instrument>,
    options: &Options,
    writer: &SetWriter,
) -> Result<Examples> {
    let progress = progress::bar("Writing", plan.iter().map(|(_, keys)| keys.len()).sum());
    let write = |(one, keys): &Planned| -> Result<Vec<Example>> {
        let recording = audio::read(&one.path).with_context(|| format!("{} has changed", one.path.display()))?;
        let sound = listen::sound(&recording)?;
        let cents = if options.tune {
            let wave = shape::note(sound, recording.rate, SAMPLE_RATE, 0.0);
            pitch::distance(&wave, one.key, &mut Tuner::default()).unwrap_or(0.0)
        } else {
            0.0
        };
        let write = |&key: &u8| {
            let semitones = f32::from(key) - f32::from(one.key) - cents / 100.0;
            let rate = options.rate;
            let example = Example::new(&instruments[&one.instrument], key, one.velocity);
            let example = Example { sample_rate: rate, ..example };
            let wave = shape::note(sound, recording.rate, rate, semitones);
            // Float recordings may go beyond full scale.
            let loudest = wave.iter().fold(1.0f32, |loudest, sample| loudest.max(sample.abs()));
            let path = writer.wav(&example.note_str);
            if rate == SAMPLE_RATE {
                let samples: Vec<i16> = wave.iter().map(|sample| wav::to_i16(sample / loudest)).collect();
                wav::write(&path, &samples)?;
            } else {
                full_band::write(&path, rate, wave.iter().map(|sample| sample / loudest))?;
            }
            progress.inc(1);
            Ok(example)
        };
        keys.iter().map(write).collect()
    };
    let examples: Vec<Vec<Example>> = plan.par_iter().map(write).collect::<Result<_>>()?;
    Ok(examples.into_iter().flatten().map(|example| (example.note_str.clone(), example)).collect())
}
