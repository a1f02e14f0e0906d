//! The send path: messages at once, control frames when the driver asks.

use portcullis_time::Instant;

use super::{Connection, state::State};
use crate::{
    Message, MessageKind, Secret, SendError, Side, Storage,
    random::Random,
    wire::{CONTROL_PAYLOAD_LEN_MAX, CloseCode, Opcode, encode_frame},
};

/// The longest close reason: a control frame less the code (RFC 6455 §5.5.1).
const REASON_LEN_MAX: usize = CONTROL_PAYLOAD_LEN_MAX - 2;

impl<S: Storage> Connection<S> {
    /// Writes one message as one frame into `out`; returns the frame's length, which is at most what
    /// [`wire::frame_len`](crate::wire::frame_len) tells beforehand. O(n).
    ///
    /// # Errors
    /// The connection is closing, another message is being sent in parts, or `out` is too small.
    #[inline]
    pub fn send(&mut self, _now: Instant, message: Message<'_>, out: &mut [u8]) -> Result<usize, SendError> {
        self.check_may_send()?;
        let mask = mask_for(self.config.side, &mut self.random);
        #[cfg(feature = "deflate")]
        if let Some(deflate) = &mut self.deflate
            && let Some((compressor, stands_alone)) =
                deflate.compressor(self.config.side, message.payload().len())
        {
            return Ok(compressor.write_frame(message, mask, stands_alone, out)?);
        }
        Ok(encode_frame(message.kind().opcode(), true, message.payload(), mask, out)?)
    }

    /// The same for a message that is never compressed.
    ///
    /// # Errors
    /// As [`Connection::send`].
    pub fn send_secret(
        &mut self,
        _now: Instant,
        secret: Secret<'_>,
        out: &mut [u8],
    ) -> Result<usize, SendError> {
        self.check_may_send()?;
        let mask = mask_for(self.config.side, &mut self.random);
        let message = secret.message();
        Ok(encode_frame(message.kind().opcode(), true, message.payload(), mask, out)?)
    }

    /// Writes one part of a message as one frame, not compressed, into `out`; returns its length. The first part begins
    /// the message, `is_last` ends it; control frames may go out in between, other messages may not. Text may be cut
    /// anywhere, but must be UTF-8 as a whole, which is not checked here. O(n).
    ///
    /// # Errors
    /// The connection is closing, a message of the other kind is being sent, or `out` is too small.
    pub fn send_fragment(
        &mut self,
        _now: Instant,
        kind: MessageKind,
        payload: &[u8],
        is_last: bool,
        out: &mut [u8],
    ) -> Result<usize, SendError> {
        if !self.is_open() {
            return Err(SendError::Closing);
        }
        // RFC 6455 §5.4: "The fragments of one message MUST NOT be interleaved between the fragments of another message"
        let opcode = match self.sending {
            None => kind.opcode(),
            Some(begun) if begun == kind => Opcode::Continuation,
            Some(_) => return Err(SendError::InsideMessage),
        };
        let mask = mask_for(self.config.side, &mut self.random);
        let len = encode_frame(opcode, is_last, payload, mask, out)?;
        self.sending = (!is_last).then_some(kind);
        Ok(len)
    }

    /// The same as [`Connection::send`] through a compressor that many connections share: each message stands alone.
    ///
    /// # Errors
    /// As [`Connection::send`].
    #[cfg(feature = "deflate")]
    pub fn send_shared(
        &mut self,
        _now: Instant,
        message: Message<'_>,
        compressor: &mut crate::deflate::Compressor,
        out: &mut [u8],
    ) -> Result<usize, SendError> {
        self.check_may_send()?;
        let side = self.config.side;
        let mask = mask_for(side, &mut self.random);
        if let Some(deflate) = &mut self.deflate
            && deflate.is_worth(message.payload().len())
            && compressor.window_bits() <= deflate.agreed().window_bits(side)
        {
            deflate.forget();
            compressor.forget();
            return Ok(compressor.write_frame(message, mask, true, out)?);
        }
        Ok(encode_frame(message.kind().opcode(), true, message.payload(), mask, out)?)
    }

    /// Writes a message that was made into frames once for many connections of this server. O(n), without compressing
    /// again.
    ///
    /// # Errors
    /// As [`Connection::send`]. A client cannot send it, for each of its frames has a masking key of its own:
    /// [`SendError::Unmasked`].
    #[cfg(feature = "deflate")]
    pub fn send_prepared(
        &mut self,
        _now: Instant,
        prepared: &crate::deflate::PreparedMessage,
        out: &mut [u8],
    ) -> Result<usize, SendError> {
        self.check_may_send()?;
        if matches!(self.config.side, Side::Client) {
            return Err(SendError::Unmasked);
        }
        let frame = prepared.frame(self.agreed());
        let len = out.len();
        let out =
            out.get_mut(..frame.len()).ok_or(SendError::BufferTooSmall { len, len_min: frame.len() })?;
        out.copy_from_slice(frame);
        if let Some(deflate) = &mut self.deflate {
            deflate.forget();
        }
        Ok(out.len())
    }

    /// Whether a message may begin.
    #[inline]
    const fn check_may_send(&self) -> Result<(), SendError> {
        if !self.is_open() {
            return Err(SendError::Closing);
        }
        if self.sending.is_some() { Err(SendError::InsideMessage) } else { Ok(()) }
    }

    /// Writes a ping of the application's own into `out`. The connection's own pings need no call.
    ///
    /// # Errors
    /// The connection is closing, the payload is longer than 125 bytes, or `out` is too small.
    pub fn ping(&mut self, _now: Instant, payload: &[u8], out: &mut [u8]) -> Result<usize, SendError> {
        if !self.is_open() {
            return Err(SendError::Closing);
        }
        check_len(payload.len(), CONTROL_PAYLOAD_LEN_MAX)?;
        let mask = mask_for(self.config.side, &mut self.random);
        Ok(encode_frame(Opcode::Ping, true, payload, mask, out)?)
    }

    /// Begins the closing handshake: a close frame is owed, nothing more can be sent, and data that still arrives is
    /// discarded (RFC 6455 §5.5.1, §7.1.2).
    ///
    /// # Errors
    /// The connection is closing already, or the reason is longer than 123 bytes.
    pub fn close(&mut self, now: Instant, code: CloseCode, reason: &str) -> Result<(), SendError> {
        if !self.is_open() {
            return Err(SendError::Closing);
        }
        check_len(reason.len(), REASON_LEN_MAX)?;
        self.owed.close(Some(code), reason.as_bytes());
        self.state = State::CloseSent;
        self.timer.closing(&self.config, now);
        self.receive.discard();
        self.storage.clear();
        Ok(())
    }
}

/// RFC 6455 §5.3: "The masking key needs to be unpredictable"; a fresh one for each frame of a client.
#[inline]
pub(super) fn mask_for(side: Side, random: &mut Random) -> Option<[u8; 4]> {
    match side {
        Side::Client => Some(random.bytes()),
        Side::Server => None,
    }
}

const fn check_len(len: usize, len_max: usize) -> Result<(), SendError> {
    if len > len_max { Err(SendError::ControlTooBig { len, len_max }) } else { Ok(()) }
}
