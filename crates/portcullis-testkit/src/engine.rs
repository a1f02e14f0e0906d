//! tungstenite in the place of `portcullis_proto`, behind the gate's seam.

use std::io::{self, Read, Write};

use portcullis_gate::Protocol;
use portcullis_proto::{
    CloseCode, Config, Event, Message, MessageKind, ProtocolError, SendError, Side, Step, wire,
};
use portcullis_time::Instant;
use tungstenite::{
    Error, WebSocket,
    error::{CapacityError, ProtocolError as Theirs},
    protocol::{CloseFrame, Role, WebSocketConfig},
};

/// The longest close reason. RFC 6455 §5.5
const REASON_LEN_MAX: usize = 123;

/// tungstenite as an engine of the gate, over a pipe in memory. What it does otherwise than ours is listed in
/// `ENGINES.md`.
#[derive(Debug)]
pub struct Tungstenite {
    socket: WebSocket<Pipe>,
    side: Side,
    frames: Frames,
    /// The payload of the last event.
    lent: Vec<u8>,
    failed: Option<ProtocolError>,
    peer_closed: bool,
    ended: bool,
}

impl Tungstenite {
    /// An engine with those limits of `config` that tungstenite knows.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let role = match config.side {
            Side::Client => Role::Client,
            Side::Server => Role::Server,
        };
        let limits = WebSocketConfig::default()
            .read_buffer_size(4 * 1_024)
            .write_buffer_size(0)
            .max_message_size(usize::try_from(config.message_len_max).ok())
            .max_frame_size(usize::try_from(config.frame_len_max).ok());
        Self {
            socket: WebSocket::from_raw_socket(Pipe::default(), role, Some(limits)),
            side: config.side,
            frames: Frames::default(),
            lent: Vec::new(),
            failed: None,
            peer_closed: false,
            ended: false,
        }
    }

    /// Says once that the peer broke the protocol, and owes it the close frame.
    fn fail(&mut self, error: &Error) -> ProtocolError {
        let error = self.frames.translate(error);
        self.failed = Some(error);
        let frame = CloseFrame { code: error.close_code().into(), reason: "".into() };
        // It fails when the closing handshake has begun already; then nothing is owed.
        let _ = self.socket.close(Some(frame));
        error
    }

    /// Turns what tungstenite read into an event.
    fn event(&mut self, message: tungstenite::Message) -> Option<Event<'_>> {
        use tungstenite::Message as M;
        self.lent.clear();
        match message {
            M::Text(text) => {
                self.lent.extend_from_slice(text.as_bytes());
                Some(Event::Message { kind: MessageKind::Text, payload: &mut self.lent })
            }
            M::Binary(bytes) => {
                self.lent.extend_from_slice(&bytes);
                Some(Event::Message { kind: MessageKind::Binary, payload: &mut self.lent })
            }
            M::Ping(bytes) => {
                self.lent.extend_from_slice(&bytes);
                Some(Event::Ping { payload: &self.lent })
            }
            M::Pong(bytes) => {
                self.lent.extend_from_slice(&bytes);
                Some(Event::Pong { payload: &self.lent, round_trip: None })
            }
            M::Close(frame) => {
                self.peer_closed = true;
                let code = frame.and_then(|frame| {
                    self.lent.extend_from_slice(frame.reason.as_bytes());
                    CloseCode::new(frame.code.into())
                });
                Some(Event::CloseReceived { code, reason: &self.lent })
            }
            M::Frame(_) => None,
        }
    }
}

impl Protocol for Tungstenite {
    fn handle_input<'a>(&'a mut self, _now: Instant, input: &'a mut [u8]) -> Result<Step<'a>, ProtocolError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if self.peer_closed || self.ended {
            return Ok(Step { consumed: input.len(), event: None });
        }
        // At most one frame is handed over, so that at most one event can come of it.
        let consumed = self.frames.take(input);
        self.socket.get_mut().inbound.extend_from_slice(input.get(..consumed).unwrap_or(input));
        match self.socket.read() {
            Ok(message) => {
                // The pong or close frame that this asks for goes to the pipe at once, where it is owed in order.
                let _ = self.socket.flush();
                Ok(Step { consumed, event: self.event(message) })
            }
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                Ok(Step { consumed, event: None })
            }
            Err(error) => Err(self.fail(&error)),
        }
    }

    fn handle_eof(&mut self, _now: Instant) -> Option<Event<'_>> {
        if core::mem::replace(&mut self.ended, true) {
            return None;
        }
        Some(Event::Closed { clean: self.failed.is_none() && self.peer_closed })
    }

    fn handle_timeout(&mut self, _now: Instant) -> Option<Event<'_>> {
        None
    }

    fn send(&mut self, _now: Instant, message: Message<'_>, out: &mut [u8]) -> Result<usize, SendError> {
        if !self.is_open() {
            return Err(SendError::Closing);
        }
        let len_min = wire::frame_len(self.side, message.payload().len());
        let len = out.len();
        let Some(room) = out.get_mut(..len_min) else {
            return Err(SendError::BufferTooSmall { len, len_min });
        };
        let message = match message {
            Message::Text(text) => tungstenite::Message::text(text),
            Message::Binary(bytes) => tungstenite::Message::binary(bytes.to_vec()),
        };
        let owed = self.socket.get_ref().outbound.len();
        self.socket.send(message).map_err(|_| SendError::Closing)?;
        let frame = self.socket.get_mut().outbound.split_off(owed);
        room.copy_from_slice(&frame);
        Ok(len_min)
    }

    fn close(&mut self, _now: Instant, code: CloseCode, reason: &str) -> Result<(), SendError> {
        if !self.is_open() {
            return Err(SendError::Closing);
        }
        if reason.len() > REASON_LEN_MAX {
            return Err(SendError::ControlTooBig { len: reason.len(), len_max: REASON_LEN_MAX });
        }
        let frame = CloseFrame { code: code.get().into(), reason: reason.into() };
        self.socket.close(Some(frame)).map_err(|_| SendError::Closing)
    }

    fn poll_transmit(&mut self, out: &mut [u8]) -> usize {
        let owed = &mut self.socket.get_mut().outbound;
        // What is owed are control frames, whose length stands in their second byte.
        let Some(&second) = owed.get(1) else { return 0 };
        let len = 2 + usize::from(second & 0x7F) + if second & 0x80 == 0 { 0 } else { 4 };
        let Some(room) = out.get_mut(..len) else { return 0 };
        for (slot, byte) in room.iter_mut().zip(owed.drain(..len)) {
            *slot = byte;
        }
        len
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn is_open(&self) -> bool {
        self.failed.is_none() && !self.ended && self.socket.can_write()
    }

    fn is_closed(&self) -> bool {
        self.ended || self.failed.is_some() || (self.peer_closed && self.side == Side::Server)
    }
}

/// Both directions of a transport that never blocks on writing.
#[derive(Debug, Default)]
struct Pipe {
    inbound: Vec<u8>,
    outbound: Vec<u8>,
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.inbound.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let len = self.inbound.len().min(buffer.len());
        for (slot, byte) in buffer.iter_mut().zip(self.inbound.drain(..len)) {
            *slot = byte;
        }
        Ok(len)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.outbound.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where frames end, because tungstenite reads as much as it can get and one call of ours is one step.
#[derive(Debug, Default)]
struct Frames {
    head: Vec<u8>,
    payload_left: u64,
    /// The payload's length of the frame that was begun last.
    len: u64,
}

impl Frames {
    /// How much of `input` belongs to the current frame.
    fn take(&mut self, input: &[u8]) -> usize {
        let mut taken = 0;
        while self.payload_left == 0 {
            let Some(&byte) = input.get(taken) else { return taken };
            taken += 1;
            self.head.push(byte);
            let Some(len) = payload_len(&self.head) else { continue };
            self.head.clear();
            (self.payload_left, self.len) = (len, len);
            if len == 0 {
                return taken;
            }
        }
        let rest = input.len() - taken;
        let part = usize::try_from(self.payload_left).map_or(rest, |left| rest.min(left));
        self.payload_left -= part as u64;
        taken + part
    }

    /// tungstenite's error in our words.
    #[expect(clippy::wildcard_enum_match_arm, reason = "what is left cannot come from a pipe in memory")]
    fn translate(&self, error: &Error) -> ProtocolError {
        match error {
            Error::Utf8(_) => ProtocolError::InvalidUtf8,
            Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
                ProtocolError::MessageTooBig { len: *size as u64, len_max: *max_size as u64 }
            }
            Error::Protocol(error) => match error {
                Theirs::NonZeroReservedBits => ProtocolError::ReservedBits,
                Theirs::UnmaskedFrameFromClient => ProtocolError::UnmaskedFrame,
                Theirs::MaskedFrameFromServer => ProtocolError::MaskedFrame,
                Theirs::FragmentedControlFrame => ProtocolError::ControlFragmented,
                Theirs::ControlFrameTooBig => ProtocolError::ControlTooBig { len: self.len },
                Theirs::UnexpectedContinueFrame => ProtocolError::UnexpectedContinuation,
                Theirs::ExpectedFragment(_) => ProtocolError::ExpectedContinuation,
                Theirs::InvalidCloseSequence => ProtocolError::ClosePayloadInvalid,
                _ => ProtocolError::ReservedOpcode,
            },
            _ => ProtocolError::ReservedOpcode,
        }
    }
}

/// The payload's length, once `head` is a whole frame header.
fn payload_len(head: &[u8]) -> Option<u64> {
    let second = *head.get(1)?;
    let extended = match second & 0x7F {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let key = if second & 0x80 == 0 { 0 } else { 4 };
    if head.len() < 2 + extended + key {
        return None;
    }
    let bytes = head.get(2..2 + extended)?;
    let long = bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    Some(if extended == 0 { u64::from(second & 0x7F) } else { long })
}
