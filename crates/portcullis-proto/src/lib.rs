#![no_std]
#![doc = include_str!("../README.md")]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "std")]
pub mod blocking;
mod config;
mod connection;
#[cfg(feature = "deflate")]
pub mod deflate;
#[cfg(feature = "alloc")]
pub mod endpoint;
mod error;
pub mod handshake;
mod random;
mod storage;
pub mod wire;

#[cfg(feature = "heapless")]
pub use storage::HeaplessStorage;
#[cfg(feature = "alloc")]
pub use {config::worst_case_bytes, storage::VecStorage};
pub use {
    config::{Config, Message, MessageKind, Secret, Side},
    connection::{Connection, Event, Step},
    error::{ProtocolError, SendError},
    storage::{SliceStorage, Storage, StorageFull},
    wire::CloseCode,
};

/// The examples of the how-to are tests.
#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../INTEGRATION.md")]
mod integration {}
