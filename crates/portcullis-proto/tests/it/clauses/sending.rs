//! What the RFC asks of a sender: frames taken apart by hand, without the crate's own decoder.

use portcullis_proto::{CloseCode, Connection, Message, SendError, Side, SliceStorage, wire};
use portcullis_time::Instant;

use super::{frames::config, to_hex};

const NOW: Instant = Instant::from_millis(1_000);
const SIDES: [Side; 2] = [Side::Server, Side::Client];

/// A frame taken apart: its first byte, whether it is masked, how many bytes its length took, its payload in the clear.
fn apart(frame: &[u8]) -> (u8, bool, usize, Vec<u8>) {
    let (masked, short) = (frame[1] & 0x80 != 0, frame[1] & 0x7F);
    let width = match short {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    let len = frame[2..2 + width].iter().fold(0_u64, |len, byte| len << 8 | u64::from(*byte));
    let len = if width == 0 { u64::from(short) } else { len };
    let mut rest = &frame[2 + width..];
    let mut key = [0; 4];
    if masked {
        key.copy_from_slice(&rest[..4]);
        rest = &rest[4..];
    }
    assert_eq!(rest.len() as u64, len, "one frame and nothing behind it");
    (frame[0], masked, width, rest.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect())
}

/// All that is owed, frame by frame.
fn owed(connection: &mut Connection<SliceStorage<'_>>) -> Vec<(u8, bool, Vec<u8>)> {
    let (mut all, mut out) = (Vec::new(), [0; wire::CONTROL_FRAME_LEN_MAX]);
    while let len @ 1.. = connection.poll_transmit(&mut out) {
        let (first, masked, _, payload) = apart(&out[..len]);
        all.push((first, masked, payload));
    }
    all
}

#[test]
fn what_is_sent_is_one_whole_frame_of_its_kind_and_length() {
    for side in SIDES {
        let mut connection = Connection::new(config(side), NOW, [7; 32], SliceStorage::new(&mut []));
        for (len, width) in [(0, 0), (1, 0), (125, 0), (126, 2), (65_535, 2), (65_536, 8), (100_000, 8)] {
            let text = "x".repeat(len);
            let mut out = vec![0; len + 14];
            for (message, first) in [(Message::Text(&text), 0x81), (Message::Binary(text.as_bytes()), 0x82)] {
                let written = connection.send(NOW, message, &mut out).unwrap();
                let expected = (first, side == Side::Client, width, text.clone().into_bytes());
                assert!(apart(&out[..written]) == expected, "{side:?} {len}");
            }
        }
    }
}

#[test]
fn a_close_frame_says_the_code_and_the_reason() {
    for side in SIDES {
        for (code, reason) in [(1_000, ""), (1_001, "bye"), (3_000, "grüße"), (4_999, &"r".repeat(123))] {
            let mut connection = Connection::new(config(side), NOW, [7; 32], SliceStorage::new(&mut []));
            connection.close(NOW, CloseCode::new(code).unwrap(), reason).unwrap();
            let payload = [&code.to_be_bytes(), reason.as_bytes()].concat();
            assert_eq!(owed(&mut connection), [(0x88, side == Side::Client, payload)]);
            let mut out = [0; 64];
            assert_eq!(connection.send(NOW, Message::Text("late"), &mut out), Err(SendError::Closing));
            assert_eq!(connection.ping(NOW, b"late", &mut out), Err(SendError::Closing));
            assert_eq!(owed(&mut connection), [], "once");
        }
    }
}

#[test]
fn nothing_is_processed_or_sent_behind_a_failure() {
    for side in SIDES {
        let mut connection = Connection::new(config(side), NOW, [7; 32], SliceStorage::new(&mut []));
        let error = connection.handle_input(NOW, &mut [0x83, 0x80, 0, 0, 0, 0]).unwrap_err();
        assert_eq!(owed(&mut connection), [(0x88, side == Side::Client, 1_002_u16.to_be_bytes().to_vec())]);
        assert!(connection.is_closed(), "the transport is to be closed");
        // A responding close frame, and a ping that would be answered.
        let masked = if side == Side::Server { "80 00000000" } else { "00" };
        for frame in ["88", "89"] {
            let mut input = super::hex(&format!("{frame} {masked}"));
            assert_eq!(connection.handle_input(NOW, &mut input).unwrap_err(), error, "{}", to_hex(&input));
            assert_eq!(owed(&mut connection), []);
        }
        let sent = connection.send(NOW, Message::Text("late"), &mut [0; 64]);
        assert_eq!(sent, Err(SendError::Closing));
    }
}

#[test]
fn a_server_closes_the_transport_at_once_and_a_client_waits_for_it() {
    for side in SIDES {
        let mut connection = Connection::new(config(side), NOW, [7; 32], SliceStorage::new(&mut []));
        let mut close = super::hex(if side == Side::Server { "8880 00000000" } else { "8800" });
        assert!(connection.handle_input(NOW, &mut close).unwrap().event.is_some());
        assert_eq!(owed(&mut connection).len(), 1);
        assert_eq!(connection.is_closed(), side == Side::Server);
    }
}
