//! Which timbre stands for an instrument of General MIDI.
//!
//! A model's manifest may name a latent for each program that it knows. Where it names none, its named sounds are matched with
//! General MIDI's instruments by name. An instrument that a model does not know is played by the nearest relative that it knows.

use timbrel::latent::known::Latent;
pub use timbrel::model::GENERAL_MIDI as NAMES;
use timbrel::model::{Manifest, Model};
use timbrel::note::{Base, Timbre};

/// The former default model names a dozen sounds only, but was trained on these instruments: program and the seed in
/// which it has the greatest share, of all seeds, when played at velocity 100.
const CLASSIC_MODEL: &str = "de78dad1ea2af350fa9ba0ab1f7bdd62bfb3c6c37f27bb61baaccea405be492c";
#[rustfmt::skip]
const CLASSIC_SEEDS: &[(u8, u32)] = &[
    (0, 4049), (3, 9401), (6, 933), (8, 5723), (9, 9511), (10, 6088), (11, 2605), (12, 3717), (13, 5466), (15, 8743),
    (19, 2290), (20, 4978), (21, 9806), (22, 213), (23, 9362), (24, 5627), (25, 5009), (32, 7359), (40, 4244),
    (41, 169), (42, 33), (43, 8905), (45, 3733), (46, 3295), (47, 2329), (48, 6551), (49, 4263), (52, 7206),
    (53, 3959), (56, 3966), (57, 3942), (58, 1734), (59, 9680), (60, 9449), (61, 7734), (64, 4231), (65, 7186),
    (66, 3593), (67, 9361), (68, 9990), (69, 2759), (70, 1634), (71, 8575), (72, 4634), (73, 5449), (74, 2093),
    (75, 1643), (76, 6599), (77, 2336), (79, 5387), (104, 143), (105, 7324), (106, 1208), (107, 5869), (108, 1023),
    (109, 1984), (111, 371), (114, 4793),
];

/// What stands for a program that a model does not know, in the order of likeness, where that is not one beside it in its group
/// of eight.
const STAND_INS: &[(u8, &[u8])] = &[
    (1, &[0, 3]),
    (2, &[0, 3]),
    (14, &[9, 11, 8]),
    (31, &[46, 107]),
    (38, &[32, 43]),
    (39, &[32, 43]),
    (44, &[48, 49, 40]),
    (50, &[49, 48]),
    (51, &[49, 48]),
    (54, &[52, 53]),
    (55, &[61, 48]),
    (62, &[61, 56]),
    (63, &[61, 60]),
    (78, &[72, 74, 75]),
    // Leads: reeds and winds.
    (80, &[71, 79, 73]),
    (81, &[61, 56, 48]),
    (82, &[75, 79, 73]),
    (83, &[75, 77, 73]),
    (84, &[25, 24, 106]),
    (85, &[53, 52]),
    (86, &[61, 48]),
    (87, &[32, 61]),
    // Pads: strings, choirs and bells.
    (88, &[49, 11, 48]),
    (89, &[49, 48]),
    (90, &[48, 49]),
    (91, &[52, 53]),
    (92, &[49, 43, 48]),
    (93, &[11, 9, 49]),
    (94, &[53, 52, 49]),
    (95, &[49, 48]),
    // Effects.
    (96, &[10, 108, 11]),
    (97, &[49, 48]),
    (98, &[9, 8, 10]),
    (99, &[24, 46]),
    (100, &[8, 11]),
    (101, &[52, 53]),
    (102, &[75, 49]),
    (103, &[49, 75]),
    (110, &[40, 41]),
    (112, &[9, 8]),
    (113, &[108, 12]),
    (115, &[13, 12]),
    (116, &[47]),
    (117, &[47]),
    (118, &[47]),
    (119, &[77, 75]),
    (120, &[24, 25]),
    (121, &[77, 75]),
];

/// What stands for a program.
#[derive(Clone)]
pub enum Source {
    Seed(u32),
    /// Held here, so that it stays known.
    Latent(Latent),
}

impl Source {
    /// Puts it in the place of what a timbre starts from.
    pub fn put(&self, timbre: &mut Timbre) {
        (timbre.seed, timbre.seed_to, timbre.blend) = (0, 0, 0);
        match self {
            Self::Seed(seed) => (timbre.base, timbre.seed, timbre.seed_to) = (Base::Seeds, *seed, *seed),
            Self::Latent(latent) => timbre.base = Base::Point(latent.hash()),
        }
    }
}

/// The instruments that a model knows.
pub struct Programs {
    known: Vec<(u8, Source)>,
}

impl Programs {
    pub fn of(model: &Model) -> Self {
        let manifest = &model.manifest;
        let known = if model.sha256.eq_ignore_ascii_case(CLASSIC_MODEL) {
            CLASSIC_SEEDS.iter().map(|&(program, seed)| (program, Source::Seed(seed))).collect()
        } else if manifest.programs.is_empty() {
            named_sounds(manifest)
        } else {
            manifest.programs.iter().map(|known| (known.program, Source::Latent(Latent::keep(&known.vector)))).collect()
        };
        Self { known }
    }

    /// Whether the model knows any instrument.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// What stands for a program, and the program that it really is.
    pub fn nearest(&self, program: u8) -> Option<(u8, &Source)> {
        let program = program.min(127);
        let of = |sought: u8| self.known.iter().find(|(known, _)| *known == sought);
        let stand_ins = STAND_INS.iter().filter(|(sought, _)| *sought == program).flat_map(|(_, stand_ins)| *stand_ins);
        let in_group = self.known.iter().filter(|(known, _)| known / 8 == program / 8);
        let distance = |(known, _): &&(u8, Source)| known.abs_diff(program);
        let found = of(program)
            .or_else(|| stand_ins.copied().find_map(of))
            .or_else(|| in_group.min_by_key(distance))
            .or_else(|| self.known.iter().min_by_key(distance));
        found.map(|(known, sound)| (*known, sound))
    }
}

/// The programs that a model's named latents have a word in common with, the first of a name for each.
fn named_sounds(manifest: &Manifest) -> Vec<(u8, Source)> {
    let mut known: Vec<(u8, Source)> = Vec::new();
    for latent in &manifest.latents {
        let program = (0..128u8).map(|program| (program, likeness(&latent.name, NAMES[usize::from(program)])));
        // Of equals the first, which is the plainest of its group.
        let best = program.fold((0, 0), |best, next| if next.1 > best.1 { next } else { best });
        if best.1 > 0 && known.iter().all(|(program, _)| *program != best.0) {
            known.push((best.0, Source::Latent(Latent::keep(&latent.vector))));
        }
    }
    known
}

/// How many words two names have in common.
fn likeness(name: &str, other: &str) -> usize {
    let words = |name: &str| -> Vec<String> {
        let words = name.split(|c: char| !c.is_alphabetic()).filter(|word| word.len() > 2);
        let singular = |word: &str| word.to_lowercase().trim_end_matches('s').to_owned();
        words.map(singular).filter(|word| word != "near" && word != "and").collect()
    };
    let others = words(other);
    words(name).iter().filter(|word| others.contains(word)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classic_model() -> Model {
        Model::read(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/classic.onnx"))).unwrap()
    }

    #[test]
    fn the_classic_model_knows_its_instruments_and_a_relative_of_every_other() {
        let programs = Programs::of(&classic_model());
        assert_eq!(
            programs.nearest(40).map(|found| found.0),
            Some(40),
            "the model is the one that the table was made for"
        );
        for (program, relative) in [(1, 0), (110, 40), (29, 25), (80, 71), (89, 49), (127, 114), (35, 32)] {
            assert_eq!(
                programs.nearest(program).map(|found| found.0),
                Some(relative),
                "{}",
                NAMES[usize::from(program)]
            );
        }
        let is_seed = |sound: &Source| matches!(sound, Source::Seed(seed) if *seed <= timbrel::params::SEED_MAX as u32);
        assert!((0..128).all(|program| programs.nearest(program).is_some_and(|(_, sound)| is_seed(sound))));
    }

    #[test]
    fn a_model_that_names_programs_plays_them_by_its_own_latents() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/default.onnx");
        let model = Model::read(std::path::Path::new(path)).unwrap();
        let programs = Programs::of(&model);
        let known = &model.manifest.programs[3];
        let Some((program, Source::Latent(latent))) = programs.nearest(known.program) else {
            panic!("it has no latent")
        };
        assert_eq!((program, latent.numbers()), (known.program, &known.vector[..]));
        let mut timbre = Timbre { seed: 3, seed_to: 4, blend: 5, character: 120, ..Timbre::default() };
        programs.nearest(known.program).unwrap().1.put(&mut timbre);
        assert_eq!(timbre, Timbre { base: Base::Point(latent.hash()), character: 120, ..Timbre::default() });
        assert_eq!(programs.nearest(110).map(|found| found.0), Some(40), "a fiddle is a violin");
    }

    #[test]
    fn named_sounds_are_matched_by_their_words() {
        let manifest = classic_model().manifest;
        let known: Vec<u8> = named_sounds(&manifest).iter().map(|known| known.0).collect();
        for program in [60, 58, 71, 104, 0, 69, 106] {
            assert!(known.contains(&program), "{} in {known:?}", NAMES[usize::from(program)]);
        }
    }
}
