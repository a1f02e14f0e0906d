//! UTF-8 (RFC 3629), whole and in pieces.

use super::mask;

/// Text that is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidUtf8;

impl core::fmt::Display for InvalidUtf8 {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the text is not UTF-8")
    }
}

impl core::error::Error for InvalidUtf8 {}

/// Below this many bytes the vector code is not entered at all.
const BLOCK: usize = 64;

/// Checks a whole text. O(n), with SIMD where the target has it.
///
/// # Errors
/// It is not UTF-8.
#[inline]
pub fn check(text: &[u8]) -> Result<(), InvalidUtf8> {
    if text.len() < BLOCK && text.is_ascii() {
        return Ok(());
    }
    check_any(text)
}

/// Takes a whole text out of its mask, in place, and checks it: one pass when it is ASCII. O(n).
///
/// # Errors
/// It is not UTF-8. It is unmasked nevertheless.
///
/// ```
/// let mut text = *b"\x7f\x9f\x4d\x51\x58"; // RFC 6455 §5.7
/// portcullis_proto::wire::utf8::unmask([0x37, 0xfa, 0x21, 0x3d], &mut text)?;
/// assert_eq!(&text, b"Hello");
/// # Ok::<(), portcullis_proto::wire::utf8::InvalidUtf8>(())
/// ```
#[inline]
pub fn unmask(key: [u8; 4], text: &mut [u8]) -> Result<(), InvalidUtf8> {
    if mask::apply_ascii(key, 0, text) { Ok(()) } else { check_any(text) }
}

/// For text that is not ASCII.
#[inline(never)]
fn check_any(text: &[u8]) -> Result<(), InvalidUtf8> {
    // A text that does not fill a block is made one: a NUL is a character of its own, so the verdict stays the same.
    let mut block = [0; BLOCK];
    let text = match block.get_mut(..text.len()) {
        Some(start) => {
            start.copy_from_slice(text);
            &block
        }
        None => text,
    };
    simdutf8::basic::from_utf8(text).map(|_| ()).map_err(|_| InvalidUtf8)
}

/// Checks a text piece by piece, and fails with the first byte that no UTF-8 text can go on with, however it is cut.
///
/// ```
/// use portcullis_proto::wire::Utf8;
///
/// let mut utf8 = Utf8::new();
/// utf8.push(b"caf\xc3")?;
/// assert!(utf8.finish().is_err(), "a letter is still open");
/// utf8.push(b"\xa9")?;
/// utf8.finish()?;
/// assert!(utf8.push(b"\xed\xa0").is_err(), "a surrogate, seen at its second byte");
/// # Ok::<(), portcullis_proto::wire::utf8::InvalidUtf8>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Utf8 {
    /// The bytes of a character that is still open: `open[..open_len]`.
    open: [u8; 3],
    open_len: u8,
}

impl Utf8 {
    /// Before the first byte.
    #[must_use]
    pub const fn new() -> Self {
        Self { open: [0; 3], open_len: 0 }
    }

    /// Takes the next piece. O(n).
    ///
    /// # Errors
    /// The text is not UTF-8, whatever may follow.
    #[inline]
    pub fn push(&mut self, piece: &[u8]) -> Result<(), InvalidUtf8> {
        let rest = self.close_character(piece)?;
        match simdutf8::compat::from_utf8(rest) {
            Ok(_) => Ok(()),
            Err(error) if error.error_len().is_some() => Err(InvalidUtf8),
            Err(error) => {
                self.keep(rest.get(error.valid_up_to()..).unwrap_or_default());
                Ok(())
            }
        }
    }

    /// Takes the next piece, still masked, and unmasks it in place: one pass while it is ASCII. `offset` is where it
    /// starts in the payload that the masking key belongs to. O(n).
    ///
    /// # Errors
    /// The text is not UTF-8, whatever may follow. The piece is unmasked nevertheless.
    #[inline]
    pub fn push_masked(&mut self, key: [u8; 4], offset: usize, piece: &mut [u8]) -> Result<(), InvalidUtf8> {
        if mask::apply_ascii(key, offset, piece) && self.open_len == 0 { Ok(()) } else { self.push(piece) }
    }

    /// The text ends here.
    ///
    /// # Errors
    /// Its last character is still open.
    pub const fn finish(&self) -> Result<(), InvalidUtf8> {
        if self.open_len == 0 { Ok(()) } else { Err(InvalidUtf8) }
    }

    /// Feeds the open character until it is complete; returns what is left of the piece.
    fn close_character<'p>(&mut self, piece: &'p [u8]) -> Result<&'p [u8], InvalidUtf8> {
        let mut rest = piece;
        while self.open_len > 0 {
            let Some((&byte, after)) = rest.split_first() else { return Ok(rest) };
            let len = usize::from(self.open_len);
            let mut character = [self.open[0], self.open[1], self.open[2], 0];
            if let Some(next) = character.get_mut(len) {
                *next = byte;
            }
            let character = character.get(..=len).unwrap_or_default();
            match core::str::from_utf8(character) {
                Ok(_) => self.open_len = 0,
                Err(error) if error.error_len().is_some() => return Err(InvalidUtf8),
                Err(_) => self.keep(character),
            }
            rest = after;
        }
        Ok(rest)
    }

    /// Keeps the start of a character: at most three bytes, since a fourth completes any.
    fn keep(&mut self, start: &[u8]) {
        for (slot, &byte) in self.open.iter_mut().zip(start) {
            *slot = byte;
        }
        self.open_len = u8::try_from(start.len().min(3)).unwrap_or(3);
    }
}
