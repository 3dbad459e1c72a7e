//! How hard each recording was played: as an SFZ file tells, or by the layers that the names tell apart.

use std::collections::{BTreeMap, BTreeSet};

use super::Found;
use super::left::Words;
use super::name::Marks;

/// The velocity where nothing tells one.
const VELOCITY: u8 = 100;

/// Numbers up to here may count layers or takes.
const MOST_LAYERS: u16 = 32;

/// A layer that is softer by so much than one that was played softer is none, in dB.
const SOFTER_DB: f32 = 3.0;

/// Gives each recording its velocity, instrument by instrument: what a number means is told by all of them together. Says
/// where what was taken for layers does not grow louder.
pub fn layers(found: &mut [Found], words: &mut Words) {
    let mut instruments: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, one) in found.iter().enumerate() {
        instruments.entry(one.instrument.clone()).or_default().push(index);
    }
    for (name, members) in instruments {
        let velocities = velocities(&members.iter().map(|&index| found[index].marks).collect::<Vec<_>>());
        for (&index, velocity) in members.iter().zip(velocities) {
            let one = &mut found[index];
            one.velocity = one.told_velocity.or(velocity).unwrap_or(VELOCITY);
        }
        if let Some((low, high, decibels)) = falling(members.iter().map(|&index| &found[index])) {
            words.doubts.push(format!(
                "{name}: what was taken for the layer v{high} is {decibels:.0} dB softer than v{low}; where the numbers are \
                 takes, name them so (rr1)."
            ));
        }
    }
}

/// The lowest and the highest velocity, where the higher one is softer, and by how many dB, over the keys that have both.
#[expect(clippy::needless_pass_by_value, reason = "an iterator is passed as iterators are")]
fn falling<'a>(found: impl Iterator<Item = &'a Found> + Clone) -> Option<(u8, u8, f32)> {
    let velocities = || found.clone().map(|one| one.velocity);
    let (low, high) = (velocities().min()?, velocities().max()?);
    let levels = |velocity: u8| -> BTreeMap<u8, f32> {
        found.clone().filter(|one| one.velocity == velocity).map(|one| (one.key, one.level_db)).collect()
    };
    let soft = levels(low);
    let falls: Vec<f32> = levels(high).iter().filter_map(|(key, loud)| Some(soft.get(key)? - loud)).collect();
    let mean = falls.iter().sum::<f32>() / falls.len() as f32;
    // Where no key has both, the mean is no number, and not above.
    (mean > SOFTER_DB).then_some((low, high, mean))
}

/// What the marks of an instrument's recordings mean.
///
/// Numbers behind `v` are velocities (`v25`, `v100`) unless they count from below 10 to no more than 32: then they are layers
/// from the softest on, as `v1` to `v16`. Numbers behind a pitch are velocities where one is beyond 32, else takes.
fn velocities(marks: &[Marks]) -> Vec<Option<u8>> {
    let layers: BTreeSet<u16> = marks.iter().filter_map(|marks| marks.layer).collect();
    let behind: BTreeSet<u16> = marks.iter().filter_map(|marks| marks.behind).collect();
    let are_counted =
        layers.first().is_some_and(|&first| first < 10) && layers.last().is_some_and(|&l| l <= MOST_LAYERS);
    let behind_is_velocity =
        behind.len() > 1 && behind.last().is_some_and(|last| (MOST_LAYERS + 1..=127).contains(last));
    let velocity = |number: u16| u8::try_from(number).ok().filter(|velocity| (1..=127).contains(velocity));
    let told = |marks: &Marks| {
        let layer = marks.layer.filter(|_| !are_counted).and_then(velocity);
        let behind = marks.behind.filter(|_| behind_is_velocity).and_then(velocity);
        marks.velocity.or(layer).or(behind)
    };
    // From the softest on, a dynamic before a layer's number.
    let place = |marks: &Marks| (marks.dynamic, marks.layer.filter(|_| are_counted));
    let places: BTreeSet<_> = marks.iter().map(place).filter(|place| *place != (None, None)).collect();
    let counted = |marks: &Marks| {
        let below = places.iter().position(|other| *other == place(marks)).filter(|_| places.len() > 1)?;
        // The upper ends of layers that divide all velocities evenly.
        Some((128 * (below + 1) / places.len() - 1).clamp(1, 127) as u8)
    };
    marks.iter().map(|marks| told(marks).or_else(|| counted(marks))).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::name::{MIDDLE_C, Name};
    use super::*;

    #[test]
    fn layers_that_do_not_grow_louder_are_named() {
        let one = |file: &str, level_db: f32| Found {
            level_db,
            ..Found::named(Path::new(file), "Harp", Name::read(file, MIDDLE_C))
        };
        let said = |levels: [f32; 4]| {
            let mut found: Vec<Found> = ["C4v1", "C4v2", "D4v1", "D4v2"]
                .into_iter()
                .zip(levels)
                .map(|(file, level)| one(file, level))
                .collect();
            let mut words = Words::default();
            layers(&mut found, &mut words);
            assert_eq!(found.iter().map(|one| one.velocity).collect::<Vec<_>>(), [63, 127, 63, 127]);
            words.doubts
        };
        assert!(said([-30.0, -20.0, -30.0, -20.0]).is_empty() && said([-30.0, -31.0, -30.0, -32.0]).is_empty());
        let falling = said([-20.0, -30.0, -20.0, -26.0]);
        assert!(
            falling[0].starts_with("Harp: what was taken for the layer v127 is 8 dB softer than v63"),
            "{falling:?}"
        );
    }

    fn check(names: &[&str], expected: &[u8]) {
        let marks: Vec<Marks> = names.iter().map(|name| Name::read(name, MIDDLE_C).marks).collect();
        let found: Vec<u8> = velocities(&marks).into_iter().map(|velocity| velocity.unwrap_or(VELOCITY)).collect();
        assert_eq!(found, expected, "{names:?}");
    }

    #[test]
    fn numbers_are_layers_or_velocities_as_the_whole_instrument_tells() {
        let sixteen: Vec<String> = (1..=16).map(|layer| format!("C4v{layer}")).collect();
        let expected: Vec<u8> = (1..=16).map(|layer| layer * 8 - 1).collect();
        check(&sixteen.iter().map(String::as_str).collect::<Vec<_>>(), &expected);
        check(&["C4v1", "D4v1", "D4v2", "E4v4"], &[41, 41, 84, 127]);
        check(&["C4 v01", "C4 v02"], &[63, 127]);
        check(&["C4v25", "C4v75", "C4_vel127"], &[25, 75, 127]);
        check(&["C4v5", "C4v64"], &[5, 64]);
        check(&["C4v10", "C4v11"], &[10, 11]);
        check(&["C4v2", "D4v2"], &[100, 100]);
        check(&["C4-040", "C4-110"], &[40, 110]);
        check(&["C4_1", "C4_2"], &[100, 100]);
        check(&["C4 pp", "C4 mf", "C4 ff", "D4"], &[41, 84, 127, 100]);
        check(&["C4 soft", "D4 soft"], &[100, 100]);
        check(&["C4v200", "C4v0", "C4v999"], &[100, 100, 100]);
        check(&["bass-060-025", "bass-060-127"], &[25, 127]);
    }
}
