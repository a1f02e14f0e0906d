//! The two public suites. Both are looked for in `PORTCULLIS_SHARED`, else beside the workspace.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use portcullis_validate::{Keyword, Options, SchemaReason, Validator};
use serde_json::Value;

use crate::pieces;

fn shared(part: &str) -> Option<PathBuf> {
    let root = env::var_os("PORTCULLIS_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let folder = root.join("data").join(part);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("SKIPPED: {} is not there; set PORTCULLIS_SHARED to run this suite", folder.display());
    None
}

/// The page on which the verdicts are published.
const PAGE: &str = include_str!("../../SUITES.md");

/// The cells of the page's rows that begin with `first`.
fn rows(first: &str) -> impl Iterator<Item = Vec<&'static str>> {
    let cells = |line: &'static str| -> Vec<&'static str> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect()
    };
    PAGE.lines().filter(|line| line.starts_with("| ")).map(cells).filter(move |row| row[0].starts_with(first))
}

/// What the suite leaves to the implementation, and what the page says that this one does.
fn accepts_undefined(name: &str) -> bool {
    let name = name.strip_suffix(".json").unwrap();
    let row = rows("i_").find(|row| row[0] == name).unwrap_or_else(|| panic!("{name} is not on the page"));
    row[1] == "accepted"
}

/// The number that the page gives for a kind of files and a verdict.
fn published(kind: &str, verdict: &str) -> usize {
    let row = rows(kind).find(|row| row[0] == kind && row[1] == verdict).unwrap();
    row[2].parse().unwrap()
}

/// The two files that the suite accepts and that are refused here, because readers differ about their meaning.
const DUPLICATES: [&str; 2] = ["y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"];

#[test]
fn json_parsing_suite() {
    let Some(folder) = shared("jsontest/test_parsing") else { return };
    let validator = Validator::compile("true", &Options::default()).unwrap();
    let (mut accepted, mut refused, mut chosen, mut duplicates) = (0, 0, 0, 0);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = fs::read(&path).unwrap();
        let verdict = validator.check(&text).map(|_| ());
        if text.len() < 2_000 {
            let told = pieces::every_cut(&validator, &text);
            assert_eq!(told.is_ok(), verdict.is_ok(), "{name}: {told:?} {verdict:?}");
        }
        match name.as_bytes()[0] {
            b'y' if DUPLICATES.contains(&name.as_str()) => {
                assert_eq!(verdict.unwrap_err().keyword(), Keyword::DuplicateKey, "{name}");
                duplicates += 1;
            }
            b'y' => {
                assert!(verdict.is_ok(), "{name}: {verdict:?}");
                accepted += 1;
            }
            b'n' => {
                assert!(verdict.is_err(), "{name} was accepted");
                refused += 1;
            }
            _ => {
                assert_eq!(verdict.is_ok(), accepts_undefined(&name), "{name}: {verdict:?}");
                chosen += 1;
            }
        }
    }
    println!(
        "JSONTestSuite: y accepted {accepted}, y refused as duplicates {duplicates}, n refused {refused}, i {chosen}"
    );
    let on_the_page = [("y_", "accepted"), ("y_", "refused"), ("n_", "refused"), ("i_", "as below")];
    assert_eq!(
        [accepted, duplicates, refused, chosen],
        on_the_page.map(|(kind, verdict)| published(kind, verdict))
    );
    assert_eq!(
        rows("i_").filter(|row| row[0].len() > 2).count(),
        chosen,
        "a row for each file and none besides"
    );
}

#[test]
fn json_schema_suite() {
    let Some(folder) = shared("jsonschema/tests/draft2020-12") else { return };
    let options = Options::default().with_closed(false);
    let (mut passed, mut failed) = (0, Vec::new());
    let mut refused: Vec<(String, usize)> = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let groups: Vec<Value> = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        for group in &groups {
            let tests = group["tests"].as_array().unwrap();
            match Validator::compile(&group["schema"].to_string(), &options) {
                Err(error) => {
                    let known = matches!(
                        error.reason(),
                        SchemaReason::UnsupportedKeyword
                            | SchemaReason::UnsupportedValue
                            | SchemaReason::UnknownDialect
                            | SchemaReason::UnsupportedPattern
                            | SchemaReason::UnresolvedReference
                    );
                    assert!(known, "{}: {error}", group["description"]);
                    let keyword = error.pointer().as_str().rsplit('/').next().unwrap_or_default();
                    match refused.iter_mut().find(|(name, _)| name == keyword) {
                        Some((_, count)) => *count += tests.len(),
                        None => refused.push((keyword.to_owned(), tests.len())),
                    }
                }
                Ok(validator) => {
                    for test in tests {
                        let text = test["data"].to_string();
                        let verdict = validator.check(text.as_bytes()).map(|_| ());
                        let told = pieces::every_cut(&validator, text.as_bytes());
                        assert_eq!(
                            told.is_ok(),
                            verdict.is_ok(),
                            "{} {text}: {told:?} {verdict:?}",
                            group["schema"]
                        );
                        if Some(verdict.is_ok()) == test["valid"].as_bool() {
                            passed += 1;
                        } else {
                            failed.push(format!(
                                "{:?} {} / {}: {verdict:?}",
                                path.file_name(),
                                group["description"],
                                test["description"]
                            ));
                        }
                    }
                }
            }
        }
    }
    println!(
        "JSON-Schema-Test-Suite: passed {passed}, refused at compile {}: {refused:?}",
        refused.iter().map(|(_, count)| count).sum::<usize>()
    );
    assert!(failed.is_empty(), "failed {}: {failed:#?}", failed.len());
    assert_eq!(published("passed", ""), passed);
    assert_eq!(published("failed", ""), failed.len());
    let mut told: Vec<(String, usize)> =
        rows("refused at compile").map(|row| (row[1].to_owned(), row[2].parse().unwrap())).collect();
    told.sort();
    refused.sort();
    assert_eq!(told, refused, "each keyword with its reason is on the page");
}
