//! Messages that are larger than memory, in and out.

use portcullis_proto::{
    Config, Connection, Event, Message, MessageKind, ProtocolError, SendError, Side, SliceStorage,
    VecStorage, wire,
};

use crate::support::{START, config, frame, story};

fn streaming(side: Side) -> Connection<VecStorage> {
    Connection::new(config(side).with_streaming(true), START, [7; 32], VecStorage::new(0))
}

#[test]
fn a_message_is_reported_in_parts_as_it_arrives() {
    let input = [
        frame(Side::Server, 0x01, "caf\u{e9}".as_bytes()),
        frame(Side::Server, 0x89, b"ping"),
        frame(Side::Server, 0x00, b""),
        frame(Side::Server, 0x80, b"!"),
        frame(Side::Server, 0x82, b"whole"),
        frame(Side::Server, 0x82, b""),
        frame(Side::Server, 0x01, b"x"),
        frame(Side::Server, 0x80, b""),
    ]
    .concat();
    assert_eq!(
        story(&mut streaming(Side::Server), [&*input]),
        "part of Text caf\u{e9}…\nping [112, 105, 110, 103]\npart of Text !.\npart of Binary whole.\npart of Binary .\n\
         part of Text x…\npart of Text .\nsent [138, 4, 112, 105, 110, 103]\n"
    );
    // Cut inside the é: the parts are bytes, and the text is one.
    let told = story(&mut streaming(Side::Server), [&input[..10], &input[10..11], &input[11..]]);
    assert!(told.starts_with("part of Text caf\u{fffd}…\npart of Text \u{fffd}…\nping"), "{told}");
}

#[test]
fn a_streamed_text_fails_with_its_first_bad_byte_and_at_an_open_end() {
    let bad = frame(Side::Server, 0x01, b"ab\xffcd");
    assert!(story(&mut streaming(Side::Server), [&*bad]).starts_with("error invalid_utf8 1007"));
    let open = [frame(Side::Server, 0x01, b"ab\xc3"), frame(Side::Server, 0x80, b"")].concat();
    let told = story(&mut streaming(Side::Server), [&*open]);
    assert!(told.starts_with("part of Text ab\u{fffd}…\nerror invalid_utf8 1007"), "{told}");
}

#[test]
fn the_message_limit_counts_over_the_stream() {
    let mut server = streaming(Side::Server);
    for _ in 0..2 {
        let mut input = frame(Side::Server, if server.is_open() { 0x02 } else { 0 }, &[0; 2_048]);
        if input[0] == 0x02 {
            assert!(server.handle_input(START, &mut input).unwrap().event.is_some());
        }
        let mut input = frame(Side::Server, 0x00, &[0; 2_048]);
        assert!(server.handle_input(START, &mut input).unwrap().event.is_some());
        let mut input = frame(Side::Server, 0x80, b"x");
        let error = server.handle_input(START, &mut input).unwrap_err();
        assert_eq!(error, ProtocolError::MessageTooBig { len: 4_097, len_max: 4_096 });
        server = streaming(Side::Server);
    }
}

#[test]
fn a_message_goes_out_in_parts_between_which_only_control_frames_stand() {
    let mut server = streaming(Side::Server);
    let mut out = [0; 64];
    let len = server.send_fragment(START, MessageKind::Text, b"Hel", false, &mut out).unwrap();
    assert_eq!(&out[..len], b"\x01\x03Hel");
    assert_eq!(server.send(START, Message::Text("no"), &mut out), Err(SendError::InsideMessage));
    assert_eq!(
        server.send_secret(START, Message::Text("no").secret(), &mut out),
        Err(SendError::InsideMessage)
    );
    let other = server.send_fragment(START, MessageKind::Binary, b"", true, &mut out);
    assert_eq!(other, Err(SendError::InsideMessage));
    let len = server.ping(START, b"p", &mut out).unwrap();
    assert_eq!(&out[..len], b"\x89\x01p");
    let small = server.send_fragment(START, MessageKind::Text, b"lo", true, &mut out[..3]);
    assert_eq!(small, Err(SendError::BufferTooSmall { len: 3, len_min: 4 }));
    let len = server.send_fragment(START, MessageKind::Text, b"lo", true, &mut out).unwrap();
    assert_eq!(&out[..len], b"\x80\x02lo");
    let len = server.send(START, Message::Text("yes"), &mut out).unwrap();
    assert_eq!(&out[..len], b"\x81\x03yes");
}

/// 1 GiB from one connection to another through 16 KiB, in parts of 10,000 bytes: neither side has memory for more than
/// a piece, and neither asks for any.
#[test]
fn a_gibibyte_passes_through_flat_memory() {
    const TOTAL: u64 = if cfg!(debug_assertions) { 1 << 24 } else { 1 << 30 };
    const PART: usize = 10_000;
    let unlimited = |config: Config| {
        config
            .with_streaming(true)
            .with_ping_interval(None)
            .with_message_len_max(u64::MAX)
            .with_frame_len_max(u64::MAX)
            .with_fragments_max(u32::MAX)
    };
    let mut client = Connection::new(unlimited(Config::client()), START, [7; 32], SliceStorage::new(&mut []));
    let mut server = Connection::new(unlimited(Config::server()), START, [7; 32], SliceStorage::new(&mut []));
    let (mut wire_bytes, mut part) = ([0; 16_384], [0; PART]);
    let (mut sent, mut received, mut ended) = (0_u64, 0_u64, false);
    while sent < TOTAL {
        let len = PART.min(usize::try_from(TOTAL - sent).unwrap());
        for (at, byte) in part[..len].iter_mut().enumerate().step_by(97) {
            *byte = at.to_le_bytes()[0];
        }
        sent += len as u64;
        let len = client
            .send_fragment(START, MessageKind::Binary, &part[..len], sent == TOTAL, &mut wire_bytes)
            .unwrap();
        let mut rest = &mut wire_bytes[..len];
        while !rest.is_empty() {
            // A socket that brings 4 KiB at a time.
            let piece = rest.len().min(4_096);
            let step = server.handle_input(START, &mut rest[..piece]).unwrap();
            if let Some(Event::Fragment { payload, is_last, .. }) = step.event {
                received += payload.len() as u64;
                ended |= is_last;
            }
            let consumed = step.consumed;
            rest = &mut rest[consumed..];
        }
    }
    assert_eq!((received, ended), (TOTAL, true));
    let mut out = [0; wire::CONTROL_FRAME_LEN_MAX];
    assert_eq!(server.poll_transmit(&mut out), 0);
}

#[test]
fn one_frame_of_a_gibibyte_streams_too() {
    const TOTAL: u64 = if cfg!(debug_assertions) { 1 << 24 } else { 1 << 30 };
    let limits =
        Config::server().with_streaming(true).with_message_len_max(u64::MAX).with_frame_len_max(u64::MAX);
    let mut server = Connection::new(limits, START, [7; 32], SliceStorage::new(&mut []));
    let header =
        wire::Header { fin: true, rsv: 0, opcode: wire::Opcode::Text, mask: Some([1, 2, 3, 4]), len: TOTAL };
    let (mut head, len) = header.to_bytes();
    assert!(server.handle_input(START, &mut head[..len]).unwrap().event.is_none());
    let (mut left, mut received) = (TOTAL, 0);
    let masked: Vec<u8> = (0..12_000).map(|at| b'x' ^ [1, 2, 3, 4][at % 4]).collect();
    let mut piece = vec![0; masked.len()];
    while left > 0 {
        let len = piece.len().min(usize::try_from(left).unwrap());
        piece[..len].copy_from_slice(&masked[..len]);
        let step = server.handle_input(START, &mut piece[..len]).unwrap();
        let Some(Event::Fragment { payload, is_last, kind: MessageKind::Text }) = step.event else {
            panic!()
        };
        assert!(payload.iter().all(|byte| *byte == b'x'));
        received += payload.len() as u64;
        left -= len as u64;
        assert_eq!(is_last, left == 0);
    }
    assert_eq!(received, TOTAL);
}
