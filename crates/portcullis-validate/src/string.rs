//! Strings in spans that a check has passed, and the undoing of their escapes.

use core::fmt;

/// Why a string's text cannot be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnescapeError {
    /// The span is no JSON string. A span that a check has passed is one.
    Malformed,
    /// The text does not fit into the buffer of `len_max` bytes. A string is never longer than its span.
    BufferTooSmall {
        /// The bytes that there is room for.
        len_max: usize,
    },
}

impl fmt::Display for UnescapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("not a JSON string"),
            Self::BufferTooSmall { len_max } => write!(f, "the text is longer than {len_max} bytes"),
        }
    }
}

impl core::error::Error for UnescapeError {}

/// The text of the JSON string `raw` (its quotes included) when it has no escapes, else `None`.
///
/// ```
/// assert_eq!(portcullis_validate::string::raw_str(br#""plain""#), Some("plain"));
/// assert_eq!(portcullis_validate::string::raw_str(br#""\u0061""#), None);
/// ```
#[must_use]
pub fn raw_str(raw: &[u8]) -> Option<&str> {
    let inside = content(raw)?;
    if inside.iter().any(|&byte| byte == b'\\' || byte == b'"') {
        return None;
    }
    core::str::from_utf8(inside).ok()
}

/// Writes the text of the JSON string `raw` (its quotes included) into `out`, escapes undone.
///
/// # Errors
/// `raw` is no JSON string, or `out` is too small; `raw.len()` bytes are always enough.
///
/// ```
/// let mut buffer = [0; 16];
/// let text = portcullis_validate::string::unescape_into(br#""caf\u00e9""#, &mut buffer)?;
/// assert_eq!(text, "café");
/// # Ok::<(), portcullis_validate::string::UnescapeError>(())
/// ```
pub fn unescape_into<'o>(raw: &[u8], out: &'o mut [u8]) -> Result<&'o str, UnescapeError> {
    let inside = content(raw).ok_or(UnescapeError::Malformed)?;
    let len_max = out.len();
    let mut decoded = Decoded::new(inside);
    let mut len = 0;
    for byte in &mut decoded {
        *out.get_mut(len).ok_or(UnescapeError::BufferTooSmall { len_max })? = byte;
        len += 1;
    }
    if !decoded.is_complete() {
        return Err(UnescapeError::Malformed);
    }
    let text = out.get(..len).unwrap_or_default();
    core::str::from_utf8(text).map_err(|_| UnescapeError::Malformed)
}

fn content(raw: &[u8]) -> Option<&[u8]> {
    raw.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// The bytes of a string with its escapes undone. Ends at a quote, at the end of the text, or at a bad escape.
#[derive(Clone, Debug)]
pub(crate) struct Decoded<'t> {
    text: &'t [u8],
    /// The rest of an escaped character, the next byte lowest.
    pending: u32,
}

impl<'t> Decoded<'t> {
    pub(crate) const fn new(text: &'t [u8]) -> Self {
        Self { text, pending: 0 }
    }

    /// Whether all of the text was decoded.
    const fn is_complete(&self) -> bool {
        self.text.is_empty() && self.pending == 0
    }

    fn escape(&mut self) -> Option<u8> {
        let (&letter, rest) = self.text.get(1..)?.split_first()?;
        let (character, used) = match letter {
            b'"' | b'\\' | b'/' => (u32::from(letter), 0),
            b'b' => (8, 0),
            b'f' => (12, 0),
            b'n' => (10, 0),
            b'r' => (13, 0),
            b't' => (9, 0),
            b'u' => unicode_escape(rest)?,
            _ => return None,
        };
        self.text = rest.get(used..)?;
        let mut buffer = [0; 4];
        let encoded = char::from_u32(character)?.encode_utf8(&mut buffer).as_bytes();
        let (&first, more) = encoded.split_first()?;
        // A continuation byte is never zero, so that zero can mean "none left".
        self.pending = more.iter().rev().fold(0, |pending, &byte| pending << 8 | u32::from(byte));
        Some(first)
    }
}

/// The character of `XXXX` or `XXXX\uXXXX` at the start of `rest`, and how many bytes it takes.
pub(crate) fn unicode_escape(rest: &[u8]) -> Option<(u32, usize)> {
    let high = hex4(rest)?;
    match high {
        0xd800..=0xdbff => {
            // RFC 8259 §7: "the character is represented as a 12-character sequence, encoding the UTF-16 surrogate pair"
            let low = rest.get(4..)?.strip_prefix(b"\\u").and_then(hex4)?;
            if !(0xdc00..=0xdfff).contains(&low) {
                return None;
            }
            Some((0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00), 10))
        }
        0xdc00..=0xdfff => None,
        _ => Some((high, 4)),
    }
}

/// The value of four hexadecimal digits.
pub(crate) fn hex4(text: &[u8]) -> Option<u32> {
    text.get(..4)?.iter().try_fold(0, |value, &byte| Some(value << 4 | char::from(byte).to_digit(16)?))
}

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if self.pending != 0 {
            let byte = self.pending.to_le_bytes()[0];
            self.pending >>= 8;
            return Some(byte);
        }
        match *self.text.first()? {
            b'"' => None,
            b'\\' => self.escape(),
            byte => {
                self.text = self.text.get(1..)?;
                Some(byte)
            }
        }
    }
}

/// The characters of a decoded string.
pub(crate) fn characters(text: &[u8]) -> impl Iterator<Item = char> {
    let mut bytes = Decoded::new(text);
    core::iter::from_fn(move || {
        let mut buffer = [0_u8; 4];
        let first = bytes.next()?;
        let len = match first {
            0..0xc0 => 1,
            0xc0..0xe0 => 2,
            0xe0..0xf0 => 3,
            _ => 4,
        };
        buffer[0] = first;
        for slot in buffer.get_mut(1..len)? {
            *slot = bytes.next()?;
        }
        core::str::from_utf8(buffer.get(..len)?).ok()?.chars().next()
    })
}
