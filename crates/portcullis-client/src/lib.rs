#![no_std]
#![doc = include_str!("../README.md")]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod backoff;
mod channels;
mod client;
mod config;
#[cfg(any(feature = "blocking", feature = "tokio"))]
mod driver;
mod event;
mod outbox;
mod policy;
mod timers;
mod url;
mod wire;

pub use client::{Action, Client, DialError, Now, TokenReason};
pub use config::{Auth, Config, OutboxPolicy};
#[cfg(any(feature = "blocking", feature = "tokio"))]
pub use driver::Options;
#[cfg(feature = "blocking")]
pub use driver::blocking;
#[cfg(feature = "tokio")]
pub use driver::tokio;
pub use event::{Event, MessageId, Outcome, Position, Received, Refusal, SendError, State};
pub use outbox::Outgoing;
pub use policy::{Policy, close_policy};
pub use url::{Url, UrlError};
