//! The tests of the crate, by what they hold to account.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

mod abuse;
#[cfg(feature = "jwt")]
mod claims;
mod credential;
#[cfg(feature = "jwt")]
mod doors;
#[cfg(feature = "jwt")]
mod jwt_abuse;
#[cfg(feature = "jwt")]
mod keys;
#[cfg(feature = "jwt")]
mod laws;
mod lease;
mod origin;
mod scopes;
#[cfg(feature = "jwt")]
mod support;
#[cfg(feature = "jwt")]
mod vectors;
