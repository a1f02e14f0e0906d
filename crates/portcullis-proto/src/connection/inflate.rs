//! The payload of compressed messages (RFC 7692 §6.2, §7.2.2), inflated a little at a time under the limits.

use super::{
    Connection,
    receive::{Found, Frame, Part, Place, Taken},
};
use crate::{ProtocolError, Storage, deflate::Inflated};

/// What is inflated, unmasked and copied in one go, in bytes.
const CHUNK_LEN: usize = 4_096;

/// What of a message needs no ratio: a short one may be all repetition.
const INFLATED_FREE_LEN: u64 = 4_096;

/// A compressed message as it comes over the wire.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wire {
    /// What its frames have declared, in bytes. The ratio is by this and not by what has come of it, which would depend on
    /// how the transport has cut the frame at hand.
    pub(super) declared: u64,
}

impl Wire {
    pub(super) const NOTHING: Self = Self { declared: 0 };

    /// The most that a message may declare: room for blocks that hold nothing, which flushing leaves behind.
    pub(super) const fn declared_max(message_len_max: u64) -> u64 {
        message_len_max.saturating_mul(2).saturating_add(1_024)
    }
}

impl<S: Storage> Connection<S> {
    /// Takes in the next bytes of a frame of a compressed message. In a stream it stops after each part.
    pub(super) fn take_deflated(
        &mut self,
        frame: &mut Frame,
        payload: &mut [u8],
    ) -> Result<Taken, ProtocolError> {
        let mut used = 0;
        loop {
            let rest = payload.get_mut(used..).unwrap_or_default();
            let is_last = rest.is_empty() && frame.ends_message();
            let inflated = self.inflate(frame, rest)?;
            used += inflated.used;
            let ends = is_last && !inflated.has_more;
            let kind = self.check_inflated(ends)?;
            if self.config.streaming && (ends || inflated.written > 0) {
                let part = Part::Fragment { is_last: ends };
                let has_more = inflated.has_more || (frame.ends_message() && !ends);
                return Ok(Taken {
                    used,
                    found: Found::Data { kind, place: Place::Storage, part },
                    has_more,
                });
            }
            if ends {
                let found = Found::Data { kind, place: Place::Storage, part: Part::Whole };
                return Ok(Taken { used, found, has_more: false });
            }
            if used == payload.len() && !inflated.has_more && !frame.ends_message() {
                return Ok(Taken { used, found: Found::Nothing, has_more: false });
            }
        }
    }

    /// One step: inflates a piece of `payload` (at the message's end: the tail) to the end of the storage.
    fn inflate(&mut self, frame: &mut Frame, payload: &mut [u8]) -> Result<Inflated, ProtocolError> {
        let invalid = ProtocolError::InvalidDeflate;
        let deflate = self.deflate.as_mut().ok_or(invalid)?;
        let message = self.receive.message.as_mut().ok_or(invalid)?;
        let mut chunk = [0; CHUNK_LEN];
        let room = if self.config.streaming { self.storage.capacity_max().min(CHUNK_LEN) } else { CHUNK_LEN };
        // Without room nothing would ever come out, and nothing would be used up.
        if room == 0 {
            return Err(ProtocolError::MessageTooBig { len: message.len.saturating_add(1), len_max: 0 });
        }
        let out = chunk.get_mut(..room).unwrap_or_default();
        let inflated = if payload.is_empty() && frame.ends_message() {
            deflate.inflater.finish(out).map_err(|_| invalid)?
        } else {
            let len = payload.len().min(CHUNK_LEN);
            let piece = payload.get_mut(..len).unwrap_or_default();
            frame.mask(0, piece);
            let inflated = deflate.inflater.push(piece, out).map_err(|_| invalid)?;
            // What is left is read again later: back under the mask with it.
            frame.mask(inflated.used, piece.get_mut(inflated.used..).unwrap_or_default());
            frame.advance(inflated.used);
            inflated
        };
        let ratio_max = self.config.inflate_ratio_max;
        let by_ratio = message.wire.declared.saturating_mul(u64::from(ratio_max)).max(INFLATED_FREE_LEN);
        let capacity = if self.config.streaming { u64::MAX } else { self.storage.capacity_max() as u64 };
        let len_max = self.config.message_len_max.min(capacity);
        // The first byte that is wrong or too many decides, however the message came: what lies before is looked at first.
        let room = len_max.min(by_ratio).saturating_sub(message.len);
        let within = usize::try_from(room).unwrap_or(usize::MAX).min(inflated.written);
        let written = out.get(..within).unwrap_or_default();
        message.check(written, false)?;
        message.len += within as u64;
        if within < inflated.written {
            return Err(if len_max <= by_ratio {
                ProtocolError::MessageTooBig { len: len_max.saturating_add(1), len_max }
            } else {
                ProtocolError::InflateRatio { ratio_max }
            });
        }
        self.storage.extend(written).map_err(|full| ProtocolError::MessageTooBig {
            len: len_max,
            len_max: full.capacity_max as u64,
        })?;
        Ok(inflated)
    }

    /// The kind of the message at hand; at its end the text must be whole.
    fn check_inflated(&mut self, ends: bool) -> Result<crate::MessageKind, ProtocolError> {
        let message = self.receive.message.as_mut().ok_or(ProtocolError::InvalidDeflate)?;
        let kind = message.kind;
        if ends {
            message.check(b"", true)?;
            self.receive.message = None;
        }
        Ok(kind)
    }
}
