//! The report: words are written by hand, tables stand between markers and are put there by the commands.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::shell::say;

/// Where the figures are kept.
pub const PATH: &str = "benches/RESULTS.md";

/// Puts a part's tables into the report, in the place of those before. Where the file cannot be written, as in a checkout of
/// another user's, that is said; the tables were printed.
pub fn put(path: &Path, part: &str, machine: &str, table: &str) -> Result<()> {
    let text = fs::read_to_string(path).with_context(|| format!("{} is missing from the checkout", path.display()))?;
    let text = replaced(&text, part, &format!("{machine}\n\n{table}"))
        .with_context(|| format!("{} cannot take the tables of {part}", path.display()))?;
    if let Err(error) = fs::write(path, text) {
        say(&format!("{} was left as it is ({error}); the tables stand above", path.display()));
    }
    Ok(())
}

/// The text with what stands between a part's markers replaced.
fn replaced(text: &str, part: &str, content: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- bench {part} -->"), format!("<!-- /bench {part} -->"));
    let (before, rest) = text.split_once(&begin).with_context(|| format!("it lacks the line {begin}"))?;
    let (_, after) = rest.split_once(&end).with_context(|| format!("it lacks the line {end}"))?;
    ensure!(!content.contains("<!--"), "a table holds a marker");
    Ok(format!("{before}{begin}\n{content}\n{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "words\n<!-- bench a -->\nold\n<!-- /bench a -->\nmore\n<!-- bench b -->\nkept\n<!-- /bench b -->\n";

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let text = replaced(TEXT, "a", "new\n\n| x |").unwrap();
        assert_eq!(text, TEXT.replace("old", "new\n\n| x |"));
        assert_eq!(replaced(&text, "a", "old").unwrap(), TEXT);
    }

    #[test]
    fn a_report_without_the_markers_is_left_alone() {
        assert!(replaced(TEXT, "c", "new").unwrap_err().to_string().contains("<!-- bench c -->"));
        assert!(replaced("<!-- bench a -->\nopen", "a", "new").is_err());
    }

    #[test]
    fn the_report_has_a_place_for_every_part() {
        let text = fs::read_to_string(crate::shell::workspace().join(PATH)).unwrap();
        for part in crate::bench::PARTS {
            assert!(replaced(&text, part, "").is_ok(), "{part}");
        }
    }
}
