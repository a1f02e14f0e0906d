//! permessage-deflate, RFC 7692.

use portcullis_proto::{
    Config, Connection, Event, Message, ProtocolError, Side, VecStorage,
    deflate::{Agreed, Compressor, DeflateConfig, Level, PreparedMessage, WindowBits},
    handshake::{ClientRequest, ExtensionOffers, HandshakeError, RequestHead},
};

use crate::support::START;

mod laws;
mod negotiate;
mod receive;
mod send;

const NONCE: [u8; 16] = [7; 16];

fn bits(bits: u8) -> WindowBits {
    WindowBits::new(bits).unwrap()
}

/// A request's head with this value of `Sec-WebSocket-Extensions`, as a server sees it.
fn with_offers<T>(value: &str, look: impl FnOnce(ExtensionOffers<'_>) -> T) -> T {
    let mut head = [0; 1_024];
    let request = ClientRequest { extensions: Some(value), ..ClientRequest::new("example.com", "/") };
    let len = request.emit(NONCE, &mut head).unwrap();
    let head = RequestHead::parse(&head[..len]).unwrap();
    look(head.upgrade().unwrap().extensions())
}

/// What a server answers to an offer.
fn answer(server: &DeflateConfig, offer: &str) -> Option<String> {
    with_offers(offer, |offers| server.accept(offers)).map(|agreed| agreed.response())
}

/// What a client makes of an answer to its offer.
fn agree(client: &DeflateConfig, answer: &str) -> Result<Option<Agreed>, HandshakeError> {
    with_offers(answer, |answers| client.agree(answers))
}

/// Any server: nothing is asked for.
fn open_server() -> DeflateConfig {
    DeflateConfig::server().with_client_no_context_takeover(false)
}

fn agreed(server: &DeflateConfig, offer: &str) -> Agreed {
    with_offers(offer, |offers| server.accept(offers)).expect("the offer can be met")
}

fn config(side: Side) -> Config {
    let config = match side {
        Side::Server => Config::server(),
        Side::Client => Config::client(),
    };
    config.with_ping_interval(None).with_inflate_ratio_max(u32::MAX).with_message_len_max(1 << 20)
}

fn connection(side: Side, agreed: Agreed, deflate: &DeflateConfig) -> Connection<VecStorage> {
    Connection::new(config(side), START, [7; 32], VecStorage::new(1 << 20)).with_deflate(agreed, deflate)
}

/// What `input` comes to, as messages.
fn receive(connection: &mut Connection<VecStorage>, input: &[u8]) -> Result<Vec<Vec<u8>>, ProtocolError> {
    let (mut input, mut messages) = (input.to_vec(), Vec::new());
    let mut rest = input.as_mut_slice();
    while !rest.is_empty() {
        let step = connection.handle_input(START, rest)?;
        if let Some(Event::Message { payload, .. }) = step.event {
            messages.push(payload.to_vec());
        }
        let consumed = step.consumed;
        rest = &mut rest[consumed..];
    }
    Ok(messages)
}

fn send(connection: &mut Connection<VecStorage>, text: &[u8]) -> Vec<u8> {
    let mut out = vec![0; text.len() + 14];
    let len = connection.send(START, Message::Binary(text), &mut out).unwrap();
    out.truncate(len);
    out
}

fn prose(len: usize) -> Vec<u8> {
    b"The quick brown fox jumps over the lazy dog; the dog does not mind. "
        .iter()
        .copied()
        .cycle()
        .take(len)
        .collect()
}

/// A raw deflate stream whose only block has one byte, and then matches of 258 bytes at distance 1.
fn bomb(matches: usize) -> Vec<u8> {
    let mut compressor = Compressor::new(WindowBits::MAX, Level::Best);
    let prepared =
        PreparedMessage::new(Message::Binary(&vec![b'a'; 1 + matches * 258]), Some(&mut compressor));
    let frame = prepared.frame(Some(&agreed(&open_server(), "permessage-deflate")));
    assert_eq!(frame[0], 0xC2);
    let head = match frame[1] {
        126 => 4,
        127 => 10,
        _ => 2,
    };
    frame[head..].to_vec()
}
