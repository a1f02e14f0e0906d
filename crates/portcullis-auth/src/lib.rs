#![no_std]
#![doc = include_str!("../README.md")]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "alloc")]
pub mod certificate;
#[cfg(feature = "alloc")]
mod channels;
pub mod credential;
mod error;
#[cfg(feature = "jwt")]
pub mod jwt;
mod lease;
mod origin;
#[cfg(feature = "alloc")]
mod revocation;
#[cfg(feature = "alloc")]
mod ticket;
#[cfg(feature = "alloc")]
mod verified;

#[cfg(feature = "alloc")]
pub use {
    channels::{Access, ChannelRule, ChannelRuleError, ChannelRules, ScopeError},
    origin::{OriginEntryError, OriginPolicy},
    revocation::{Remembered, Revocation, Revocations},
    ticket::{TICKET_LEN, TicketError, TicketText, Tickets},
    verified::{SCOPES_MAX, Scopes, Verified, Verify},
};
pub use {
    error::AuthError,
    lease::{Lease, LeaseConfig, LeaseState, Renewal},
    origin::{OriginError, check_same_host},
};
