//! Licences and origins of all crates, by what `deny.toml` allows.
//!
//! The file is that of cargo-deny, which looks at known faults of crates as well; it takes minutes to build, and is left to the
//! forge's workflow. What it says of licences and origins is held to here, each time.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use spdx::{Expression, LicenseReq, ParseMode};

use crate::package::notices;

const RULES: &str = "deny.toml";

/// Where crates may come from, as cargo names it.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The licences that are allowed.
#[derive(Debug)]
struct Rules {
    all: Vec<String>,
    /// Those of single crates besides.
    of: BTreeMap<String, Vec<String>>,
}

/// Every crate that anything here is built with.
pub fn check() -> Result<()> {
    let text = std::fs::read_to_string(RULES).with_context(|| format!("{RULES} cannot be read"))?;
    let rules = Rules::parse(&text)?;
    let metadata = notices::metadata(None)?;
    let mut wrong = 0;
    for package in metadata["packages"].as_array().into_iter().flatten() {
        for fault in faults(package, &rules) {
            eprintln!("{} {} {fault}", package["name"], package["version"]);
            wrong += 1;
        }
    }
    // What is allowed a tool alone must not travel with the plugin.
    for name in notices::linked_names(&metadata)?.iter().filter(|name| rules.of.contains_key(*name)) {
        eprintln!("{name} may be used by tools alone, and is linked into the plugin");
        wrong += 1;
    }
    ensure!(wrong == 0, "{wrong} faults: take another crate, or allow it in {RULES} with a reason");
    Ok(())
}

impl Rules {
    fn parse(text: &str) -> Result<Self> {
        let table: toml::Table = text.parse().with_context(|| format!("{RULES} is no TOML"))?;
        let licences = table.get("licenses").context("there are no licences in it")?;
        let list = |value: Option<&toml::Value>| -> Vec<String> {
            let names = value.and_then(toml::Value::as_array).into_iter().flatten();
            names.filter_map(toml::Value::as_str).map(str::to_owned).collect()
        };
        let exceptions = licences.get("exceptions").and_then(toml::Value::as_array).into_iter().flatten();
        let of = exceptions
            .filter_map(|exception| {
                let name = exception.get("crate").and_then(toml::Value::as_str)?;
                Some((name.to_owned(), list(exception.get("allow"))))
            })
            .collect();
        Ok(Self { all: list(licences.get("allow")), of })
    }

    fn allow(&self, name: &str, required: &LicenseReq) -> bool {
        let required = required.to_string();
        self.all.contains(&required) || self.of.get(name).is_some_and(|own| own.contains(&required))
    }
}

/// What is wrong with a crate, as the rest of a sentence that begins with its name.
fn faults(package: &Value, rules: &Rules) -> Vec<String> {
    let mut faults = Vec::new();
    // What has no source is a package of this workspace.
    let source = package["source"].as_str();
    if let Some(source) = source.filter(|source| *source != REGISTRY) {
        faults.push(format!("comes from {source}"));
    }
    let (name, licence) = (package["name"].as_str().unwrap_or_default(), package["license"].as_str());
    match licence.map(|licence| (licence, Expression::parse_mode(licence, ParseMode::LAX))) {
        None => faults.push("names no licence".to_owned()),
        Some((licence, Err(_))) => faults.push(format!("has a licence that is no expression: {licence}")),
        Some((licence, Ok(expression))) => {
            if !expression.evaluate(|required| rules.allow(name, required)) {
                faults.push(format!("is under {licence}, which is not allowed"));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_crate_is_held_to_licence_and_origin() {
        let rules = "[licenses]\nallow = [\"MIT\", \"OFL-1.1\"]\n[[licenses.exceptions]]\ncrate = \"tool\"\nallow = [\"LGPL-2.1\"]";
        let rules = Rules::parse(rules).unwrap();
        let found =
            |name: &str, licence: &str| faults(&json!({"name": name, "license": licence, "source": REGISTRY}), &rules);
        for licence in ["MIT", "MIT/Apache-2.0", "GPL-3.0 OR MIT", "(MIT OR Apache-2.0) AND OFL-1.1"] {
            assert!(found("any", licence).is_empty(), "{licence}");
        }
        for licence in ["Apache-2.0", "MIT AND Apache-2.0", "LGPL-2.1", "my own"] {
            assert_eq!(found("any", licence).len(), 1, "{licence}");
        }
        assert!(found("tool", "LGPL-2.1").is_empty());
        assert_eq!(faults(&json!({"name": "any", "source": "git+https://example.org"}), &rules).len(), 2);
    }
}
