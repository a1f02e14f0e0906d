//! What is received: RFC 7692 §6.2, §7.2.2 and its examples, bombs, streams.

use portcullis_proto::{
    Config, Connection, Event, Message, MessageKind, ProtocolError, Side, SliceStorage, VecStorage,
    deflate::{Compressor, DeflateConfig, Level, PreparedMessage, WindowBits},
};

use super::{agreed, bomb, config, connection, open_server, prose, receive, send};
use crate::support::{START, frame, owed};

#[test]
fn rfc7692_7_2_3_1_one_compressed_block() {
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let deflate = open_server();
    let mut server = connection(Side::Server, agreed(&deflate, "permessage-deflate"), &deflate);
    assert_eq!(receive(&mut server, &frame(Side::Server, 0xC1, &hello)).unwrap(), [b"Hello"]);
    // §7.2.3.1, in two frames: the bit stands on the first alone.
    let first = frame(Side::Server, 0x41, &hello[..3]);
    let second = frame(Side::Server, 0x80, &hello[3..]);
    assert_eq!(receive(&mut server, &[first, second].concat()).unwrap(), [b"Hello"]);
    // §7.2.3.2: with the window of the message before.
    let again = [0xf2, 0x00, 0x11, 0x00, 0x00];
    assert_eq!(receive(&mut server, &frame(Side::Server, 0xC1, &again)).unwrap(), [b"Hello"]);
    // §7.2.3.3: a block without compression.
    let stored = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
    assert_eq!(receive(&mut server, &frame(Side::Server, 0xC1, &stored)).unwrap(), [b"Hello"]);
    // §7.2.3.4: a block with BFINAL set.
    let last = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
    assert_eq!(receive(&mut server, &frame(Side::Server, 0xC1, &last)).unwrap(), [b"Hello"]);
    // §7.2.3.5: two blocks.
    let two = [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
    assert_eq!(receive(&mut server, &frame(Side::Server, 0xC1, &two)).unwrap(), [b"Hello"]);
    // §7.2.3.6: an empty message.
    assert_eq!(receive(&mut server, &frame(Side::Server, 0xC1, &[0x00])).unwrap(), [b""]);
    // §6: one that is not compressed stands between compressed ones.
    assert_eq!(receive(&mut server, &frame(Side::Server, 0x81, b"plain")).unwrap(), [b"plain"]);
    assert_eq!(receive(&mut server, &frame(Side::Server, 0xC1, &hello)).unwrap(), [b"Hello"]);
}

#[test]
fn rfc7692_6_1_the_bit_stands_on_the_first_frame_of_a_message_alone() {
    let deflate = open_server();
    for input in [
        frame(Side::Server, 0xC9, b""),
        frame(Side::Server, 0xC8, b""),
        frame(Side::Server, 0xCA, b""),
        [frame(Side::Server, 0x41, b"\x00"), frame(Side::Server, 0xC0, b"")].concat(),
        frame(Side::Server, 0xE1, b"\x00"),
        frame(Side::Server, 0xD1, b"\x00"),
        frame(Side::Server, 0xA1, b"\x00"),
    ] {
        let mut server = connection(Side::Server, agreed(&deflate, "permessage-deflate"), &deflate);
        assert_eq!(receive(&mut server, &input), Err(ProtocolError::ReservedBits), "{input:02x?}");
    }
    let mut without = Connection::new(config(Side::Server), START, [7; 32], VecStorage::new(100));
    assert_eq!(receive(&mut without, &frame(Side::Server, 0xC1, b"\x00")), Err(ProtocolError::ReservedBits));
}

#[test]
fn what_is_no_deflate_stream_fails_the_connection_with_1007() {
    let deflate = open_server();
    for payload in [
        &[0x06, 0x00][..],                     // Block type 3.
        &[0x00, 0x05, 0x00, 0x00, 0x00, 0x48], // The length and its complement disagree.
    ] {
        let mut server = connection(Side::Server, agreed(&deflate, "permessage-deflate"), &deflate);
        let input = frame(Side::Server, 0xC2, payload);
        assert_eq!(receive(&mut server, &input), Err(ProtocolError::InvalidDeflate), "{payload:02x?}");
        assert_eq!(owed(&mut server), b"\x88\x02\x03\xef", "1007");
    }
    // Text is checked behind inflation.
    let mut server = connection(Side::Server, agreed(&deflate, "permessage-deflate"), &deflate);
    let stored = [0x00, 0x01, 0x00, 0xfe, 0xff, 0xff, 0x00];
    assert_eq!(receive(&mut server, &frame(Side::Server, 0xC1, &stored)), Err(ProtocolError::InvalidUtf8));
}

#[test]
fn rfc7692_7_1_2_a_reference_beyond_the_agreed_window_is_refused() {
    // 600 different bytes, then the first 16 again: a distance of 600.
    let mut text: Vec<u8> = (0..600_u32).map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()[2]).collect();
    let again = text[..64].to_vec();
    text.extend(again);
    text.resize(2_000, b' ');
    let mut compressor = Compressor::new(WindowBits::MAX, Level::Best);
    let all = agreed(&open_server(), "permessage-deflate");
    let prepared = PreparedMessage::new(Message::Binary(&text), Some(&mut compressor));
    let sent = prepared.frame(Some(&all)).to_vec();
    let client = DeflateConfig::client();
    assert_eq!(receive(&mut connection(Side::Client, all, &client), &sent).unwrap(), [text]);
    let small = agreed(&open_server(), "permessage-deflate; server_max_window_bits=9");
    let mut small = connection(Side::Client, small, &client);
    assert_eq!(receive(&mut small, &sent), Err(ProtocolError::InvalidDeflate));
}

#[test]
fn a_bomb_is_stopped_while_it_inflates() {
    let deflate = open_server();
    let all = agreed(&deflate, "permessage-deflate");
    let bomb = bomb(40_000);
    assert!(bomb.len() < 12_000, "ten megabytes in {}", bomb.len());
    let strict = |config: Config| {
        let memory = VecStorage::new(1 << 24);
        Connection::new(config, START, [7; 32], memory).with_deflate(all, &deflate)
    };
    let input = frame(Side::Server, 0xC2, &bomb);
    // By the ratio …
    let mut server = strict(Config::server().with_message_len_max(1 << 24));
    assert_eq!(receive(&mut server, &input), Err(ProtocolError::InflateRatio { ratio_max: 10 }));
    assert_eq!(owed(&mut server), b"\x88\x02\x03\xf1", "1009");
    // … by the message limit, a chunk beyond it at most …
    let mut server = strict(Config::server().with_inflate_ratio_max(u32::MAX));
    let error = receive(&mut server, &input).unwrap_err();
    let ProtocolError::MessageTooBig { len, len_max: 65_536 } = error else { panic!("{error:?}") };
    assert!(len <= 65_536 + 4_096, "{len}");
    // … and not at all where it is allowed.
    let mut server = strict(Config::server().with_message_len_max(1 << 24).with_inflate_ratio_max(u32::MAX));
    assert_eq!(receive(&mut server, &input).unwrap()[0].len(), 1 + 40_000 * 258);
}

#[test]
fn a_short_message_may_be_all_repetition_and_a_long_one_ten_times_its_length() {
    let deflate = open_server();
    let all = agreed(&deflate, "permessage-deflate");
    let fresh = || {
        let config = Config::server().with_message_len_max(1 << 20);
        Connection::new(config, START, [7; 32], VecStorage::new(1 << 20)).with_deflate(all, &deflate)
    };
    let short = frame(Side::Server, 0xC2, &bomb(15));
    assert_eq!(receive(&mut fresh(), &short).unwrap()[0].len(), 15 * 258 + 1);
    let long = frame(Side::Server, 0xC2, &bomb(16));
    assert_eq!(receive(&mut fresh(), &long), Err(ProtocolError::InflateRatio { ratio_max: 10 }));
}

#[test]
fn blocks_that_hold_nothing_are_counted_too() {
    let deflate = open_server();
    let all = agreed(&deflate, "permessage-deflate");
    let config = Config::server().with_message_len_max(1_000).with_frame_len_max(1 << 20);
    let mut server =
        Connection::new(config, START, [7; 32], VecStorage::new(1_000)).with_deflate(all, &deflate);
    let empty: Vec<u8> = [0x00, 0x00, 0x00, 0xff, 0xff].repeat(1_000);
    let error = receive(&mut server, &frame(Side::Server, 0xC2, &empty)).unwrap_err();
    assert_eq!(error, ProtocolError::MessageTooBig { len: 5_000, len_max: 3_024 });
}

#[test]
fn memory_is_given_back_between_messages_that_stand_alone() {
    // Observed from outside: a reference to the message before fails.
    let hello = frame(Side::Server, 0xC1, &[0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]);
    let again = frame(Side::Server, 0xC1, &[0xf2, 0x00, 0x11, 0x00, 0x00]);
    let deflate = DeflateConfig::server();
    let mut server = connection(Side::Server, agreed(&deflate, "permessage-deflate"), &deflate);
    assert_eq!(receive(&mut server, &hello).unwrap(), [b"Hello"]);
    let second = receive(&mut server, &again);
    assert_ne!(second.ok(), Some(vec![b"Hello".to_vec()]));
}

/// A message's parts at any cut of the input.
fn stream(connection: &mut Connection<VecStorage>, input: &[u8], size: usize) -> Vec<(MessageKind, Vec<u8>)> {
    let (mut messages, mut open) = (Vec::new(), Vec::new());
    for piece in input.chunks(size) {
        let mut piece = piece.to_vec();
        let mut rest = piece.as_mut_slice();
        while !rest.is_empty() {
            let step = connection.handle_input(START, rest).unwrap();
            assert!(step.consumed > 0 || step.event.is_some(), "a step without an end");
            if let Some(Event::Fragment { kind, payload, is_last }) = step.event {
                assert!(is_last || !payload.is_empty());
                open.extend_from_slice(payload);
                if is_last {
                    messages.push((kind, core::mem::take(&mut open)));
                }
            }
            let consumed = step.consumed;
            rest = &mut rest[consumed..];
        }
    }
    assert!(open.is_empty());
    messages
}

#[test]
fn compressed_messages_stream_at_every_cut() {
    let deflate = open_server();
    let all = agreed(&deflate, "permessage-deflate");
    let long = vec![b'z'; 50_000];
    let mut client = connection(Side::Client, all, &DeflateConfig::client());
    let input =
        [send(&mut client, &long), send(&mut client, b"short"), send(&mut client, &prose(9_000))].concat();
    for size in (1..=64).chain((65..=input.len()).step_by(37)) {
        let memory = VecStorage::new(1_000);
        let mut server = Connection::new(config(Side::Server).with_streaming(true), START, [7; 32], memory)
            .with_deflate(all, &deflate);
        let told = stream(&mut server, &input, size);
        assert_eq!(told.len(), 3, "pieces of {size}");
        assert!(told[0].1 == long && told[1].1 == b"short" && told[2].1 == prose(9_000), "pieces of {size}");
    }
}

#[test]
fn a_compressed_stream_through_a_storage_without_room_is_refused() {
    let server = open_server();
    let agreed = agreed(&server, "permessage-deflate");
    let config = config(Side::Client).with_streaming(true);
    let storage = SliceStorage::new(&mut []);
    let mut client = Connection::new(config, START, [7; 32], storage).with_deflate(agreed, &server);
    let error = client.handle_input(START, &mut b"\xC1\x07\xF2\x48\xCD\xC9\xC9\x07\x00".to_vec()).err();
    assert_eq!(error, Some(ProtocolError::MessageTooBig { len: 1, len_max: 0 }));
}

#[test]
fn a_long_message_comes_whole_out_of_any_engine() {
    let server = open_server();
    let agreed = agreed(&server, "permessage-deflate");
    let mut sender = connection(Side::Server, agreed, &server);
    let mut client = connection(Side::Client, agreed, &server);
    for len in [4_095, 4_096, 4_097, 8_192, 10_000, 100_000] {
        let text = vec![b'a'; len];
        let frame = send(&mut sender, &text);
        assert_eq!(receive(&mut client, &frame), Ok(vec![text]), "{len}");
    }
}
