//! The gate as a client meets it: credentials, budgets, messages, on both engines, at every cut of the input.
#![cfg(feature = "std")]
#![allow(missing_docs, clippy::unwrap_used, clippy::std_instead_of_alloc, reason = "tests")]

mod support;

mod auth;
mod channels;
mod cuts;
mod doors;
mod hop;
mod lease;
mod memory;
mod messages;
mod sealed;
mod wire;
