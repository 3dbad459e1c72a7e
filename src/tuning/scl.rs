//! Scales in Scala's format (Manuel Op de Coul, "Scala scale file (.scl) format").

use anyhow::{Context, Result, bail, ensure};

use super::lines;

/// Most notes of a scale.
const MOST_NOTES: usize = 2048;

/// The degrees of a scale in cents above the first, which is 0 and not among them; the last is the period.
pub struct Scale {
    cents: Vec<f64>,
}

impl Scale {
    /// Twelve equal steps.
    pub fn equal() -> Self {
        Self { cents: (1..=12).map(|step| 100.0 * f64::from(step)).collect() }
    }

    pub fn parse(text: &str) -> Result<Self> {
        let mut lines = lines(text);
        // The first line describes the scale, and may be empty.
        lines.next().context("it is empty")?;
        let (number, count) = lines.next().context("the number of notes is missing")?;
        let count: usize = first_word(count)
            .parse()
            .ok()
            .with_context(|| format!("line {number} should be the number of notes, and is \"{count}\""))?;
        ensure!(count > 0, "it holds no notes");
        ensure!(count <= MOST_NOTES, "it holds {count} notes, of which {MOST_NOTES} at most are read");
        let notes = lines.filter(|(_, line)| !line.is_empty()).take(count);
        let cents = notes.map(|(number, line)| {
            cents(first_word(line)).with_context(|| format!("line {number} is no pitch: \"{line}\""))
        });
        let cents = cents.collect::<Result<Vec<f64>>>()?;
        ensure!(cents.len() == count, "it promises {count} notes and holds {}", cents.len());
        Ok(Self { cents })
    }

    /// The pitch of a degree in cents above the first, over as many periods as it lies away.
    pub fn degree(&self, degree: i64) -> f64 {
        let size = self.cents.len() as i64;
        let period = self.cents[self.cents.len() - 1];
        let within = match degree.rem_euclid(size) {
            0 => 0.0,
            step => self.cents[step as usize - 1],
        };
        degree.div_euclid(size) as f64 * period + within
    }

    /// Degrees from the first to its octave, or to whatever its period is.
    pub fn size(&self) -> i64 {
        self.cents.len() as i64
    }
}

fn first_word(line: &str) -> &str {
    line.split_whitespace().next().unwrap_or("")
}

/// With a point it is in cents, else a ratio or a whole number.
fn cents(word: &str) -> Result<f64> {
    if word.contains('.') {
        let cents: f64 = word.parse()?;
        ensure!(cents.is_finite(), "it is no number");
        return Ok(cents);
    }
    let (above, below) = word.split_once('/').unwrap_or((word, "1"));
    let (above, below): (u64, u64) = (above.parse()?, below.parse()?);
    if above == 0 || below == 0 {
        bail!("a ratio is of numbers above 0");
    }
    Ok(1200.0 * (above as f64 / below as f64).log2())
}
