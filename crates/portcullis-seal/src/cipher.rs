//! The ciphers that a message can be sealed with.

use aes_gcm::aead::{AeadInOut, KeyInit, inout::InOutBuf};
use chacha20poly1305::aead::array::typenum::{U12, U16, U32};

use crate::form::TAG_LEN;

#[cfg(feature = "aws-lc")]
mod aws_lc;

mod sealed {
    #[expect(unnameable_types, reason = "nobody else makes ciphers")]
    pub trait Sealed {
        /// The cipher under one key. Its key material is wiped when it is dropped.
        type Keyed: super::Keyed;
        /// What keys of this cipher are derived for.
        const LABEL: u8;
    }
}

/// An authenticated cipher with a key of 32 bytes, a nonce of 12 and a tag of 16: [`Aes256Gcm`] or [`ChaCha20Poly1305`].
pub trait Cipher: sealed::Sealed {}

/// AES-256-GCM (NIST SP 800-38D): the fastest where the processor has AES, and what browsers have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Aes256Gcm;

/// ChaCha20-Poly1305 (RFC 8439): for processors without AES.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChaCha20Poly1305;

impl sealed::Sealed for Aes256Gcm {
    #[cfg(not(feature = "aws-lc"))]
    type Keyed = aes_gcm::Aes256Gcm;
    #[cfg(feature = "aws-lc")]
    type Keyed = aws_lc::Aes256Gcm;
    const LABEL: u8 = 1;
}

impl sealed::Sealed for ChaCha20Poly1305 {
    type Keyed = chacha20poly1305::ChaCha20Poly1305;
    const LABEL: u8 = 2;
}

impl Cipher for Aes256Gcm {}
impl Cipher for ChaCha20Poly1305 {}

/// A cipher under one key.
#[expect(unnameable_types, reason = "nobody else makes ciphers")]
pub trait Keyed {
    #[doc(hidden)]
    fn under(key: &[u8; 32]) -> Self;
    #[doc(hidden)]
    fn encrypt(&self, nonce: &[u8; 12], place: &[u8], message: &mut [u8]) -> Option<[u8; TAG_LEN]>;
    /// `sealed` is the message with its tag behind it. After a failure its content is anything.
    #[doc(hidden)]
    fn decrypt(&self, nonce: &[u8; 12], place: &[u8], sealed: &mut [u8]) -> bool;
}

impl<A> Keyed for A
where
    A: AeadInOut<NonceSize = U12, TagSize = U16> + KeyInit<KeySize = U32>,
{
    fn under(key: &[u8; 32]) -> Self {
        Self::new(key.into())
    }

    fn encrypt(&self, nonce: &[u8; 12], place: &[u8], message: &mut [u8]) -> Option<[u8; TAG_LEN]> {
        let tag = self.encrypt_inout_detached(nonce.into(), place, InOutBuf::from(message)).ok()?;
        Some(tag.into())
    }

    fn decrypt(&self, nonce: &[u8; 12], place: &[u8], sealed: &mut [u8]) -> bool {
        let Some((message, tag)) = sealed.split_last_chunk_mut::<TAG_LEN>() else { return false };
        self.decrypt_inout_detached(nonce.into(), place, InOutBuf::from(message), (&*tag).into()).is_ok()
    }
}

pub(crate) type KeyedOf<C> = <C as sealed::Sealed>::Keyed;

/// What keys of `C` are derived for.
pub(crate) const fn label<C: Cipher>() -> u8 {
    C::LABEL
}
