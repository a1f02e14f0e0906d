//! `Sec-WebSocket-Key` and what `Sec-WebSocket-Accept` makes of it.

use base64ct::{Base64, Encoding as _};
use sha1::{Digest as _, Sha1};

/// The string that no server knows by chance. RFC 6455 §1.3
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The length of a key in its text form.
pub(super) const KEY_LEN: usize = 24;
/// The length of an accept value in its text form.
pub(super) const ACCEPT_LEN: usize = 28;

/// Whether `text` is base64 of exactly 16 bytes. RFC 6455 §4.2.1
pub(super) fn is_key(text: &[u8]) -> bool {
    let mut nonce = [0; 18];
    text.len() == KEY_LEN && Base64::decode(text, &mut nonce).is_ok_and(|nonce| nonce.len() == 16)
}

/// The text form of a nonce.
pub(super) fn encode(nonce: [u8; 16]) -> [u8; KEY_LEN] {
    let mut text = [0; KEY_LEN];
    // The lengths are constants that fit each other.
    let _ = Base64::encode(&nonce, &mut text);
    text
}

/// The value of `Sec-WebSocket-Accept` for a key in its text form.
///
/// RFC 6455 §4.2.2: "concatenating /key/, defined above in step 4 in Section 4.2.2, with the string
/// "258EAFA5-E914-47DA-95CA-C5AB0DC85B11", taking the SHA-1 hash of this concatenated value to obtain a 20-byte value
/// and base64-encoding (see Section 4 of [RFC4648]) this 20-byte hash"
pub(super) fn accept(key: &[u8]) -> [u8; ACCEPT_LEN] {
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let mut text = [0; ACCEPT_LEN];
    let _ = Base64::encode(&digest, &mut text);
    text
}
