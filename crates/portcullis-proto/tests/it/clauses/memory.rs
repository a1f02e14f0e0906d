//! Any memory: a length is a number of 64 bits until it has been compared, so that a target whose `usize` has 32 bits
//! makes of each frame what any other makes.
//!
//! Each length here has low 32 bits that make another, harmless length. An implementation that keeps a length in 32 bits
//! (`as u32` anywhere, `as usize` on a 32-bit target) takes the frame for one of that harmless length: it lets it through
//! a limit that it is over, or ends its message after a few bytes, and both are looked for. On a 64-bit host this finds
//! `as u32`; `as usize` is found by the same lengths in `frames-length.toml` where they run on a 32-bit target, and before
//! that by clippy's `cast_possible_truncation`, which knows both widths on every host.

use portcullis_proto::{
    Config, Connection, Event, MessageKind, ProtocolError, Side, SliceStorage, Storage, StorageFull,
    handshake::RequestHead,
    wire::{Header, Opcode},
};
use portcullis_time::Instant;

const NOW: Instant = Instant::from_millis(1_000);
const SIDES: [Side; 2] = [Side::Server, Side::Client];
/// What 32 bits do not hold, with what is left of it in 32 bits.
const LENGTHS: [(u64, u32); 8] = [
    (1 << 32, 0),
    ((1 << 32) + 1, 1),
    ((1 << 32) + 5, 5),
    ((1 << 33) + 125, 125),
    ((1 << 40) + 126, 126),
    ((1 << 48) + 300, 300),
    ((1 << 62) + 5, 5),
    ((1 << 63) - 1, u32::MAX),
];

/// A storage that claims to hold anything, and counts what it is really given.
#[derive(Default)]
struct Boundless(Vec<u8>);

impl Storage for Boundless {
    fn as_slice(&self) -> &[u8] {
        &self.0
    }
    fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.0
    }
    fn extend(&mut self, bytes: &[u8]) -> Result<(), StorageFull> {
        assert!(self.0.len() + bytes.len() < 100_000, "more than what was fed");
        self.0.extend_from_slice(bytes);
        Ok(())
    }
    fn clear(&mut self) {
        self.0.clear();
    }
    fn capacity_max(&self) -> usize {
        usize::MAX
    }
}

fn config(side: Side, frame_len_max: u64, message_len_max: u64) -> Config {
    let config = if side == Side::Server { Config::server() } else { Config::client() };
    config.with_frame_len_max(frame_len_max).with_message_len_max(message_len_max)
}

/// The header of a frame that declares `len` bytes; its mask, if any, is all zeros.
fn header(side: Side, first: u8, len: u64) -> Vec<u8> {
    let masked = if side == Side::Server { 0x80 } else { 0 };
    let mut bytes = match len {
        0..=125 => vec![first, masked | u8::try_from(len).unwrap()],
        126..=0xFFFF => {
            [vec![first, masked | 126], u16::try_from(len).unwrap().to_be_bytes().to_vec()].concat()
        }
        _ => [vec![first, masked | 127], len.to_be_bytes().to_vec()].concat(),
    };
    if side == Side::Server {
        bytes.extend([0; 4]);
    }
    bytes
}

/// How many messages come of `bytes` in pieces of `size`, or the error.
fn feed<S: Storage>(
    connection: &mut Connection<S>,
    bytes: &[u8],
    size: usize,
) -> Result<usize, ProtocolError> {
    let mut messages = 0;
    for piece in bytes.chunks(size) {
        let mut piece = piece.to_vec();
        let mut rest = piece.as_mut_slice();
        while !rest.is_empty() {
            let step = connection.handle_input(NOW, rest)?;
            messages += usize::from(step.event.is_some());
            let consumed = step.consumed;
            rest = &mut rest[consumed..];
        }
    }
    Ok(messages)
}

#[test]
fn a_frame_longer_than_32_bits_is_awaited_and_nothing_is_made_of_its_low_bits() {
    for side in SIDES {
        for (len, low) in LENGTHS {
            for first in [0x81, 0x82, 0x01, 0x02] {
                for size in [1, 1_000] {
                    let unlimited = config(side, u64::MAX, u64::MAX);
                    let mut connection = Connection::new(unlimited, NOW, [7; 32], Boundless::default());
                    // As many bytes as the low half asks for, and then some that would be a frame of their own: a
                    // ping in the clear and a ping under a mask of zeros.
                    let body = vec![b'a'; usize::try_from(low.min(300)).unwrap()];
                    let ping = header(side, 0x89, 0);
                    let bytes = [header(side, first, len), body, ping].concat();
                    // The ping's first byte is no UTF-8; as text it fails for that, which is no less than being read.
                    let expected = if first & 1 == 1 { Err(ProtocolError::InvalidUtf8) } else { Ok(0) };
                    assert_eq!(feed(&mut connection, &bytes, size), expected, "{len:#x} by {size}");
                }
            }
        }
    }
}

#[test]
fn a_continuation_longer_than_32_bits_is_awaited_too() {
    for side in SIDES {
        for (len, low) in LENGTHS {
            let unlimited = config(side, u64::MAX, u64::MAX);
            let mut connection = Connection::new(unlimited, NOW, [7; 32], Boundless::default());
            let first = [header(side, 0x02, 1), vec![b'a']].concat();
            let body = vec![b'b'; usize::try_from(low.min(300)).unwrap() + 3];
            let bytes = [first, header(side, 0x80, len), body].concat();
            assert_eq!(feed(&mut connection, &bytes, 1), Ok(0), "{len:#x}");
        }
    }
}

#[test]
fn limits_are_compared_in_64_bits() {
    for side in SIDES {
        for (len, _) in LENGTHS {
            let verdict = |frame_len_max, message_len_max| {
                let config = config(side, frame_len_max, message_len_max);
                let mut connection = Connection::new(config, NOW, [7; 32], Boundless::default());
                feed(&mut connection, &header(side, 0x82, len), 1)
            };
            let len_max = len - 1;
            assert_eq!(verdict(len, len), Ok(0), "just within the limit");
            assert_eq!(verdict(len_max, u64::MAX), Err(ProtocolError::FrameTooBig { len, len_max }));
            assert_eq!(verdict(u64::MAX, len_max), Err(ProtocolError::MessageTooBig { len, len_max }));
            // What a target with 32 bits can address at all.
            let len_max = u64::from(u32::MAX);
            assert_eq!(verdict(len_max, len_max), Err(ProtocolError::FrameTooBig { len, len_max }));
            assert_eq!(verdict(1_000, 1_000), Err(ProtocolError::FrameTooBig { len, len_max: 1_000 }));
        }
    }
}

#[test]
fn limits_longer_than_32_bits_let_short_frames_through() {
    // In 32 bits these limits would be 0 and 4, and refuse five bytes.
    for limit in [1 << 32, (1 << 32) + 4, 1 << 63, u64::MAX - 0xFFFF_FFFF] {
        for side in SIDES {
            let mut connection =
                Connection::new(config(side, limit, limit), NOW, [7; 32], Boundless::default());
            let bytes = [header(side, 0x82, 5), b"abcde".to_vec()].concat();
            assert_eq!(feed(&mut connection, &bytes, 1), Ok(1), "{limit:#x}");
        }
    }
}

#[test]
fn the_sum_of_fragments_is_counted_in_64_bits() {
    for side in SIDES {
        // 5 bytes, and a continuation that brings the sum to 2^32 + 5: 5 again in 32 bits.
        let bytes = [header(side, 0x02, 5), b"abcde".to_vec(), header(side, 0x80, 1 << 32)].concat();
        let len_max = 1_000;
        let mut connection =
            Connection::new(config(side, u64::MAX, len_max), NOW, [7; 32], Boundless::default());
        let too_big = ProtocolError::MessageTooBig { len: (1 << 32) + 5, len_max };
        assert_eq!(feed(&mut connection, &bytes, 1), Err(too_big));
    }
}

#[test]
fn a_storage_smaller_than_the_limits_says_so_with_the_whole_length() {
    for side in SIDES {
        for (len, _) in LENGTHS {
            let mut memory = [0; 16];
            let config = config(side, u64::MAX, u64::MAX);
            let mut connection = Connection::new(config, NOW, [7; 32], SliceStorage::new(&mut memory));
            let fits = [header(side, 0x82, len), vec![0; 16]].concat();
            assert_eq!(feed(&mut connection, &fits, 1), Ok(0), "{len:#x}");
            let too_big = ProtocolError::MessageTooBig { len, len_max: 16 };
            assert_eq!(feed(&mut connection, &[0], 1), Err(too_big));
        }
    }
}

#[test]
fn a_control_frame_longer_than_32_bits_is_too_big() {
    for side in SIDES {
        for (len, _) in LENGTHS {
            for first in [0x88, 0x89, 0x8A] {
                let unlimited = config(side, u64::MAX, u64::MAX);
                let mut connection = Connection::new(unlimited, NOW, [7; 32], Boundless::default());
                let verdict = feed(&mut connection, &header(side, first, len), 1);
                assert_eq!(verdict, Err(ProtocolError::ControlTooBig { len }));
            }
        }
    }
}

#[test]
fn what_is_discarded_is_counted_in_64_bits() {
    for side in SIDES {
        for (len, low) in LENGTHS {
            let unlimited = config(side, u64::MAX, u64::MAX);
            let mut connection = Connection::new(unlimited, NOW, [7; 32], Boundless::default());
            connection.close(NOW, portcullis_proto::CloseCode::NORMAL, "").unwrap();
            let body = vec![0; usize::try_from(low.min(300)).unwrap()];
            let close = header(side, 0x88, 0);
            let bytes = [header(side, 0x82, len), body, close].concat();
            assert_eq!(
                feed(&mut connection, &bytes, 1),
                Ok(0),
                "the close is a part of the frame of {len:#x}"
            );
        }
    }
}

/// The limits of the data files are below 65,535, where a length stops being one of 16 bits.
#[test]
fn lengths_are_minimal_whatever_the_limits() {
    for side in SIDES {
        let masked = if side == Side::Server { 0x80 } else { 0 };
        let key = if side == Side::Server { vec![0; 4] } else { Vec::new() };
        for (len, width, is_minimal) in [
            (0_u64, 2, false),
            (125, 2, false),
            (126, 2, true),
            (65_535, 2, true),
            (0, 8, false),
            (125, 8, false),
            (126, 8, false),
            (65_535, 8, false),
            (65_536, 8, true),
        ] {
            let short = if width == 2 { 126 } else { 127 };
            let head =
                [vec![0x82, masked | short], len.to_be_bytes()[8 - width..].to_vec(), key.clone()].concat();
            let frame = [head, vec![7; usize::try_from(len).unwrap()]].concat();
            for size in [1, frame.len()] {
                let mut connection =
                    Connection::new(config(side, u64::MAX, u64::MAX), NOW, [7; 32], Boundless::default());
                let expected = if is_minimal { Ok(1) } else { Err(ProtocolError::NonMinimalLength) };
                assert_eq!(feed(&mut connection, &frame, size), expected, "{len} in {width} bytes by {size}");
            }
        }
    }
}

#[test]
fn a_header_keeps_all_64_bits() {
    for (len, _) in LENGTHS {
        let header = Header { fin: true, rsv: 0, opcode: Opcode::Binary, mask: None, len };
        let (bytes, taken) = header.to_bytes();
        assert_eq!(Header::parse(&bytes[..taken]), Ok(Some((header, 10))));
        assert_eq!(bytes[2..10], len.to_be_bytes());
    }
}

#[test]
fn a_content_length_keeps_all_64_bits() {
    for (len, _) in LENGTHS {
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {len}\r\n\r\n");
        assert_eq!(RequestHead::parse(head.as_bytes()).unwrap().body_len(), Some(len));
    }
}

#[cfg(feature = "alloc")]
#[test]
fn published_memory_does_not_wrap() {
    for (len, _) in LENGTHS {
        let bytes = portcullis_proto::worst_case_bytes(&config(Side::Server, len, len));
        assert!(bytes as u64 >= len.min(usize::MAX as u64), "{len:#x}: {bytes}");
    }
}

/// The other tests look for what does not happen: this one shows that it would be seen.
#[test]
fn a_whole_frame_is_told_by_the_same_means() {
    for side in SIDES {
        let unlimited = config(side, u64::MAX, u64::MAX);
        let mut connection = Connection::new(unlimited, NOW, [7; 32], Boundless::default());
        let bytes = [header(side, 0x82, 300), vec![9; 300], header(side, 0x89, 0)].concat();
        assert_eq!(feed(&mut connection, &bytes, 1), Ok(2), "the message and the ping");
        let mut whole = [header(side, 0x82, 5), vec![9; 5]].concat();
        let step = connection.handle_input(NOW, &mut whole).unwrap();
        assert!(
            matches!(step.event, Some(Event::Message { kind: MessageKind::Binary, payload }) if payload == [9; 5])
        );
    }
}
