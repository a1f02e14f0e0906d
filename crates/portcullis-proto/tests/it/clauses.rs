//! The clauses of `testdata/*.toml`: one sentence of an RFC each, as data.

mod bytes;
mod close_codes;
#[cfg(feature = "deflate")]
mod deflate;
mod frames;
mod handshake;
mod memory;
mod sending;

use std::{fs, path::Path};

use toml::{Table, Value};

/// Fewer clauses than this, and some have been lost.
const CLAUSES_MIN: usize = 1_000;

/// One `[[clause]]` of a file.
struct Clause(Table);

impl Clause {
    fn text(&self, key: &str) -> &str {
        self.0.get(key).and_then(Value::as_str).unwrap_or_else(|| panic!("{}: no `{key}`", self.id()))
    }

    fn maybe(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(Value::as_str)
    }

    fn list(&self, key: &str) -> Vec<String> {
        let list = self.0.get(key).and_then(Value::as_array).into_iter().flatten();
        list.map(|line| line.as_str().unwrap().to_owned()).collect()
    }

    fn id(&self) -> &str {
        self.0.get("id").and_then(Value::as_str).unwrap_or("a clause without an id")
    }

    /// What a failure begins with.
    fn headline(&self) -> String {
        format!("{}\n  {}", self.id(), self.text("rule"))
    }
}

/// The data files whose names start with `prefix`, name and content, in the order of their names.
fn data(prefix: &str) -> Vec<(String, Table)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut names: Vec<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(prefix) && name.ends_with(".toml"))
        .collect();
    names.sort();
    let read = |name: String| {
        let text = fs::read_to_string(folder.join(&name)).unwrap();
        let table = text.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, table)
    };
    names.into_iter().map(read).collect()
}

/// All clauses of the files whose names start with `prefix`.
fn clauses(prefix: &str) -> Vec<Clause> {
    let of_file = |(_, mut table): (String, Table)| match table.remove("clause") {
        Some(Value::Array(clauses)) => clauses,
        _ => Vec::new(),
    };
    let table =
        |value| if let Value::Table(table) = value { Clause(table) } else { panic!("{value} is no clause") };
    data(prefix).into_iter().flat_map(of_file).map(table).collect()
}

/// Bytes in hex, white space anywhere.
fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    assert!(digits.len().is_multiple_of(2), "half a byte in {text}");
    let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
    (0..digits.len()).step_by(2).map(byte).collect()
}

/// Bytes as hex.
fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Panics with all failures of a file, or the first of them when there are many.
fn none(failures: &[String]) {
    let shown: Vec<&str> = failures.iter().take(20).map(String::as_str).collect();
    assert!(failures.is_empty(), "{} failures\n{}", failures.len(), shown.join("\n"));
}

#[test]
fn each_clause_has_its_own_name_and_cites_its_rule() {
    let all = clauses("");
    println!("{} clauses", all.len());
    for (name, table) in data("") {
        let count = table.get("clause").and_then(Value::as_array).map_or(0, Vec::len);
        println!("{count:5} {name}");
    }
    assert!(all.len() >= CLAUSES_MIN, "{} clauses are fewer than {CLAUSES_MIN}", all.len());
    let mut ids: Vec<&str> = all.iter().map(Clause::id).collect();
    ids.sort_unstable();
    for pair in ids.windows(2) {
        assert_ne!(pair[0], pair[1], "two clauses of one name");
    }
    for clause in &all {
        let rule = clause.text("rule");
        let cites =
            rule.starts_with("RFC ") && rule.contains(" §") && rule.contains(": \"") && rule.ends_with('"');
        assert!(cites, "{}: {rule}", clause.id());
    }
}

#[test]
fn hex_is_read_and_written() {
    assert_eq!(hex(" 00 fFa5\n"), [0, 255, 165]);
    assert_eq!(to_hex(&[0, 255, 165]), "00ffa5");
}
