//! The licences of all that is linked into the plugin and the standalone, as one text that travels with every copy of them.
//!
//! The lock file says which crates and versions these are; their sources, which cargo has fetched, hold the texts. Where the
//! author of a crate lets one choose, the MIT licence is taken, and a crate without a file of its own falls under the text of
//! its licence that stands at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The package that all the others are linked into.
const ROOT: &str = "timbrel";

/// How files begin that hold a licence or a notice.
const NAMES: [&str; 8] = ["licen", "copying", "copyright", "notice", "unlicense", "ofl", "ufl", "patents"];

/// Folders below that of a crate that are searched too; the fonts of egui lie in one.
const DEEPEST: usize = 1;

const RULE: &str = "--------------------------------------------------------------------------------";

/// A crate that is linked.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Linked {
    name: String,
    version: String,
    /// An SPDX expression.
    licence: String,
    authors: Vec<String>,
    folder: PathBuf,
}

/// The notices for a build for `target`, this machine where it is `None`.
pub fn collect(target: Option<&str>) -> Result<String> {
    write(&linked(&metadata(target)?)?)
}

/// The names of the crates that are linked into the root.
pub fn linked_names(metadata: &Value) -> Result<BTreeSet<String>> {
    Ok(linked(metadata)?.into_iter().map(|own| own.name).collect())
}

/// What cargo tells of all packages, for all systems or for one.
pub fn metadata(target: Option<&str>) -> Result<Value> {
    let mut command = Command::new("cargo");
    command.args(["metadata", "--format-version", "1"]);
    if let Some(triple) = target {
        command.args(["--filter-platform", triple]);
    }
    let output = command.output().context("cargo cannot be started")?;
    ensure!(output.status.success(), "`cargo metadata` failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    serde_json::from_slice(&output.stdout).context("`cargo metadata` has printed what is no JSON")
}

/// The crates that are linked into the root, itself left out: no tool of the build, and nothing of the tests.
fn linked(metadata: &Value) -> Result<BTreeSet<Linked>> {
    let packages: BTreeMap<&str, &Value> =
        list(&metadata["packages"]).iter().filter_map(|package| Some((package["id"].as_str()?, package))).collect();
    let nodes: BTreeMap<&str, &Value> =
        list(&metadata["resolve"]["nodes"]).iter().filter_map(|node| Some((node["id"].as_str()?, node))).collect();
    let root = packages.iter().find(|(_, package)| package["name"] == ROOT).map(|(id, _)| *id);
    let root = root.with_context(|| format!("cargo knows no package {ROOT}"))?;
    let (mut seen, mut next) = (BTreeSet::from([root]), vec![root]);
    while let Some(id) = next.pop() {
        let node = nodes.get(id).with_context(|| format!("cargo resolves no {id}"))?;
        let is_linked = |dependency: &&Value| list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
        let dependencies =
            list(&node["deps"]).iter().filter(is_linked).filter_map(|dependency| dependency["pkg"].as_str());
        next.extend(dependencies.filter(|id| seen.insert(id)));
    }
    seen.remove(root);
    seen.into_iter()
        .map(|id| Linked::of(packages.get(id).with_context(|| format!("cargo describes no {id}"))?))
        .collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

impl Linked {
    fn of(package: &Value) -> Result<Self> {
        let text = |key: &str| package[key].as_str().unwrap_or_default().to_string();
        let manifest = PathBuf::from(text("manifest_path"));
        let licence = text("license");
        ensure!(!licence.is_empty(), "{} {} names no licence", text("name"), text("version"));
        Ok(Self {
            name: text("name"),
            version: text("version"),
            licence,
            authors: list(&package["authors"]).iter().filter_map(Value::as_str).map(str::to_string).collect(),
            folder: manifest.parent().unwrap_or(Path::new("")).to_owned(),
        })
    }

    /// The texts of the licences that hold.
    fn texts(&self) -> Result<BTreeSet<String>> {
        let mut files = Vec::new();
        find(&self.folder, DEEPEST, &mut files)?;
        files.sort();
        let is_mit = |file: &&PathBuf| name(file).contains("mit");
        // "AND" binds to both; with "OR", or the slash of older crates, one of them is enough.
        let may_choose = !self.licence.contains("AND");
        if may_choose && let Some(mit) = files.iter().find(is_mit) {
            files = vec![mit.clone()];
        }
        files.iter().map(|file| read(file)).collect()
    }
}

fn name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().to_lowercase()
}

/// Files with a licence's name in a folder and those below it.
fn find(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() && depth > 0 {
            find(&path, depth - 1, files)?;
        } else if path.is_file() && NAMES.iter().any(|start| name(&path).starts_with(start)) && !is_source(&path) {
            files.push(path);
        }
    }
    Ok(())
}

fn is_source(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ["rs", "toml", "json", "ttf", "html", "py"].iter().any(|other| ending == *other))
}

fn read(file: &Path) -> Result<String> {
    let bytes = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(String::from_utf8_lossy(&bytes).replace("\r\n", "\n").trim().to_string())
}

/// One text: each licence once, after the crates that it is of.
fn write(linked: &BTreeSet<Linked>) -> Result<String> {
    let mut of_text: BTreeMap<String, Vec<&Linked>> = BTreeMap::new();
    let mut without = Vec::new();
    for own in linked {
        let texts = own.texts()?;
        if texts.is_empty() {
            without.push(own);
        }
        texts.into_iter().for_each(|text| of_text.entry(text).or_default().push(own));
    }
    let head = |own: &Linked| format!("{} {} ({})", own.name, own.version, own.licence);
    let mut all = format!(
        "Timbrel is linked with {} libraries. These are their licences; ONNX Runtime, which is loaded when Timbrel runs, \
         has its own beside this file.\n",
        linked.len()
    );
    let mut texts: Vec<(String, String)> = of_text
        .into_iter()
        .map(|(text, own)| (own.into_iter().map(head).collect::<Vec<_>>().join("\n"), text))
        .collect();
    texts.sort();
    for (heads, text) in texts {
        all += &format!("\n{RULE}\n{heads}\n\n{text}\n");
    }
    all += &format!(
        "\n{RULE}\nThese bring no text of their own; their licences are the ones named, as they stand above:\n\n"
    );
    for own in without {
        let by = if own.authors.is_empty() { String::new() } else { format!(", by {}", own.authors.join(", ")) };
        all += &format!("{}{by}\n", head(own));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_library_of_the_plugin_has_its_licence_in_the_notices() {
        let all = collect(None).unwrap();
        for part in [
            "egui ",
            "nice-plug ",
            "realfft ",
            "SIL OPEN FONT LICENSE",
            "UBUNTU FONT LICENCE",
            "Permission is hereby granted",
        ] {
            assert!(all.contains(part), "{part}");
        }
        // Neither a tool of the build nor of the tests.
        for absent in ["proptest ", "criterion ", "clack-host "] {
            assert!(!all.contains(&format!("\n{absent}")), "{absent}");
        }
    }

    #[test]
    fn where_one_may_choose_it_is_the_mit_licence() {
        let folder = std::env::temp_dir().join(format!("timbrel-notices-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for (file, text) in [("LICENSE-MIT", "mit"), ("LICENSE-APACHE", "apache"), ("licence_check.rs", "code")] {
            std::fs::write(folder.join(file), text).unwrap();
        }
        let texts = |licence: &str| {
            let authors = vec!["A. Author".to_string()];
            let own = Linked {
                name: "a".into(),
                version: "1".into(),
                licence: licence.into(),
                authors,
                folder: folder.clone(),
            };
            own.texts().unwrap().into_iter().collect::<Vec<_>>()
        };
        assert_eq!(texts("MIT OR Apache-2.0"), ["mit"]);
        assert_eq!(texts("MIT AND Apache-2.0"), ["apache", "mit"]);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
