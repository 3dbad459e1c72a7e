//! What the factory bank is made of: sounds that the default model names, ways between them, and what is done to them. Their
//! loudness is measured, and their likeness; what came out too like another, or otherwise than its name says, was left out here.

/// Where a timbre comes from.
#[derive(Clone, Copy)]
pub enum Source {
    /// A sound that the model names, or has for the instrument of this name in General MIDI.
    Named(&'static str),
    /// A place among four sounds, in percent from the left and from the top.
    Pad([&'static str; 4], u8, u8),
    /// A share of the way from one to another, in percent.
    Between(&'static str, &'static str, u8),
}

/// How a note begins, goes on and ends.
#[derive(Clone, Copy)]
pub enum Course {
    /// As it was generated; a key that is let go of damps it.
    Struck,
    /// As it was generated, and rings on when let go of.
    Rings,
    /// Sounds for as long as the key is held.
    Held,
    /// As that, and comes and goes softly.
    Soft,
    /// Comes and goes slowly.
    Slow,
    /// Is short, however long the key is held.
    Short,
}

impl Course {
    /// Parameters as texts.
    pub fn settings(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Struck => &[("mode", "Hold"), ("release", "180 ms"), ("velocity", "80 %")],
            Self::Rings => &[("mode", "Hold"), ("release", "2.2 s"), ("velocity", "80 %")],
            Self::Held => &[("mode", "Hold"), ("release", "160 ms"), ("attack", "8 ms")],
            Self::Soft => &[("mode", "Hold"), ("release", "600 ms"), ("attack", "90 ms"), ("velocity", "50 %")],
            Self::Slow => {
                &[("mode", "Hold"), ("release", "2.4 s"), ("attack", "700 ms"), ("velocity", "30 %"), ("width", "70 %")]
            }
            Self::Short => &[
                ("mode", "Hold"),
                ("decay", "350 ms"),
                ("sustain", "0 %"),
                ("release", "120 ms"),
                ("velocity", "90 %"),
            ],
        }
    }
}

/// A preset to be.
pub struct Recipe {
    pub name: &'static str,
    pub tags: &'static [&'static str],
    pub from: Source,
    pub course: Course,
    /// The model's directions by name, in standard deviations.
    pub directions: &'static [(&'static str, f32)],
    /// Further parameters, as texts.
    pub more: &'static [(&'static str, &'static str)],
}

const fn recipe(
    name: &'static str,
    tags: &'static [&'static str],
    from: Source,
    course: Course,
    directions: &'static [(&'static str, f32)],
    more: &'static [(&'static str, &'static str)],
) -> Recipe {
    Recipe { name, tags, from, course, directions, more }
}

use Course::{Held, Rings, Short, Slow, Soft, Struck};
use Source::{Between, Named, Pad};

#[rustfmt::skip]
pub const RECIPES: &[Recipe] = &[
    // As they are.
    recipe("Acoustic grand piano", &["keys", "acoustic"], Named("Acoustic grand piano"), Struck, &[], &[]),
    recipe("Harpsichord", &["keys", "acoustic", "bright"], Named("Harpsichord"), Struck, &[], &[]),
    recipe("Celesta", &["keys", "bell", "acoustic"], Named("Celesta"), Rings, &[], &[]),
    recipe("Music box", &["bell", "acoustic", "bright"], Named("Music box"), Rings, &[], &[]),
    recipe("Steel drums", &["mallet", "acoustic"], Named("Steel drums"), Rings, &[], &[("release", "600 ms")]),
    recipe("Xylophone", &["mallet", "acoustic", "short"], Named("Xylophone"), Struck, &[], &[]),
    recipe("Dulcimer", &["pluck", "acoustic"], Named("Dulcimer"), Rings, &[], &[]),
    recipe("Concert harp", &["pluck", "acoustic"], Named("Harp"), Rings, &[], &[]),
    recipe("Ukulele", &["pluck", "acoustic", "guitar"], Named("Ukulele"), Struck, &[], &[]),
    recipe("Banjo", &["pluck", "acoustic", "bright"], Named("Banjo"), Struck, &[], &[]),
    recipe("Sitar", &["pluck", "acoustic", "bright"], Named("Sitar"), Rings, &[], &[]),
    recipe("Taisho koto", &["pluck", "acoustic"], Named("Taisho koto"), Rings, &[], &[]),
    recipe("Pizzicato", &["pluck", "acoustic", "strings", "short"], Named("Strings, plucked"), Struck, &[], &[]),
    recipe("Cello", &["strings", "acoustic", "warm"], Named("Cello"), Held, &[], &[("release", "300 ms")]),
    recipe("Bowed bass", &["strings", "acoustic", "bass", "dark"], Named("Double bass, bowed"), Held, &[], &[]),
    recipe("String orchestra", &["strings", "acoustic", "pad"], Named("Strings, slow"), Soft, &[], &[("width", "70 %")]),
    recipe("French horns", &["brass", "acoustic", "warm"], Named("French horns"), Held, &[], &[]),
    recipe("Brass section", &["brass", "acoustic", "bright"], Named("Brass section, second"), Held, &[], &[]),
    recipe("Muted trumpet", &["brass", "acoustic", "lead"], Named("Trumpet, muted"), Held, &[], &[]),
    recipe("Tuba", &["brass", "acoustic", "bass", "dark"], Named("Tuba"), Held, &[], &[]),
    recipe("Clarinet", &["wind", "acoustic", "hollow"], Named("Clarinet"), Held, &[], &[]),
    recipe("English horn", &["wind", "acoustic", "reed"], Named("English horn"), Held, &[], &[]),
    recipe("Bassoon", &["wind", "acoustic", "reed", "bass"], Named("Bassoon"), Held, &[], &[]),
    recipe("Soprano sax", &["wind", "acoustic", "reed", "lead"], Named("Soprano saxophone"), Held, &[], &[]),
    recipe("Tenor sax", &["wind", "acoustic", "reed", "lead"], Named("Tenor sax"), Held, &[], &[]),
    recipe("Baritone sax", &["wind", "acoustic", "reed", "bass"], Named("Baritone saxophone"), Held, &[], &[]),
    recipe("Shakuhachi", &["wind", "acoustic", "breath"], Named("Shakuhachi"), Held, &[], &[("release", "350 ms")]),
    recipe("Blown bottle", &["wind", "acoustic", "breath"], Named("Blown bottle"), Held, &[], &[("release", "300 ms")]),
    recipe("Shenai", &["wind", "acoustic", "reed", "bright"], Named("Shenai"), Held, &[], &[]),
    recipe("Bagpipe", &["wind", "acoustic", "reed", "bright"], Named("Bagpipe"), Held, &[], &[("velocity", "10 %")]),
    recipe("Harmonica", &["reed", "acoustic"], Named("Harmonica"), Held, &[], &[]),
    recipe("Bandoneon", &["reed", "acoustic", "keys"], Named("Tango accordion"), Held, &[], &[]),
    recipe("Reed organ", &["organ", "reed", "acoustic"], Named("Reed organ"), Held, &[], &[("velocity", "20 %")]),
    recipe("Church organ", &["organ", "acoustic", "bright"], Named("Church organ, full"), Held, &[], &[("velocity", "0 %"), ("release", "700 ms"), ("width", "80 %")]),
    recipe("Choir", &["voice", "acoustic", "pad"], Named("Choir, ah"), Soft, &[], &[("width", "70 %")]),
    recipe("Voices", &["voice", "acoustic", "soft"], Named("Voices, oh"), Soft, &[], &[]),
    recipe("Vibraphone", &["mallet", "bell", "acoustic"], Named("Vibraphone"), Rings, &[], &[("release", "1.2 s")]),
    recipe("Marimba", &["mallet", "acoustic", "warm"], Named("Marimba"), Struck, &[], &[("release", "400 ms")]),
    recipe("Kalimba", &["pluck", "mallet", "acoustic"], Named("Kalimba"), Struck, &[], &[("release", "500 ms")]),
    recipe("Honky-tonk", &["keys", "acoustic"], Named("Honky-tonk piano"), Struck, &[], &[]),
    recipe("Nylon guitar", &["pluck", "acoustic", "guitar", "warm"], Named("Nylon guitar"), Struck, &[], &[("release", "300 ms")]),
    recipe("Steel guitar", &["pluck", "acoustic", "guitar", "bright"], Named("Steel guitar"), Struck, &[], &[("release", "300 ms")]),
    recipe("Koto", &["pluck", "acoustic"], Named("Koto"), Rings, &[], &[("release", "900 ms")]),
    recipe("Upright bass", &["bass", "pluck", "acoustic", "dark"], Named("Acoustic bass"), Struck, &[], &[]),
    recipe("Violin", &["strings", "acoustic", "lead", "bright"], Named("Violin"), Held, &[], &[("release", "250 ms")]),
    recipe("Viola", &["strings", "acoustic", "warm"], Named("Viola"), Held, &[], &[("release", "250 ms")]),
    recipe("String ensemble", &["strings", "acoustic", "bright"], Named("String ensemble"), Held, &[], &[("release", "500 ms"), ("width", "70 %")]),
    recipe("Trumpet", &["brass", "acoustic", "lead", "bright"], Named("Trumpet"), Held, &[], &[]),
    recipe("Trombone", &["brass", "acoustic"], Named("Trombone"), Held, &[], &[]),
    recipe("Alto sax", &["wind", "acoustic", "reed", "lead"], Named("Alto sax"), Held, &[], &[]),
    recipe("Oboe", &["wind", "acoustic", "reed", "lead"], Named("Oboe"), Held, &[], &[]),
    recipe("Flute", &["wind", "acoustic", "soft"], Named("Flute"), Held, &[], &[("release", "250 ms")]),
    recipe("Recorder", &["wind", "acoustic"], Named("Recorder"), Held, &[], &[]),
    recipe("Pan flute", &["wind", "acoustic", "breath"], Named("Pan flute"), Held, &[], &[("release", "300 ms")]),
    recipe("Ocarina", &["wind", "acoustic", "hollow"], Named("Ocarina"), Held, &[], &[]),
    recipe("Accordion", &["reed", "acoustic", "keys"], Named("Accordion"), Held, &[], &[]),
    // Electric.
    recipe("Tine piano", &["keys", "electric", "warm"], Named("Electric piano 1"), Struck, &[], &[("release", "350 ms")]),
    recipe("Electric piano", &["keys", "electric", "bell"], Named("Electric piano 2"), Struck, &[], &[("release", "350 ms")]),
    recipe("Electric grand", &["keys", "electric", "bright"], Named("Electric grand piano"), Struck, &[], &[]),
    recipe("Clavinet", &["keys", "electric", "short"], Named("Clavinet"), Struck, &[], &[]),
    recipe("Percussive organ", &["organ", "electric"], Named("Percussive organ"), Held, &[], &[("velocity", "20 %")]),
    recipe("Jazz guitar", &["pluck", "electric", "guitar", "warm"], Named("Jazz guitar"), Struck, &[], &[("release", "300 ms")]),
    recipe("Clean guitar", &["pluck", "electric", "guitar"], Named("Clean guitar"), Struck, &[], &[("release", "300 ms")]),
    recipe("Overdriven guitar", &["electric", "guitar", "lead"], Named("Overdriven guitar"), Held, &[], &[]),
    recipe("Distorted guitar", &["electric", "guitar", "lead", "bright"], Named("Distorted guitar"), Held, &[], &[]),
    recipe("Fingered bass", &["bass", "electric", "warm"], Named("Fingered bass"), Struck, &[], &[]),
    recipe("Fretless bass", &["bass", "electric", "warm"], Named("Fretless bass"), Held, &[], &[]),
    recipe("Picked bass", &["bass", "electric", "bright"], Named("Picked bass"), Struck, &[], &[]),
    recipe("Slapped bass", &["bass", "electric", "short"], Named("Slapped bass"), Struck, &[], &[]),
    recipe("Tine bells", &["keys", "bell", "hybrid", "electric"], Between("Electric piano 1", "Celesta", 45), Rings, &[], &[("release", "900 ms")]),
    recipe("Bowed guitar", &["strings", "guitar", "hybrid", "electric"], Between("Overdriven guitar", "Cello", 50), Soft, &[], &[]),
    // Between two.
    recipe("Thumb bells", &["pluck", "bell", "hybrid"], Between("Kalimba", "Music box", 50), Rings, &[], &[]),
    recipe("Wood and glass", &["mallet", "bell", "hybrid"], Between("Marimba", "Vibraphone", 55), Rings, &[], &[("release", "1.2 s")]),
    recipe("Silver wind", &["wind", "bell", "hybrid"], Between("Flute", "Celesta", 35), Soft, &[], &[]),
    recipe("Sustained guitar", &["strings", "guitar", "hybrid"], Between("Steel guitar", "Viola", 55), Held, &[], &[("release", "500 ms")]),
    recipe("Horn and oboe", &["brass", "reed", "hybrid", "warm"], Between("French horns", "Oboe", 50), Held, &[], &[]),
    recipe("Glass harp", &["pluck", "bell", "hybrid"], Between("Harp", "Celesta", 50), Rings, &[], &[]),
    recipe("Felt piano", &["keys", "hybrid", "soft", "dark"], Between("Acoustic grand piano", "Harp", 35), Struck, &[("Brightness", -1.2)], &[("release", "350 ms")]),
    recipe("Clockwork", &["bell", "keys", "hybrid", "short"], Between("Music box", "Harpsichord", 45), Short, &[], &[]),
    recipe("Steel marimba", &["mallet", "hybrid"], Between("Xylophone", "Steel drums", 50), Rings, &[], &[("release", "500 ms")]),
    recipe("Temple strings", &["pluck", "hybrid"], Between("Sitar", "Dulcimer", 50), Rings, &[], &[]),
    recipe("Paper lute", &["pluck", "hybrid", "short"], Between("Ukulele", "Shamisen", 45), Struck, &[], &[]),
    recipe("Wire keys", &["keys", "pluck", "hybrid"], Between("Acoustic grand piano", "Steel-string guitar", 50), Rings, &[], &[("release", "700 ms")]),
    recipe("Bowed piano", &["keys", "strings", "hybrid"], Between("Acoustic grand piano", "Cello", 55), Held, &[], &[("release", "500 ms")]),
    recipe("Reed strings", &["strings", "reed", "hybrid"], Between("Strings, slow", "English horn", 50), Soft, &[], &[]),
    recipe("Copper choir", &["voice", "brass", "hybrid"], Between("Choir, ah", "French horns", 50), Soft, &[], &[]),
    recipe("Air organ", &["organ", "breath", "hybrid"], Between("Church organ, full", "Blown bottle", 50), Soft, &[], &[]),
    recipe("Singing clarinet", &["wind", "voice", "hybrid"], Between("Clarinet", "Voices, oh", 50), Held, &[], &[("release", "300 ms")]),
    recipe("Nasal lead", &["lead", "reed", "hybrid", "bright"], Between("Shenai", "Trumpet, muted", 50), Held, &[], &[]),
    recipe("Street organ", &["organ", "reed", "hybrid"], Between("Tango accordion", "Bagpipe", 40), Held, &[], &[("velocity", "30 %")]),
    recipe("Mist flute", &["wind", "breath", "hybrid", "soft"], Between("Shakuhachi", "Voices, oh", 45), Soft, &[], &[]),
    recipe("Sea horn", &["brass", "hybrid", "dark"], Between("Tuba", "Blown bottle", 45), Soft, &[], &[]),
    recipe("Soft brass", &["brass", "hybrid", "warm", "soft"], Between("French horns", "Tenor sax", 40), Soft, &[("Brightness", -1.0)], &[]),
    recipe("Bell strings", &["strings", "bell", "hybrid"], Between("Strings, slow", "Celesta", 62), Rings, &[], &[]),
    recipe("Skin and string", &["pluck", "mallet", "hybrid"], Between("Timpani", "Harp", 50), Rings, &[], &[]),
    recipe("Rosin", &["strings", "reed", "hybrid", "bright"], Between("Violin, slow", "Harmonica", 68), Held, &[], &[]),
    recipe("Toy koto", &["pluck", "bell", "hybrid"], Between("Taisho koto", "Music box", 55), Rings, &[], &[("release", "900 ms")]),
    recipe("Plucked brass", &["pluck", "brass", "hybrid"], Between("Banjo", "Brass section, second", 45), Struck, &[], &[]),
    recipe("Wooden voice", &["voice", "wind", "hybrid"], Between("Bassoon", "Choir, ah", 40), Soft, &[], &[]),
    // Pads: slow.
    recipe("Slow dawn", &["pad", "warm"], Between("Strings, slow", "French horns", 68), Slow, &[("Brightness", -0.6)], &[]),
    recipe("Cathedral", &["pad", "organ", "voice"], Between("Church organ, full", "Choir, ah", 50), Slow, &[], &[]),
    recipe("Breathing", &["pad", "breath", "soft"], Between("Voices, oh", "Blown bottle", 40), Slow, &[], &[]),
    recipe("Harmonium drift", &["pad", "reed"], Between("Reed organ", "Harmonica", 50), Slow, &[], &[]),
    recipe("Winter strings", &["pad", "strings"], Between("Violin, slow", "Strings, slow", 50), Slow, &[("Brightness", 1.0)], &[]),
    recipe("Deep reeds", &["pad", "reed", "dark"], Between("Clarinet", "Bassoon", 50), Slow, &[("Brightness", -1.0)], &[]),
    recipe("Brass horizon", &["pad", "brass"], Between("Brass section, second", "Cello", 45), Slow, &[], &[]),
    recipe("Glass pad", &["pad", "bell", "bright"], Between("Celesta", "Choir, ah", 60), Slow, &[], &[]),
    // Among four, to be moved by hand or by automation.
    recipe("Four winds", &["morph", "wind"], Pad(["Flute", "Oboe", "Clarinet", "Shakuhachi"], 40, 40), Held, &[], &[("release", "300 ms")]),
    recipe("Four bows", &["morph", "strings"], Pad(["Violin", "Cello", "Strings, slow", "Double bass, bowed"], 45, 35), Soft, &[], &[]),
    recipe("Strings to bells", &["morph", "pluck", "bell"], Pad(["Harp", "Celesta", "Nylon guitar", "Vibraphone"], 55, 45), Rings, &[], &[]),
    recipe("Breath to brass", &["morph", "breath", "brass"], Pad(["Voices, oh", "Blown bottle", "French horns", "Trumpet, muted"], 50, 60), Soft, &[], &[]),
    // Made strange.
    recipe("Thumb bass", &["bass", "pluck", "short"], Between("Double bass, bowed", "Strings, plucked", 55), Short, &[("Brightness", -0.5)], &[]),
    recipe("Organ bass", &["bass", "organ", "dark"], Between("Church organ, full", "Double bass, bowed", 55), Held, &[("Brightness", -1.0)], &[]),
    recipe("Bright comb", &["pluck", "bright", "hybrid"], Between("Harpsichord", "Sitar", 50), Struck, &[("Brightness", 1.5)], &[]),
    recipe("Stuttered reed", &["reed", "lead", "hybrid"], Between("Soprano saxophone", "Tango accordion", 50), Held, &[("Tremolo", 2.0)], &[("vibrato", "160 %")]),
    recipe("Wavering voice", &["voice", "lead", "hybrid"], Between("Voices, oh", "Violin, slow", 50), Held, &[("Vibrato", 1.5)], &[("vibrato", "150 %"), ("release", "400 ms")]),
    recipe("Iron keys", &["keys", "bright", "hybrid"], Between("Acoustic grand piano", "Steel drums", 50), Struck, &[("Air", 1.5)], &[]),
    recipe("Dry clavier", &["keys", "short", "hybrid"], Between("Harpsichord", "Ukulele", 40), Short, &[], &[]),
];
