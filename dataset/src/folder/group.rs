//! Which instrument each recording is of: its folder's, unless the names in a folder say that there are several.

use std::collections::{BTreeMap, BTreeSet};

use clap::ValueEnum;

use super::Found;
use super::label::Label;

/// What makes an instrument.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, ValueEnum)]
pub enum By {
    /// A folder; where the names in it tell several instruments apart, each of these.
    #[default]
    Auto,
    /// A folder, whatever the names in it say.
    Folders,
    /// What a name says besides pitch, layer and take.
    Names,
}

/// Of so many recordings one may be there twice, before the names in a folder are taken for instruments.
const ONE_IN: usize = 3;

/// What of a name is looked at, in this order.
const PARTS: [fn(&Label) -> String; 3] = [Label::short, Label::folders, Label::full];

/// Renames the instrument of each recording whose name says which it is.
pub fn group(found: &mut [Found], by: By, folder: &str) {
    if by == By::Folders {
        return;
    }
    let mut instruments: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (index, one) in found.iter().enumerate() {
        instruments.entry(one.instrument.clone()).or_default().push(index);
    }
    for (instrument, members) in instruments {
        // What lies in the folder itself has no name but its own.
        let above = if instrument == folder { String::new() } else { instrument };
        split(found, &members, &above, 0, by);
    }
}

fn split(found: &mut [Found], members: &[usize], above: &str, part: usize, by: By) {
    let Some(of) = PARTS.get(part) else { return };
    let mut parts: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for &index in members {
        parts.entry(of(&found[index].label).to_lowercase()).or_default().push(index);
    }
    let is_by_name = part == 0 && (by == By::Names || are_names(&parts));
    if parts.len() > 1 && (is_by_name || tells_twins_apart(found, members, &parts, part)) {
        for members in parts.values() {
            let name = joined(above, &of(&found[members[0]].label));
            if !name.is_empty() {
                members.iter().for_each(|&index| found[index].instrument.clone_from(&name));
            }
            split(found, members, &name, part + 1, by);
        }
    } else {
        split(found, members, above, part + 1, by);
    }
}

/// Whether most files have a name that others have as well, and there are several such names.
fn are_names(parts: &BTreeMap<String, Vec<usize>>) -> bool {
    let shared = parts.iter().filter(|(name, members)| !name.is_empty() && members.len() > 1);
    let sizes: Vec<usize> = shared.map(|(_, members)| members.len()).collect();
    let all: usize = parts.values().map(Vec::len).sum();
    sizes.len() > 1 && sizes.iter().sum::<usize>() * 2 >= all
}

/// Whether many recordings would be there twice if all were of one instrument, and few if each part was another one.
fn tells_twins_apart(found: &[Found], members: &[usize], parts: &BTreeMap<String, Vec<usize>>, part: usize) -> bool {
    let twins = |members: &[usize]| {
        let places: BTreeSet<_> = members.iter().map(|&index| found[index].place()).collect();
        members.len() - places.len()
    };
    let (together, apart) = (twins(members), parts.values().map(|members| twins(members)).sum::<usize>());
    // `C4` and `again C4` are two takes, and so are `1 C4` and `2 C4`: an instrument has a name in letters.
    let are_named = match part {
        0 => together > 1 || !parts.contains_key(""),
        _ => parts.keys().all(|name| name.chars().any(char::is_alphabetic)),
    };
    are_named && together * ONE_IN >= members.len() && apart * 2 < together
}

/// A name below another one, which it may begin with already.
fn joined(above: &str, name: &str) -> String {
    let (above_lower, lower) = (above.to_lowercase(), name.to_lowercase());
    if above.is_empty() || lower.starts_with(&above_lower) {
        name.to_string()
    } else if name.is_empty() || above_lower.ends_with(&lower) {
        above.to_string()
    } else {
        format!("{above} {name}")
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::name::{MIDDLE_C, Name};
    use super::*;

    /// The instruments of files of one folder, by their names.
    fn grouped(files: &[&str], folder: &str, by: By) -> Vec<String> {
        let mut found: Vec<Found> = files
            .iter()
            .map(|file| {
                let name = Name::read(file, MIDDLE_C);
                Found::named(Path::new(file), folder, name)
            })
            .collect();
        group(&mut found, by, "own");
        found.into_iter().map(|one| one.instrument).collect()
    }

    #[test]
    fn names_are_instruments_where_they_tell_some_apart() {
        let auto =
            |files: &[&str], expected: &[&str]| assert_eq!(grouped(files, "own", By::Auto), expected, "{files:?}");
        // Several names, each of several files.
        auto(&["Flute C5", "flute D5", "Cello_C2", "Cello_D2"], &["Flute", "Flute", "Cello", "Cello"]);
        // One name, or none.
        auto(&["Flute C5", "Flute D5"], &["own"; 2]);
        auto(&["01 C4", "02 C#4", "03 D4"], &["own"; 3]);
        auto(&["C4 soft", "C4 loud", "D4 soft", "D4 loud"], &["own"; 4]);
        auto(&["wav0_A2v10", "wav1_A2v11", "A2v12"], &["own"; 3]);
        // Each file another name, all of one key: a producer's one-shots.
        auto(&["Warm Pad C3", "Pluck C3", "Bell C3", "Bass C3"], &["Warm Pad", "Pluck", "Bell", "Bass"]);
        // Words of one's own, as long as nothing is there twice.
        auto(&["told C4", "named E4", "heard G4"], &["own"; 3]);
        auto(&["C4", "again C4"], &["own"; 2]);
        // Numbers are names where they tell twins apart, beside letters.
        auto(&["Synth1 C4", "Synth2 C4", "Synth1 D4", "Synth2 D4"], &["Synth1", "Synth2", "Synth1", "Synth2"]);
        auto(&["1 C4", "2 C4", "1 D4", "2 D4"], &["own"; 4]);
        auto(&["Bass C4 rr1", "Bass C4 rr2", "Bass C4 rr3"], &["own"; 3]);
        assert_eq!(grouped(&["told C4", "named E4"], "own", By::Names), ["told", "named"]);
        assert_eq!(grouped(&["Flute C5", "Flute D5", "Cello C5", "Cello D5"], "own", By::Folders), ["own"; 4]);
        let within = grouped(&["Arco C5", "Arco D5", "Pizz C5", "Violin Pizz D5"], "Violin", By::Names);
        assert_eq!(within, ["Violin Arco", "Violin Arco", "Violin Pizz", "Violin Pizz"]);
    }

    #[test]
    fn folders_below_a_folder_tell_twins_apart() {
        let one = |folder: &str, file: &str| {
            Found::named(Path::new(file), "Piano", Name::read(file, MIDDLE_C).within(Name::read(folder, MIDDLE_C)))
        };
        let instruments = |folders: [&str; 2], files: [&str; 2]| {
            let mut found: Vec<Found> =
                folders.iter().flat_map(|folder| files.iter().map(|file| one(folder, file))).collect();
            group(&mut found, By::Auto, "own");
            found.into_iter().map(|one| one.instrument).collect::<Vec<_>>()
        };
        let apart = ["Piano close", "Piano close", "Piano room", "Piano room"];
        assert_eq!(instruments(["close", "room"], ["C4", "D4"]), apart);
        assert_eq!(instruments(["soft", "loud"], ["C4", "D4"]), ["Piano"; 4]);
    }
}
