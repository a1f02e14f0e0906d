//! A string while it is read: escapes undone, UTF-8 checked, and everything that is asked of it kept up to date.

use core::str;

use heapless::Vec;

use super::Stream;
use crate::{
    graph::{
        Graph, PatternState,
        hash::{Digester, Tag},
    },
    verdict::Keyword,
};

/// What is kept of a text, for formats and for pointers.
pub(super) const PREFIX_LEN: usize = crate::graph::FORMAT_LEN_MAX;
/// Patterns that are matched against one text.
const PATTERNS_MAX: usize = 32;

/// Where in an escape the text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    None,
    /// Behind a backslash.
    Begun,
    /// In the four digits of a code unit; `high` is the first half of a pair, if there was one.
    Unit {
        high: u16,
        digits: u8,
        value: u16,
    },
    /// Behind the first half of a pair, which a second must follow: at its backslash, or its `u`.
    Half {
        high: u16,
        at_u: bool,
    },
}

/// A string that is being read.
#[derive(Debug)]
pub(super) struct Text {
    escape: Escape,
    /// Continuation bytes that are missing, and between what the next one lies.
    utf8_left: u8,
    utf8_low: u8,
    utf8_high: u8,
    /// Code points so far.
    pub(super) count: u32,
    /// Bytes so far, escapes undone.
    len: usize,
    digester: Digester,
    wants_digest: bool,
    seed: u64,
    prefix: Vec<u8, PREFIX_LEN>,
    keeps_prefix: bool,
    patterns: Vec<(u16, PatternState), PATTERNS_MAX>,
}

/// What became of a piece of a string.
pub(super) enum Progress {
    /// All of the piece was text.
    More,
    /// The closing quote, as an index of the piece.
    Ended(usize),
}

impl Text {
    pub(super) const fn new(seed: u64) -> Self {
        Self {
            escape: Escape::None,
            utf8_left: 0,
            utf8_low: 0x80,
            utf8_high: 0xBF,
            count: 0,
            len: 0,
            digester: Digester::new(seed, Tag::Text),
            wants_digest: false,
            seed,
            prefix: Vec::new(),
            keeps_prefix: false,
            patterns: Vec::new(),
        }
    }

    /// Behind the opening quote.
    pub(super) fn begin(&mut self, wants_digest: bool, keeps_prefix: bool) {
        self.escape = Escape::None;
        self.utf8_left = 0;
        self.count = 0;
        self.len = 0;
        self.digester = Digester::new(self.seed, Tag::Text);
        self.wants_digest = wants_digest;
        self.keeps_prefix = keeps_prefix;
        self.prefix.clear();
        self.patterns.clear();
    }

    /// Matches one more pattern against the text that comes; `false` when there is no room.
    pub(super) fn watch(&mut self, pattern: u16, graph: &Graph) -> bool {
        if self.patterns.iter().any(|(known, _)| *known == pattern) {
            return true;
        }
        let Some(start) = graph.patterns.get(usize::from(pattern)).map(crate::graph::Pattern::start) else {
            return true;
        };
        self.patterns.push((pattern, start)).is_ok()
    }

    pub(super) fn is_match(&self, pattern: u16, graph: &Graph) -> bool {
        let state = self.patterns.iter().find(|(known, _)| *known == pattern);
        let automaton = graph.patterns.get(usize::from(pattern));
        automaton.zip(state).is_some_and(|(automaton, (_, state))| automaton.is_match(*state))
    }

    pub(super) const fn digest(&self) -> u128 {
        self.digester.finish()
    }

    /// The whole text, if it was kept.
    pub(super) fn whole(&self) -> Option<&str> {
        if self.len == self.prefix.len() { str::from_utf8(&self.prefix).ok() } else { None }
    }

    pub(super) fn prefix(&self) -> &[u8] {
        &self.prefix
    }

    /// Automata that every byte is fed to.
    pub(super) fn pattern_count(&self) -> usize {
        self.patterns.len()
    }

    /// Takes decoded bytes.
    fn take(&mut self, bytes: &[u8], graph: &Graph) {
        self.len += bytes.len();
        let firsts = bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count();
        self.count = self.count.saturating_add(u32::try_from(firsts).unwrap_or(u32::MAX));
        if self.wants_digest {
            self.digester.extend(bytes);
        }
        if self.keeps_prefix {
            let room = self.prefix.capacity() - self.prefix.len();
            // It fits: it is cut to the room.
            let _ = self.prefix.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
        }
        for (pattern, state) in &mut self.patterns {
            if let Some(automaton) = graph.patterns.get(usize::from(*pattern)) {
                automaton.push(state, bytes);
            }
        }
    }

    fn take_char(&mut self, code: u32, graph: &Graph) {
        let mut buffer = [0; 4];
        let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        self.take(character.encode_utf8(&mut buffer).as_bytes(), graph);
    }

    /// Reads on to the closing quote or the end of the piece. An error comes with the index of its byte.
    pub(super) fn read(&mut self, piece: &[u8], graph: &Graph) -> Result<Progress, (Keyword, usize)> {
        let mut at = 0;
        while let Some(&byte) = piece.get(at) {
            if self.escape != Escape::None {
                self.read_escape(byte, graph).map_err(|keyword| (keyword, at))?;
                at += 1;
                continue;
            }
            let rest = piece.get(at..).unwrap_or_default();
            let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1F);
            let len = rest.iter().position(is_special).unwrap_or(rest.len());
            let run = rest.get(..len).unwrap_or_default();
            self.check_utf8(run).map_err(|offset| (Keyword::Utf8, at + offset))?;
            self.take(run, graph);
            at += len;
            let Some(&special) = piece.get(at) else { return Ok(Progress::More) };
            // RFC 8259 §7: "the characters that MUST be escaped: quotation mark, reverse solidus, and the control
            // characters"
            match special {
                _ if self.utf8_left > 0 => return Err((Keyword::Utf8, at)),
                b'"' => return Ok(Progress::Ended(at)),
                b'\\' => self.escape = Escape::Begun,
                _ => return Err((Keyword::Syntax, at)),
            }
            at += 1;
        }
        Ok(Progress::More)
    }

    /// RFC 3629 §4: the table of well-formed sequences, a byte at a time.
    fn check_utf8(&mut self, run: &[u8]) -> Result<(), usize> {
        if self.utf8_left == 0 && run.is_ascii() {
            return Ok(());
        }
        for (at, &byte) in run.iter().enumerate() {
            if self.utf8_left > 0 {
                if !(self.utf8_low..=self.utf8_high).contains(&byte) {
                    return Err(at);
                }
                self.utf8_left -= 1;
                (self.utf8_low, self.utf8_high) = (0x80, 0xBF);
                continue;
            }
            (self.utf8_left, self.utf8_low, self.utf8_high) = match byte {
                0..=0x7F => (0, 0x80, 0xBF),
                0xC2..=0xDF => (1, 0x80, 0xBF),
                0xE0 => (2, 0xA0, 0xBF),
                0xE1..=0xEC | 0xEE | 0xEF => (2, 0x80, 0xBF),
                0xED => (2, 0x80, 0x9F),
                0xF0 => (3, 0x90, 0xBF),
                0xF1..=0xF3 => (3, 0x80, 0xBF),
                0xF4 => (3, 0x80, 0x8F),
                _ => return Err(at),
            };
        }
        Ok(())
    }

    fn read_escape(&mut self, byte: u8, graph: &Graph) -> Result<(), Keyword> {
        match self.escape {
            Escape::None => {}
            Escape::Begun => {
                self.escape = Escape::None;
                match byte {
                    b'"' | b'\\' | b'/' => self.take(&[byte], graph),
                    b'b' => self.take(b"\x08", graph),
                    b'f' => self.take(b"\x0C", graph),
                    b'n' => self.take(b"\n", graph),
                    b'r' => self.take(b"\r", graph),
                    b't' => self.take(b"\t", graph),
                    b'u' => self.escape = Escape::Unit { high: 0, digits: 0, value: 0 },
                    _ => return Err(Keyword::Syntax),
                }
            }
            Escape::Unit { high, digits, value } => {
                let digit = char::from(byte).to_digit(16).ok_or(Keyword::Syntax)?;
                let value = value << 4 | u16::try_from(digit).unwrap_or(0);
                if digits < 3 {
                    self.escape = Escape::Unit { high, digits: digits + 1, value };
                    return Ok(());
                }
                self.escape = Escape::None;
                // RFC 8259 §7: "the character is represented as a 12-character sequence, encoding the UTF-16 surrogate pair"
                match (high, value) {
                    (0, 0xD800..0xDC00) => self.escape = Escape::Half { high: value, at_u: false },
                    (0, 0xDC00..0xE000) => return Err(Keyword::Surrogate),
                    (0, unit) => self.take_char(u32::from(unit), graph),
                    (high, 0xDC00..0xE000) => {
                        let high = u32::from(high - 0xD800) << 10;
                        self.take_char(0x1_0000 + high + u32::from(value - 0xDC00), graph);
                    }
                    _ => return Err(Keyword::Surrogate),
                }
            }
            Escape::Half { high, at_u: false } if byte == b'\\' => {
                self.escape = Escape::Half { high, at_u: true };
            }
            Escape::Half { high, at_u: true } if byte == b'u' => {
                self.escape = Escape::Unit { high, digits: 0, value: 0 };
            }
            Escape::Half { .. } => return Err(Keyword::Surrogate),
        }
        Ok(())
    }
}

/// A name as a pointer shows it, cut at a character.
pub(super) fn shown(name: &[u8]) -> impl Iterator<Item = char> {
    let valid = match str::from_utf8(name) {
        Ok(valid) => valid,
        Err(error) => {
            name.get(..error.valid_up_to()).and_then(|valid| str::from_utf8(valid).ok()).unwrap_or("")
        }
    };
    valid.chars()
}

impl Stream<'_> {
    /// Gives the text that starts the patterns of the schemas that will judge it.
    pub(super) fn watch(&mut self, pattern: u16) -> Result<(), super::Fault> {
        if self.text.watch(pattern, self.graph) { Ok(()) } else { Err(self.over_budget()) }
    }
}
