//! What both ends share, and the keys that come of it.

use core::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{
    cipher::{Cipher, Keyed as _, KeyedOf, label},
    form::{Direction, Generation, Session},
};

/// What a key is derived for; the parts behind it have fixed lengths.
const LABEL: &[u8] = b"portcullis seal v1";

/// 32 unpredictable bytes that both ends have. It is wiped when it is dropped, and `Debug` does not show it.
#[derive(Clone)]
pub struct Secret(Zeroizing<[u8; 32]>);

impl Secret {
    /// From bytes that are as unpredictable as they are long: from a key exchange, a key management service, or
    /// `crypto.getRandomValues`; never from a password.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The cipher under the key of a session, a direction and a generation: HKDF-SHA-256 (RFC 5869) with the session as
    /// salt, and `"portcullis seal v1" ‖ cipher ‖ direction ‖ generation` as info.
    pub(crate) fn keyed<C: Cipher>(
        &self,
        session: &Session,
        direction: Direction,
        generation: Generation,
    ) -> KeyedOf<C> {
        let mut key = Zeroizing::new([0; 32]);
        let generation = generation.get().to_be_bytes();
        let info: [&[u8]; 3] = [LABEL, &[label::<C>(), direction.byte()], &generation];
        let derived = Hkdf::<Sha256>::new(Some(session), &*self.0).expand_multi_info(&info, &mut *key);
        // HKDF refuses lengths beyond 255 hashes alone; this one is one.
        debug_assert!(derived.is_ok(), "32 bytes are one block");
        KeyedOf::<C>::under(&key)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}
