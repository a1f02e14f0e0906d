//! The heads of requests and responses, cut in any way.
#![no_main]

use portcullis_proto::{
    VecStorage,
    handshake::{
        Acceptance, ClientRequest, HEAD_LEN_MAX, HandshakeError, HeadReader, RequestHead, ResponseHead,
        accept,
    },
};
use portcullis_time::Instant;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((piece, input)) = portcullis_fuzz::cut(data) else { return };
    let whole = read(input, input.len().max(1));
    assert_eq!(read(input, 1), whole);
    assert_eq!(read(input, piece), whole);
    request(input);
    response(input);
    if let Ok((Some(head), _)) = whole {
        request(&head);
        response(&head);
    }
});

/// The head, or the error; and how much was consumed.
fn read(input: &[u8], piece: usize) -> Result<(Option<Vec<u8>>, usize), HandshakeError> {
    let mut reader = HeadReader::new(VecStorage::new(HEAD_LEN_MAX), Instant::FAR_FUTURE);
    let mut consumed = 0;
    for piece in input.chunks(piece) {
        let step = reader.handle_input(Instant::ORIGIN, piece)?;
        consumed += step.consumed;
        if let Some(head) = step.head {
            return Ok((Some(head.to_vec()), consumed));
        }
    }
    Ok((None, consumed))
}

/// Everything that can be asked of a request; one that can be upgraded gets an answer that a client accepts.
fn request(head: &[u8]) {
    let Ok(head) = RequestHead::parse(head) else { return };
    let values: usize = head.fields().map(|(name, value)| name.len() + value.len()).sum();
    assert!(values <= HEAD_LEN_MAX);
    let Ok(upgrade) = head.upgrade() else { return };
    let names: Vec<&str> = upgrade.subprotocols().collect();
    let extensions: usize = upgrade
        .extensions()
        .flat_map(|offer| offer.params())
        .filter_map(|param| param.value())
        .map(|value| value.bytes().count())
        .sum();
    assert!(extensions <= HEAD_LEN_MAX);
    let acceptance = Acceptance { subprotocol: names.first().copied(), ..Acceptance::default() };
    let mut out = vec![0; HEAD_LEN_MAX + 512];
    let len = accept(&upgrade, &acceptance, &mut out).expect("there is room");
    if len <= HEAD_LEN_MAX {
        let answer = ResponseHead::parse(&out[..len]).expect("a head of ours");
        assert_eq!(answer.status(), 101);
    }
}

fn response(head: &[u8]) {
    if let Ok(head) = ResponseHead::parse(head) {
        let wanted =
            ClientRequest { subprotocols: &["a"], extensions: Some("a"), ..ClientRequest::new("a", "/") };
        if let Ok(accepted) = head.verify(&wanted, *b"the sample nonce") {
            assert!(accepted.subprotocol().is_none_or(|name| name == "a"));
            assert!(accepted.extensions().all(|extension| extension.name() == "a"));
        }
    }
}
