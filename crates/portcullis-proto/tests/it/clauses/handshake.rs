//! `request-*.toml` and `response*.toml`: what each side makes of the other's head, whole, at every cut, byte by byte.

use portcullis_proto::{
    SliceStorage, Storage,
    handshake::{
        Acceptance, ClientRequest, HEAD_LEN_MAX, HandshakeError, HeadReader, RequestHead, ResponseHead,
        accept, refuse,
    },
};
use portcullis_time::Instant;

use super::{Clause, clauses, hex, none};

/// The nonce of RFC 6455 §1.3, that each response here answers.
const NONCE: [u8; 16] = *b"the sample nonce";
/// What the client has offered, unless a clause says otherwise.
const SUBPROTOCOLS: [&str; 2] = ["chat", "superchat"];
const EXTENSIONS: &str = "permessage-deflate; client_max_window_bits";

/// What a complete head comes to.
pub(super) type Judge<'j> = &'j dyn Fn(&[u8]) -> Result<(), HandshakeError>;

/// What a reader over this storage makes of pieces: the head, or the error.
fn read<'p, S: Storage>(
    storage: S,
    pieces: impl Iterator<Item = &'p [u8]>,
) -> Result<Vec<u8>, HandshakeError> {
    let mut reader = HeadReader::new(storage, Instant::FAR_FUTURE);
    for piece in pieces {
        let step = reader.handle_input(Instant::ORIGIN, piece)?;
        if let Some(head) = step.head {
            return Ok(head.to_vec());
        }
    }
    panic!("the head did not end")
}

/// The verdict as the data files write it.
fn in_words(outcome: Result<(), HandshakeError>) -> String {
    outcome.map_or_else(|error| format!("{} {}", error.code(), error.status()), |()| "accept".to_owned())
}

/// The verdict on a head in these pieces: the same on each storage.
pub(super) fn verdict<'p>(pieces: impl Iterator<Item = &'p [u8]> + Clone, judge: Judge<'_>) -> String {
    // Most heads are short, and to clear the memory for the longest each time is most of the time that it takes.
    if pieces.clone().map(<[u8]>::len).sum::<usize>() < 1_024 {
        verdict_on::<1_024>(pieces, judge)
    } else {
        verdict_on::<HEAD_LEN_MAX>(pieces, judge)
    }
}

fn verdict_on<'p, const N: usize>(
    pieces: impl Iterator<Item = &'p [u8]> + Clone,
    judge: Judge<'_>,
) -> String {
    let head = read(SliceStorage::new(&mut [0; N]), pieces.clone());
    #[cfg(feature = "alloc")]
    assert_eq!(read(portcullis_proto::VecStorage::new(N), pieces.clone()), head);
    #[cfg(feature = "heapless")]
    assert_eq!(read(portcullis_proto::HeaplessStorage::<N>::new(), pieces), head);
    in_words(head.and_then(|head| judge(&head)))
}

/// A server's judgement on a request, and its answer.
pub(super) fn judge_request(head: &[u8], answer: Option<&str>) -> Result<(), HandshakeError> {
    let request = RequestHead::parse(head)?.upgrade()?;
    let mut out = [0; 512];
    let len = accept(&request, &Acceptance::default(), &mut out)?;
    if let Some(answer) = answer {
        assert_eq!(core::str::from_utf8(&out[..len]).unwrap(), answer);
    }
    Ok(())
}

/// A client's judgement on the answer to what it offered.
pub(super) fn judge_response(
    head: &[u8],
    subprotocols: &[&str],
    extensions: &str,
) -> Result<(), HandshakeError> {
    let extensions = Some(extensions).filter(|value| !value.is_empty());
    let request =
        ClientRequest { subprotocols, extensions, ..ClientRequest::new("server.example.com", "/chat") };
    assert!(request.emit(NONCE, &mut [0; 512]).is_ok(), "the clause offers what cannot be offered");
    ResponseHead::parse(head)?.verify(&request, NONCE).map(|_| ())
}

/// The same with what is offered by default.
pub(super) fn judge_usual_response(head: &[u8]) -> Result<(), HandshakeError> {
    judge_response(head, &SUBPROTOCOLS, EXTENSIONS)
}

/// RFC 9110 §15.5.6 and RFC 6455 §4.2.2: what a refusal with this status must say beside it.
fn check_refusal(verdict: &str) {
    let (status, required) = match verdict.rsplit_once(' ') {
        Some((_, "405")) => (405, "\r\nAllow: GET\r\n"),
        Some((_, "426")) => (426, "\r\nSec-WebSocket-Version: 13\r\n"),
        _ => return,
    };
    let error = if status == 405 { HandshakeError::MethodNotGet } else { HandshakeError::VersionUnsupported };
    let mut out = [0; 512];
    let len = refuse(status, error.refusal_fields(), b"", &mut out).unwrap();
    assert!(core::str::from_utf8(&out[..len]).unwrap().contains(required), "{verdict}");
}

fn head(clause: &Clause) -> Vec<u8> {
    clause.maybe("head_hex").map_or_else(|| clause.text("head").as_bytes().to_vec(), hex)
}

/// What differs from the clause, if anything does, at the first cut where it does.
fn differs(clause: &Clause, judge: Judge<'_>) -> Option<String> {
    let (head, expected) = (head(clause), clause.text("verdict"));
    check_refusal(expected);
    let tell = |how: &str, got: String| {
        let headline = clause.headline();
        (got != expected).then(|| format!("{headline}\n  {how}\n  expected {expected}\n  got      {got}"))
    };
    let whole = tell("whole", verdict(core::iter::once(head.as_slice()), judge));
    let found = whole.or_else(|| tell("byte by byte", verdict(head.chunks(1), judge)));
    if found.is_some() {
        return found;
    }
    // A few heads are as long as a head may be; there a cut at every byte would only cost time.
    (1..head.len()).step_by(head.len() / 1_024 * 16 + 1).find_map(|cut| {
        let (first, second) = head.split_at(cut);
        tell(&format!("cut at {cut}"), verdict([first, second].into_iter(), judge))
    })
}

#[test]
fn every_clause_of_requests_at_every_cut() {
    let all = clauses("request-");
    let judge = |clause: &Clause| {
        let answer = clause.maybe("answer");
        differs(clause, &|head| judge_request(head, answer))
    };
    let failures: Vec<String> = all.iter().filter_map(judge).collect();
    println!("{} clauses of requests", all.len());
    none(&failures);
}

#[test]
fn every_clause_of_responses_at_every_cut() {
    let all = clauses("response");
    let judge = |clause: &Clause| {
        let offered = clause.list("subprotocols");
        let subprotocols: Vec<&str> = if clause.0.contains_key("subprotocols") {
            offered.iter().map(String::as_str).collect()
        } else {
            SUBPROTOCOLS.to_vec()
        };
        let extensions = clause.maybe("extensions").unwrap_or(EXTENSIONS);
        differs(clause, &|head| judge_response(head, &subprotocols, extensions))
    };
    let failures: Vec<String> = all.iter().filter_map(judge).collect();
    println!("{} clauses of responses", all.len());
    none(&failures);
}

#[test]
fn a_wrong_verdict_is_found() {
    let table = "id = \"wrong\"\nrule = \"none\"\nhead = \"GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n\"\nverdict = \"accept\"";
    let found = differs(&Clause(table.parse().unwrap()), &|head| judge_request(head, None)).unwrap();
    assert!(found.contains("upgrade_missing 400"), "{found}");
}
