//! Shared helpers of the benches.

use portcullis_proto::{
    deflate::{Agreed, DeflateConfig},
    handshake::{ClientRequest, HandshakeError, RequestHead},
};

/// English text, ASCII alone.
#[must_use]
pub fn ascii(len: usize) -> Vec<u8> {
    b"The quick brown fox jumps over the lazy dog. ".iter().copied().cycle().take(len).collect()
}

/// Text with characters of one to four bytes.
#[must_use]
pub fn mixed(len: usize) -> Vec<u8> {
    let mut text = String::new();
    for character in "na\u{ef}ve \u{2014} \u{65e5}\u{672c}\u{8a9e} \u{1f980} ok ".chars().cycle() {
        if text.len() + character.len_utf8() > len {
            break;
        }
        text.push(character);
    }
    text.push_str(&" ".repeat(len - text.len()));
    text.into_bytes()
}

/// A message of about `len` bytes as a chat or a feed sends it: a JSON array of events that resemble each other, with
/// numbers and words that do not repeat in step. `seed` makes one differ from the next.
#[must_use]
pub fn json(len: usize, seed: u64) -> String {
    const WORDS: [&str; 16] = [
        "alpha", "gate", "river", "stone", "quiet", "seven", "orange", "packet", "window", "signal", "north",
        "velvet", "copper", "branch", "mirror", "harbor",
    ];
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut number = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let word = |number: &mut dyn FnMut(u64) -> u64| {
        WORDS.get(usize::try_from(number(16)).unwrap_or(0)).copied().unwrap_or_default()
    };
    let mut text = String::from("[");
    while text.len() < len {
        let (id, user, score) = (number(1_000_000), number(500), number(100_000));
        let (first, second, third) = (word(&mut number), word(&mut number), word(&mut number));
        text.push_str(&format!(
            r#"{{"type":"message","id":{id},"user":"user-{user}","text":"{first} {second} {third}","score":{score},"seen":false}},"#
        ));
    }
    text.pop();
    text.push(']');
    text
}

/// What a server of this configuration agrees on with a client that sends this offer.
///
/// # Errors
/// The offer is none.
pub fn agreed(server: &DeflateConfig, offer: &str) -> Result<Option<Agreed>, HandshakeError> {
    let mut head = [0; 1_024];
    let request = ClientRequest { extensions: Some(offer), ..ClientRequest::new("example.com", "/") };
    let len = request.emit([7; 16], &mut head).unwrap_or(0);
    let head = RequestHead::parse(head.get(..len).unwrap_or_default())?;
    Ok(server.accept(head.upgrade()?.extensions()))
}
