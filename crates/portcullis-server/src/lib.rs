#![doc = include_str!("../README.md")]
#![allow(clippy::std_instead_of_core, clippy::std_instead_of_alloc, reason = "a server is a std program")]
#![allow(clippy::wildcard_enum_match_arm, reason = "the events of the crates below are non-exhaustive")]

mod admin;
mod backing;
pub mod cli;
pub mod clock;
mod commands;
pub mod config;
mod hub;
mod keys;
pub mod log;
pub mod metrics;
mod orders;
mod revoked;
mod run;
mod shared;
pub mod tls;
mod web;
mod worker;

pub use run::RunError;
