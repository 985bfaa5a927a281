//! Lists that have to be complete: acceptance rules have tests, codes of errors stand in the catalogue.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Rules of the Device Registry (certificate-management.md 4).
const RULES: std::ops::RangeInclusive<u32> = 1..=54;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The sources below a folder, one text.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            text += &sources(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text += &std::fs::read_to_string(&path).unwrap();
        }
    }
    text
}

#[test]
fn every_rule_of_the_registry_has_a_test_under_its_number() {
    let tests = ["flows", "access", "cli"].map(|folder| sources(&root().join("tests").join(folder)));
    let is_tested = |rule: &u32| {
        tests
            .iter()
            .any(|text| text.contains(&format!("fn a_{rule:03}_")))
    };
    let missing: Vec<u32> = RULES.filter(|rule| !is_tested(rule)).collect();
    assert!(missing.is_empty(), "no test is named after {missing:?}");
}

/// The words errors of the registry carry in the sources.
fn thrown() -> BTreeSet<String> {
    let text = sources(&root().join("crates/registry/src"));
    let mut codes = BTreeSet::new();
    for makes in ["::invalid(", "::conflict("] {
        for after in text.split(makes).skip(1) {
            // The code is the first text; with what is made of another's there is none.
            let code = after
                .trim_start()
                .strip_prefix('"')
                .and_then(|rest| rest.split('"').next());
            codes.extend(code.map(str::to_owned));
        }
    }
    codes
}

#[test]
fn every_code_of_the_registry_stands_in_the_catalogue_of_errors() {
    let codes = thrown();
    assert!(codes.len() > 15, "only {codes:?} were found");
    let catalogue = std::fs::read_to_string(root().join("docs/ERRORS.md")).unwrap();
    let section = catalogue.split("\n### Device Registry\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let by_itself = [
        "AuthorizationFailed",
        "ResourceNotFound",
        "KeysUnavailable",
        "TooManyRequests",
    ];
    let all = codes.iter().map(String::as_str).chain(by_itself);
    let missing: Vec<&str> = all
        .filter(|code| !section.contains(&format!("`{code}`")))
        .collect();
    assert!(missing.is_empty(), "{missing:?} do not stand in docs/ERRORS.md");
}
