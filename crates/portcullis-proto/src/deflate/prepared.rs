//! One message for many.

use alloc::{boxed::Box, vec};

use super::{Agreed, Compressor};
use crate::{
    Message, Side,
    wire::{encode_frame, frame_len},
};

/// A server's message that is made into frames once, and sent to many: plain, and compressed where that makes it
/// shorter.
///
/// ```
/// use portcullis_proto::{Message, deflate::{Compressor, Level, PreparedMessage, WindowBits}};
///
/// let mut compressor = Compressor::new(WindowBits::MAX, Level::Best);
/// let text = "the same for everybody ".repeat(100);
/// let prepared = PreparedMessage::new(Message::Text(&text), Some(&mut compressor));
/// assert!(prepared.frame(None).len() > 2_300, "for those without compression");
/// ```
#[derive(Clone, Debug)]
pub struct PreparedMessage {
    plain: Box<[u8]>,
    deflated: Option<Deflated>,
}

#[derive(Clone, Debug)]
struct Deflated {
    frame: Box<[u8]>,
    window_bits: super::WindowBits,
}

impl PreparedMessage {
    /// Makes the frames; without a compressor only the plain one. O(n).
    #[must_use]
    pub fn new(message: Message<'_>, compressor: Option<&mut Compressor>) -> Self {
        let mut frame = vec![0; frame_len(Side::Server, message.payload().len())];
        let deflated = compressor.and_then(|compressor| {
            compressor.forget();
            let len = compressor.write_frame(message, None, true, &mut frame).ok()?;
            let is_compressed = frame.first().is_some_and(|first| first & 0x40 != 0);
            let frame = frame.get(..len).filter(|_| is_compressed)?.into();
            Some(Deflated { frame, window_bits: compressor.window_bits() })
        });
        // The room is exactly what the plain frame needs.
        let written = encode_frame(message.kind().opcode(), true, message.payload(), None, &mut frame);
        debug_assert_eq!(written, Ok(frame.len()), "the frame fits the room that was made for it");
        Self { plain: frame.into(), deflated }
    }

    /// The frame for a connection that agreed on this, or on no compression. O(1).
    ///
    /// A connection with a compressor of its own must be told: use
    /// [`Connection::send_prepared`](crate::Connection::send_prepared) there.
    #[must_use]
    pub fn frame(&self, agreed: Option<&Agreed>) -> &[u8] {
        match (&self.deflated, agreed) {
            (Some(deflated), Some(agreed)) if deflated.window_bits <= agreed.window_bits(Side::Server) => {
                &deflated.frame
            }
            _ => &self.plain,
        }
    }
}
