//! The send path: messages at once, control frames when the driver asks.

use portcullis_time::Instant;

use super::{Connection, state::State};
use crate::{
    Message, SendError, Side, Storage,
    random::Random,
    wire::{CONTROL_PAYLOAD_LEN_MAX, CloseCode, Opcode, encode_frame},
};

/// The longest close reason: a control frame less the code (RFC 6455 §5.5.1).
const REASON_LEN_MAX: usize = CONTROL_PAYLOAD_LEN_MAX - 2;

/// A control frame's payload.
#[derive(Clone, Copy)]
pub(super) struct Control {
    bytes: [u8; CONTROL_PAYLOAD_LEN_MAX],
    len: u8,
}

impl Control {
    pub(super) const EMPTY: Self = Self { bytes: [0; CONTROL_PAYLOAD_LEN_MAX], len: 0 };

    pub(super) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..usize::from(self.len)).unwrap_or_default()
    }

    /// Appends what fits; the caller has checked that all of it does.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        let free = self.bytes.get_mut(usize::from(self.len)..).unwrap_or_default();
        let len = bytes.len().min(free.len());
        for (slot, &byte) in free.iter_mut().zip(bytes) {
            *slot = byte;
        }
        self.len = self.len.saturating_add(u8::try_from(len).unwrap_or(u8::MAX));
    }

    pub(super) const fn clear(&mut self) {
        self.len = 0;
    }
}

impl core::fmt::Debug for Control {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Control({} bytes)", self.len)
    }
}

/// The control frames that are owed to the peer: at most one of each kind.
#[derive(Debug)]
pub(super) struct Owed {
    pong: Option<Control>,
    ping: Option<[u8; 8]>,
    close: Option<Control>,
}

impl Owed {
    pub(super) const fn new() -> Self {
        Self { pong: None, ping: None, close: None }
    }

    /// Owes the answer to a ping.
    pub(super) const fn pong(&mut self, payload: Control) {
        // RFC 6455 §5.5.3: "If an endpoint receives a Ping frame and has not yet sent Pong frame(s) in response to previous
        // Ping frame(s), the endpoint MAY elect to send a Pong frame for only the most recently processed Ping frame."
        self.pong = Some(payload);
    }

    pub(super) const fn ping(&mut self, token: [u8; 8]) {
        self.ping = Some(token);
    }

    pub(super) fn close(&mut self, code: Option<CloseCode>, reason: &[u8]) {
        let mut payload = Control::EMPTY;
        if let Some(code) = code {
            payload.extend(&code.get().to_be_bytes());
            payload.extend(reason);
        }
        self.close = Some(payload);
    }

    /// Forgets pings and pongs: after a close frame nothing may follow.
    const fn only_close(&mut self) {
        self.ping = None;
    }
}

impl<S: Storage> Connection<S> {
    /// Writes one message as one frame into `out`; returns the frame's length, which
    /// [`wire::frame_len`](crate::wire::frame_len) tells beforehand. O(n).
    ///
    /// # Errors
    /// The connection is closing, or `out` is too small.
    pub fn send(&mut self, _now: Instant, message: Message<'_>, out: &mut [u8]) -> Result<usize, SendError> {
        if !self.is_open() {
            return Err(SendError::Closing);
        }
        let mask = mask_for(self.config.side, &mut self.random);
        Ok(encode_frame(message.kind().opcode(), true, message.payload(), mask, out)?)
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

    /// Writes the control frames that are owed (pong, ping, close, in this order) into `out`; returns how many bytes, 0
    /// when nothing is owed. One frame fits into [`wire::CONTROL_FRAME_LEN_MAX`](crate::wire::CONTROL_FRAME_LEN_MAX)
    /// bytes; call until it returns 0.
    pub fn poll_transmit(&mut self, out: &mut [u8]) -> usize {
        // The event that lent the last message is over once the driver comes here.
        self.receive.release(&mut self.storage);
        if self.owed.close.is_some() {
            self.owed.only_close();
        }
        let mask = |random: &mut Random| mask_for(self.config.side, random);
        if let Some(pong) = &self.owed.pong {
            let written = encode_frame(Opcode::Pong, true, pong.as_slice(), mask(&mut self.random), out);
            return written.inspect(|_| self.owed.pong = None).unwrap_or(0);
        }
        if let Some(token) = &self.owed.ping {
            let written = encode_frame(Opcode::Ping, true, token, mask(&mut self.random), out);
            return written.inspect(|_| self.owed.ping = None).unwrap_or(0);
        }
        if let Some(close) = &self.owed.close {
            let written = encode_frame(Opcode::Close, true, close.as_slice(), mask(&mut self.random), out);
            return written.inspect(|_| self.owed.close = None).unwrap_or(0);
        }
        0
    }
}

/// RFC 6455 §5.3: "The masking key needs to be unpredictable"; a fresh one for each frame of a client.
fn mask_for(side: Side, random: &mut Random) -> Option<[u8; 4]> {
    match side {
        Side::Client => Some(random.bytes()),
        Side::Server => None,
    }
}

const fn check_len(len: usize, len_max: usize) -> Result<(), SendError> {
    if len > len_max { Err(SendError::ControlTooBig { len, len_max }) } else { Ok(()) }
}
