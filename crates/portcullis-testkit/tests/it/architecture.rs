use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::tree::{read, root};

/// Who may import whom, tests apart. A crate that is not here is not part of the house.
const EDGES: [(&str, &[&str]); 14] = [
    ("portcullis-time", &[]),
    ("portcullis-proto", &["portcullis-time"]),
    ("portcullis-limit", &["portcullis-time"]),
    ("portcullis-validate", &[]),
    ("portcullis-validate-macros", &["portcullis-validate"]),
    ("portcullis-session", &["portcullis-time"]),
    ("portcullis-disk", &["portcullis-session", "portcullis-time"]),
    ("portcullis-auth", &["portcullis-time"]),
    ("portcullis-seal", &[]),
    (
        "portcullis-gate",
        &[
            "portcullis-auth",
            "portcullis-limit",
            "portcullis-proto",
            "portcullis-seal",
            "portcullis-session",
            "portcullis-time",
            "portcullis-validate",
        ],
    ),
    (
        "portcullis-server",
        &[
            "portcullis-auth",
            "portcullis-client",
            "portcullis-disk",
            "portcullis-gate",
            "portcullis-limit",
            "portcullis-proto",
            "portcullis-seal",
            "portcullis-session",
            "portcullis-time",
            "portcullis-validate",
        ],
    ),
    ("portcullis-client", &["portcullis-proto", "portcullis-time"]),
    ("portcullis-tokio", &["portcullis-proto", "portcullis-time"]),
    ("xtask", &[]),
];

/// Crates that may import anything, because nothing that is published imports them.
const OUTSIDE: [&str; 5] =
    ["portcullis-testkit", "portcullis-benches", "portcullis-load", "portcullis-soak", "portcullis-examples"];

/// Crates that never see the standard library by themselves.
const NO_STD: [&str; 9] = [
    "portcullis-time",
    "portcullis-proto",
    "portcullis-limit",
    "portcullis-validate",
    "portcullis-session",
    "portcullis-auth",
    "portcullis-seal",
    "portcullis-gate",
    "portcullis-client",
];

/// Names of workspace crates that each crate of the workspace depends on; `test` selects those for tests.
fn edges(test: bool) -> BTreeMap<String, BTreeSet<String>> {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let arguments = ["metadata", "--no-deps", "--format-version", "1", "--offline"];
    let output = Command::new(cargo).args(arguments).current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().unwrap();
            let ours = dependencies
                .iter()
                .filter(|dependency| dependency["path"].is_string() && (dependency["kind"] == "dev") == test)
                .map(|dependency| dependency["name"].as_str().unwrap().to_owned())
                .collect();
            (package["name"].as_str().unwrap().to_owned(), ours)
        })
        .collect()
}

#[test]
fn crates_import_only_what_the_table_allows() {
    let table: BTreeMap<_, BTreeSet<_>> = EDGES
        .iter()
        .map(|(name, imports)| {
            ((*name).to_owned(), imports.iter().map(|&import| import.to_owned()).collect())
        })
        .collect();
    let mut found = edges(false);
    found.retain(|name, _| !OUTSIDE.contains(&name.as_str()));
    assert_eq!(found, table);
}

#[test]
fn leaves_do_not_meet_in_tests_either() {
    for (name, imports) in edges(true) {
        if name != "portcullis-time" && NO_STD.contains(&name.as_str()) && name != "portcullis-gate" {
            let others: Vec<_> = imports
                .iter()
                .filter(|&import| import != "portcullis-time" && import != "portcullis-testkit")
                .collect();
            assert!(others.is_empty(), "the tests of {name} import {others:?}");
        }
    }
}

#[test]
fn a_leaf_is_no_std_without_a_condition() {
    for name in NO_STD {
        let path = format!("crates/{name}/src/lib.rs");
        assert!(read(&path).lines().any(|line| line == "#![no_std]"), "{path} has no `#![no_std]`");
    }
}

#[test]
fn a_folder_is_named_like_its_crate_and_is_on_the_map() {
    let map = read("crates/README.md");
    let mut sections = BTreeMap::new();
    for section in map.split("\n## ").skip(1) {
        let (name, text) = section.split_once('\n').unwrap();
        sections.insert(name.to_owned(), text.to_owned());
    }
    let mut folders = BTreeSet::new();
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let folder = entry.unwrap().file_name().to_string_lossy().into_owned();
        let manifest = read(&format!("crates/{folder}/Cargo.toml"));
        if manifest.is_empty() {
            continue;
        }
        assert!(
            manifest.contains(&format!("\nname = \"{folder}\"\n")),
            "crates/{folder} holds another crate"
        );
        let text =
            sections.get(&folder).unwrap_or_else(|| panic!("crates/README.md does not describe {folder}"));
        assert!(text.contains("\nInvariant: "), "crates/README.md states no invariant of {folder}");
        folders.insert(folder);
    }
    assert_eq!(folders, sections.into_keys().collect(), "crates/README.md describes what is not there");
}
