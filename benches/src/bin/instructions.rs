//! Runs one case of the hot path a given number of times, for `cargo xtask instructions`: two runs under callgrind that
//! differ in nothing but the number tell what one turn costs, in instructions.
//!
//! `instructions --list` prints the cases, `instructions CASE TURNS` runs one.

use core::hint::black_box;
use std::process::ExitCode;

use portcullis_benches::{agreed, ascii, json, mixed};
use portcullis_proto::{
    Config, Connection, Message, SliceStorage, VecStorage,
    deflate::{Agreed, DeflateConfig},
    wire,
};
use portcullis_time::Instant;

/// A name, and what does it so many times.
type Case = (&'static str, fn(usize));

/// What can be measured.
const CASES: [Case; 13] = [
    ("decode text 32 B", |turns| decode(&ascii(32), turns)),
    ("decode text 125 B", |turns| decode(&ascii(125), turns)),
    ("decode text 1 KiB", |turns| decode(&ascii(1_024), turns)),
    ("decode text 64 KiB", |turns| decode(&ascii(65_536), turns)),
    ("decode mixed text 32 B", |turns| decode(&mixed(32), turns)),
    ("decode mixed text 1 KiB", |turns| decode(&mixed(1_024), turns)),
    ("decode text 1 KiB in two pieces", pieces),
    ("encode text 32 B", |turns| encode(&ascii(32), turns)),
    ("encode text 1 KiB", |turns| encode(&ascii(1_024), turns)),
    ("mask 1 KiB", mask),
    ("parse a header", parse),
    ("compress 1 KiB of JSON", compress),
    ("inflate 1 KiB of JSON", inflate),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [list] if list == "--list" => {
            for (name, _) in CASES {
                println!("{name}");
            }
            ExitCode::SUCCESS
        }
        [case, turns] => {
            let found = CASES.iter().find(|(name, _)| name == case);
            let (Some((_, run)), Ok(turns)) = (found, turns.parse()) else { return ExitCode::from(2) };
            run(turns);
            ExitCode::SUCCESS
        }
        _ => ExitCode::from(2),
    }
}

/// A masked text frame. Unmasking changes the input; with a key of zeros it does all its work and changes nothing, so
/// the same bytes can be decoded again, and no copy of them is counted.
fn frame(text: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; text.len() + wire::HEADER_LEN_MAX];
    let len = wire::encode_frame(wire::Opcode::Text, true, text, Some([0; 4]), &mut frame).unwrap_or(0);
    frame.truncate(len);
    frame
}

fn config() -> Config {
    Config::server().with_ping_interval(None)
}

fn decode(text: &[u8], turns: usize) {
    let (mut frame, mut memory) = (frame(text), [0; 64]);
    let mut connection = Connection::new(config(), Instant::ORIGIN, [7; 32], SliceStorage::new(&mut memory));
    for _ in 0..turns {
        let len = frame.len();
        let step = connection.handle_input(Instant::ORIGIN, black_box(&mut frame));
        assert!(black_box(step).is_ok_and(|step| step.consumed == len && step.event.is_some()));
    }
}

/// What a read cuts in two goes through the storage.
fn pieces(turns: usize) {
    let (mut frame, mut memory) = (frame(&ascii(1_024)), [0; 1_024]);
    let mut connection = Connection::new(config(), Instant::ORIGIN, [7; 32], SliceStorage::new(&mut memory));
    let Some((first, second)) = frame.split_at_mut_checked(500) else { return };
    for _ in 0..turns {
        let step = connection.handle_input(Instant::ORIGIN, black_box(first));
        assert!(black_box(step).is_ok_and(|step| step.event.is_none()));
        let step = connection.handle_input(Instant::ORIGIN, black_box(second));
        assert!(black_box(step).is_ok_and(|step| step.event.is_some()));
    }
}

fn encode(text: &[u8], turns: usize) {
    let text = str::from_utf8(text).unwrap_or_default();
    let mut memory = [0; 64];
    let mut connection = Connection::new(config(), Instant::ORIGIN, [7; 32], SliceStorage::new(&mut memory));
    let mut out = vec![0; text.len() + wire::HEADER_LEN_MAX];
    for _ in 0..turns {
        let sent = connection.send(Instant::ORIGIN, Message::Text(black_box(text)), black_box(&mut out));
        assert!(black_box(sent).is_ok());
    }
}

fn mask(turns: usize) {
    let mut bytes = ascii(1_024);
    for _ in 0..turns {
        wire::mask::apply(black_box([1, 2, 3, 4]), 0, black_box(&mut bytes));
    }
}

fn parse(turns: usize) {
    let bytes = [0x81, 0xFE, 0x04, 0x00, 1, 2, 3, 4, 0, 0];
    for _ in 0..turns {
        assert!(black_box(wire::Header::parse(black_box(&bytes))).is_ok());
    }
}

/// Without context takeover, so that each turn is like the one before.
const DEFLATE: DeflateConfig = DeflateConfig::server().with_server_no_context_takeover(true);

fn deflating() -> Option<(Connection<VecStorage>, Agreed)> {
    let agreed = agreed(&DEFLATE, "permessage-deflate").ok().flatten()?;
    let connection = Connection::new(config(), Instant::ORIGIN, [7; 32], VecStorage::new(65_536));
    Some((connection.with_deflate(agreed, &DEFLATE), agreed))
}

fn compress(turns: usize) {
    let text = json(1_024, 1);
    let mut out = vec![0; text.len() + wire::HEADER_LEN_MAX];
    let Some((mut connection, _)) = deflating() else { return };
    for _ in 0..turns {
        let sent = connection.send(Instant::ORIGIN, Message::Text(black_box(&text)), black_box(&mut out));
        assert!(black_box(sent).is_ok_and(|len| len < text.len()));
    }
}

fn inflate(turns: usize) {
    let text = json(1_024, 1);
    let mut out = vec![0; text.len() + wire::HEADER_LEN_MAX];
    let Some((mut connection, _)) = deflating() else { return };
    let plain = connection.send(Instant::ORIGIN, Message::Text(&text), &mut out);
    // The server's frame becomes a client's: the mask bit, and a key of zeros behind the length.
    let Some((head, payload)) = out.split_at_mut_checked(4) else { return };
    let Some(payload) = plain.ok().and_then(|len| payload.get(..len.saturating_sub(4))) else { return };
    let mut frame = [&[head[0], head[1] | 0x80, head[2], head[3], 0, 0, 0, 0], payload].concat();
    for _ in 0..turns {
        let step = connection.handle_input(Instant::ORIGIN, black_box(&mut frame));
        assert!(black_box(step).is_ok_and(|step| step.event.is_some()));
    }
}
