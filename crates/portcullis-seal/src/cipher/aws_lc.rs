//! AES-256-GCM by aws-lc.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::Keyed;
use crate::form::TAG_LEN;

/// The cipher under one key, which the library wipes when it is dropped. `None` where it could not be made, which for 32
/// bytes does not happen; then nothing is sealed and nothing opens.
#[expect(unnameable_types, missing_debug_implementations, reason = "nobody else makes ciphers")]
pub struct Aes256Gcm(Option<LessSafeKey>);

impl Keyed for Aes256Gcm {
    fn under(key: &[u8; 32]) -> Self {
        Self(UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new))
    }

    fn encrypt(&self, nonce: &[u8; 12], place: &[u8], message: &mut [u8]) -> Option<[u8; TAG_LEN]> {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let tag = self.0.as_ref()?.seal_in_place_separate_tag(nonce, Aad::from(place), message).ok()?;
        tag.as_ref().try_into().ok()
    }

    fn decrypt(&self, nonce: &[u8; 12], place: &[u8], sealed: &mut [u8]) -> bool {
        let nonce = Nonce::assume_unique_for_key(*nonce);
        self.0.as_ref().is_some_and(|key| key.open_in_place(nonce, Aad::from(place), sealed).is_ok())
    }
}
