//! The receive path: header → rules → payload, in place where a frame lies whole in the input.

use core::ops::Range;

use portcullis_time::Instant;

use super::{Connection, Event, Step, send::Control, state::State};
use crate::{
    Config, MessageKind, ProtocolError, Side, Storage,
    wire::{CONTROL_PAYLOAD_LEN_MAX, CloseCode, HEADER_LEN_MAX, Header, Opcode, Utf8, mask, utf8},
};

/// What is known of the stream between two calls.
#[derive(Debug)]
pub(super) struct Receive {
    /// The start of a header whose end has not come yet: `head[..head_len]`.
    head: [u8; HEADER_LEN_MAX],
    head_len: u8,
    frame: Option<Frame>,
    message: Option<Fragments>,
    /// The payload of a control frame.
    control: Control,
    /// The storage holds a message that has been reported.
    delivered: bool,
    /// Data is skipped: the closing handshake has begun on this side.
    discards: bool,
}

/// A frame whose header has been read.
#[derive(Clone, Copy, Debug)]
struct Frame {
    opcode: Opcode,
    fin: bool,
    mask: Option<[u8; 4]>,
    /// Payload bytes that have not come yet.
    remaining: u64,
    /// Payload bytes that have come, modulo 4: the place in the masking key.
    phase: u8,
}

/// A message whose last frame has not come yet.
#[derive(Clone, Copy, Debug)]
struct Fragments {
    kind: MessageKind,
    count: u32,
    len: u64,
    utf8: Utf8,
}

/// What a pass over the input came to. Ranges, not borrows: the one borrow is made at the end of the call.
enum Found {
    Nothing,
    InInput { kind: MessageKind, range: Range<usize> },
    InStorage { kind: MessageKind },
    Control { opcode: Opcode },
}

impl Receive {
    pub(super) const fn new() -> Self {
        Self {
            head: [0; HEADER_LEN_MAX],
            head_len: 0,
            frame: None,
            message: None,
            control: Control::EMPTY,
            delivered: false,
            discards: false,
        }
    }

    /// From here on data is skipped.
    pub(super) const fn discard(&mut self) {
        self.discards = true;
        self.delivered = false;
    }

    /// Nothing more will be received.
    pub(super) const fn stop(&mut self) {
        self.discard();
        self.frame = None;
        self.message = None;
    }

    /// Gives the memory of a reported message back.
    pub(super) fn release<S: Storage>(&mut self, storage: &mut S) {
        if self.delivered {
            self.delivered = false;
            storage.clear();
        }
    }

    /// Reads the next header, from what came before and the rest of `input`. Returns it and how many bytes of `input`
    /// it took; `None` when all of them were not enough.
    #[inline]
    fn read_header(&mut self, input: &[u8]) -> Result<Option<(Header, usize)>, ProtocolError> {
        if self.head_len == 0
            && let Some(found) = Header::parse(input)?
        {
            return Ok(Some(found));
        }
        let before = usize::from(self.head_len);
        let free = self.head.get_mut(before..).unwrap_or_default();
        let taken = free.len().min(input.len());
        for (slot, &byte) in free.iter_mut().zip(input) {
            *slot = byte;
        }
        let head = self.head.get(..before + taken).unwrap_or_default();
        match Header::parse(head)? {
            Some((header, len)) => {
                self.head_len = 0;
                Ok(Some((header, len.saturating_sub(before))))
            }
            None => {
                self.head_len = u8::try_from(before + taken).unwrap_or(0);
                Ok(None)
            }
        }
    }

    /// Whether the header may stand here; begins its frame.
    #[inline]
    fn begin_frame(&mut self, config: &Config, header: &Header) -> Result<Frame, ProtocolError> {
        // RFC 6455 §5.2: "If a nonzero value is received and none of the negotiated extensions defines the meaning of such a
        // nonzero value, the receiving endpoint MUST _Fail the WebSocket Connection_."
        if header.rsv != 0 {
            return Err(ProtocolError::ReservedBits);
        }
        match (config.side, header.mask) {
            // RFC 6455 §5.1: "The server MUST close the connection upon receiving a frame that is not masked."
            (Side::Server, None) => return Err(ProtocolError::UnmaskedFrame),
            // RFC 6455 §5.1: "A client MUST close a connection if it detects a masked frame."
            (Side::Client, Some(_)) => return Err(ProtocolError::MaskedFrame),
            _ => {}
        }
        if header.opcode.is_control() {
            check_control(header)?;
            self.control.clear();
        } else {
            self.begin_data(config, header)?;
        }
        Ok(Frame {
            opcode: header.opcode,
            fin: header.fin,
            mask: header.mask,
            remaining: header.len,
            phase: 0,
        })
    }

    /// The rules of fragmentation (RFC 6455 §5.4) and the limits, all from the header alone.
    #[inline]
    fn begin_data(&mut self, config: &Config, header: &Header) -> Result<(), ProtocolError> {
        let len = header.len;
        if len > config.frame_len_max {
            return Err(ProtocolError::FrameTooBig { len, len_max: config.frame_len_max });
        }
        let message = match (header.opcode, &mut self.message) {
            // RFC 6455 §5.4: "The fragments of one message MUST NOT be interleaved between the fragments of another message"
            (Opcode::Text | Opcode::Binary, Some(_)) => return Err(ProtocolError::ExpectedContinuation),
            (Opcode::Text, none) => none.insert(Fragments::new(MessageKind::Text)),
            (Opcode::Binary, none) => none.insert(Fragments::new(MessageKind::Binary)),
            (_, Some(message)) => message,
            (_, None) => return Err(ProtocolError::UnexpectedContinuation),
        };
        message.count = message.count.saturating_add(1);
        if message.count > config.fragments_max.max(1) {
            return Err(ProtocolError::TooManyFragments { fragments_max: config.fragments_max });
        }
        message.len = message.len.saturating_add(len);
        if message.len > config.message_len_max {
            return Err(ProtocolError::MessageTooBig { len: message.len, len_max: config.message_len_max });
        }
        Ok(())
    }
}

impl Fragments {
    const fn new(kind: MessageKind) -> Self {
        Self { kind, count: 0, len: 0, utf8: Utf8::new() }
    }
}

impl Frame {
    /// Takes `payload`, the next bytes of this frame, out of its mask.
    #[inline]
    fn unmask(&mut self, payload: &mut [u8]) {
        if let Some(key) = self.mask {
            mask::apply(key, usize::from(self.phase), payload);
        }
        self.phase = (self.phase + u8::try_from(payload.len() % 4).unwrap_or(0)) % 4;
        self.remaining -= (payload.len() as u64).min(self.remaining);
    }
}

/// RFC 6455 §5.5: "All control frames MUST have a payload length of 125 bytes or less and MUST NOT be fragmented."
const fn check_control(header: &Header) -> Result<(), ProtocolError> {
    if !header.fin {
        return Err(ProtocolError::ControlFragmented);
    }
    if header.len > CONTROL_PAYLOAD_LEN_MAX as u64 {
        return Err(ProtocolError::ControlTooBig { len: header.len });
    }
    Ok(())
}

impl<S: Storage> Connection<S> {
    /// Takes in bytes of the peer: consumes a prefix of `input`, which is unmasked in place, and reports at most one
    /// event. Call it again with the rest until all is consumed. O(n) in what it consumes.
    ///
    /// A message that lies whole in `input` is lent from there; the parts of any other gather in the storage.
    ///
    /// # Errors
    /// The peer broke the protocol or a limit. The connection is failed: the same error comes again at every later
    /// call, and a close frame with [`ProtocolError::close_code`] is owed by [`poll_transmit`](Self::poll_transmit).
    pub fn handle_input<'a>(
        &'a mut self,
        now: Instant,
        input: &'a mut [u8],
    ) -> Result<Step<'a>, ProtocolError> {
        match self.state {
            State::Failed(error) => return Err(error),
            // RFC 6455 §1.4: "After receiving a control frame indicating the connection should be closed, that peer discards any
            // further data received."
            State::Complete | State::Ended { .. } => return Ok(Step { consumed: input.len(), event: None }),
            State::Open | State::CloseSent => {}
        }
        self.receive.release(&mut self.storage);
        if !input.is_empty() {
            self.timer.heard(now);
        }
        let (consumed, found) = match self.advance(input) {
            Ok(progress) => progress,
            Err(error) => return Err(self.fail(error)),
        };
        let event = match found {
            Found::Nothing => None,
            Found::InInput { kind, range } => {
                input.get_mut(range).map(|payload| Event::Message { kind, payload })
            }
            Found::InStorage { kind } => {
                self.receive.delivered = true;
                Some(Event::Message { kind, payload: self.storage.as_mut_slice() })
            }
            Found::Control { opcode } => self.handle_control(now, opcode)?,
        };
        Ok(Step { consumed, event })
    }

    /// Goes through `input` until something is found or all is used.
    #[inline]
    fn advance(&mut self, input: &mut [u8]) -> Result<(usize, Found), ProtocolError> {
        let mut at = 0;
        loop {
            let mut frame = match self.receive.frame.take() {
                Some(frame) => frame,
                None => {
                    let rest = input.get(at..).unwrap_or_default();
                    let Some((header, len)) = self.receive.read_header(rest)? else {
                        return Ok((input.len(), Found::Nothing));
                    };
                    at += len;
                    self.receive.begin_frame(&self.config, &header)?
                }
            };
            let available = input.len() - at;
            let len = usize::try_from(frame.remaining).unwrap_or(usize::MAX).min(available);
            let range = at..at + len;
            let payload = input.get_mut(range.clone()).unwrap_or_default();
            at += len;
            let found = self.take_payload(&mut frame, payload, range)?;
            if frame.remaining > 0 {
                self.receive.frame = Some(frame);
                return Ok((at, Found::Nothing));
            }
            if !matches!(found, Found::Nothing) {
                return Ok((at, found));
            }
        }
    }

    /// Takes in the next bytes of a frame; `range` is where they lie in the input.
    #[inline]
    fn take_payload(
        &mut self,
        frame: &mut Frame,
        payload: &mut [u8],
        range: Range<usize>,
    ) -> Result<Found, ProtocolError> {
        if frame.opcode.is_control() {
            frame.unmask(payload);
            self.receive.control.extend(payload);
            return Ok(if frame.remaining == 0 {
                Found::Control { opcode: frame.opcode }
            } else {
                Found::Nothing
            });
        }
        let is_fresh = frame.phase == 0 && payload.len() as u64 == frame.remaining;
        frame.unmask(payload);
        let Some(message) = &mut self.receive.message else { return Ok(Found::Nothing) };
        let (kind, ends) = (message.kind, frame.fin && frame.remaining == 0);
        if self.receive.discards {
            if ends {
                self.receive.message = None;
            }
            return Ok(Found::Nothing);
        }
        if is_fresh && ends && message.count == 1 && self.storage.as_slice().is_empty() {
            self.receive.message = None;
            if matches!(kind, MessageKind::Text) {
                // RFC 6455 §8.1: "the endpoint MUST _Fail the WebSocket Connection_"
                utf8::check(payload).map_err(|_| ProtocolError::InvalidUtf8)?;
            }
            return Ok(Found::InInput { kind, range });
        }
        if matches!(kind, MessageKind::Text) {
            message.utf8.push(payload).map_err(|_| ProtocolError::InvalidUtf8)?;
            if ends {
                message.utf8.finish().map_err(|_| ProtocolError::InvalidUtf8)?;
            }
        }
        let len = message.len;
        self.storage
            .extend(payload)
            .map_err(|full| ProtocolError::MessageTooBig { len, len_max: full.capacity_max as u64 })?;
        if !ends {
            return Ok(Found::Nothing);
        }
        self.receive.message = None;
        Ok(Found::InStorage { kind })
    }

    /// A whole control frame, its payload in `receive.control`.
    fn handle_control(&mut self, now: Instant, opcode: Opcode) -> Result<Option<Event<'_>>, ProtocolError> {
        match opcode {
            Opcode::Close => self.handle_close(),
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
    fn handle_close(&mut self) -> Result<Option<Event<'_>>, ProtocolError> {
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
