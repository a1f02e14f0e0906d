#![no_std]
#![doc = include_str!("../README.md")]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "alloc")]
mod admission;
#[cfg(feature = "alloc")]
mod event;
#[cfg(feature = "alloc")]
mod gate;
#[cfg(feature = "alloc")]
mod hop;
#[cfg(feature = "alloc")]
mod members;
#[cfg(feature = "alloc")]
mod policy;
mod protocol;
#[cfg(feature = "alloc")]
mod refusal;
#[cfg(feature = "alloc")]
pub mod wire;

pub use protocol::Protocol;
#[cfg(feature = "alloc")]
pub use {
    admission::{AdmissionError, Admitted, Credential, Endpoint, Redeem, SUBPROTOCOL, admit},
    event::{Action, Closing, Event, Resume, Step},
    gate::{Context, Gate},
    hop::{HOP_OVERHEAD, Hop},
    policy::{ActionRule, Limits, Policy, PolicyError, Route},
    refusal::{Reason, Refusal},
};
