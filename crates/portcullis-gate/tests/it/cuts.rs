//! One scripted session, cut at every place, on both engines.

use portcullis_gate::{Credential, Protocol};
use portcullis_proto::{Config, wire::Opcode};
use portcullis_testkit::{Prng, Tungstenite, VirtualClock};

use crate::support::{POLICY, Rig, START, alice, auth, chat, engine, frame, text, token};

/// What a client sends, and what must come of it wherever the bytes are cut.
fn script() -> (Vec<u8>, Vec<String>) {
    let now = START.as_millis();
    let whole = chat(r#","id":3,"channel":"chat:l\u00f6bby""#);
    let (first, rest) = whole.as_bytes().split_at(20);
    let (second, third) = rest.split_at(15);
    let bytes = [
        text(&auth(&alice())),
        text(
            r#"{"type":"subscribe","channel":"chat:lobby","since":{"epoch":"00000000000000ff","offset":41}}"#,
        ),
        text(&chat(r#","id":1,"channel":"chat:lobby""#)),
        frame(Opcode::Ping, true, b"are you there?"),
        text(r#"{"action":"shout","id":2}"#),
        frame(Opcode::Text, false, first),
        frame(Opcode::Ping, true, b""),
        frame(Opcode::Continuation, false, b""),
        frame(Opcode::Continuation, false, second),
        frame(Opcode::Pong, true, b"unasked"),
        frame(Opcode::Continuation, true, third),
        text(&auth(&token("alice", START, 7_200, &[]))),
        text(r#"{"type":"unsubscribe","channel":"chat:lobby"}"#),
        text(""),
        text(&crate::support::action("write", now, r#","id":4"#)),
        frame(Opcode::Close, true, &1_001_u16.to_be_bytes()),
    ];
    let action = |id: u64, channel: &str| {
        format!(r#"action 0 from "alice" id Some({id}) channel Some("{channel}") at {now} {{"text":"hi"}}"#)
    };
    let said = [
        "authenticated".into(),
        "subscribe chat:lobby Some(41)".into(),
        action(1, "chat:lobby"),
        "sent pong".into(),
        "refused invalid_message id Some(2)".into(),
        "sent pong".into(),
        "pong".into(),
        action(3, "chat:löbby"),
        "renewed Narrowed".into(),
        "unsubscribe chat:lobby".into(),
        "refused invalid_message id None".into(),
        "refused forbidden id Some(4)".into(),
        "close received Some(1001)".into(),
        "sent close 1001 ".into(),
    ];
    (bytes.concat(), said.into())
}

fn ours() -> impl Protocol {
    engine(&VirtualClock::new())
}

fn theirs() -> impl Protocol {
    Tungstenite::new(&Config::server())
}

/// Runs `pieces` through a fresh gate over `engine`.
fn run<'a, P: Protocol>(engine: P, pieces: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let mut rig = Rig::over(engine, &POLICY, Credential::Absent, false);
    pieces.flat_map(|piece| rig.feed(piece)).collect()
}

fn at_every_split<P: Protocol>(engine: impl Fn() -> P) {
    let (bytes, said) = script();
    for at in 0..=bytes.len() {
        let (left, right) = bytes.split_at(at);
        assert_eq!(run(engine(), [left, right].into_iter()), said, "cut at {at}");
    }
}

fn at_every_piece<P: Protocol>(engine: impl Fn() -> P) {
    let (bytes, said) = script();
    for piece in (1..=260).chain([511, 512, 513, bytes.len()]) {
        assert_eq!(run(engine(), bytes.chunks(piece)), said, "by {piece}");
    }
}

#[test]
fn our_engine_at_every_split() {
    at_every_split(ours);
}

#[test]
fn tungstenite_at_every_split() {
    at_every_split(theirs);
}

#[test]
fn our_engine_at_every_piece() {
    at_every_piece(ours);
}

#[test]
fn tungstenite_at_every_piece() {
    at_every_piece(theirs);
}

#[test]
fn both_engines_in_random_pieces() {
    let (bytes, said) = script();
    let mut prng = Prng::new(6_455);
    for _ in 0..100 {
        let mut pieces = Vec::new();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let len = usize::try_from(prng.below(40)).unwrap().min(rest.len());
            let (piece, tail) = rest.split_at(len);
            pieces.push(piece);
            rest = tail;
        }
        assert_eq!(run(ours(), pieces.iter().copied()), said);
        assert_eq!(run(theirs(), pieces.iter().copied()), said);
    }
}
