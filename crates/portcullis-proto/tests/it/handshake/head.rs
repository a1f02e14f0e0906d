//! RFC 6455 §4.2.1, RFC 9112 §2: where a head ends, and when waiting for its end is over.

use core::time::Duration;

use portcullis_proto::{
    SliceStorage,
    handshake::{FIELDS_MAX, HEAD_LEN_MAX, HandshakeError, HeadReader},
};
use portcullis_time::Instant;

const NOW: Instant = Instant::from_millis(1_000);
const DEADLINE: Instant = Instant::from_millis(6_000);

/// What a reader makes of `input` in pieces of `piece` bytes: the head, or the error; and how much was consumed.
pub(super) fn read(input: &[u8], piece: usize) -> Result<(Option<Vec<u8>>, usize), HandshakeError> {
    let mut memory = [0; HEAD_LEN_MAX];
    let mut reader = HeadReader::new(SliceStorage::new(&mut memory), DEADLINE);
    let mut consumed = 0;
    for piece in input.chunks(piece.max(1)) {
        let step = reader.handle_input(NOW, piece)?;
        consumed += step.consumed;
        if let Some(head) = step.head {
            return Ok((Some(head.to_vec()), consumed));
        }
    }
    Ok((None, consumed))
}

#[test]
fn a_head_in_one_piece_is_lent_from_the_input() {
    let input = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\x81\x85";
    let mut reader = HeadReader::new(SliceStorage::new(&mut []), DEADLINE);
    let refused = reader.handle_input(NOW, input);
    assert_eq!(
        refused,
        Err(HandshakeError::HeadTooBig { len_max: 0 }),
        "the storage's capacity is the limit"
    );

    let mut memory = [0; 64];
    let mut reader = HeadReader::new(SliceStorage::new(&mut memory), DEADLINE);
    let step = reader.handle_input(NOW, input).unwrap();
    assert_eq!(step.consumed, input.len() - 2);
    let head = step.head.unwrap();
    assert_eq!(head.as_ptr(), input.as_ptr(), "lent, not copied");
    assert_eq!(head.len(), step.consumed);
}

#[test]
fn a_complete_reader_consumes_nothing_more() {
    let mut memory = [0; 64];
    let mut reader = HeadReader::new(SliceStorage::new(&mut memory), DEADLINE);
    assert!(reader.handle_input(NOW, b"GET / HTTP/1.1\r\n\r\n").unwrap().head.is_some());
    let step = reader.handle_input(NOW, b"\x81\x85").unwrap();
    assert_eq!((step.consumed, step.head), (0, None));
    assert_eq!(reader.poll_timeout(), None);
    assert_eq!(reader.handle_timeout(DEADLINE + Duration::from_secs(9)), Ok(()));
}

#[test]
fn the_longest_head_passes_and_one_byte_more_does_not() {
    let filler = HEAD_LEN_MAX - "GET / HTTP/1.1\r\nA: \r\n\r\n".len();
    for (extra, fits) in [(0, true), (1, false)] {
        let input = format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "x".repeat(filler + extra));
        for piece in [1, 2, 1_000, input.len()] {
            let verdict = read(input.as_bytes(), piece);
            if fits {
                assert_eq!(verdict, Ok((Some(input.clone().into_bytes()), input.len())));
            } else {
                assert_eq!(verdict, Err(HandshakeError::HeadTooBig { len_max: HEAD_LEN_MAX }));
            }
        }
    }
    assert_eq!(HandshakeError::HeadTooBig { len_max: HEAD_LEN_MAX }.status(), 431);
}

#[test]
fn a_full_head_without_its_end_is_refused_without_waiting() {
    let input = vec![b'x'; HEAD_LEN_MAX];
    assert!(read(&input[1..], 7).is_ok());
    assert_eq!(read(&input, 7), Err(HandshakeError::HeadTooBig { len_max: HEAD_LEN_MAX }));
}

#[test]
fn sixty_four_fields_pass_and_one_more_does_not() {
    for count in [FIELDS_MAX, FIELDS_MAX + 1] {
        let input = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(count));
        let verdict = read(input.as_bytes(), 3);
        if count == FIELDS_MAX {
            assert!(verdict.unwrap().0.is_some());
        } else {
            let error = verdict.unwrap_err();
            assert_eq!(error, HandshakeError::TooManyFields { fields_max: FIELDS_MAX });
            assert_eq!(error.status(), 431);
        }
    }
}

#[test]
fn a_head_that_is_late_times_out() {
    let mut memory = [0; 64];
    let mut reader = HeadReader::new(SliceStorage::new(&mut memory), DEADLINE);
    assert_eq!(reader.poll_timeout(), Some(DEADLINE));
    assert!(reader.handle_input(NOW, b"GET / HT").is_ok());
    assert_eq!(reader.handle_timeout(DEADLINE.saturating_sub(Duration::from_nanos(1))), Ok(()), "spurious");
    assert_eq!(reader.handle_timeout(DEADLINE), Err(HandshakeError::Timeout));
    assert_eq!(reader.poll_timeout(), None);
    assert_eq!(reader.handle_input(NOW, b"TP/1.1\r\n\r\n"), Err(HandshakeError::Timeout), "sticky");
    assert_eq!(HandshakeError::Timeout.status(), 408);
}

#[test]
fn slow_input_does_not_move_the_deadline() {
    let mut memory = [0; 64];
    let mut reader = HeadReader::new(SliceStorage::new(&mut memory), DEADLINE);
    for second in 1..6 {
        assert!(reader.handle_input(Instant::from_millis(second * 1_000), b"x").is_ok());
        assert_eq!(reader.poll_timeout(), Some(DEADLINE));
    }
    assert_eq!(reader.handle_input(DEADLINE, b"x"), Err(HandshakeError::Timeout));
}

#[test]
fn empty_lines_before_the_request_are_skipped() {
    let (head, consumed) = read(b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 1).unwrap();
    let head = head.unwrap();
    assert_eq!(consumed, head.len());
    assert_eq!(portcullis_proto::handshake::RequestHead::parse(&head).unwrap().host(), Some("a"));
}

#[test]
fn bare_line_ends_and_control_characters_are_refused_at_once() {
    for input in [
        &b"GET / HTTP/1.1\n"[..],
        b"GET / HTTP/1.1\r\nA: b\nHost: c",
        b"GET / HTTP/1.1\r\nA: b\rHost: c",
        b"GET / HTTP/1.1\r\n\rx",
        b"GET / HTTP/1.1\r\nA: \0",
        b"GET / HTTP/1.1\r\nA: \x7F",
        b"\x16\x03\x01\x02\x00\x01", // the hello of a TLS client on a plaintext port
    ] {
        assert_eq!(read(input, 1), Err(HandshakeError::Malformed), "{input:?}");
        assert_eq!(read(input, input.len()), Err(HandshakeError::Malformed), "{input:?}");
    }
}

#[test]
fn an_error_is_sticky_and_frees_what_was_read() {
    use portcullis_proto::Storage as _;
    let mut memory = [0; 64];
    let mut reader = HeadReader::new(SliceStorage::new(&mut memory), DEADLINE);
    assert!(reader.handle_input(NOW, b"GET /").is_ok());
    assert_eq!(reader.handle_input(NOW, b"\n"), Err(HandshakeError::Malformed));
    assert_eq!(reader.handle_input(NOW, b" HTTP/1.1\r\n\r\n"), Err(HandshakeError::Malformed));
    assert!(reader.into_storage().as_slice().is_empty());
}
