//! The machine by the sections of RFC 6455, on both sides.

use portcullis_proto::{
    CloseCode, Config, Connection, Event, Message, ProtocolError as E, SendError, Side, SliceStorage,
    Storage, VecStorage, worst_case_bytes,
};

use crate::support::{START, config, error_of, frame, owed, story};

const SIDES: [Side; 2] = [Side::Server, Side::Client];

fn connection(side: Side) -> Connection<VecStorage> {
    Connection::new(config(side), START, [7; 32], VecStorage::new(4_096))
}

fn told(side: Side, input: &[u8]) -> String {
    story(&mut connection(side), [input])
}

#[test]
fn section_5_1_masking_is_enforced_in_both_directions() {
    assert_eq!(error_of(Side::Server, &frame(Side::Client, 0x81, b"hi")), Some(E::UnmaskedFrame));
    assert_eq!(error_of(Side::Client, &frame(Side::Server, 0x81, b"hi")), Some(E::MaskedFrame));
    for side in SIDES {
        assert!(told(side, &frame(side, 0x81, b"hi")).starts_with("Text hi\n"));
    }
}

#[test]
fn section_5_2_reserved_bits_and_opcodes_fail() {
    for side in SIDES {
        for bits in 1..8_u8 {
            assert_eq!(error_of(side, &frame(side, 0x81 | bits << 4, b"")), Some(E::ReservedBits));
        }
        for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
            assert_eq!(error_of(side, &frame(side, 0x80 | opcode, b"")), Some(E::ReservedOpcode));
            assert_eq!(error_of(side, &[0x80 | opcode]), Some(E::ReservedOpcode), "with its first byte");
        }
    }
}

#[test]
fn section_5_2_lengths_are_minimal() {
    for len in 0..=125_u16 {
        let [a, b] = len.to_be_bytes();
        assert_eq!(error_of(Side::Client, &[0x82, 126, a, b]), Some(E::NonMinimalLength));
    }
    for len in [0_u64, 125, 126, 65_535] {
        let mut head = vec![0x82, 127];
        head.extend(len.to_be_bytes());
        assert_eq!(error_of(Side::Client, &head), Some(E::NonMinimalLength));
    }
}

#[test]
fn cve_2026_27889_lengths_of_64_bits_neither_wrap_nor_panic() {
    for len in [1 << 63, (1 << 63) + 1, u64::MAX] {
        let mut head = vec![0x82, 127];
        head.extend(len.to_be_bytes());
        assert_eq!(error_of(Side::Client, &head), Some(E::LengthOverflow));
    }
    for len in [(1 << 32) - 1, 1 << 32, (1 << 32) + 1, (1_u64 << 63) - 1] {
        let mut head = vec![0x82, 127];
        head.extend(len.to_be_bytes());
        assert_eq!(error_of(Side::Client, &head), Some(E::FrameTooBig { len, len_max: 2_048 }));
    }
}

#[test]
fn cve_2022_35922_a_declared_length_reserves_nothing() {
    let config = Config::server().with_frame_len_max(1 << 40).with_message_len_max(1 << 40);
    let mut connection = Connection::new(config, START, [7; 32], VecStorage::new(usize::MAX));
    let mut head = vec![0x82, 0x80 | 127];
    head.extend((1_u64 << 40).to_be_bytes());
    head.extend([1, 2, 3, 4]);
    // A reservation of 1 TiB would abort the process.
    let step = connection.handle_input(START, &mut head).unwrap();
    assert!(step.event.is_none());
}

#[test]
fn cve_2020_27813_the_sum_of_fragments_does_not_wrap() {
    let config =
        Config::client().with_frame_len_max(u64::MAX).with_message_len_max(1_000).with_fragments_max(8);
    let mut connection = Connection::new(config, START, [7; 32], VecStorage::new(1_000));
    let mut first = frame(Side::Client, 0x02, b"abc");
    assert!(connection.handle_input(START, &mut first).unwrap().event.is_none());
    let mut head = vec![0x00, 127];
    head.extend(((1_u64 << 63) - 1).to_be_bytes());
    let error = connection.handle_input(START, &mut head).unwrap_err();
    assert_eq!(error, E::MessageTooBig { len: (1 << 63) + 2, len_max: 1_000 });
    assert_eq!(error.close_code(), 1009);
}

#[test]
fn section_5_4_fragments_with_control_frames_between_them() {
    for side in SIDES {
        let mut input = frame(side, 0x01, b"Hel");
        input.extend(frame(side, 0x89, b"?"));
        input.extend(frame(side, 0x00, b""));
        input.extend(frame(side, 0x80, b"lo"));
        assert_eq!(told(side, &input), "ping [63]\nText Hello\nsent [138, 1, 63]\n");
    }
}

#[test]
fn section_5_4_the_order_of_fragments_is_enforced() {
    for side in SIDES {
        assert_eq!(error_of(side, &frame(side, 0x80, b"x")), Some(E::UnexpectedContinuation));
        for second in [0x81, 0x82, 0x01, 0x02] {
            let mut input = frame(side, 0x01, b"x");
            input.extend(frame(side, second, b"y"));
            assert_eq!(error_of(side, &input), Some(E::ExpectedContinuation));
        }
    }
}

#[test]
fn cve_2026_48779_and_ws_2329_fragments_are_counted_empty_ones_too() {
    for payload in [&b""[..], b"x"] {
        let mut input = frame(Side::Server, 0x01, b"");
        for _ in 0..8 {
            input.extend(frame(Side::Server, 0x00, payload));
        }
        assert_eq!(error_of(Side::Server, &input), Some(E::TooManyFragments { fragments_max: 8 }));
        assert_eq!(E::TooManyFragments { fragments_max: 8 }.close_code(), 1008);
    }
}

#[test]
fn cve_2026_42786_a_message_is_bounded_over_its_fragments() {
    let mut input = frame(Side::Server, 0x02, &[0; 2_048]);
    input.extend(frame(Side::Server, 0x00, &[0; 2_048]));
    assert_eq!(error_of(Side::Server, &input), None);
    input.extend(frame(Side::Server, 0x00, &[0; 1]));
    assert_eq!(error_of(Side::Server, &input), Some(E::MessageTooBig { len: 4_097, len_max: 4_096 }));
}

#[test]
fn section_5_5_control_frames_are_whole_and_short() {
    for side in SIDES {
        for opcode in [8, 9, 10] {
            assert_eq!(error_of(side, &frame(side, opcode, b"")), Some(E::ControlFragmented));
            assert_eq!(
                error_of(side, &frame(side, 0x80 | opcode, &[b'a'; 126])),
                Some(E::ControlTooBig { len: 126 })
            );
        }
        let longest = frame(side, 0x89, &[b'a'; 125]);
        assert!(told(side, &longest).starts_with("ping ["));
    }
}

#[test]
fn section_5_5_1_close_payloads_and_codes() {
    for side in SIDES {
        assert_eq!(error_of(side, &frame(side, 0x88, b"x")), Some(E::ClosePayloadInvalid));
        assert_eq!(error_of(side, &frame(side, 0x88, b"\x03\xe8\xff")), Some(E::InvalidUtf8));
        assert!(told(side, &frame(side, 0x88, b"")).starts_with("close None []\nsent [136, 0]"));
        for code in 0..=5_000_u16 {
            let valid = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
            let error = error_of(side, &frame(side, 0x88, &code.to_be_bytes()));
            assert_eq!(error, (!valid).then_some(E::CloseCodeInvalid { code }), "{code}");
        }
    }
}

#[test]
fn section_5_5_1_nothing_is_sent_or_reported_after_a_close() {
    for side in SIDES {
        let mut connection = connection(side);
        connection.close(START, CloseCode::NORMAL, "bye").unwrap();
        let mut out = [0; 64];
        assert_eq!(connection.send(START, Message::Text("x"), &mut out), Err(SendError::Closing));
        assert_eq!(connection.close(START, CloseCode::NORMAL, ""), Err(SendError::Closing));
        assert_eq!(owed(&mut connection), b"\x88\x05\x03\xe8bye");
        let mut input = frame(side, 0x01, b"late");
        input.extend(frame(side, 0x89, b"?"));
        input.extend(frame(side, 0x80, b"\xff not even text"));
        input.extend(frame(side, 0x88, b"\x03\xe8"));
        input.extend(frame(side, 0x81, b"later"));
        let expected = format!("ping [63]\nclose {:?} []\nsent []\n", CloseCode::new(1000));
        assert_eq!(story(&mut connection, [&*input]), expected);
        assert_eq!(
            connection.is_closed(),
            side == Side::Server,
            "a client waits for the server to end the transport"
        );
        assert!(matches!(connection.handle_eof(START), Some(Event::Closed { clean: true })));
        assert!(connection.handle_eof(START).is_none(), "once");
    }
}

#[test]
fn section_5_5_1_a_close_is_answered_with_its_code() {
    for side in SIDES {
        let input = frame(side, 0x88, b"\x0f\xa1bye");
        let told = told(side, &input);
        assert!(told.ends_with("sent [136, 2, 15, 161]\n"), "{told}");
    }
}

#[test]
fn section_5_5_3_only_the_newest_ping_is_answered() {
    let mut input = frame(Side::Server, 0x89, b"1");
    input.extend(frame(Side::Server, 0x89, b"2"));
    assert_eq!(told(Side::Server, &input), "ping [49]\nping [50]\nsent [138, 1, 50]\n");
}

#[test]
fn section_5_7_the_examples() {
    assert_eq!(told(Side::Client, b"\x81\x05Hello"), "Text Hello\nsent []\n");
    assert_eq!(told(Side::Server, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"), "Text Hello\nsent []\n");
    assert_eq!(told(Side::Client, b"\x01\x03Hel\x80\x02lo"), "Text Hello\nsent []\n");
    assert_eq!(
        told(Side::Client, b"\x89\x05Hello"),
        "ping [72, 101, 108, 108, 111]\nsent [138, 5, 72, 101, 108, 108, 111]\n"
    );
    let long = [b"\x82\x7e\x01\x00".as_slice(), &[7; 256]].concat();
    assert!(told(Side::Client, &long).starts_with("Binary "));
}

#[test]
fn section_8_1_text_fails_with_its_first_bad_byte_within_a_frame() {
    // Autobahn 6.4: the bad byte has come, the rest of the frame has not.
    for side in SIDES {
        for bad in [
            &b"ok\xff"[..],
            b"\xc0\xaf",
            b"\xed\xa0\x80",
            b"\xf4\x90\x80\x80",
            b"\xce\xba\xe1\xbd\xb9\xf4\x90",
        ] {
            let whole = frame(side, 0x81, &[bad, b"tail"].concat());
            let until_bad = whole.len() - 4;
            assert_eq!(error_of(side, &whole[..until_bad]), Some(E::InvalidUtf8), "{bad:?}");
        }
        let cut = frame(side, 0x81, b"caf\xc3");
        assert_eq!(error_of(side, &cut), Some(E::InvalidUtf8), "a letter cut at the end of its message");
    }
}

#[test]
fn an_error_is_sticky_and_its_close_frame_is_sent_once() {
    let mut connection = connection(Side::Server);
    for _ in 0..3 {
        let mut bad = frame(Side::Server, 0x83, b"");
        assert_eq!(connection.handle_input(START, &mut bad).unwrap_err(), E::ReservedOpcode);
    }
    assert_eq!(owed(&mut connection), b"\x88\x02\x03\xea");
    assert_eq!(owed(&mut connection), b"");
    assert!(connection.is_closed());
    assert_eq!(connection.error(), Some(E::ReservedOpcode));
}

#[test]
fn timers_ping_the_silent_and_end_the_dead() {
    let mut connection = connection(Side::Server);
    let first = connection.poll_timeout().unwrap();
    let wait = first.saturating_duration_since(START);
    assert!(wait <= core::time::Duration::from_secs(25) && wait >= core::time::Duration::from_millis(21_875));
    assert!(connection.handle_timeout(START).is_none(), "a spurious call does nothing");
    assert_eq!(owed(&mut connection), b"");
    assert!(connection.handle_timeout(first).is_none());
    let ping = owed(&mut connection);
    assert_eq!((ping[0], ping.len()), (0x89, 10));
    let dead = connection.poll_timeout().unwrap();
    assert_eq!(dead.saturating_duration_since(first), core::time::Duration::from_secs(10));

    let later = first + core::time::Duration::from_secs(3);
    let mut pong = frame(Side::Server, 0x8A, &ping[2..]);
    let step = connection.handle_input(later, &mut pong).unwrap();
    let Some(Event::Pong { round_trip, .. }) = step.event else { panic!("no pong") };
    assert_eq!(round_trip, Some(core::time::Duration::from_secs(3)));

    let second = connection.poll_timeout().unwrap();
    assert!(second > dead, "a sign of life moves the deadline");
    assert!(connection.handle_timeout(second).is_none());
    let dead = connection.poll_timeout().unwrap();
    assert!(matches!(connection.handle_timeout(dead), Some(Event::Closed { clean: false })));
    assert_eq!(connection.error(), Some(E::PongTimeout));
    assert!(connection.is_closed() && connection.poll_timeout().is_none());
}

#[test]
fn timers_phases_differ_with_the_seed() {
    let deadline = |seed| {
        Connection::new(Config::server(), START, [seed; 32], VecStorage::new(1)).poll_timeout().unwrap()
    };
    let mut all: Vec<_> = (0..64).map(deadline).collect();
    all.sort_unstable();
    all.dedup();
    assert!(all.len() > 32, "{}", all.len());
}

#[test]
fn timers_end_a_closing_handshake_that_the_peer_leaves_open() {
    let mut connection = connection(Side::Server);
    connection.close(START, CloseCode::GOING_AWAY, "").unwrap();
    let deadline = connection.poll_timeout().unwrap();
    assert_eq!(deadline.saturating_duration_since(START), core::time::Duration::from_secs(5));
    assert!(matches!(connection.handle_timeout(deadline), Some(Event::Closed { clean: false })));
    assert!(connection.is_closed());
}

#[test]
fn a_clients_masking_keys_differ_from_frame_to_frame() {
    let mut connection = connection(Side::Client);
    let mut keys = alloc::collections::BTreeSet::new();
    for _ in 0..1_000 {
        let mut out = [0; 16];
        connection.send(START, Message::Binary(b"x"), &mut out).unwrap();
        keys.insert([out[2], out[3], out[4], out[5]]);
    }
    assert_eq!(keys.len(), 1_000);
}

#[test]
fn what_does_not_fit_is_said_with_both_sides() {
    let mut connection = connection(Side::Client);
    let mut out = [0; 7];
    let too_small = SendError::BufferTooSmall { len: 7, len_min: 8 };
    assert_eq!(connection.send(START, Message::Text("hi"), &mut out), Err(too_small));
    let too_big = SendError::ControlTooBig { len: 124, len_max: 123 };
    assert_eq!(connection.close(START, CloseCode::NORMAL, &"x".repeat(124)), Err(too_big));
    assert!(connection.is_open());
}

/// The script that every storage and every cut must tell alike.
fn script(side: Side) -> Vec<u8> {
    let mut input = frame(side, 0x81, "grüße".as_bytes());
    input.extend(frame(side, 0x01, &"ü".as_bytes()[..1]));
    input.extend(frame(side, 0x89, b"between"));
    input.extend(frame(side, 0x00, b""));
    input.extend(frame(side, 0x80, &[&"ü".as_bytes()[1..], b"!"].concat()));
    input.extend(frame(side, 0x82, &[9; 130]));
    input.extend(frame(side, 0x8A, b""));
    input.extend(frame(side, 0x81, b""));
    input.extend(frame(side, 0x88, b"\x03\xe9going"));
    input.extend(frame(side, 0x81, b"ignored"));
    input
}

/// Makes a fresh connection and lends it.
type Fresh<'f, S> = &'f mut dyn FnMut(&mut dyn FnMut(&mut Connection<S>));

fn at_every_cut<S: Storage>(side: Side, fresh: Fresh<'_, S>) {
    let input = script(side);
    let mut expected = String::new();
    fresh(&mut |connection| expected = story(connection, [&*input]));
    assert!(expected.contains("close"), "{expected}");
    for first in 0..=input.len() {
        let (head, tail) = input.split_at(first);
        fresh(&mut |connection| assert_eq!(story(connection, [head, tail]), expected, "cut at {first}"));
    }
    for size in 1..32 {
        fresh(&mut |connection| {
            assert_eq!(story(connection, input.chunks(size)), expected, "pieces of {size}")
        });
    }
}

#[test]
fn rfc6455_5_5_1_a_client_that_waits_for_the_end_of_the_transport_sends_nothing_more() {
    let mut client = Connection::new(Config::client(), START, [7; 32], VecStorage::new(100));
    let mut input = *b"\x88\x02\x03\xe8";
    assert!(client.handle_input(START, &mut input).unwrap().event.is_some());
    assert_eq!(owed(&mut client), b"\x88\x02\x03\xe8");
    let deadline = client.poll_timeout().unwrap();
    assert_eq!(
        deadline,
        START + Config::client().close_timeout,
        "the server may take its time, not for ever"
    );
    assert!(matches!(client.handle_timeout(deadline), Some(Event::Closed { clean: true })));
    assert!(owed(&mut client).is_empty() && client.is_closed() && client.poll_timeout().is_none());
}

#[test]
fn every_cut_tells_the_same_on_every_storage() {
    for side in SIDES {
        at_every_cut::<VecStorage>(side, &mut |run| run(&mut connection(side)));
        at_every_cut::<SliceStorage<'_>>(side, &mut |run| {
            let memory: &'static mut [u8] = Box::leak(Box::new([0; 4_096])).as_mut_slice();
            run(&mut Connection::new(config(side), START, [7; 32], SliceStorage::new(memory)));
        });
        #[cfg(feature = "heapless")]
        at_every_cut::<portcullis_proto::HeaplessStorage<4_096>>(side, &mut |run| {
            run(&mut Connection::new(config(side), START, [7; 32], portcullis_proto::HeaplessStorage::new()));
        });
    }
}

#[test]
fn memory_stays_below_what_is_published() {
    let config = Config::server();
    assert!(worst_case_bytes(&config) >= 64 * 1_024 + size_of::<Connection<VecStorage>>());
    assert!(size_of::<Connection<VecStorage>>() <= 744, "{}", size_of::<Connection<VecStorage>>());
}
