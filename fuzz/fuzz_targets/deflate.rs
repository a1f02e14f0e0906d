//! Compressed messages of a peer that may send anything, cut in any way, whole and in parts.
#![no_main]

use portcullis_fuzz::{
    Source,
    deflate::{Ears, Heard, agreed, sending},
};
use portcullis_proto::{
    Config, ProtocolError, Side, SliceStorage, VecStorage,
    deflate::{Agreed, DeflateConfig},
    wire::{Header, Opcode, mask},
};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut source = Source::new(data);
    let (agreed, own) = (agreed(&mut source), sending(&mut source));
    let (config, room) = limits(&mut source);
    let piece = usize::from(source.byte()).max(1);
    let stream = Stream::read(config.side, &mut source);
    let hear = |config: Config, room: usize, piece: usize| hear(config, room, (agreed, &own), &stream, piece);

    let whole = hear(config, usize::MAX, usize::MAX);
    for piece in [1, piece] {
        same(&hear(config, usize::MAX, piece), &whole);
    }
    let config = config.with_streaming(true);
    for piece in [usize::MAX, 1, piece] {
        same(&hear(config, room, piece), &whole);
    }
});

/// Limits that a short input can reach, and the room of the storage where messages come in parts.
fn limits(source: &mut Source<'_>) -> (Config, usize) {
    let [flags, more] = source.array();
    let config = if flags & 1 == 0 { Config::server() } else { Config::client() };
    let message_len_max = [64, 1_000, 5_000, 40_000][usize::from(flags >> 1) % 4];
    let ratio_max = [10, 1, 3, 1_000][usize::from(flags >> 3) % 4];
    let config = config
        .with_message_len_max(message_len_max)
        .with_inflate_ratio_max(ratio_max)
        .with_frame_len_max(20_000)
        .with_fragments_max(6);
    (config, [1, 2, 300, 5_000][usize::from(more) % 4])
}

/// What the peer sends.
struct Stream {
    bytes: Vec<u8>,
    /// For each message that is complete: whether it is compressed, and its length on the wire.
    messages: Vec<(bool, u64)>,
}

impl Stream {
    /// Frame after frame: a choice, and a payload. The header around it is right unless the choice is that it is not.
    fn read(side: Side, source: &mut Source<'_>) -> Self {
        const FIRST: [u8; 15] =
            [0xC1, 0xC2, 0x41, 0x42, 0x80, 0x00, 0xC1, 0xC2, 0x81, 0x01, 0x89, 0x82, 0xC0, 0x88, 0x40];
        let mut stream = Self { bytes: Vec::new(), messages: Vec::new() };
        let mut open = (false, 0);
        while !source.is_empty() {
            let choice = source.byte();
            let first = FIRST.get(usize::from(choice & 15)).copied().unwrap_or_else(|| source.byte());
            let payload = source.some();
            let Some(opcode) = Opcode::from_bits(first & 15) else { continue };
            let header = Header {
                fin: first & 0x80 != 0,
                rsv: first >> 4 & 7,
                opcode,
                mask: (side == Side::Server).then_some([choice, 0x5A, 0x33, 0xF0]),
                len: payload.len() as u64,
            };
            let (head, head_len) = header.to_bytes();
            stream.bytes.extend_from_slice(&head[..head_len]);
            let start = stream.bytes.len();
            stream.bytes.extend_from_slice(payload);
            mask::apply(header.mask.unwrap_or_default(), 0, &mut stream.bytes[start..]);
            if opcode.is_control() {
                continue;
            }
            if opcode.begins_message() {
                open = (header.rsv & 4 != 0, 0);
            }
            open.1 += header.len;
            if header.fin {
                stream.messages.push(open);
            }
            // The last frame may be cut off.
            if source.is_empty() && choice & 0x80 != 0 {
                stream.bytes.truncate(start + payload.len() / 2);
            }
        }
        stream
    }
}

/// What came of it, until an error if there was one.
struct Outcome {
    heard: Vec<Heard>,
    error: Option<ProtocolError>,
}

fn hear(
    config: Config,
    room: usize,
    (agreed, own): (Agreed, &DeflateConfig),
    stream: &Stream,
    piece: usize,
) -> Outcome {
    let (heard, error) = if config.streaming {
        let mut memory = vec![0; room];
        let mut ears = Ears::new(config, SliceStorage::new(&mut memory)).with_deflate(agreed, own);
        ears.hear(&stream.bytes, piece);
        (ears.heard, ears.error)
    } else {
        let len_max = usize::try_from(config.message_len_max).unwrap_or(usize::MAX);
        let mut ears = Ears::new(config, VecStorage::new(len_max)).with_deflate(agreed, own);
        ears.hear(&stream.bytes, piece);
        (ears.heard, ears.error)
    };
    let messages = heard.iter().filter_map(|heard| match heard {
        Heard::Message(_, bytes) => Some(bytes.len() as u64),
        Heard::Other(_) => None,
    });
    for (len, &(is_deflated, wire_len)) in messages.zip(&stream.messages) {
        if is_deflated {
            let len_max = (wire_len * u64::from(config.inflate_ratio_max)).max(4_096);
            assert!(len <= len_max, "{len} bytes out of {wire_len}");
        } else {
            assert_eq!(len, wire_len);
        }
    }
    Outcome { heard, error }
}

/// Neither the cut nor the way of reporting matters, not even to the error.
fn same(one: &Outcome, other: &Outcome) {
    assert_eq!(one.heard, other.heard, "{:?}, {:?}", one.error, other.error);
    assert_eq!(one.error, other.error);
}
