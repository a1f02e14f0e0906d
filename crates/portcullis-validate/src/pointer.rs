//! A JSON Pointer in a small fixed buffer.

use core::fmt;

/// Bytes that a pointer keeps.
const LEN_MAX: usize = 84;

/// A JSON Pointer (RFC 6901), kept to 84 bytes: what does not fit is cut at a character and marked with `…`.
///
/// A control character in a name shows as U+FFFD, so that a pointer can go into a log line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pointer {
    bytes: [u8; LEN_MAX],
    len: u8,
    truncated: bool,
    /// How many steps it has, the cut ones counted.
    depth: u8,
}

/// A place on the way of a pointer.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    len: u8,
    truncated: bool,
    depth: u8,
}

impl Pointer {
    /// The whole document.
    pub(crate) const ROOT: Self = Self { bytes: [0; LEN_MAX], len: 0, truncated: false, depth: 0 };

    /// What fits of it, without the mark.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let kept = self.bytes.get(..usize::from(self.len)).unwrap_or_default();
        core::str::from_utf8(kept).unwrap_or_default()
    }

    /// Whether something was cut off.
    #[must_use]
    pub const fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// How many steps lead from the root to the place.
    #[must_use]
    pub const fn depth(&self) -> usize {
        self.depth as usize
    }

    /// How far it goes, to come back to.
    #[cfg(feature = "alloc")]
    pub(crate) const fn mark(&self) -> Mark {
        Mark { len: self.len, truncated: self.truncated, depth: self.depth }
    }

    /// Goes back up.
    #[cfg(feature = "alloc")]
    pub(crate) const fn reset(&mut self, mark: Mark) {
        self.len = mark.len;
        self.truncated = mark.truncated;
        self.depth = mark.depth;
    }

    /// One step down, to the member `name`.
    pub(crate) fn push_name(&mut self, name: impl Iterator<Item = char>) {
        self.depth = self.depth.saturating_add(1);
        self.push_char('/');
        for character in name {
            match character {
                '~' => self.push_all("~0"),
                '/' => self.push_all("~1"),
                control if control.is_control() => self.push_char('\u{fffd}'),
                plain => self.push_char(plain),
            }
            if self.truncated {
                break;
            }
        }
    }

    /// One step down, to the item `index`.
    pub(crate) fn push_index(&mut self, index: u32) {
        let mut digits = ['0'; 10];
        let mut rest = index;
        let mut first = digits.len();
        for digit in digits.iter_mut().rev() {
            first -= 1;
            *digit = char::from_digit(rest % 10, 10).unwrap_or('0');
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.push_name(digits.into_iter().skip(first));
    }

    /// All steps of another pointer.
    #[cfg(feature = "alloc")]
    pub(crate) fn push_pointer(&mut self, other: &Self) {
        other.as_str().chars().for_each(|character| self.push_char(character));
        self.truncated |= other.truncated;
        self.depth = self.depth.saturating_add(other.depth);
    }

    fn push_all(&mut self, text: &str) {
        text.chars().for_each(|character| self.push_char(character));
    }

    fn push_char(&mut self, character: char) {
        let mut buffer = [0; 4];
        let encoded = character.encode_utf8(&mut buffer).as_bytes();
        let start = usize::from(self.len);
        let end = start + encoded.len();
        match self.bytes.get_mut(start..end) {
            Some(target) if !self.truncated => {
                target.copy_from_slice(encoded);
                self.len = u8::try_from(end).unwrap_or(self.len);
            }
            _ => self.truncated = true,
        }
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())?;
        if self.truncated { f.write_str("…") } else { Ok(()) }
    }
}

impl fmt::Debug for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())?;
        if self.truncated { f.write_str("…") } else { Ok(()) }
    }
}
