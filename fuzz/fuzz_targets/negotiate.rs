//! Offers and answers of permessage-deflate: whatever a peer writes, and what both sides make of each other.
#![no_main]

use portcullis_fuzz::Source;
use portcullis_proto::{
    Side,
    deflate::{Agreed, DeflateConfig, WindowBits},
    handshake::{
        Acceptance, ClientRequest, ExtensionOffer, RequestHead, ResponseHead, UpgradeRequest, accept,
    },
};

const NONCE: [u8; 16] = *b"the sample nonce";
const NAME: &str = "permessage-deflate";
const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
const RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut source = Source::new(data);
    let (server, client) = (config(&mut source), config(&mut source));
    let value = source.rest();
    offered(&server, value);
    answered(&client, value);
    meet(&server, &client);
});

fn config(source: &mut Source<'_>) -> DeflateConfig {
    let [bits, takeover] = source.array();
    let window = |bits: u8| WindowBits::new(8 + bits % 8).unwrap_or(WindowBits::MAX);
    DeflateConfig::server()
        .with_server_max_window_bits(window(bits))
        .with_client_max_window_bits(window(bits / 8))
        .with_server_no_context_takeover(takeover & 1 != 0)
        .with_client_no_context_takeover(takeover & 2 != 0)
}

/// A head with the value in it; each line of it is a field of its own.
fn head(start: &str, value: &[u8]) -> Vec<u8> {
    let mut head = start.as_bytes().to_vec();
    for line in value.split(|&byte| byte == b'\n') {
        head.extend_from_slice(b"Sec-WebSocket-Extensions: ");
        head.extend_from_slice(line);
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// Any offer: what is agreed is within one that was made, and the answer says it.
fn offered(server: &DeflateConfig, value: &[u8]) {
    let head = head(REQUEST, value);
    let Ok(upgrade) = RequestHead::parse(&head).and_then(|head| head.upgrade()) else { return };
    let Some(agreed) = server.accept(upgrade.extensions()) else {
        let is_plain = |offer: ExtensionOffer<'_>| offer.name() == NAME && offer.params().count() == 0;
        let can_meet_plain = server.client_max_window_bits == WindowBits::MAX;
        assert!(!(can_meet_plain && upgrade.extensions().any(is_plain)), "the plain offer was declined");
        return;
    };
    assert!(agreed.window_bits(Side::Server) <= server.server_max_window_bits);
    assert!(agreed.window_bits(Side::Client) <= server.client_max_window_bits);
    assert!(!(server.server_no_context_takeover && agreed.context_takeover(Side::Server)));
    assert!(!(server.client_no_context_takeover && agreed.context_takeover(Side::Client)));
    let answer = agreed.response();
    let (seen, keys) = answer_of(&upgrade, &answer);
    assert_eq!(seen.server_bits.unwrap_or(15), agreed.window_bits(Side::Server).bits());
    assert_eq!(seen.client_bits.unwrap_or(15), agreed.window_bits(Side::Client).bits());
    assert_eq!(seen.server_no_takeover, !agreed.context_takeover(Side::Server));
    assert_eq!(seen.client_no_takeover, !agreed.context_takeover(Side::Client));
    assert!(keys <= 4);
    let meets = |offer| seen.meets(&offer);
    assert!(upgrade.extensions().any(meets), "{answer} is the answer to none of the offers");
}

/// The parameters of an answer, read once more.
#[derive(Default)]
struct Seen {
    server_bits: Option<u8>,
    client_bits: Option<u8>,
    server_no_takeover: bool,
    client_no_takeover: bool,
}

impl Seen {
    /// Whether this may answer the offer (RFC 7692 §7.1).
    fn meets(&self, offer: &ExtensionOffer<'_>) -> bool {
        let (mut meets, mut names) = (offer.name() == NAME, Vec::new());
        let mut knows_client_bits = false;
        for param in offer.params() {
            let bits = param.value().and_then(|value| value.to_number());
            let bits_are_valid = bits.is_some_and(|bits| (8..=15).contains(&bits));
            meets &= match (param.name(), param.value().is_some()) {
                ("server_no_context_takeover", false) => self.server_no_takeover,
                ("client_no_context_takeover", false) => true,
                ("server_max_window_bits", true) => {
                    bits_are_valid && self.server_bits.is_some() && self.server_bits <= bits
                }
                ("client_max_window_bits", false) => {
                    knows_client_bits = true;
                    true
                }
                ("client_max_window_bits", true) => {
                    knows_client_bits = true;
                    bits_are_valid
                }
                _ => false,
            };
            meets &= !names.contains(&param.name());
            names.push(param.name());
        }
        meets && (knows_client_bits || self.client_bits.is_none())
    }
}

/// Sends the answer, and reads it as a client does.
fn answer_of(upgrade: &UpgradeRequest<'_>, answer: &str) -> (Seen, usize) {
    let mut out = [0; 512];
    let acceptance = Acceptance { extensions: Some(answer), ..Acceptance::default() };
    let len = accept(upgrade, &acceptance, &mut out).expect("it was offered");
    let head = ResponseHead::parse(&out[..len]).expect("a head of ours");
    let wanted = ClientRequest { extensions: Some(NAME), ..ClientRequest::new("a", "/") };
    let accepted = head.verify(&wanted, NONCE).expect("an answer of ours");
    let mut extensions = accepted.extensions();
    let extension = extensions.next().expect("one extension");
    assert!(extension.name() == NAME && extensions.next().is_none());
    let mut seen = Seen::default();
    for param in extension.params() {
        let bits = param.value().and_then(|value| value.to_number());
        match param.name() {
            "server_max_window_bits" => assert!(seen.server_bits.replace(bits.expect("a number")).is_none()),
            "client_max_window_bits" => assert!(seen.client_bits.replace(bits.expect("a number")).is_none()),
            "server_no_context_takeover" => seen.server_no_takeover = true,
            "client_no_context_takeover" => seen.client_no_takeover = true,
            other => panic!("{other}"),
        }
    }
    (seen, extension.params().count())
}

/// Any answer: a client takes only what it offered.
fn answered(client: &DeflateConfig, value: &[u8]) {
    let head = head(RESPONSE, value);
    let Ok(head) = ResponseHead::parse(&head) else { return };
    let offer = client.offer();
    let wanted = ClientRequest { extensions: Some(&offer), ..ClientRequest::new("a", "/") };
    let Ok(accepted) = head.verify(&wanted, NONCE) else { return };
    let Ok(Some(agreed)) = client.agree(accepted.extensions()) else { return };
    assert!(agreed.window_bits(Side::Server) <= client.server_max_window_bits);
    assert!(agreed.window_bits(Side::Client) <= client.client_max_window_bits);
    assert!(!(client.server_no_context_takeover && agreed.context_takeover(Side::Server)));
    assert!(!(client.client_no_context_takeover && agreed.context_takeover(Side::Client)));
}

/// A server and a client of ours always come to an agreement, and to the same one.
fn meet(server: &DeflateConfig, client: &DeflateConfig) {
    let offer = client.offer();
    let wanted = ClientRequest { extensions: Some(&offer), ..ClientRequest::new("a", "/") };
    let (mut request, mut response) = ([0; 512], [0; 512]);
    let len = wanted.emit(NONCE, &mut request).expect("there is room");
    let upgrade = RequestHead::parse(&request[..len]).and_then(|head| head.upgrade()).expect("our own");
    let theirs = server.accept(upgrade.extensions()).expect("an offer of ours can be met");
    let answer = theirs.response();
    let acceptance = Acceptance { extensions: Some(&answer), ..Acceptance::default() };
    let len = accept(&upgrade, &acceptance, &mut response).expect("there is room");
    let accepted = ResponseHead::parse(&response[..len]).and_then(|head| head.verify(&wanted, NONCE));
    let ours = client.agree(accepted.expect("our own").extensions()).expect("what was offered").expect("one");
    let of = |agreed: &Agreed, side| (agreed.window_bits(side), agreed.context_takeover(side));
    for side in [Side::Server, Side::Client] {
        assert_eq!(of(&ours, side), of(&theirs, side), "{offer} was answered with {answer}");
    }
}
