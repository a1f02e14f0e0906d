//! What an engine makes of a byte stream, written down so that two engines, or two ways to cut the stream, can be
//! compared.

use core::fmt;

use portcullis_gate::Protocol;
use portcullis_proto::{Event, Message, MessageKind, wire};
use portcullis_time::Instant;

/// One thing that an engine reported or sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Entry {
    /// A whole message.
    Message(MessageKind, Vec<u8>),
    /// A ping.
    Ping(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// The peer's close frame: code and reason.
    Close(Option<u16>, Vec<u8>),
    /// The connection is over; whether it closed cleanly.
    Closed(bool),
    /// The peer broke the protocol: close code and our stable code.
    Failed(u16, &'static str),
    /// A frame that was sent: the first byte, and the payload without its mask.
    Sent(u8, Vec<u8>),
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(MessageKind::Text, payload) => write!(f, "text {}", Shown(payload)),
            Self::Message(MessageKind::Binary, payload) => write!(f, "binary {}", Shown(payload)),
            Self::Ping(payload) => write!(f, "ping {}", Shown(payload)),
            Self::Pong(payload) => write!(f, "pong {}", Shown(payload)),
            Self::Close(None, _) => f.write_str("close"),
            Self::Close(Some(code), reason) => write!(f, "close {code} {}", Shown(reason)),
            Self::Closed(clean) => f.write_str(if *clean { "closed" } else { "lost" }),
            Self::Failed(close_code, code) => write!(f, "failed {close_code} {code}"),
            Self::Sent(0x88, payload) => match payload.split_first_chunk() {
                Some((code, reason)) => {
                    write!(f, "sent close {} {}", u16::from_be_bytes(*code), Shown(reason))
                }
                None => f.write_str("sent close"),
            },
            Self::Sent(first, payload) => write!(f, "sent {first:02x} {}", Shown(payload)),
        }
    }
}

/// A payload as text: what is printable stays, long runs are counted.
struct Shown<'p>(&'p [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() > 40 {
            return write!(f, "[{} bytes]", self.0.len());
        }
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

/// Feeds `input` to `engine` in pieces of `piece` bytes and ends the transport; echoes each message while it can, and
/// writes down everything that comes of it.
///
/// # Panics
/// The engine broke a rule of the machine: it consumed nothing and reported nothing, or more than there was.
#[must_use]
pub fn record<P: Protocol>(engine: &mut P, input: &[u8], piece: usize) -> Vec<Entry> {
    let now = Instant::from_millis(1);
    let mut entries = Vec::new();
    'input: for piece in input.chunks(piece.max(1)) {
        let mut piece = piece.to_vec();
        let mut rest = &mut piece[..];
        while !rest.is_empty() && !engine.is_closed() {
            let taken = match engine.handle_input(now, rest) {
                Ok(step) => {
                    let is_silent = step.event.is_none();
                    entries.extend(step.event.as_ref().and_then(entry));
                    assert!(step.consumed > 0 || !is_silent, "a step consumed nothing and said nothing");
                    step.consumed
                }
                Err(error) => {
                    entries.push(Entry::Failed(error.close_code(), error.code()));
                    transmit(engine, &mut entries);
                    break 'input;
                }
            };
            echo(engine, now, &mut entries);
            transmit(engine, &mut entries);
            rest = rest.get_mut(taken..).expect("no more is consumed than there was");
        }
    }
    entries.extend(engine.handle_eof(now).as_ref().and_then(entry));
    entries
}

/// An event that is worth writing down.
fn entry(event: &Event<'_>) -> Option<Entry> {
    Some(match event {
        Event::Message { kind, payload } => Entry::Message(*kind, payload.to_vec()),
        Event::Ping { payload } => Entry::Ping(payload.to_vec()),
        Event::Pong { payload, .. } => Entry::Pong(payload.to_vec()),
        Event::CloseReceived { code, reason } => Entry::Close(code.map(|code| code.get()), reason.to_vec()),
        Event::Closed { clean } => Entry::Closed(*clean),
        Event::Fragment { .. } | _ => return None,
    })
}

/// Sends the last message back, if the last entry is one.
fn echo<P: Protocol>(engine: &mut P, now: Instant, entries: &mut Vec<Entry>) {
    let Some(Entry::Message(kind, payload)) = entries.last() else { return };
    let message = match kind {
        MessageKind::Text => Message::Text(core::str::from_utf8(payload).expect("text was checked")),
        MessageKind::Binary => Message::Binary(payload),
    };
    let mut out = vec![0; payload.len() + wire::HEADER_LEN_MAX];
    if let Ok(len) = engine.send(now, message, &mut out) {
        entries.push(sent(&out[..len]));
    }
}

/// Takes what is owed, frame by frame.
fn transmit<P: Protocol>(engine: &mut P, entries: &mut Vec<Entry>) {
    let mut out = [0; wire::CONTROL_FRAME_LEN_MAX];
    loop {
        let len = engine.poll_transmit(&mut out);
        if len == 0 {
            return;
        }
        entries.push(sent(&out[..len]));
    }
}

/// One whole frame of ours, its mask taken off.
fn sent(bytes: &[u8]) -> Entry {
    let (header, head_len) = wire::Header::parse(bytes).expect("a header of ours").expect("a whole header");
    let mut payload = bytes[head_len..].to_vec();
    assert_eq!(payload.len() as u64, header.len, "one whole frame");
    if let Some(key) = header.mask {
        for (index, byte) in payload.iter_mut().enumerate() {
            *byte ^= key[index % 4];
        }
    }
    Entry::Sent(bytes[0], payload)
}
