//! The tests of the server: the program as its users run it.
#![allow(
    missing_docs,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core,
    clippy::unwrap_used,
    reason = "tests"
)]

mod certificates;
mod chat;
mod cli;
mod client;
mod config;
mod connect;
mod deflate;
mod hostile;
mod identity;
mod keys;
mod limits;
mod operate;
mod operator;
mod program;
mod sealed;
mod sessions;
mod tls;
