//! The frame header (RFC 6455 §5.2).

use super::{HEADER_LEN_MAX, Opcode};

/// A frame header. Parsed ones have met the rules that hold for every frame; what depends on the side, on the
/// extensions and on the frames before is the connection's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the fields of the wire format")]
pub struct Header {
    /// Whether this is the last frame of its message.
    pub fin: bool,
    /// The three reserved bits: RSV1 is 4, RSV2 is 2, RSV3 is 1.
    pub rsv: u8,
    /// What the frame carries.
    pub opcode: Opcode,
    /// The masking key, when the payload is masked.
    pub mask: Option<[u8; 4]>,
    /// The length of the payload in bytes, below 2^63.
    pub len: u64,
}

/// Why bytes are no frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderError {
    /// The opcode is reserved (RFC 6455 §5.2).
    ReservedOpcode,
    /// The length is not written in the fewest bytes (RFC 6455 §5.2).
    NonMinimalLength,
    /// The most significant bit of a 64-bit length is set (RFC 6455 §5.2).
    LengthOverflow,
}

impl Header {
    /// Reads the header at the start of `bytes`: with its length, or `None` when more bytes are needed. O(1).
    ///
    /// # Errors
    /// The header is wrong, as soon as that can be seen.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, HeaderError> {
        let Some(&first) = bytes.first() else { return Ok(None) };
        // RFC 6455 §5.2: "If an unknown opcode is received, the receiving endpoint MUST _Fail the WebSocket
        // Connection_."
        let opcode = Opcode::from_bits(first & 0x0F).ok_or(HeaderError::ReservedOpcode)?;
        let Some(&second) = bytes.get(1) else { return Ok(None) };
        let Some((len, key_at)) = parse_len(bytes, second & 0x7F)? else { return Ok(None) };
        let (mask, head_len) = if second & 0x80 == 0 {
            (None, key_at)
        } else {
            let Some(key) = bytes.get(key_at..).and_then(<[u8]>::first_chunk) else { return Ok(None) };
            (Some(*key), key_at + 4)
        };
        let header = Self { fin: first & 0x80 != 0, rsv: (first >> 4) & 0x07, opcode, mask, len };
        Ok(Some((header, head_len)))
    }

    /// The header as it stands on the wire, and how many of the bytes it takes.
    #[must_use]
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "each length is written where it was seen to fit")]
    pub const fn to_bytes(&self) -> ([u8; HEADER_LEN_MAX], usize) {
        let mut bytes = [0; HEADER_LEN_MAX];
        bytes[0] = (self.fin as u8) << 7 | (self.rsv & 0x07) << 4 | self.opcode.bits();
        let masked = if self.mask.is_some() { 0x80 } else { 0 };
        let len = self.len.to_be_bytes();
        let mut at = 2;
        match self.len {
            0..=125 => bytes[1] = masked | self.len as u8,
            126..=0xFFFF => {
                bytes[1] = masked | 126;
                bytes[2] = len[6];
                bytes[3] = len[7];
                at = 4;
            }
            _ => {
                bytes[1] = masked | 127;
                while at < 10 {
                    bytes[at] = len[at - 2];
                    at += 1;
                }
            }
        }
        if let Some(key) = self.mask {
            bytes[at] = key[0];
            bytes[at + 1] = key[1];
            bytes[at + 2] = key[2];
            bytes[at + 3] = key[3];
            at += 4;
        }
        (bytes, at)
    }
}

/// The payload length that starts with the seven bits `short`, and where the bytes behind it start.
#[inline]
fn parse_len(bytes: &[u8], short: u8) -> Result<Option<(u64, usize)>, HeaderError> {
    let rest = bytes.get(2..).unwrap_or_default();
    // RFC 6455 §5.2: "Note that in all cases, the minimal number of bytes MUST be used to encode the length"
    match short {
        126 => match rest.first_chunk() {
            None => Ok(None),
            Some(len) => match u16::from_be_bytes(*len) {
                0..=125 => Err(HeaderError::NonMinimalLength),
                len => Ok(Some((u64::from(len), 4))),
            },
        },
        // RFC 6455 §5.2: "the most significant bit MUST be 0"
        127 if rest.first().is_some_and(|byte| byte & 0x80 != 0) => Err(HeaderError::LengthOverflow),
        127 => match rest.first_chunk() {
            None => Ok(None),
            Some(len) => match u64::from_be_bytes(*len) {
                0..=0xFFFF => Err(HeaderError::NonMinimalLength),
                len => Ok(Some((len, 10))),
            },
        },
        len => Ok(Some((u64::from(len), 2))),
    }
}
