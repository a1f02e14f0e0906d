//! The short way for what nearly every call brings: a message in one frame that lies whole in the input, between two
//! messages. It decides from the first bytes and leaves all else, what is wrong too, to the long way, which knows all
//! the rules.

use core::ops::Range;

use crate::{
    Config, MessageKind, ProtocolError, Side,
    wire::{mask, utf8},
};

/// A message that lies whole at the start of the input.
pub(super) struct Whole {
    pub(super) kind: MessageKind,
    /// Where its payload lies.
    pub(super) range: Range<usize>,
    key: Option<[u8; 4]>,
}

impl Whole {
    /// The message at the start of `input`, if the short way can take it.
    #[inline]
    pub(super) fn find(config: &Config, input: &[u8]) -> Option<Self> {
        let [first, second, ..] = *input else { return None };
        // FIN is set, no reserved bit is, and the opcode is text or binary.
        let kind = match first {
            0x81 => MessageKind::Text,
            0x82 => MessageKind::Binary,
            _ => return None,
        };
        // RFC 6455 §5.1: "a client MUST mask all frames that it sends to the server"
        let mask_bit = match config.side {
            Side::Server => 0x80,
            Side::Client => 0,
        };
        let (len, key_at) = match second ^ mask_bit {
            short @ 0..=125 => (u64::from(short), 2),
            126 => {
                let [_, _, a, b] = *input.first_chunk()?;
                (u64::from(u16::from_be_bytes([a, b])), 4)
            }
            127 => {
                let [_, _, len @ ..] = *input.first_chunk::<10>()?;
                (u64::from_be_bytes(len), 10)
            }
            _ => return None,
        };
        // RFC 6455 §5.2: "the minimal number of bytes MUST be used to encode the length"
        let len_min = match key_at {
            2 => 0,
            4 => 126,
            _ => 0x1_0000,
        };
        if len < len_min || len > config.frame_len_max || len > config.message_len_max {
            return None;
        }
        let (key, start) = match config.side {
            Side::Server => (Some(*input.get(key_at..)?.first_chunk()?), key_at + 4),
            Side::Client => (None, key_at),
        };
        let len = usize::try_from(len).ok()?;
        let is_here = input.len() - start >= len;
        is_here.then_some(Self { kind, range: start..start + len, key })
    }

    /// Takes its payload out of the mask; text has to be UTF-8.
    #[inline]
    pub(super) fn check(&self, payload: &mut [u8]) -> Result<(), ProtocolError> {
        let verdict = match (self.kind, self.key) {
            (MessageKind::Text, Some(key)) => utf8::unmask(key, payload),
            (MessageKind::Text, None) => utf8::check(payload),
            (MessageKind::Binary, Some(key)) => {
                mask::apply(key, 0, payload);
                Ok(())
            }
            (MessageKind::Binary, None) => Ok(()),
        };
        // RFC 6455 §8.1: "that endpoint MUST _Fail the WebSocket Connection_."
        verdict.map_err(|_| ProtocolError::InvalidUtf8)
    }
}
