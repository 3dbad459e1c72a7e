//! Links in documents: the file is there, and has the headline that is named. So is each source that a document mentions.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::shell::output;

/// Folders that a source may be named from, beside that of the document and the root.
const ROOTS: [&str; 6] = ["src", "dataset/src", "tests/host/src", "training", "training/timbrel_training", "xtask/src"];

pub fn check() -> Result<()> {
    let files = output(Command::new("git").args(["ls-files", "--cached", "--others", "--exclude-standard", "*.md"]))
        .context("git does not tell which documents there are: run this in a checkout")?;
    let mut wrong = 0;
    for file in files.lines().map(Path::new).filter(|file| file.exists()) {
        let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        for fault in faults(file, &text) {
            eprintln!("{}: {fault}", file.display());
            wrong += 1;
        }
    }
    ensure!(wrong == 0, "{wrong} lead nowhere: correct them");
    Ok(())
}

/// What leads nowhere in a document.
fn faults(file: &Path, text: &str) -> Vec<String> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let prose = prose(text);
    let mut faults = Vec::new();
    for target in links(&prose) {
        let (path, headline) = target.split_once('#').unwrap_or((target, ""));
        let linked = if path.is_empty() { file.to_owned() } else { folder.join(path) };
        if !linked.exists() {
            faults.push(format!("there is no {target}"));
        } else if !headline.is_empty() {
            let text =
                if path.is_empty() { text.to_owned() } else { std::fs::read_to_string(&linked).unwrap_or_default() };
            if !headlines(&text).any(|known| known == headline) {
                faults.push(format!("{} has no headline for #{headline}", linked.display()));
            }
        }
    }
    for source in sources(&prose) {
        let from = ROOTS.iter().map(Path::new).chain([folder, Path::new("")]);
        if !from.map(|root| root.join(source)).any(|path: PathBuf| path.exists()) {
            faults.push(format!("there is no source {source}"));
        }
    }
    faults
}

/// A document without its blocks of code.
fn prose(text: &str) -> String {
    text.split("\n```").step_by(2).collect::<Vec<_>>().join("\n")
}

/// The targets of links within the checkout.
fn links(prose: &str) -> impl Iterator<Item = &str> {
    let targets = prose.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
    targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
}

/// The sources that are named between backticks, with a folder.
fn sources(prose: &str) -> impl Iterator<Item = &str> {
    let is_source = |word: &&str| word.contains('/') && (word.ends_with(".rs") || word.ends_with(".py"));
    let is_plain =
        |word: &&str| !word.contains(['*', ' ', '{', '<']) && !word.chars().any(|letter| letter.is_uppercase());
    prose.split('`').skip(1).step_by(2).filter(is_source).filter(is_plain)
}

/// The names of a document's headlines, as forges make them.
fn headlines(text: &str) -> impl Iterator<Item = String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix('#').map(|rest| rest.trim_start_matches('#').trim()));
    lines.map(|headline| {
        let kept = headline.chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leads_nowhere_is_found() {
        let root = crate::shell::workspace();
        let found = |text: &str| faults(&root.join("README.md"), text);
        let good = "# A `b`, c\n[x](LICENSE) [y](#a-b-c) [z](https://example.org/x) `target/some.rs.txt`\n```\n[code](no.md)\n```\n";
        assert_eq!(found(good), [""; 0]);
        assert_eq!(found("[x](no.md)"), ["there is no no.md"]);
        assert_eq!(found("# A\n[x](#b)").len(), 1);
        assert_eq!(found("see `worker/no_such_file.rs`"), ["there is no source worker/no_such_file.rs"]);
    }
}
