#![no_std]
#![cfg_attr(feature = "alloc", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "alloc"),
    doc = "The names of the session model; the model itself is in the feature `alloc`."
)]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

// Small machines without compare-and-swap have one core and no threads: there a plain count is enough.
#[cfg(all(feature = "alloc", not(target_has_atomic = "ptr")))]
use alloc::rc::Rc as Arc;
#[cfg(all(feature = "alloc", target_has_atomic = "ptr"))]
use alloc::sync::Arc;

#[cfg(feature = "alloc")]
mod boundary;
mod config;
mod id;
#[cfg(feature = "alloc")]
mod memory;
mod name;
#[cfg(feature = "alloc")]
mod random;
#[cfg(feature = "alloc")]
mod subscribers;

#[cfg(feature = "alloc")]
pub use {
    boundary::{Backend, Caller, Command, Completion, Entry, Refusal, Resume, Target},
    memory::{Changes, MemoryBackend, SessionInfo, StoredLog, StoredSession},
    subscribers::Subscribers,
};
pub use {
    config::{Config, ENTRY_COST, SKIPPED_MAX},
    id::{ConnectionId, Epoch, Fencing, NodeId, Position, ResumeToken, SessionId, TEXT_LEN},
    name::{CHANNEL_LEN_MAX, USER_PREFIX, is_channel_name},
};
