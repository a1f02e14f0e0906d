//! A server for one peer, as firmware would have it: it is here to be measured beside `nothing`.
//!
//! What a socket would bring comes from constants; `black_box` hides them from the compiler.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::fmt::Write;
use core::hint::black_box;
use core::panic::PanicInfo;

use cortex_m_semihosting::hio;
use portcullis_proto::{
    Config, Connection, Event, Message, MessageKind, SliceStorage,
    handshake::{Acceptance, HandshakeError, HeadReader, RequestHead, accept, refuse},
};
use portcullis_time::Instant;

const HEAD: &[u8] = b"GET /lamp HTTP/1.1\r\nHost: 10.0.0.7\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
/// A text in two frames with a ping between them, and a close frame.
const FRAMES: &[u8] =
    b"\x01\x82\x01\x02\x03\x04\x69\x6b\x89\x81\0\0\0\0p\x80\x81\0\0\0\0!\x88\x82\0\0\0\0\x03\xe8";
/// What comes back: the pong, the text in one frame, the answer to the close frame.
const ANSWER: &[u8] = b"\x8a\x01p\x81\x03hi!\x88\x02\x03\xe8";

/// What the longest message and the longest head may have.
const LEN_MAX: usize = 1_024;

/// Answers a head; returns how much of `out` is to be sent, and whether frames follow.
fn open(now: Instant, input: &[u8], memory: &mut [u8], out: &mut [u8]) -> (usize, bool) {
    let mut reader = HeadReader::new(SliceStorage::new(memory), Instant::FAR_FUTURE);
    let opened = (|| -> Result<usize, HandshakeError> {
        // As a small receive buffer would have it.
        for piece in input.chunks(64) {
            if let Some(head) = reader.handle_input(now, piece)?.head {
                let request = RequestHead::parse(head)?.upgrade()?;
                return Ok(accept(&request, &Acceptance::default(), out)?);
            }
        }
        Ok(0)
    })();
    match opened {
        Ok(len) => (len, len > 0),
        Err(error) => (refuse(error.status(), error.refusal_fields(), b"", out).unwrap_or(0), false),
    }
}

/// Sends every message back; returns how much of `out` is to be sent.
fn echo(now: Instant, mut input: &mut [u8], memory: &mut [u8], out: &mut [u8]) -> usize {
    let config = Config::server().with_message_len_max(LEN_MAX as u64);
    let mut connection = Connection::new(config, now, black_box([7; 32]), SliceStorage::new(memory));
    let (mut message, mut end) = ([0; LEN_MAX], 0);
    while !input.is_empty() {
        let Ok(step) = connection.handle_input(now, input) else { break };
        let consumed = step.consumed;
        let mut received = None;
        if let Some(Event::Message { kind, payload }) = step.event {
            // The connection is borrowed by what it lends.
            if let Some(room) = message.get_mut(..payload.len()) {
                room.copy_from_slice(payload);
                received = Some((kind, payload.len()));
            }
        }
        if let Some((kind, len)) = received {
            let payload = message.get(..len).unwrap_or_default();
            let message = match (kind, core::str::from_utf8(payload)) {
                (MessageKind::Text, Ok(text)) => Message::Text(text),
                _ => Message::Binary(payload),
            };
            end += connection.send(now, message, out.get_mut(end..).unwrap_or_default()).unwrap_or(0);
        }
        end += connection.poll_transmit(out.get_mut(end..).unwrap_or_default());
        input = match input.get_mut(consumed..) {
            Some(rest) if consumed > 0 => rest,
            _ => break,
        };
    }
    let _ = connection.handle_timeout(black_box(now));
    end + connection.poll_transmit(out.get_mut(end..).unwrap_or_default())
}

#[cortex_m_rt::entry]
fn main() -> ! {
    if let Ok(mut console) = hio::hstdout() {
        let now = black_box(Instant::from_millis(1));
        let (mut memory, mut out) = ([0; LEN_MAX], [0; 256]);
        let (answered, is_open) = open(now, black_box(HEAD), &mut memory, &mut out);
        let mut input = [0; FRAMES.len()];
        input.copy_from_slice(black_box(FRAMES));
        let len = echo(now, &mut input, &mut memory, &mut out);
        let is_right = is_open && out.get(..len) == Some(ANSWER);
        let state = size_of::<Connection<SliceStorage<'_>>>();
        let _ = writeln!(
            console,
            "{answered} and {len} bytes sent, a connection has {state} bytes beside its memory"
        );
        let _ = writeln!(console, "end: {}", if is_right { "good" } else { "bad" });
    }
    loop {
        cortex_m::asm::wfi();
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {
        cortex_m::asm::wfi();
    }
}
