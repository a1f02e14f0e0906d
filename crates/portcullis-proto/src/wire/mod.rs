//! The wire: frames, masking, opcodes, close codes, UTF-8. Stateless, public, usable alone.

pub mod close;
pub mod header;
pub mod mask;
pub mod opcode;
pub mod utf8;

pub use close::CloseCode;
pub use header::{Header, HeaderError};
pub use opcode::Opcode;
pub use utf8::Utf8;

use crate::Side;

/// The longest payload of a control frame (RFC 6455 §5.5).
pub const CONTROL_PAYLOAD_LEN_MAX: usize = 125;
/// The longest frame header: two bytes, a 64-bit length, a masking key.
pub const HEADER_LEN_MAX: usize = 14;
/// A whole control frame, masked, fits into this many bytes.
pub const CONTROL_FRAME_LEN_MAX: usize = 2 + 4 + CONTROL_PAYLOAD_LEN_MAX;

/// The length of a frame that `side` sends with `payload_len` bytes of payload.
#[must_use]
pub const fn frame_len(side: Side, payload_len: usize) -> usize {
    let length = match payload_len {
        0..=125 => 0,
        126..=0xFFFF => 2,
        _ => 8,
    };
    let key = match side {
        Side::Client => 4,
        Side::Server => 0,
    };
    payload_len.saturating_add(2 + length + key)
}

/// There is less room than the frame needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BufferTooSmall {
    /// The room that there is, in bytes.
    pub len: usize,
    /// The room that is needed, in bytes.
    pub len_min: usize,
}

impl core::fmt::Display for BufferTooSmall {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "the frame needs {} bytes, the buffer has {}", self.len_min, self.len)
    }
}

impl core::error::Error for BufferTooSmall {}

/// Writes one frame into `out` and returns its length. With `mask` the payload is masked on the way. O(n).
///
/// A server's frames are the same for every receiver: one that goes to many is encoded once with this.
///
/// # Errors
/// `out` is too small; nothing was written.
///
/// ```
/// use portcullis_proto::wire::{Opcode, encode_frame};
///
/// let mut out = [0; 16];
/// let len = encode_frame(Opcode::Text, true, b"Hello", None, &mut out)?;
/// assert_eq!(&out[..len], b"\x81\x05Hello");
/// # Ok::<(), portcullis_proto::wire::BufferTooSmall>(())
/// ```
#[inline]
pub fn encode_frame(
    opcode: Opcode,
    fin: bool,
    payload: &[u8],
    mask: Option<[u8; 4]>,
    out: &mut [u8],
) -> Result<usize, BufferTooSmall> {
    match mask {
        None => encode_plain(u8::from(fin) << 7 | opcode.bits(), payload, out),
        Some(key) => {
            let header = Header { fin, rsv: 0, opcode, mask, len: payload.len() as u64 };
            encode_masked(&header, payload, key, out)
        }
    }
}

/// A frame of a server. The bulk of what is sent goes this way, so the header is written where it belongs and not
/// copied there.
#[inline]
fn encode_plain(first: u8, payload: &[u8], out: &mut [u8]) -> Result<usize, BufferTooSmall> {
    let len = payload.len();
    let too_small = BufferTooSmall { len: out.len(), len_min: frame_len(Side::Server, len) };
    let out = out.get_mut(..too_small.len_min).ok_or(too_small)?;
    let body = match len {
        0..=125 => {
            let (head, body) = out.split_first_chunk_mut().ok_or(too_small)?;
            *head = [first, len.to_le_bytes()[0]];
            body
        }
        126..=0xFFFF => {
            let (head, body) = out.split_first_chunk_mut().ok_or(too_small)?;
            let [low, high, ..] = len.to_le_bytes();
            *head = [first, 126, high, low];
            body
        }
        _ => {
            let (head, body) = out.split_first_chunk_mut().ok_or(too_small)?;
            let [a, b, c, d, e, f, g, h] = (len as u64).to_be_bytes();
            *head = [first, 127, a, b, c, d, e, f, g, h];
            body
        }
    };
    body.copy_from_slice(payload);
    Ok(too_small.len_min)
}

/// A frame of a client.
fn encode_masked(
    header: &Header,
    payload: &[u8],
    key: [u8; 4],
    out: &mut [u8],
) -> Result<usize, BufferTooSmall> {
    let (head, head_len) = header.to_bytes();
    let len_min = head_len + payload.len();
    let too_small = BufferTooSmall { len: out.len(), len_min };
    let (head_out, payload_out) =
        out.get_mut(..len_min).and_then(|out| out.split_at_mut_checked(head_len)).ok_or(too_small)?;
    head_out.copy_from_slice(head.get(..head_len).ok_or(too_small)?);
    payload_out.copy_from_slice(payload);
    mask::apply(key, 0, payload_out);
    Ok(len_min)
}
