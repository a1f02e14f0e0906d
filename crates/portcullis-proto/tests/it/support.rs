//! Frames written by hand, and a connection's whole story as text.

use core::fmt::Write as _;

use portcullis_proto::{Config, Connection, Event, ProtocolError, Side, Storage};
use portcullis_time::Instant;

pub(crate) const START: Instant = Instant::from_millis(1_000);
pub(crate) const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A frame as a peer of `side` sends it: `first` is the whole first byte. Written without the crate's own encoder.
pub(crate) fn frame(side: Side, first: u8, payload: &[u8]) -> Vec<u8> {
    let (masked, key) = if side == Side::Server { (0x80, Some(KEY)) } else { (0, None) };
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..=125 => bytes.push(masked | u8::try_from(len).unwrap()),
        len @ 126..=65_535 => {
            bytes.push(masked | 126);
            bytes.extend(u16::try_from(len).unwrap().to_be_bytes());
        }
        len => {
            bytes.push(masked | 127);
            bytes.extend((len as u64).to_be_bytes());
        }
    }
    bytes.extend(key.into_iter().flatten());
    bytes.extend(payload.iter().enumerate().map(|(at, byte)| byte ^ key.map_or(0, |key| key[at % 4])));
    bytes
}

pub(crate) fn config(side: Side) -> Config {
    let config = match side {
        Side::Server => Config::server(),
        Side::Client => Config::client(),
    };
    config.with_message_len_max(4_096).with_frame_len_max(2_048).with_fragments_max(8)
}

/// One event in words.
pub(crate) fn tell(event: &Event<'_>) -> String {
    match event {
        Event::Message { kind, payload } => format!("{kind:?} {}", String::from_utf8_lossy(payload)),
        Event::Ping { payload } => format!("ping {payload:?}"),
        Event::Pong { payload, .. } => format!("pong {payload:?}"),
        Event::CloseReceived { code, reason } => format!("close {code:?} {reason:?}"),
        Event::Closed { clean } => format!("closed {clean}"),
        Event::Fragment { kind, payload, is_last } => {
            let end = if *is_last { "." } else { "…" };
            format!("part of {kind:?} {}{end}", String::from_utf8_lossy(payload))
        }
        event => panic!("{event:?} is not in the list"),
    }
}

/// Feeds `input` in pieces and tells everything that the connection said and sent. Pieces end the story at an error.
pub(crate) fn story<'p, S: Storage>(
    connection: &mut Connection<S>,
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> String {
    let mut told = String::new();
    for piece in pieces {
        let mut piece = piece.to_vec();
        let mut rest = piece.as_mut_slice();
        while !rest.is_empty() {
            let consumed = match connection.handle_input(START, rest) {
                Ok(step) => {
                    if let Some(event) = &step.event {
                        writeln!(told, "{}", tell(event)).unwrap();
                    }
                    step.consumed
                }
                Err(error) => {
                    writeln!(told, "error {} {}", error.code(), error.close_code()).unwrap();
                    writeln!(told, "sent {:?}", owed(connection)).unwrap();
                    return told;
                }
            };
            assert!(consumed > 0, "a step that consumes nothing would be repeated for ever");
            rest = &mut rest[consumed..];
        }
    }
    writeln!(told, "sent {:?}", owed(connection)).unwrap();
    told
}

/// What the connection owes, unmasked.
pub(crate) fn owed<S: Storage>(connection: &mut Connection<S>) -> Vec<u8> {
    let (mut all, mut out) = (Vec::new(), [0; 256]);
    while let len @ 1.. = connection.poll_transmit(&mut out) {
        let mut sent = out[..len].to_vec();
        if sent[1] & 0x80 != 0 {
            let key = [sent[2], sent[3], sent[4], sent[5]];
            sent[1] &= 0x7F;
            sent.drain(2..6);
            portcullis_proto::wire::mask::apply(key, 0, &mut sent[2..]);
        }
        all.extend(sent);
    }
    all
}

/// The first error that `input` ends in.
pub(crate) fn error_of(side: Side, input: &[u8]) -> Option<ProtocolError> {
    let mut connection =
        Connection::new(config(side), START, [7; 32], portcullis_proto::VecStorage::new(4_096));
    let mut input = input.to_vec();
    let mut rest = input.as_mut_slice();
    while !rest.is_empty() {
        match connection.handle_input(START, rest) {
            Ok(step) => {
                let consumed = step.consumed;
                rest = &mut rest[consumed..];
            }
            Err(error) => return Some(error),
        }
    }
    None
}
