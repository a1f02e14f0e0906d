//! The clauses of `crates/portcullis-proto/testdata`, run without `std` and without an allocator.
//!
//! The same code runs on the host and on a board: both must pass every clause and tell the same trace, byte for byte.
#![no_std]
#![forbid(unsafe_code)]

mod codes;
mod cut;
mod frames;
mod heads;
mod trace;

/// What `build.rs` made of the data files.
mod data {
    include!(concat!(env!("OUT_DIR"), "/data.rs"));
}

use core::fmt::{self, Write};

use trace::Hash;

/// How much of the data was run, and what came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Clauses whose every trace was as expected.
    pub passed: u32,
    /// The others.
    pub failed: u32,
    /// How often something was run: each clause is, whole, byte by byte and at every cut.
    pub traces: u32,
}

/// Everything that a run tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// `frames-*.toml`.
    pub frames: Count,
    /// `request-*.toml` and `response.toml`.
    pub heads: Count,
    /// `bytes.toml`: each place is a clause, with all 256 bytes.
    pub bytes: Count,
    /// `ranges.toml`: each range of close codes is a clause, with each of its codes.
    pub codes: Count,
    /// FNV-1a over all traces: events, errors, answers, and how many bytes each step consumed.
    pub hash: u64,
}

impl Summary {
    /// Whether nothing failed, and nothing was empty.
    #[must_use]
    pub fn is_good(&self) -> bool {
        [self.frames, self.heads, self.bytes, self.codes]
            .iter()
            .all(|count| count.failed == 0 && count.passed > 0)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut passed, mut failed) = (0, 0);
        let rows = [
            ("frames", self.frames),
            ("heads", self.heads),
            ("places in heads", self.bytes),
            ("ranges of close codes", self.codes),
        ];
        for (name, count) in rows {
            let all = count.passed + count.failed;
            writeln!(f, "{name}: {} of {all} in {} traces", count.passed, count.traces)?;
            passed += count.passed;
            failed += count.failed;
        }
        writeln!(f, "hash of all traces: {:016x}", self.hash)?;
        writeln!(f, "{passed} passed, {failed} failed, 0 skipped")
    }
}

/// The memory of a run.
pub struct Memory {
    input: [u8; data::INPUT_LEN_MAX],
    storage: [u8; portcullis_proto::handshake::HEAD_LEN_MAX],
}

impl Default for Memory {
    fn default() -> Self {
        Self { input: [0; data::INPUT_LEN_MAX], storage: [0; portcullis_proto::handshake::HEAD_LEN_MAX] }
    }
}

/// Runs every clause. What differs is told to `out`.
pub fn run(memory: &mut Memory, out: &mut dyn Write) -> Summary {
    let mut hash = Hash::new();
    let frames = frames::all(memory, &mut hash, out);
    let heads = heads::all(memory, &mut hash, out);
    let bytes = heads::bytes(memory, &mut hash, out);
    let codes = codes::all(memory, &mut hash, out);
    Summary { frames, heads, bytes, codes, hash: hash.finish() }
}
