//! Control frames: what came, and what is owed (RFC 6455 §5.5).

use portcullis_time::Instant;

use super::{Connection, Event, send::mask_for, state::State};
use crate::{
    ProtocolError, Storage,
    random::Random,
    wire::{CONTROL_PAYLOAD_LEN_MAX, CloseCode, Opcode, encode_frame, utf8},
};

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

    /// A whole control frame, its payload in `receive.control`.
    pub(super) fn handle_control(
        &mut self,
        now: Instant,
        opcode: Opcode,
    ) -> Result<Option<Event<'_>>, ProtocolError> {
        match opcode {
            Opcode::Close => self.handle_close(now),
            // RFC 6455 §5.5.2: "Upon receipt of a Ping frame, an endpoint MUST send a Pong frame in response, unless it already
            // received a Close frame." After our own close frame nothing may be sent (§5.5.1).
            Opcode::Ping => {
                if self.is_open() {
                    self.owed.pong(self.receive.control);
                }
                Ok(Some(Event::Ping { payload: self.receive.control.as_slice() }))
            }
            Opcode::Pong | Opcode::Continuation | Opcode::Text | Opcode::Binary => {
                let round_trip = self.timer.pong(now, self.receive.control.as_slice());
                Ok(Some(Event::Pong { payload: self.receive.control.as_slice(), round_trip }))
            }
        }
    }

    /// RFC 6455 §5.5.1, §7.1.5, §7.1.6.
    fn handle_close(&mut self, now: Instant) -> Result<Option<Event<'_>>, ProtocolError> {
        let code = match check_close(self.receive.control.as_slice()) {
            Ok(code) => code,
            Err(error) => return Err(self.fail(error)),
        };
        if self.state.may_send_close() {
            // RFC 6455 §5.5.1: "When sending a Close frame in response, the endpoint typically echos the status code it
            // received."
            self.owed.close(code, b"");
        }
        self.state = State::Complete;
        // A client waits for the server to end the transport, but not for ever, and sends nothing meanwhile.
        self.timer.closing(&self.config, now);
        self.receive.discard();
        self.storage.clear();
        let reason = self.receive.control.as_mut_slice().get(2..).unwrap_or_default();
        Ok(Some(Event::CloseReceived { code, reason }))
    }
}

/// The close code of a close frame's payload.
fn check_close(payload: &[u8]) -> Result<Option<CloseCode>, ProtocolError> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        // RFC 6455 §5.5.1: "If there is a body, the first two bytes of the body MUST be a 2-byte unsigned integer"
        return if payload.is_empty() { Ok(None) } else { Err(ProtocolError::ClosePayloadInvalid) };
    };
    let code = u16::from_be_bytes(*code);
    let code = CloseCode::new(code).ok_or(ProtocolError::CloseCodeInvalid { code })?;
    utf8::check(reason).map_err(|_| ProtocolError::InvalidUtf8)?;
    Ok(Some(code))
}
