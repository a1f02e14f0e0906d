//! `deflate-*.toml`: what compression is agreed on, and what a connection makes of compressed messages.

use portcullis_proto::{
    Connection, Side, SliceStorage, VecStorage,
    deflate::{Agreed, DeflateConfig, WindowBits},
    handshake::{ClientRequest, ExtensionOffers, RequestHead},
};
use toml::Value;

use super::{
    Clause, clauses,
    frames::{MESSAGE_LEN_MAX, NOW, Story, config, side, story},
    hex, none, to_hex,
};

/// Lets `look` see this value of `Sec-WebSocket-Extensions`. A response has the grammar of a request.
fn with_value<T>(value: &str, look: impl FnOnce(ExtensionOffers<'_>) -> T) -> T {
    let extensions = Some(value).filter(|value| !value.is_empty());
    let request = ClientRequest { extensions, ..ClientRequest::new("a", "/") };
    let mut head = [0; 512];
    let len = request.emit([0; 16], &mut head).unwrap();
    look(RequestHead::parse(&head[..len]).unwrap().upgrade().unwrap().extensions())
}

/// `usual` with what the clause says otherwise.
fn configured(clause: &Clause, usual: DeflateConfig) -> DeflateConfig {
    let bits = |key: &str| {
        let bits = clause.0.get(key).and_then(Value::as_integer);
        bits.map_or(WindowBits::MAX, |bits| WindowBits::new(u8::try_from(bits).unwrap()).unwrap())
    };
    let flag = |key: &str| clause.0.get(key).and_then(Value::as_bool).unwrap_or(false);
    usual
        .with_server_max_window_bits(bits("server_max_window_bits"))
        .with_client_max_window_bits(bits("client_max_window_bits"))
        .with_server_no_context_takeover(flag("server_no_context_takeover"))
        .with_client_no_context_takeover(flag("client_no_context_takeover"))
}

#[test]
fn every_clause_of_offers() {
    let all = clauses("deflate-offers");
    let differs = |clause: &Clause| {
        let server = configured(clause, DeflateConfig::server());
        let answer = with_value(clause.text("offer"), |offers| server.accept(offers));
        let (got, expected) =
            (answer.map_or_else(String::new, |agreed| agreed.response()), clause.text("answer"));
        (got != expected).then(|| format!("{}\n  expected {expected}\n  got      {got}", clause.headline()))
    };
    let failures: Vec<String> = all.iter().filter_map(differs).collect();
    println!("{} clauses of offers", all.len());
    none(&failures);
}

#[test]
fn every_clause_of_answers() {
    let all = clauses("deflate-answers");
    let differs = |clause: &Clause| {
        let client = configured(clause, DeflateConfig::client());
        let got = match with_value(clause.text("answer"), |answers| client.agree(answers)) {
            Ok(Some(_)) => "accept".to_owned(),
            Ok(None) => "none".to_owned(),
            Err(error) => format!("{} {}", error.code(), error.status()),
        };
        let expected = clause.text("verdict");
        (got != expected).then(|| format!("{}\n  expected {expected}\n  got      {got}", clause.headline()))
    };
    let failures: Vec<String> = all.iter().filter_map(differs).collect();
    println!("{} clauses of answers", all.len());
    none(&failures);
}

/// What a side came to, when this is the answer that the server gave.
fn agreed(side: Side, answer: &str) -> (Agreed, DeflateConfig) {
    let (deflate, agreed) = match side {
        Side::Server => {
            let deflate = DeflateConfig::server().with_client_no_context_takeover(false);
            (deflate, with_value(answer, |offers| deflate.accept(offers)).unwrap())
        }
        Side::Client => {
            let deflate = DeflateConfig::client();
            (deflate, with_value(answer, |answers| deflate.agree(answers)).unwrap().unwrap())
        }
    };
    if side == Side::Server {
        assert_eq!(agreed.response(), answer, "the offer that is the answer gets it");
    }
    (agreed, deflate)
}

/// The story of compressed input, gathered or streamed.
fn tell(clause: &Clause, is_streaming: bool, pieces: &mut dyn Iterator<Item = &[u8]>) -> Story {
    let (side, answer) = (side(clause), clause.maybe("agreed"));
    let config = config(side).with_streaming(is_streaming);
    let deflate = answer.map(|answer| agreed(side, answer));
    if is_streaming {
        // Little memory, so that one message comes in many parts.
        let mut memory = [0; 64];
        let plain = Connection::new(config, NOW, [7; 32], SliceStorage::new(&mut memory));
        match deflate {
            Some((agreed, deflate)) => story(plain.with_deflate(agreed, &deflate), pieces),
            None => story(plain, pieces),
        }
    } else {
        let plain = Connection::new(config, NOW, [7; 32], VecStorage::new(MESSAGE_LEN_MAX));
        match deflate {
            Some((agreed, deflate)) => story(plain.with_deflate(agreed, &deflate), pieces),
            None => story(plain, pieces),
        }
    }
}

/// What differs from the clause, if anything does, at the first cut where it does.
fn differs(clause: &Clause) -> Option<String> {
    let input = hex(clause.text("input"));
    let expected = Story { told: clause.list("expect"), sent: to_hex(&hex(clause.text("sent"))) };
    let judge = |how: &str, is_streaming: bool, got: Story| {
        let headline = clause.headline();
        (got != expected).then(|| {
            format!(
                "{headline}\n  {how}, streaming: {is_streaming}\n  expected {expected:?}\n  got      {got:?}"
            )
        })
    };
    [false, true].into_iter().find_map(|is_streaming| {
        let bytes = tell(clause, is_streaming, &mut input.chunks(1));
        let cuts = || {
            (0..input.len()).step_by(input.len() / 64 + 1).find_map(|cut| {
                let (head, tail) = input.split_at(cut);
                let got = tell(clause, is_streaming, &mut [head, tail].into_iter());
                judge(&format!("cut at {cut}"), is_streaming, got)
            })
        };
        judge("byte by byte", is_streaming, bytes).or_else(cuts)
    })
}

#[test]
fn every_clause_of_compressed_frames_at_every_cut() {
    let all = clauses("deflate-frames");
    let failures: Vec<String> = all.iter().filter_map(differs).collect();
    println!("{} clauses of compressed frames", all.len());
    none(&failures);
}
