//! Reading tokens: white space, strings eight bytes at a time, literals.

use super::{Fault, Machine};
use crate::{
    string::{hex4, unicode_escape},
    verdict::Keyword,
};

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// A mask of the `count` lowest bytes, at most eight.
pub(super) const fn low_bytes(count: usize) -> u64 {
    if count >= 8 { u64::MAX } else { (1 << (8 * count)) - 1 }
}

/// Marks the high bit of bytes that are a quote, a backslash or a control character. The lowest mark is exact; a
/// borrow can only make false ones above it.
const fn special(word: u64) -> u64 {
    let quote = word ^ (ONES * b'"' as u64);
    let backslash = word ^ (ONES * b'\\' as u64);
    let quotes = quote.wrapping_sub(ONES) & !quote;
    let backslashes = backslash.wrapping_sub(ONES) & !backslash;
    let controls = word.wrapping_sub(ONES * 0x20) & !word;
    (quotes | backslashes | controls) & HIGHS
}

/// Whether one of 32 bytes is a quote, a backslash or a control character: no branch, so that it compiles to vectors.
fn any_special(chunk: &[u8; 32]) -> bool {
    chunk.iter().fold(0_u8, |any, &byte| {
        any | u8::from(byte == b'"') | u8::from(byte == b'\\') | u8::from(byte < 0x20)
    }) != 0
}

/// Where the plain characters from `at` on end.
#[inline]
fn plain_end(text: &[u8], mut at: usize) -> usize {
    let mut words = 0;
    while let Some(word) = text.get(at..).and_then(<[u8]>::first_chunk) {
        let marks = special(u64::from_le_bytes(*word));
        if marks != 0 {
            return at + (marks.trailing_zeros() / 8) as usize;
        }
        at += 8;
        words += 1;
        // Most strings are short; a long one is worth the wider loop.
        if words == 4 {
            words = 0;
            while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk)
                && !any_special(chunk)
            {
                at += 32;
            }
        }
    }
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|&&byte| byte >= 0x20 && byte != b'"' && byte != b'\\').count()
}

impl Machine<'_, '_> {
    /// The byte at the position; 0 at the end, which is no part of JSON outside strings.
    #[inline]
    pub(super) fn byte(&self) -> u8 {
        self.byte_at(self.pos)
    }

    #[inline]
    pub(super) fn byte_at(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    /// The eight bytes at `at`, the first one lowest; zeros behind the end.
    #[inline]
    pub(super) fn word(&self, at: usize) -> u64 {
        let rest = self.text.get(at..).unwrap_or_default();
        match rest.first_chunk() {
            Some(word) => u64::from_le_bytes(*word),
            None => rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
        }
    }

    #[inline]
    pub(super) fn skip_space(&mut self) {
        // Most messages have no white space at all, and everything else is above the space.
        if self.byte() > b' ' {
            return;
        }
        // RFC 8259 §2: "Insignificant whitespace is allowed before or after any of the six structural characters."
        while matches!(self.byte(), b' ' | b'\n' | b'\r' | b'\t') {
            self.pos += 1;
        }
    }

    /// From behind the opening quote: where the closing quote is, and whether there are escapes before it.
    #[inline]
    pub(super) fn string_end(&self, start: usize) -> Result<(usize, bool), Fault> {
        let end = plain_end(self.text, start);
        if self.byte_at(end) == b'"' { Ok((end, false)) } else { self.escaped_end(end) }
    }

    fn escaped_end(&self, mut at: usize) -> Result<(usize, bool), Fault> {
        let mut escaped = false;
        loop {
            match self.byte_at(at) {
                b'"' => return Ok((at, escaped)),
                b'\\' => {
                    at = self.escape_end(at)?;
                    escaped = true;
                }
                // RFC 8259 §7: "the characters that MUST be escaped: quotation mark, reverse solidus, and the control
                // characters"
                _ => return Err(Fault::at(Keyword::Syntax, at)),
            }
            at = plain_end(self.text, at);
        }
    }

    /// Behind the escape whose backslash is at `at`.
    fn escape_end(&self, at: usize) -> Result<usize, Fault> {
        match self.byte_at(at + 1) {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(at + 2),
            b'u' => {
                let digits = self.text.get(at + 2..).unwrap_or_default();
                match unicode_escape(digits) {
                    Some((_, used)) => Ok(at + 2 + used),
                    None if hex4(digits).is_some() => Err(Fault::at(Keyword::Surrogate, at)),
                    None => Err(Fault::at(Keyword::Syntax, at)),
                }
            }
            _ => Err(Fault::at(Keyword::Syntax, at)),
        }
    }

    /// Goes past a literal name.
    #[inline]
    pub(super) fn literal(&mut self, name: &[u8]) -> Result<(), Fault> {
        // At most five bytes: they are compared as one word.
        let wanted = name.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
        if self.word(self.pos) & low_bytes(name.len()) != wanted {
            return Err(self.syntax());
        }
        self.pos += name.len();
        Ok(())
    }
}
