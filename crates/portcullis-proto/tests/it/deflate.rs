//! permessage-deflate, RFC 7692.

use portcullis_proto::{
    Config, Connection, Event, Message, MessageKind, ProtocolError, SendError, Side, VecStorage,
    deflate::{Agreed, Compressor, CompressorMode, DeflateConfig, Level, PreparedMessage, WindowBits},
    handshake::{
        Acceptance, ClientRequest, ExtensionOffers, HandshakeError, RequestHead, ResponseHead, accept,
    },
};
use proptest::prelude::*;

use crate::support::{KEY, START, frame, owed};

const NONCE: [u8; 16] = [7; 16];

fn bits(bits: u8) -> WindowBits {
    WindowBits::new(bits).unwrap()
}

/// A request's head with this value of `Sec-WebSocket-Extensions`, as a server sees it.
fn with_offers<T>(value: &str, look: impl FnOnce(ExtensionOffers<'_>) -> T) -> T {
    let mut head = [0; 1_024];
    let request = ClientRequest { extensions: Some(value), ..ClientRequest::new("example.com", "/") };
    let len = request.emit(NONCE, &mut head).unwrap();
    let head = RequestHead::parse(&head[..len]).unwrap();
    look(head.upgrade().unwrap().extensions())
}

/// What a server answers to an offer.
fn answer(server: &DeflateConfig, offer: &str) -> Option<String> {
    with_offers(offer, |offers| server.accept(offers)).map(|agreed| agreed.response())
}

/// What a client makes of an answer to its offer.
fn agree(client: &DeflateConfig, answer: &str) -> Result<Option<Agreed>, HandshakeError> {
    with_offers(answer, |answers| client.agree(answers))
}

/// Any server: nothing is asked for.
fn open_server() -> DeflateConfig {
    DeflateConfig::server().with_client_no_context_takeover(false)
}

fn agreed(server: &DeflateConfig, offer: &str) -> Agreed {
    with_offers(offer, |offers| server.accept(offers)).expect("the offer can be met")
}

fn config(side: Side) -> Config {
    let config = match side {
        Side::Server => Config::server(),
        Side::Client => Config::client(),
    };
    config.with_ping_interval(None).with_inflate_ratio_max(u32::MAX).with_message_len_max(1 << 20)
}

fn connection(side: Side, agreed: Agreed, deflate: &DeflateConfig) -> Connection<VecStorage> {
    Connection::new(config(side), START, [7; 32], VecStorage::new(1 << 20)).with_deflate(agreed, deflate)
}

/// What `input` comes to, as messages.
fn receive(connection: &mut Connection<VecStorage>, input: &[u8]) -> Result<Vec<Vec<u8>>, ProtocolError> {
    let (mut input, mut messages) = (input.to_vec(), Vec::new());
    let mut rest = input.as_mut_slice();
    while !rest.is_empty() {
        let step = connection.handle_input(START, rest)?;
        if let Some(Event::Message { payload, .. }) = step.event {
            messages.push(payload.to_vec());
        }
        let consumed = step.consumed;
        rest = &mut rest[consumed..];
    }
    Ok(messages)
}

fn send(connection: &mut Connection<VecStorage>, text: &[u8]) -> Vec<u8> {
    let mut out = vec![0; text.len() + 14];
    let len = connection.send(START, Message::Binary(text), &mut out).unwrap();
    out.truncate(len);
    out
}

fn prose(len: usize) -> Vec<u8> {
    b"The quick brown fox jumps over the lazy dog; the dog does not mind. "
        .iter()
        .copied()
        .cycle()
        .take(len)
        .collect()
}

/// A raw deflate stream whose only block has one byte, and then matches of 258 bytes at distance 1.
fn bomb(matches: usize) -> Vec<u8> {
    let mut compressor = Compressor::new(WindowBits::MAX, Level::Best);
    let prepared =
        PreparedMessage::new(Message::Binary(&vec![b'a'; 1 + matches * 258]), Some(&mut compressor));
    let frame = prepared.frame(Some(&agreed(&open_server(), "permessage-deflate")));
    assert_eq!(frame[0], 0xC2);
    let head = match frame[1] {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    frame[head..].to_vec()
}

#[test]
fn rfc7692_5_1_the_first_offer_that_can_be_met_is_taken() {
    let server = open_server();
    for (offer, expected) in [
        ("permessage-deflate", Some("permessage-deflate")),
        ("permessage-deflate; client_max_window_bits", Some("permessage-deflate")),
        (
            "permessage-deflate; client_max_window_bits=10",
            Some("permessage-deflate; client_max_window_bits=10"),
        ),
        (
            "permessage-deflate; server_max_window_bits=\"9\"",
            Some("permessage-deflate; server_max_window_bits=9"),
        ),
        (
            "permessage-deflate; server_max_window_bits=8",
            Some("permessage-deflate; server_max_window_bits=8"),
        ),
        (
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover"),
        ),
        // RFC 7692 §5.2: fallbacks
        (
            "permessage-deflate; server_max_window_bits=7, permessage-deflate; server_max_window_bits=11",
            Some("permessage-deflate; server_max_window_bits=11"),
        ),
        ("permessage-deflate; mystery, permessage-deflate", Some("permessage-deflate")),
        ("x-webkit-deflate-frame, permessage-deflate", Some("permessage-deflate")),
        ("x-webkit-deflate-frame", None),
    ] {
        assert_eq!(answer(&server, offer).as_deref(), expected, "{offer}");
    }
}

#[test]
fn rfc7692_7_1_an_offer_with_a_bad_parameter_is_declined() {
    for params in [
        "mystery",
        "mystery=1",
        "server_no_context_takeover=1",
        "client_no_context_takeover=true",
        "server_no_context_takeover; server_no_context_takeover",
        "client_no_context_takeover; client_no_context_takeover",
        "server_max_window_bits",
        "server_max_window_bits=7",
        "server_max_window_bits=16",
        "server_max_window_bits=08",
        "server_max_window_bits=-9",
        "server_max_window_bits=9a",
        "server_max_window_bits=265",
        "server_max_window_bits=9; server_max_window_bits=9",
        "client_max_window_bits=7",
        "client_max_window_bits=16",
        "client_max_window_bits=010",
        "client_max_window_bits; client_max_window_bits",
        "SERVER_max_window_bits=9",
    ] {
        assert_eq!(answer(&open_server(), &format!("permessage-deflate; {params}")), None, "{params}");
    }
}

#[test]
fn rfc7692_7_1_2_2_a_client_that_cannot_be_told_its_window_is_declined_by_a_server_that_must_tell() {
    let server = open_server().with_client_max_window_bits(bits(10));
    assert_eq!(answer(&server, "permessage-deflate"), None);
    let told = Some("permessage-deflate; client_max_window_bits=10".to_owned());
    assert_eq!(answer(&server, "permessage-deflate; client_max_window_bits"), told);
    assert_eq!(answer(&server, "permessage-deflate; client_max_window_bits=12"), told);
    let less = Some("permessage-deflate; client_max_window_bits=9".to_owned());
    assert_eq!(answer(&server, "permessage-deflate; client_max_window_bits=9"), less);
}

#[test]
fn rfc7692_7_1_a_client_fails_on_an_answer_that_does_not_fit_its_offer() {
    let plain = DeflateConfig::client();
    for answer in [
        "permessage-deflate; mystery",
        "permessage-deflate; server_no_context_takeover=0",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate, permessage-deflate",
    ] {
        assert_eq!(agree(&plain, answer), Err(HandshakeError::ExtensionsInvalid), "{answer}");
    }
    let small = plain
        .with_server_max_window_bits(bits(10))
        .with_client_max_window_bits(bits(11))
        .with_server_no_context_takeover(true);
    for answer in [
        "permessage-deflate",
        "permessage-deflate; server_no_context_takeover",
        "permessage-deflate; server_max_window_bits=10",
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=11",
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=10; client_max_window_bits=12",
    ] {
        assert_eq!(agree(&small, answer), Err(HandshakeError::ExtensionsInvalid), "{answer}");
    }
    let agreed = agree(&small, "permessage-deflate; server_no_context_takeover; server_max_window_bits=9")
        .unwrap()
        .unwrap();
    assert_eq!((agreed.window_bits(Side::Server), agreed.window_bits(Side::Client)), (bits(9), bits(11)));
    assert!(!agreed.context_takeover(Side::Server) && agreed.context_takeover(Side::Client));
}

#[test]
fn both_sides_come_to_the_same_agreement_whatever_they_want() {
    let wants = |side: DeflateConfig, choice: u16| {
        let bits = |shift: u16| WindowBits::new(8 + u8::try_from(choice >> shift & 7).unwrap()).unwrap();
        side.with_server_max_window_bits(bits(0))
            .with_client_max_window_bits(bits(3))
            .with_server_no_context_takeover(choice & 64 != 0)
            .with_client_no_context_takeover(choice & 128 != 0)
    };
    for choice in 0..=u16::MAX {
        // Eight bits each: every pair.
        let client = wants(DeflateConfig::client(), choice & 255);
        let server = wants(DeflateConfig::server(), choice >> 8);
        let offer = client.offer();
        let ours = agreed(&server, &offer);
        let theirs = agree(&client, &ours.response()).unwrap().unwrap();
        for side in [Side::Server, Side::Client] {
            assert_eq!(ours.context_takeover(side), theirs.context_takeover(side), "{offer}");
            // What the sender uses is never more than what the receiver has room for.
            let (sender, receiver) = if side == Side::Server { (ours, theirs) } else { (theirs, ours) };
            assert!(sender.window_bits(side) <= receiver.window_bits(side), "{offer} {}", ours.response());
        }
    }
}

#[test]
fn rfc7692_7_2_3_1_one_compressed_block() {
    let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
    let deflate = open_server();
    let mut server = connection(Side::Server, agreed(&deflate, "permessage-deflate"), &deflate);
    assert_eq!(receive(&mut server, &frame(Side::Server, 0xC1, &hello)).unwrap(), [b"Hello"]);
    // RFC 7692 §7.2.3.1: fragmented, RSV1 on the first frame only
    let first = frame(Side::Server, 0x41, &hello[..3]);
    let second = frame(Side::Server, 0x80, &hello[3..]);
    assert_eq!(receive(&mut server, &[first, second].concat()).unwrap(), [b"Hello"]);
    // RFC 7692 §7.2.3.2: sharing the window
    let again = [0xf2, 0x00, 0x11, 0x00, 0x00];
    assert_eq!(receive(&mut server, &frame(Side::Server, 0xC1, &again)).unwrap(), [b"Hello"]);
    // RFC 7692 §7.2.3.3: no compression
    let stored = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
    assert_eq!(receive(&mut server, &frame(Side::Server, 0xC1, &stored)).unwrap(), [b"Hello"]);
    // RFC 7692 §7.2.3.4: BFINAL set
    let last = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
    assert_eq!(receive(&mut server, &frame(Side::Server, 0xC1, &last)).unwrap(), [b"Hello"]);
    // RFC 7692 §7.2.3.5: two blocks
    let two = [0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00];
    assert_eq!(receive(&mut server, &frame(Side::Server, 0xC1, &two)).unwrap(), [b"Hello"]);
    // RFC 7692 §7.2.3.6: an empty message
    assert_eq!(receive(&mut server, &frame(Side::Server, 0xC1, &[0x00])).unwrap(), [b""]);
    // RFC 7692 §6: a message that is not compressed stands between compressed ones
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
    assert_ne!(KEY, [0; 4]);
}

#[test]
fn the_whole_way_through_a_handshake() {
    let (server, client) = (DeflateConfig::server(), DeflateConfig::client());
    let offer = client.offer();
    let wanted = ClientRequest { extensions: Some(&offer), ..ClientRequest::new("example.com", "/") };
    let (mut request, mut response) = ([0; 1_024], [0; 1_024]);
    let len = wanted.emit(NONCE, &mut request).unwrap();
    let head = RequestHead::parse(&request[..len]).unwrap();
    let upgrade = head.upgrade().unwrap();
    let ours = server.accept(upgrade.extensions()).unwrap();
    let answer = ours.response();
    let acceptance = Acceptance { extensions: Some(&answer), ..Acceptance::default() };
    let len = accept(&upgrade, &acceptance, &mut response).unwrap();
    let accepted = ResponseHead::parse(&response[..len]).unwrap().verify(&wanted, NONCE).unwrap();
    assert_eq!(client.agree(accepted.extensions()).unwrap(), Some(ours));
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
    for size in 1..=input.len() {
        let memory = VecStorage::new(1_000);
        let mut server = Connection::new(config(Side::Server).with_streaming(true), START, [7; 32], memory)
            .with_deflate(all, &deflate);
        let told = stream(&mut server, &input, size);
        assert_eq!(told.len(), 3, "pieces of {size}");
        assert!(told[0].1 == long && told[1].1 == b"short" && told[2].1 == prose(9_000), "pieces of {size}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 64 } else { 1_000 }))]

    #[test]
    fn whatever_is_agreed_what_is_sent_arrives(
        offer in 0..64_u8,
        server_bits in 8..=15_u8,
        client_bits in 8..=15_u8,
        texts in prop::collection::vec(text(), 1..6),
        size in 1..5_000_usize,
    ) {
        let server_wants = DeflateConfig::server()
            .with_threshold(0)
            .with_server_max_window_bits(bits(server_bits))
            .with_client_no_context_takeover(offer & 1 != 0)
            .with_server_no_context_takeover(offer & 2 != 0)
            .with_level(if offer & 4 != 0 { Level::Fast } else { Level::Best });
        let client_wants = DeflateConfig::client().with_threshold(0).with_client_max_window_bits(bits(client_bits));
        let ours = agreed(&server_wants, &client_wants.offer());
        let theirs = agree(&client_wants, &ours.response()).unwrap().unwrap();
        let mut server = connection(Side::Server, ours, &server_wants);
        let mut client = connection(Side::Client, theirs, &client_wants);
        for text in &texts {
            let sent = send(&mut server, text);
            let mut told = Vec::new();
            for piece in sent.chunks(size) {
                told.extend(receive(&mut client, piece).unwrap());
            }
            prop_assert_eq!(told.len(), 1);
            prop_assert_eq!(&told[0], text);
            let sent = send(&mut client, text);
            let mut told = Vec::new();
            for piece in sent.chunks(size) {
                told.extend(receive(&mut server, piece).unwrap());
            }
            prop_assert_eq!(told.len(), 1);
            prop_assert_eq!(&told[0], text);
        }
    }

    #[test]
    fn any_bytes_inflate_to_the_same_or_fail_the_same_at_any_cut(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        begins in prop::sample::select(vec![0x00, 0x02, 0x04, 0x05, 0x03, 0xf2, 0xed]),
        size in 1..50_usize,
    ) {
        let deflate = open_server();
        let all = agreed(&deflate, "permessage-deflate");
        let fresh = || connection(Side::Server, all, &deflate);
        let payload = [&[begins][..], &bytes].concat();
        let input = frame(Side::Server, 0xC2, &payload);
        let whole = receive(&mut fresh(), &input);
        let mut pieces = fresh();
        let mut told: Result<Vec<Vec<u8>>, ProtocolError> = Ok(Vec::new());
        for piece in input.chunks(size) {
            let Ok(so_far) = &mut told else { break };
            match receive(&mut pieces, piece) {
                Ok(more) => so_far.extend(more),
                Err(error) => told = Err(error),
            }
        }
        prop_assert_eq!(whole, told);
    }
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (0..6_000_usize).prop_map(prose),
        prop::collection::vec(any::<u8>(), 0..3_000),
        (any::<u8>(), 0..40_000_usize).prop_map(|(byte, len)| vec![byte; len]),
        prop::collection::vec("[a-c]{1,9}", 0..800).prop_map(|words| words.join(" ").into_bytes()),
    ]
}
