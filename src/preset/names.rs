//! Names for what is saved, so that nobody has to type: hosts may keep the keyboard to themselves.

/// Said of a sound that nobody has described yet.
const WORDS: [&str; 24] = [
    "Amber", "Birch", "Clay", "Dusk", "Ember", "Fern", "Glass", "Hazel", "Iron", "Juniper", "Kelp", "Linen", "Moss",
    "North", "Oak", "Pearl", "Quartz", "Rust", "Slate", "Tide", "Umber", "Velvet", "Willow", "Zinc",
];

/// A name that is not taken: of what the sound is said to be, else with a word before it, else with a number behind. `turn` gives
/// another one for each number.
pub fn propose(sound: &str, turn: usize, is_taken: impl Fn(&str) -> bool) -> String {
    let sound = sound.trim();
    let sound = if sound.is_empty() { "Sound" } else { sound };
    let with_word = WORDS.iter().map(|word| format!("{word} {}", lower_first(sound)));
    let with_number = (2..).map(|number| format!("{sound} {number}"));
    let mut free = std::iter::once(sound.to_owned()).chain(with_word).chain(with_number).filter(|name| !is_taken(name));
    free.nth(turn % (WORDS.len() + 1)).unwrap_or_else(|| sound.to_owned())
}

/// "Harp" as in "Glass harp", but "EP" as in "Glass EP".
fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    let first = chars.next();
    let is_word = chars.clone().next().is_some_and(char::is_lowercase);
    match first {
        Some(first) if is_word => first.to_lowercase().chain(chars).collect(),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_proposal_is_free_and_another_turn_gives_another() {
        let mut taken = vec!["Harp".to_owned()];
        for turn in 0..40 {
            let name = propose("Harp", turn, |name| taken.iter().any(|taken| taken == name));
            assert!(!taken.contains(&name));
            taken.push(name);
        }
        assert_eq!(propose("Harp", 0, |_| false), "Harp");
        assert_eq!(propose("Harp", 1, |_| false), "Amber harp");
        assert_ne!(propose("Harp", 1, |_| false), propose("Harp", 2, |_| false));
        assert_eq!(propose("  ", 0, |_| false), "Sound");
    }
}
