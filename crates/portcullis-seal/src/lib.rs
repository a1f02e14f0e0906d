#![no_std]
#![doc = include_str!("../README.md")]

#[cfg(test)]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod cipher;
mod error;
mod form;
mod open;
mod seal;
mod secret;
pub mod text;
mod window;

pub use {
    cipher::{Aes256Gcm, ChaCha20Poly1305, Cipher},
    error::{OpenError, SealError},
    form::{Direction, Generation, HEADER_LEN, OVERHEAD, SESSION_LEN, Session, TAG_LEN},
    open::{Opened, Opener},
    seal::Sealer,
    secret::Secret,
};
