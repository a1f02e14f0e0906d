//! Turns the clauses of portcullis-proto into constant tables, and tells the linker where flash and RAM are.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use toml::{Table, Value};

/// What a client has offered, unless a clause says otherwise: as `response.toml` says.
const SUBPROTOCOLS: &[&str] = &["chat", "superchat"];
const EXTENSIONS: &str = "permessage-deflate; client_max_window_bits";

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap());
    let folder = Path::new("../../crates/portcullis-proto/testdata");
    println!("cargo::rerun-if-changed={}", folder.display());
    println!("cargo::rerun-if-changed=memory.x");
    let mut tables = Tables::default();
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&file).unwrap();
        let table: Table = text.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
        tables.file(&name, &table);
    }
    fs::write(out.join("data.rs"), tables.source()).unwrap();
    if env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "none") {
        fs::copy("memory.x", out.join("memory.x")).unwrap();
        println!("cargo::rustc-link-search={}", out.display());
        println!("cargo::rustc-link-arg-bins=-Tlink.x");
    }
}

/// The source of each table while it is made.
#[derive(Default)]
struct Tables {
    frames: String,
    heads: String,
    places: String,
    codes: String,
    lines: String,
    /// The number of each line.
    numbers: HashMap<Vec<u8>, usize>,
    input_len_max: usize,
}

impl Tables {
    fn file(&mut self, name: &str, table: &Table) {
        for clause in rows(table, "clause") {
            if name.starts_with("frames-") {
                self.frame(clause);
            } else if name.starts_with("request-") {
                let answer = clause.get("answer").and_then(Value::as_str);
                self.head(clause, &format!("Request {{ answer: {answer:?} }}"));
            } else if name == "response" {
                self.head(clause, &response(clause));
            } else if !name.starts_with("deflate-") {
                // Compression needs an allocator and has no place here; anything else should have one.
                println!("cargo::warning=the clauses of {name} are not run");
                break;
            }
        }
        rows(table, "place").for_each(|place| self.place(place));
        for code in rows(table, "close_code") {
            let (from, to) = (code["from"].as_integer().unwrap(), code["to"].as_integer().unwrap());
            let is_valid = code["valid"].as_bool().unwrap();
            writeln!(self.codes, "Range {{ from: {from}, to: {to}, is_valid: {is_valid} }},").unwrap();
        }
    }

    fn frame(&mut self, clause: &Table) {
        let input = hex(text(clause, "input"));
        self.input_len_max = self.input_len_max.max(input.len());
        let mut story = String::new();
        for line in clause["expect"].as_array().unwrap() {
            writeln!(story, "{}", line.as_str().unwrap()).unwrap();
        }
        let sent: String = text(clause, "sent").split_whitespace().collect();
        writeln!(story, "{}", format!("sent {sent}").trim_end()).unwrap();
        let (id, is_server) = (text(clause, "id"), text(clause, "side") == "server");
        writeln!(
            self.frames,
            "frames::Clause {{ id: {id:?}, is_server: {is_server}, input: {}, story: {story:?} }},",
            literal(&input)
        )
        .unwrap();
    }

    fn head(&mut self, clause: &Table, kind: &str) {
        let head = clause
            .get("head")
            .map_or_else(|| hex(text(clause, "head_hex")), |head| head.as_str().unwrap().as_bytes().to_vec());
        self.input_len_max = self.input_len_max.max(head.len());
        let lines: Vec<usize> =
            head.split_inclusive(|&byte| byte == b'\n').map(|line| self.line(line)).collect();
        let (id, verdict) = (text(clause, "id"), text(clause, "verdict"));
        writeln!(
            self.heads,
            "heads::Clause {{ id: {id:?}, kind: Kind::{kind}, lines: &{lines:?}, verdict: {verdict:?} }},"
        )
        .unwrap();
    }

    /// The number of a line, the same for the same line.
    fn line(&mut self, line: &[u8]) -> usize {
        let next = self.numbers.len();
        let number = *self.numbers.entry(line.to_vec()).or_insert(next);
        if number == next {
            writeln!(self.lines, "{},", literal(line)).unwrap();
        }
        number
    }

    fn place(&mut self, place: &Table) {
        let (before, after) = text(place, "head").split_once("{}").unwrap();
        self.input_len_max = self.input_len_max.max(before.len() + 1 + after.len());
        let kind = match text(place, "kind") {
            "request" => "Request { answer: None }".to_owned(),
            _ => response(&Table::new()),
        };
        let ranges: Vec<(i64, &str)> = place["ranges"]
            .as_array()
            .unwrap()
            .iter()
            .map(|range| (range["to"].as_integer().unwrap(), range["verdict"].as_str().unwrap()))
            .collect();
        writeln!(
            self.places,
            "Place {{ id: {:?}, kind: Kind::{kind}, before: {}, after: {}, ranges: &{ranges:?} }},",
            text(place, "id"),
            literal(before.as_bytes()),
            literal(after.as_bytes())
        )
        .unwrap();
    }

    fn source(&self) -> String {
        format!(
            "use crate::{{codes::Range, frames, heads::{{self, Kind, Place}}}};\n\
             pub(crate) const INPUT_LEN_MAX: usize = {};\n\
             pub(crate) static FRAMES: &[frames::Clause] = &[\n{}];\n\
             pub(crate) static HEADS: &[heads::Clause] = &[\n{}];\n\
             pub(crate) static PLACES: &[Place] = &[\n{}];\n\
             pub(crate) static CODES: &[Range] = &[\n{}];\n\
             pub(crate) static LINES: &[&[u8]] = &[\n{}];\n",
            self.input_len_max, self.frames, self.heads, self.places, self.codes, self.lines
        )
    }
}

/// What a response answers to.
fn response(clause: &Table) -> String {
    let list = clause.get("subprotocols").and_then(Value::as_array);
    let subprotocols: Vec<&str> = list.map_or_else(
        || SUBPROTOCOLS.to_vec(),
        |list| list.iter().map(|name| name.as_str().unwrap()).collect(),
    );
    let extensions = clause.get("extensions").map_or(EXTENSIONS, |value| value.as_str().unwrap());
    format!("Response {{ subprotocols: &{subprotocols:?}, extensions: {extensions:?} }}")
}

/// The tables of an array of tables.
fn rows<'t>(table: &'t Table, key: &str) -> impl Iterator<Item = &'t Table> {
    table.get(key).and_then(Value::as_array).into_iter().flatten().map(|row| row.as_table().unwrap())
}

fn text<'t>(table: &'t Table, key: &str) -> &'t str {
    table.get(key).and_then(Value::as_str).unwrap_or_else(|| panic!("no `{key}` in {table}"))
}

/// Bytes in hex, white space anywhere.
fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

/// Bytes as a literal of Rust.
fn literal(bytes: &[u8]) -> String {
    format!("b\"{}\"", bytes.escape_ascii())
}
