//! The tests of the crate, by what they hold to account.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod abuse;
#[cfg(feature = "alloc")]
mod channels;
#[cfg(feature = "jwt")]
mod claims;
mod credential;
#[cfg(feature = "jwt")]
mod doors;
#[cfg(feature = "jwt")]
mod jwt_abuse;
#[cfg(feature = "jwt")]
mod key_sets;
#[cfg(feature = "jwt")]
mod keys;
#[cfg(feature = "jwt")]
mod laws;
mod lease;
mod origin;
#[cfg(feature = "jwt")]
mod revocations;
mod scopes;
#[cfg(feature = "jwt")]
mod support;
#[cfg(feature = "jwt")]
mod tickets;
#[cfg(feature = "jwt")]
mod vectors;
