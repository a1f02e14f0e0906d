//! Every MUST of RFC 6455 and RFC 7692 has a test, or a reason why it has none: `musts.toml` of the protocol crate.

use std::collections::BTreeSet;

use toml::{Table, Value};

use crate::tree::{files, read};

const MUSTS: &str = "crates/portcullis-proto/testdata/musts.toml";

/// How many rows there are of each RFC at least: fewer, and some have been lost.
const ROWS_MIN: [(&str, usize); 2] = [("RFC 6455 §", 127), ("RFC 7692 §", 27)];

/// One row of the list.
struct Must {
    section: String,
    quote: String,
    tests: Vec<String>,
    why: Option<String>,
}

fn musts(text: &str) -> Vec<Must> {
    let table: Table = text.parse().unwrap();
    let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
    let must = |row: &Value| Must {
        section: text(row, "section"),
        quote: text(row, "quote"),
        tests: row.get("tests").and_then(Value::as_array).map_or_else(Vec::new, |tests| {
            tests.iter().map(|test| test.as_str().unwrap().to_owned()).collect()
        }),
        why: row.get("why").map(|why| why.as_str().unwrap().to_owned()),
    };
    table["must"].as_array().unwrap().iter().map(must).collect()
}

/// The names of what is tested in the tree: functions under `#[test]` or in `proptest!`, clauses, places.
fn names() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for path in files("crates", &[".rs"]) {
        let mut is_test = false;
        for line in read(&path).lines().map(str::trim) {
            if line == "#[test]" {
                is_test = true;
            } else if let Some(rest) = line.strip_prefix("fn ") {
                let name = rest.split(['(', '<']).next().unwrap_or_default();
                if core::mem::take(&mut is_test) {
                    names.insert(name.to_owned());
                }
            } else if !line.starts_with(['#', '/']) {
                is_test = false;
            }
        }
    }
    for path in files("crates/portcullis-proto/testdata", &[".toml"]) {
        let ids = read(&path);
        let ids = ids.lines().filter_map(|line| line.strip_prefix("id = \"")?.strip_suffix('"'));
        names.extend(ids.map(str::to_owned));
    }
    names
}

/// What is wrong with a row, if anything is.
fn fault(must: &Must, names: &BTreeSet<String>) -> Option<String> {
    if !["MUST", "SHALL", "REQUIRED"].iter().any(|word| must.quote.contains(word)) {
        return Some("the quote demands nothing".to_owned());
    }
    match (&must.why, must.tests.is_empty()) {
        (None, true) => return Some("no test, and no reason why".to_owned()),
        (Some(_), false) => return Some("a test, and a reason why there is none".to_owned()),
        (Some(why), true) if why.strip_prefix("explained: ").is_none_or(|why| why.len() < 20) => {
            return Some(format!("no explanation: {why}"));
        }
        _ => {}
    }
    let unknown = must.tests.iter().find(|test| !names.contains(*test))?;
    Some(format!("no test or clause of the name {unknown}"))
}

#[test]
fn every_must_has_a_test_or_a_reason() {
    let (musts, names) = (musts(&read(MUSTS)), names());
    let tested = musts.iter().filter(|must| !must.tests.is_empty()).count();
    println!("{} MUSTs: {tested} tested, {} explained", musts.len(), musts.len() - tested);
    let told =
        |must: &Must| Some(format!("{}: \"{}\"\n    {}", must.section, must.quote, fault(must, &names)?));
    let open: Vec<String> = musts.iter().filter_map(told).collect();
    println!("{} MUSTs are open", open.len());
    assert!(open.is_empty(), "\n{}", open.join("\n"));
    for (rfc, rows_min) in ROWS_MIN {
        let rows = musts.iter().filter(|must| must.section.starts_with(rfc)).count();
        assert!(rows >= rows_min, "{rows} rows of {rfc}, there were {rows_min}");
    }
    let mut rows: Vec<(&str, &str)> = musts.iter().map(|must| (&*must.section, &*must.quote)).collect();
    rows.sort_unstable();
    for pair in rows.windows(2) {
        assert_ne!(pair[0], pair[1], "one row twice");
    }
}

#[test]
fn a_row_that_is_wrong_is_found() {
    let names = BTreeSet::from(["known".to_owned()]);
    let verdict = |row: &str| {
        let row = format!("[[must]]\nsection = \"RFC 6455 §1\"\n{row}");
        fault(&musts(&row)[0], &names)
    };
    assert_eq!(verdict("quote = \"MUST\"\ntests = [\"known\"]"), None);
    assert_eq!(verdict("quote = \"MUST\"\nwhy = \"explained: nothing here can break it\""), None);
    assert!(verdict("quote = \"MUST\"").unwrap().contains("no reason"));
    assert!(verdict("quote = \"MUST\"\ntests = [\"known\", \"other\"]").unwrap().contains("other"));
    assert!(verdict("quote = \"MUST\"\nwhy = \"later\"").unwrap().contains("no explanation"));
    assert!(verdict("quote = \"MAY\"\ntests = [\"known\"]").unwrap().contains("demands nothing"));
    assert!(
        verdict("quote = \"MUST\"\ntests = [\"known\"]\nwhy = \"explained: a\"")
            .unwrap()
            .contains("a test, and")
    );
}
