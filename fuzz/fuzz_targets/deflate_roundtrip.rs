//! Messages sent in every way over a connection with compression arrive as they were.
#![no_main]

use portcullis_fuzz::{
    Source,
    deflate::{Ears, Heard, agreed, level, sending},
};
use portcullis_proto::{
    Config, Message, MessageKind, SendError, Side, VecStorage,
    deflate::{Compressor, PreparedMessage, WindowBits},
    wire::frame_len,
};
use portcullis_time::Instant;

/// More than twice the largest window.
const MESSAGE_LEN_MAX: usize = 80_000;
/// In all, so that an input takes milliseconds.
const SENT_LEN_MAX: usize = 300_000;
const NOW: Instant = Instant::ORIGIN;

type End = Ears<VecStorage>;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut source = Source::new(data);
    let agreed = agreed(&mut source);
    let flags = source.byte();
    let shared_bits = WindowBits::new(8 + (flags >> 4) % 8).unwrap_or(WindowBits::MAX);
    let mut shared = Compressor::new(shared_bits, level(flags >> 2));
    let mut end = |config: Config, streams: bool| {
        let config = config
            .with_message_len_max(MESSAGE_LEN_MAX as u64)
            .with_frame_len_max(u64::MAX)
            .with_fragments_max(u32::MAX)
            .with_inflate_ratio_max(u32::MAX)
            .with_streaming(streams);
        Ears::new(config, VecStorage::new(MESSAGE_LEN_MAX)).with_deflate(agreed, &sending(&mut source))
    };
    let mut server = end(Config::server(), flags & 1 != 0);
    let mut client = end(Config::client(), flags & 2 != 0);
    let (mut server_sent, mut client_sent) = (Vec::new(), Vec::new());
    let mut sent_len = 0;
    while !source.is_empty() && sent_len < SENT_LEN_MAX {
        let choice = source.byte();
        let piece = [usize::MAX, 1, 7, 4_096][usize::from(choice >> 6)];
        let payload = payload(&mut source);
        sent_len += payload.len();
        let (from, to, sent) = if choice & 1 == 0 {
            (&mut server, &mut client, &mut server_sent)
        } else {
            (&mut client, &mut server, &mut client_sent)
        };
        let (frames, heard) = send(from, choice, payload, &mut shared);
        sent.extend(heard);
        to.hear(&frames, if frames.len() > 4_000 { piece.max(64) } else { piece });
        assert_eq!(to.error, None);
        assert_eq!(to.heard.len(), sent.len());
        assert!(to.heard.last() == sent.last(), "a message did not arrive as it was");
    }
    assert!(client.heard == server_sent && server.heard == client_sent);
});

/// The frames of one message, and what is to be heard of them.
fn send(from: &mut End, choice: u8, payload: Vec<u8>, shared: &mut Compressor) -> (Vec<u8>, Option<Heard>) {
    let text = if choice & 2 == 0 { String::from_utf8(payload.clone()).ok() } else { None };
    let message = text.as_deref().map_or(Message::Binary(&payload), Message::Text);
    let kind = message.kind();
    let connection = from.connection();
    let side = connection.config().side;
    let len_max = frame_len(side, payload.len());
    let mut out = vec![0; len_max];
    let sent = match choice >> 2 & 15 {
        0..=5 => connection.send(NOW, message, &mut out),
        6..=8 => connection.send_shared(NOW, message, shared, &mut out),
        9 | 10 => {
            let prepared = PreparedMessage::new(message, Some(shared));
            let sent = connection.send_prepared(NOW, &prepared, &mut out);
            if side == Side::Client {
                assert_eq!(sent, Err(SendError::Unmasked));
                return (Vec::new(), None);
            }
            sent
        }
        11 => {
            let sent = connection.send_secret(NOW, message.secret(), &mut out);
            assert_eq!(sent, Ok(len_max), "a secret shows its length");
            assert_eq!(out[0] & 0x40, 0, "a secret is never compressed");
            sent
        }
        12 => {
            let ping = payload.len().min(125);
            let mut out = [0; 131];
            let len = connection.ping(NOW, &payload[..ping], &mut out).expect("there is room");
            let heard = format!("Ping {{ payload: {:?} }}", &payload[..ping]);
            return (out[..len].to_vec(), Some(Heard::Other(heard)));
        }
        13 => {
            // Nothing is sent, and nothing is remembered.
            let len = len_max - 1;
            let too_small = Err(SendError::BufferTooSmall { len, len_min: len_max });
            assert_eq!(connection.send(NOW, message, &mut out[..len]), too_small);
            assert_eq!(connection.send_shared(NOW, message, shared, &mut out[..len]), too_small);
            connection.send(NOW, message, &mut out)
        }
        _ => return (parts(from, kind, &payload), Some(Heard::Message(kind, payload))),
    };
    let len = sent.expect("the room of the plain frame is enough");
    assert!(len <= len_max);
    if out[0] & 0x40 == 0 {
        assert_eq!(len, len_max, "a frame without compression is the plain one");
    }
    out.truncate(len);
    (out, Some(Heard::Message(kind, payload)))
}

/// The message in parts.
fn parts(from: &mut End, kind: MessageKind, payload: &[u8]) -> Vec<u8> {
    let connection = from.connection();
    let side = connection.config().side;
    let (mut frames, mut rest) = (Vec::new(), payload);
    let part_len = payload.len() / 3 + 1;
    loop {
        let (part, after) = rest.split_at(part_len.min(rest.len()));
        let is_last = after.is_empty();
        let mut out = vec![0; frame_len(side, part.len())];
        let len = connection.send_fragment(NOW, kind, part, is_last, &mut out).expect("there is room");
        assert_eq!(len, out.len());
        frames.extend_from_slice(&out);
        if is_last {
            return frames;
        }
        let inside = connection.send(NOW, Message::Binary(b""), &mut out);
        assert_eq!(inside, Err(SendError::InsideMessage));
        rest = after;
    }
}

/// Bytes of the input, repeated with changes, or noise: whatever makes a compressor's life interesting.
fn payload(source: &mut Source<'_>) -> Vec<u8> {
    let choice = source.byte();
    let mut bytes = match choice % 4 {
        0 => source.some().to_vec(),
        1 => {
            let noise = noise(source.array());
            let len = source.len();
            noise.take(len).collect()
        }
        2 => {
            let (times, pattern) = (source.len(), source.some());
            pattern.repeat(times.min(MESSAGE_LEN_MAX / pattern.len().max(1)))
        }
        // The same again at a distance, with noise in between.
        _ => {
            let pattern = source.some();
            let noise = noise(source.array());
            let distance = source.len();
            pattern.iter().copied().chain(noise.take(distance)).chain(pattern.iter().copied()).collect()
        }
    };
    bytes.truncate(MESSAGE_LEN_MAX);
    if choice & 0x80 != 0 {
        for byte in &mut bytes {
            *byte = b' ' + *byte % 64;
        }
    }
    bytes
}

/// Bytes that do not become shorter, by xorshift.
fn noise(seed: [u8; 2]) -> impl Iterator<Item = u8> {
    let mut state = u64::from(u16::from_be_bytes(seed)) << 1 | 1;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    })
}
