//! The receive path: header → rules → payload, in place where a frame lies whole in the input.

use core::ops::Range;

use portcullis_time::Instant;

use super::{Connection, Event, Step, control::Control, incoming::Incoming, state::State, whole::Whole};
use crate::{
    Config, MessageKind, ProtocolError, Side, Storage,
    wire::{CONTROL_PAYLOAD_LEN_MAX, HEADER_LEN_MAX, Header, Opcode, mask},
};

/// What is known of the stream between two calls.
#[derive(Debug)]
pub(super) struct Receive {
    pub(super) frame: Option<Frame>,
    pub(super) message: Option<Incoming>,
    /// The start of a header whose end has not come yet: `head[..head_len]`.
    head: [u8; HEADER_LEN_MAX],
    head_len: u8,
    /// The storage holds what has been reported.
    delivered: bool,
    /// Data is skipped: the closing handshake has begun on this side.
    pub(super) discards: bool,
    /// The first byte of the next input has been taken in: it was left so that the driver comes back for more events.
    holds_byte: bool,
    /// The payload of a control frame.
    pub(super) control: Control,
}

/// A frame whose header has been read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    pub(super) opcode: Opcode,
    fin: bool,
    mask: Option<[u8; 4]>,
    /// Payload bytes that have not come yet.
    pub(super) remaining: u64,
    /// Payload bytes that have come, modulo 4: the place in the masking key.
    pub(super) phase: u8,
}

/// What a pass over the input came to. Places, not borrows: the one borrow is made at the end of the call.
pub(super) enum Found {
    Nothing,
    Data { kind: MessageKind, place: Place, part: Part },
    Control { opcode: Opcode },
}

/// Where data lies.
pub(super) enum Place {
    /// Where the payload came in.
    Input,
    Storage,
}

/// What of its message data is.
pub(super) enum Part {
    Whole,
    Fragment { is_last: bool },
}

/// What became of a stretch of payload.
pub(super) struct Taken {
    /// Bytes that are done with.
    pub(super) used: usize,
    pub(super) found: Found,
    /// More can be found without further input.
    pub(super) has_more: bool,
}

impl Taken {
    pub(super) const fn all(payload: &[u8], found: Found) -> Self {
        Self { used: payload.len(), found, has_more: false }
    }
}

impl Receive {
    pub(super) const fn new() -> Self {
        Self {
            frame: None,
            message: None,
            head: [0; HEADER_LEN_MAX],
            head_len: 0,
            delivered: false,
            discards: false,
            holds_byte: false,
            control: Control::EMPTY,
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

    /// Whether the next byte begins a message or a control frame between messages.
    #[inline]
    const fn is_between_messages(&self) -> bool {
        self.frame.is_none() && self.message.is_none() && self.head_len == 0 && !self.discards
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
    fn begin_frame(
        &mut self,
        config: &Config,
        deflates: bool,
        header: &Header,
    ) -> Result<Frame, ProtocolError> {
        // RFC 7692 §6: "An endpoint MUST NOT set the "Per-Message Compressed" bit of control frames and non-first fragments of
        // a data message. An endpoint receiving such a frame MUST _Fail the WebSocket Connection_."
        let is_deflated = deflates && header.rsv == RSV1 && header.opcode.begins_message();
        // RFC 6455 §5.2: "If a nonzero value is received and none of the negotiated extensions defines the meaning of such a
        // nonzero value, the receiving endpoint MUST _Fail the WebSocket Connection_."
        if header.rsv != 0 && !is_deflated {
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
            self.begin_data(config, header, is_deflated)?;
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
    #[cfg_attr(not(feature = "deflate"), expect(unused_variables, reason = "no message is compressed"))]
    fn begin_data(
        &mut self,
        config: &Config,
        header: &Header,
        is_deflated: bool,
    ) -> Result<(), ProtocolError> {
        let len = header.len;
        if len > config.frame_len_max {
            return Err(ProtocolError::FrameTooBig { len, len_max: config.frame_len_max });
        }
        let message = match (header.opcode, &mut self.message) {
            // RFC 6455 §5.4: "The fragments of one message MUST NOT be interleaved between the fragments of another message"
            (Opcode::Text | Opcode::Binary, Some(_)) => return Err(ProtocolError::ExpectedContinuation),
            (Opcode::Text, none) => none.insert(Incoming::new(MessageKind::Text)),
            (Opcode::Binary, none) => none.insert(Incoming::new(MessageKind::Binary)),
            (_, Some(message)) => message,
            (_, None) => return Err(ProtocolError::UnexpectedContinuation),
        };
        message.count = message.count.saturating_add(1);
        if message.count > config.fragments_max.max(1) {
            return Err(ProtocolError::TooManyFragments { fragments_max: config.fragments_max });
        }
        #[cfg(feature = "deflate")]
        {
            message.is_deflated |= is_deflated;
            if message.is_deflated {
                let declared = message.wire.declared.saturating_add(len);
                let len_max = super::inflate::Wire::declared_max(config.message_len_max);
                if declared > len_max {
                    return Err(ProtocolError::MessageTooBig { len: declared, len_max });
                }
                message.wire.declared = declared;
                return Ok(());
            }
        }
        message.len = message.len.saturating_add(len);
        if message.len > config.message_len_max {
            return Err(ProtocolError::MessageTooBig { len: message.len, len_max: config.message_len_max });
        }
        Ok(())
    }
}

/// The first reserved bit in [`Header::rsv`].
const RSV1: u8 = 4;

impl Frame {
    /// Takes `payload`, the next bytes of this frame, out of its mask.
    #[inline]
    pub(super) fn unmask(&mut self, payload: &mut [u8]) {
        self.mask(0, payload);
        self.advance(payload.len());
    }

    /// The masking key, if there is one.
    #[inline]
    pub(super) const fn key(&self) -> Option<[u8; 4]> {
        self.mask
    }

    /// Puts bytes into the mask, or out of it; they come `offset` behind what has been taken.
    #[inline]
    pub(super) fn mask(&self, offset: usize, bytes: &mut [u8]) {
        if let Some(key) = self.mask {
            mask::apply(key, usize::from(self.phase) + offset % 4, bytes);
        }
    }

    /// The next `len` bytes have been taken.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "less than 4")]
    pub(super) const fn advance(&mut self, len: usize) {
        self.phase = (self.phase + (len % 4) as u8) % 4;
        self.remaining = self.remaining.saturating_sub(len as u64);
    }

    /// Whether the message is complete with what has been taken.
    #[inline]
    pub(super) const fn ends_message(&self) -> bool {
        self.fin && self.remaining == 0
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
    #[inline]
    pub fn handle_input<'a>(
        &'a mut self,
        now: Instant,
        input: &'a mut [u8],
    ) -> Result<Step<'a>, ProtocolError> {
        if self.is_open()
            && self.receive.is_between_messages()
            && let Some(whole) = Whole::find(&self.config, input)
        {
            self.receive.release(&mut self.storage);
            self.timer.heard(now);
            let payload = input.get_mut(whole.range.clone()).unwrap_or_default();
            return match whole.check(payload) {
                Ok(()) => {
                    Ok(Step { consumed: whole.range.end, event: Some(self.data_event(whole.kind, payload)) })
                }
                Err(error) => Err(self.fail(error)),
            };
        }
        self.handle_any(now, input)
    }

    /// The long way: whatever state this is in and whatever the input holds.
    #[inline(never)]
    fn handle_any<'a>(&'a mut self, now: Instant, input: &'a mut [u8]) -> Result<Step<'a>, ProtocolError> {
        match self.state {
            State::Failed(error) => return Err(error),
            // RFC 6455 §1.4: "after receiving a control frame indicating the connection should be closed, a peer discards any
            // further data received."
            State::Complete | State::Ended { .. } => return Ok(Step { consumed: input.len(), event: None }),
            State::Open | State::CloseSent => {}
        }
        self.receive.release(&mut self.storage);
        if input.is_empty() {
            return Ok(Step { consumed: 0, event: None });
        }
        self.timer.heard(now);
        self.handle_parts(now, input)
    }

    /// Everything else: parts of messages, control frames, and whatever is wrong.
    fn handle_parts<'a>(&'a mut self, now: Instant, input: &'a mut [u8]) -> Result<Step<'a>, ProtocolError> {
        let (consumed, range, found) = match self.advance(input) {
            Ok(progress) => progress,
            Err(error) => return Err(self.fail(error)),
        };
        let event = match found {
            Found::Nothing => None,
            Found::Control { opcode } => self.handle_control(now, opcode)?,
            Found::Data { kind, place, part } => {
                let payload = match place {
                    Place::Input => input.get_mut(range).unwrap_or_default(),
                    Place::Storage => {
                        self.receive.delivered = true;
                        self.storage.as_mut_slice()
                    }
                };
                Some(match part {
                    Part::Whole => Event::Message { kind, payload },
                    Part::Fragment { is_last } => Event::Fragment { kind, payload, is_last },
                })
            }
        };
        Ok(Step { consumed, event })
    }

    const fn data_event<'a>(&self, kind: MessageKind, payload: &'a mut [u8]) -> Event<'a> {
        if self.config.streaming {
            Event::Fragment { kind, payload, is_last: true }
        } else {
            Event::Message { kind, payload }
        }
    }

    /// Goes through `input` until something is found or all is used. Returns how much is done with, where the last
    /// payload lies, and what was found.
    #[inline]
    fn advance(&mut self, input: &mut [u8]) -> Result<(usize, Range<usize>, Found), ProtocolError> {
        let mut at = usize::from(core::mem::take(&mut self.receive.holds_byte));
        loop {
            let mut frame = match self.receive.frame.take() {
                Some(frame) => frame,
                None => {
                    let rest = input.get(at..).unwrap_or_default();
                    let Some((header, len)) = self.receive.read_header(rest)? else {
                        return Ok((input.len(), 0..0, Found::Nothing));
                    };
                    at += len;
                    let deflates = self.deflates();
                    self.receive.begin_frame(&self.config, deflates, &header)?
                }
            };
            let available = input.len() - at;
            let len = usize::try_from(frame.remaining).unwrap_or(usize::MAX).min(available);
            let payload = input.get_mut(at..at + len).unwrap_or_default();
            let taken = if frame.opcode.is_control() {
                self.take_control(&mut frame, payload)
            } else {
                self.take_data(&mut frame, payload)?
            };
            let range = at..at + taken.used;
            at = range.end;
            if frame.remaining > 0 || taken.has_more {
                self.receive.frame = Some(frame);
            }
            if !matches!(taken.found, Found::Nothing) {
                if taken.has_more && at == input.len() {
                    self.receive.holds_byte = true;
                    at -= 1;
                }
                return Ok((at, range, taken.found));
            }
            if frame.remaining > 0 && at == input.len() {
                return Ok((at, range, Found::Nothing));
            }
        }
    }

    /// Whether messages of the peer may be compressed.
    #[inline]
    #[cfg_attr(not(feature = "deflate"), expect(clippy::unused_self, reason = "never without the feature"))]
    const fn deflates(&self) -> bool {
        #[cfg(feature = "deflate")]
        return self.deflate.is_some();
        #[cfg(not(feature = "deflate"))]
        return false;
    }

    /// Takes in the next bytes of a control frame.
    fn take_control(&mut self, frame: &mut Frame, payload: &mut [u8]) -> Taken {
        frame.unmask(payload);
        self.receive.control.extend(payload);
        let is_whole = frame.remaining == 0;
        let found = if is_whole { Found::Control { opcode: frame.opcode } } else { Found::Nothing };
        Taken::all(payload, found)
    }
}
