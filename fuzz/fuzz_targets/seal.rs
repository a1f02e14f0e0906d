//! Sealed messages as they come, and what was sealed here with some of its bytes changed.
#![no_main]

use portcullis_seal::{
    ChaCha20Poly1305, Cipher, Direction, Generation, HEADER_LEN, OVERHEAD, Opener, Sealer, Secret, text,
};

const SESSION: [u8; 16] = [1; 16];
const FIRST: Generation = Generation::new(1);

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&way, data)) = data.split_first() else { return };
    match way % 3 {
        0 => forged(data),
        1 => changed::<portcullis_seal::Aes256Gcm>(data),
        _ => changed::<ChaCha20Poly1305>(data),
    }
});

fn secret() -> Secret {
    Secret::new([7; 32])
}

/// Bytes that nobody sealed, and text that may be none.
fn forged(data: &[u8]) {
    let mut opener = Opener::new(&secret(), SESSION, Direction::ToServer, FIRST);
    let mut sealed = data.to_vec();
    assert!(opener.open_in_place(FIRST, "c", &mut sealed).is_err(), "nobody sealed this");
    let mut out = vec![0; data.len()];
    if let Ok(bytes) = text::decode(data, &mut out) {
        let bytes = bytes.to_vec();
        let mut again = vec![0; text::encoded_len(bytes.len())];
        assert_eq!(text::encode(&bytes, &mut again).map(str::as_bytes), Some(data), "a second form");
    }
}

/// A message of these bytes, some of which are then changed: it opens when none is, once, and never otherwise.
fn changed<C: Cipher>(data: &[u8]) {
    let Some((&[at, by, skip], message)) = data.split_first_chunk::<3>() else { return };
    let mut sealer = Sealer::<C>::with_cipher(&secret(), SESSION, Direction::ToClient, FIRST);
    let mut opener = Opener::<C>::with_cipher(&secret(), SESSION, Direction::ToClient, FIRST);
    sealer.skip_to(u32::from(skip) << 24);
    let mut sealed = vec![0; message.len() + OVERHEAD];
    sealed[HEADER_LEN..HEADER_LEN + message.len()].copy_from_slice(message);
    sealer.seal_in_place("c", &mut sealed, message.len()).expect("there is room");
    let whole = sealed.clone();
    let at = usize::from(at) % sealed.len();
    sealed[at] ^= by;
    let verdict = opener.open_in_place(FIRST, "c", &mut sealed).map(|opened| opened.message().to_vec());
    match verdict {
        Ok(opened) => assert!(by == 0 && opened == message),
        Err(_) => assert!(by != 0),
    }
    assert_eq!(opener.open_in_place(FIRST, "c", &mut whole.clone()).is_ok(), by != 0, "each opens once");
}
