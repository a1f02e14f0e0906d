//! The sending half.

use super::{Agreed, Flush, TAIL, WindowBits, engine::Deflater};
use crate::{
    Message, Side,
    wire::{BufferTooSmall, Header, encode_frame, frame_len, mask},
};

/// How much work goes into compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Level {
    /// The least that helps: two to three times as fast as [`Level::Balanced`] on short messages.
    Fast,
    /// The usual of other implementations.
    Balanced,
    /// The most, for messages that go to many.
    Best,
}

impl Level {
    /// The engine's number.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Fast => 1,
            Self::Balanced => 6,
            Self::Best => 9,
        }
    }
}

/// A compressor, for one connection or shared by many. A few hundred kilobytes of heap; see the table on the crate's
/// page.
pub struct Compressor {
    engine: Deflater,
    window_bits: WindowBits,
    /// The engine holds what the next message must not refer to.
    is_used: bool,
}

impl core::fmt::Debug for Compressor {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Compressor").field("window_bits", &self.window_bits).finish_non_exhaustive()
    }
}

impl Compressor {
    /// With a window of this size. It fits each connection that agreed on as much or more.
    #[must_use]
    pub fn new(window_bits: WindowBits, level: Level) -> Self {
        Self { engine: Deflater::new(window_bits, level), window_bits, is_used: false }
    }

    /// The most heap that a compressor takes for messages of up to `message_len` bytes, in bytes.
    #[must_use]
    pub const fn worst_case_bytes(message_len: usize) -> usize {
        Deflater::worst_case_bytes(message_len)
    }

    /// The size of its window.
    #[must_use]
    pub const fn window_bits(&self) -> WindowBits {
        self.window_bits
    }

    /// Writes a server's frame with one message, compressed without reference to any other, into `out`; returns its
    /// length. `out` needs the room of the plain frame ([`frame_len`]), which is what is written when compression does
    /// not help or its window is larger than `agreed`. O(n).
    ///
    /// A connection with a compressor of its own must not get such frames: use
    /// [`Connection::send_shared`](crate::Connection::send_shared) there.
    ///
    /// # Errors
    /// `out` is too small; nothing was written.
    pub fn encode_frame(
        &mut self,
        agreed: &Agreed,
        message: Message<'_>,
        out: &mut [u8],
    ) -> Result<usize, BufferTooSmall> {
        if self.window_bits > agreed.window_bits(Side::Server) {
            return encode_frame(message.kind().opcode(), true, message.payload(), None, out);
        }
        self.forget();
        self.write_frame(message, None, true, out)
    }

    /// Starts with an empty window.
    pub(crate) fn forget(&mut self) {
        if core::mem::replace(&mut self.is_used, false) {
            self.engine.reset();
        }
    }

    /// One frame, compressed if that makes it shorter. What is in the window may be referred to; a message that stands
    /// alone leaves nothing there, which is cheaper than emptying it before the next one.
    pub(crate) fn write_frame(
        &mut self,
        message: Message<'_>,
        key: Option<[u8; 4]>,
        stands_alone: bool,
        out: &mut [u8],
    ) -> Result<usize, BufferTooSmall> {
        let payload = message.payload();
        let side = if key.is_some() { Side::Client } else { Side::Server };
        let len_min = frame_len(side, payload.len());
        let too_small = BufferTooSmall { len: out.len(), len_min };
        let room = out.get_mut(..len_min).ok_or(too_small)?;
        // Behind the longest header that it can come to have.
        let start = len_min - payload.len();
        let Some(len) = self.compress(payload, stands_alone, room.get_mut(start..).unwrap_or_default())
        else {
            // The engine has seen what the peer will not: start afresh.
            self.forget();
            return encode_frame(message.kind().opcode(), true, payload, key, out);
        };
        // RFC 7692 §6.1: "set the "Per-Message Compressed" bit" of the first frame.
        let header =
            Header { fin: true, rsv: 4, opcode: message.kind().opcode(), mask: key, len: len as u64 };
        let (head, head_len) = header.to_bytes();
        room.copy_within(start..start + len, head_len);
        let (head_out, rest) = room.split_at_mut_checked(head_len).ok_or(too_small)?;
        head_out.copy_from_slice(head.get(..head_len).ok_or(too_small)?);
        if let Some(key) = key {
            mask::apply(key, 0, rest.get_mut(..len).unwrap_or_default());
        }
        Ok(head_len + len)
    }

    /// RFC 7692 §7.2.1: compresses, and cuts the tail off. `None` if that does not make it shorter.
    fn compress(&mut self, payload: &[u8], stands_alone: bool, out: &mut [u8]) -> Option<usize> {
        let is_small = self.window_bits < Deflater::WINDOW_BITS_MIN;
        if is_small {
            self.forget();
        }
        self.is_used = true;
        let end = if !is_small {
            let flush = if stands_alone { Flush::Full } else { Flush::Sync };
            self.engine.deflate(payload, flush, out)?
        } else {
            // The engine's window is too large. It forgets where each stretch of the agreed length begins, so that no
            // distance is longer than that.
            let mut end = 0;
            for stretch in payload.chunks(self.window_bits.len()) {
                end += self.engine.deflate(stretch, Flush::Full, out.get_mut(end..)?)?;
            }
            end
        };
        let len = out.get(..end)?.strip_suffix(&TAIL)?.len();
        self.is_used = !(stands_alone || is_small);
        Some(len)
    }
}
