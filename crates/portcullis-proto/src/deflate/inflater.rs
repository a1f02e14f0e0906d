//! The receiving half.

use super::{TAIL, WindowBits, engine::InflateStream};

/// What one step of inflation came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Inflated {
    /// Bytes of the input that are done with.
    pub(crate) used: usize,
    /// Bytes that were written.
    pub(crate) written: usize,
    /// More may come without further input.
    pub(crate) has_more: bool,
}

/// The data is no deflate stream, or refers to more than its window.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InvalidDeflate;

/// Inflates messages. Its memory is there while a message is on its way, and between messages only where the peer may
/// refer to earlier ones.
pub(crate) struct Inflater {
    stream: Option<InflateStream>,
    window_bits: WindowBits,
    takeover: bool,
    /// Bytes of the tail that have been fed for the message at hand.
    tail_at: usize,
}

impl core::fmt::Debug for Inflater {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Inflater").field("window_bits", &self.window_bits).finish_non_exhaustive()
    }
}

impl Inflater {
    pub(crate) const fn new(window_bits: WindowBits, takeover: bool) -> Self {
        Self { stream: None, window_bits, takeover, tail_at: 0 }
    }

    /// The most heap that it takes, in bytes.
    pub(crate) const fn worst_case_bytes(window_bits: WindowBits) -> usize {
        InflateStream::worst_case_bytes(window_bits)
    }

    /// Inflates payload of a message.
    pub(crate) fn push(&mut self, input: &[u8], out: &mut [u8]) -> Result<Inflated, InvalidDeflate> {
        let stream = self.stream.get_or_insert_with(|| InflateStream::new(self.window_bits));
        stream.inflate(input, out).ok_or(InvalidDeflate)
    }

    /// All payload of the message has been pushed; call until nothing more comes.
    pub(crate) fn finish(&mut self, out: &mut [u8]) -> Result<Inflated, InvalidDeflate> {
        // RFC 7692 §7.2.2: "Append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the payload of the message."
        let tail = TAIL.get(self.tail_at..).unwrap_or_default();
        let inflated = self.push(tail, out)?;
        self.tail_at += inflated.used;
        if !inflated.has_more {
            self.tail_at = 0;
            if !self.takeover {
                self.stream = None;
            }
        }
        // The tail is no input.
        Ok(Inflated { used: 0, ..inflated })
    }

    /// Gives all memory back.
    pub(crate) fn clear(&mut self) {
        self.stream = None;
        self.tail_at = 0;
    }
}
