//! What is left of a name without pitch, layer and take: an instrument's name, perhaps, and counters.

/// The words of a name, in order, those of the folder before those of the file.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Label {
    folder: Vec<Word>,
    file: Vec<Word>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Word {
    text: String,
    /// A number, or what counts as one.
    is_counter: bool,
}

impl Label {
    pub fn new<'a>(words: impl IntoIterator<Item = (&'a str, bool)>) -> Self {
        let word = |(text, is_counter): (&str, bool)| Word { text: text.to_string(), is_counter };
        Self { folder: Vec::new(), file: words.into_iter().map(word).collect() }
    }

    /// The same below a folder.
    pub fn within(self, folder: Self) -> Self {
        let above = folder.folder.into_iter().chain(folder.file);
        Self { folder: above.chain(self.folder).collect(), file: self.file }
    }

    /// Of the file's name, without counters and the numbers at the ends of words: `Synth` of `03 Synth2`.
    pub fn short(&self) -> String {
        joined(self.file.iter().filter(|word| !word.is_counter).map(|word| word.short()))
    }

    /// Of the file's name, with all numbers.
    pub fn full(&self) -> String {
        joined(self.file.iter().map(|word| word.text.as_str()))
    }

    /// Of the folders.
    pub fn folders(&self) -> String {
        joined(self.folder.iter().map(|word| word.text.as_str()))
    }
}

impl Word {
    fn short(&self) -> &str {
        // NSynth's instruments are numbered, and each number is another one.
        if self.text.contains('_') { &self.text } else { self.text.trim_end_matches(|c: char| c.is_ascii_digit()) }
    }
}

fn joined<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}
