//! What is sent: RFC 7692 §6.1 and §7.2.1, with one compressor or many.

use portcullis_proto::{
    Connection, Message, SendError, Side, VecStorage,
    deflate::{Compressor, CompressorMode, DeflateConfig, Level, PreparedMessage, WindowBits},
};

use super::{agreed, config, connection, open_server, prose, receive, send};
use crate::support::START;

#[test]
fn a_frame_is_never_longer_than_without_compression() {
    let deflate = DeflateConfig::server().with_threshold(0);
    let all = agreed(&deflate, "permessage-deflate");
    let mut server = connection(Side::Server, all, &deflate);
    let mut client = connection(Side::Client, all, &DeflateConfig::client());
    let noise: Vec<u8> = (0..3_000_u32).map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()[2]).collect();
    for len in [0, 1, 2, 5, 125, 126, 130, 1_000, 3_000] {
        for text in [&noise[..len], &prose(len)] {
            let sent = send(&mut server, text);
            assert!(sent.len() <= portcullis_proto::wire::frame_len(Side::Server, len), "{len}");
            assert_eq!(receive(&mut client, &sent).unwrap(), [text]);
        }
    }
}

#[test]
fn what_is_short_or_secret_is_never_compressed() {
    let deflate = DeflateConfig::server();
    let mut server = connection(Side::Server, agreed(&deflate, "permessage-deflate"), &deflate);
    let text = "a".repeat(127);
    assert_eq!(send(&mut server, text.as_bytes())[0], 0x82);
    assert_eq!(send(&mut server, "a".repeat(128).as_bytes())[0], 0xC2);
    let secret = "a".repeat(500);
    let mut out = [0; 600];
    let len = server.send_secret(START, Message::Text(&secret).secret(), &mut out).unwrap();
    assert_eq!((out[0], len), (0x81, 504));
}

#[test]
fn takeover_finds_repetition_between_messages_and_its_absence_does_not() {
    let text = prose(300);
    for (offer, is_smaller) in
        [("permessage-deflate", true), ("permessage-deflate; server_no_context_takeover", false)]
    {
        let deflate = open_server();
        let agreed = agreed(&deflate, offer);
        let mut server = connection(Side::Server, agreed, &deflate);
        let mut client = connection(Side::Client, agreed, &DeflateConfig::client());
        let (first, second) = (send(&mut server, &text), send(&mut server, &text));
        assert_eq!(second.len() < first.len() / 2, is_smaller, "{offer}");
        assert_eq!(receive(&mut client, &[first, second].concat()).unwrap(), [&text[..], &text]);
    }
}

#[test]
fn one_compressor_serves_many_connections_and_mixes_with_their_own() {
    let deflate = DeflateConfig::server();
    let agreed = agreed(&deflate, "permessage-deflate");
    let mut shared = Compressor::new(WindowBits::MAX, Level::Balanced);
    let text = String::from_utf8(prose(1_000)).unwrap();
    let other = text.replace("fox", "cat");
    let prepared = PreparedMessage::new(Message::Text(&other), Some(&mut shared));
    let mut server = connection(Side::Server, agreed, &deflate);
    let mut client = connection(Side::Client, agreed, &DeflateConfig::client());
    let mut out = [0; 2_000];
    for round in 0..3 {
        let len = server.send(START, Message::Text(&text), &mut out).unwrap();
        assert_eq!(
            (out[0], receive(&mut client, &out[..len]).unwrap()),
            (0xC1, vec![text.clone().into_bytes()])
        );
        let len = server.send_shared(START, Message::Text(&other), &mut shared, &mut out).unwrap();
        assert_eq!(
            (out[0], receive(&mut client, &out[..len]).unwrap()),
            (0xC1, vec![other.clone().into_bytes()])
        );
        let len = server.send_prepared(START, &prepared, &mut out).unwrap();
        assert_eq!((out[0], len), (0xC1, prepared.frame(Some(&agreed)).len()));
        assert_eq!(receive(&mut client, &out[..len]).unwrap(), [other.as_bytes()], "round {round}");
        let len = shared.encode_frame(&agreed, Message::Text(&text), &mut out).unwrap();
        // A frame that goes past the connection's own compressor must not be followed by one of its own.
        assert_eq!(receive(&mut client, &out[..len]).unwrap(), [text.as_bytes()]);
        server.send_prepared(START, &prepared, &mut out).unwrap();
    }
    // Without compression, and with a window that is too large, the plain frame goes out.
    let mut plain = Connection::new(config(Side::Server), START, [7; 32], VecStorage::new(0));
    plain.send_prepared(START, &prepared, &mut out).unwrap();
    assert_eq!(out[0], 0x81);
    let small = self::agreed(&deflate, "permessage-deflate; server_max_window_bits=9");
    let mut small = connection(Side::Server, small, &deflate);
    small.send_prepared(START, &prepared, &mut out).unwrap();
    assert_eq!(out[0], 0x81);
    small.send_shared(START, Message::Text(&text), &mut shared, &mut out).unwrap();
    assert_eq!(out[0], 0x81);
    // Each frame of a client has its own mask.
    assert_eq!(client.send_prepared(START, &prepared, &mut out), Err(SendError::Unmasked));
    assert_eq!(
        server.send_prepared(START, &prepared, &mut out[..9]),
        Err(SendError::BufferTooSmall { len: 9, len_min: prepared.frame(Some(&agreed)).len() })
    );
}

#[test]
fn a_shared_compressor_leaves_a_connection_without_one() {
    let deflate = DeflateConfig::server().with_compressor(CompressorMode::Shared);
    let mut server = connection(Side::Server, agreed(&deflate, "permessage-deflate"), &deflate);
    assert_eq!(send(&mut server, &prose(500))[0], 0x82);
}

#[test]
fn a_client_masks_what_it_compresses() {
    let deflate = DeflateConfig::client();
    let agreed = agreed(&open_server(), "permessage-deflate");
    let mut client = connection(Side::Client, agreed, &deflate);
    let mut server = connection(Side::Server, agreed, &open_server());
    let text = prose(2_000);
    for _ in 0..3 {
        let sent = send(&mut client, &text);
        assert_eq!((sent[0], sent[1] & 0x80), (0xC2, 0x80));
        assert_eq!(receive(&mut server, &sent).unwrap(), [&text[..]]);
    }
}
