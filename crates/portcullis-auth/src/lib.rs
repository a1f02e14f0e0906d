#![no_std]
#![doc = include_str!("../README.md")]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod credential;
mod error;
#[cfg(feature = "jwt")]
pub mod jwt;
mod lease;
mod origin;
#[cfg(feature = "alloc")]
mod verified;

pub use {
    error::AuthError,
    lease::Lease,
    origin::{OriginError, check_same_host},
};
#[cfg(feature = "alloc")]
pub use {
    origin::{OriginEntryError, OriginPolicy},
    verified::{SCOPES_MAX, Scopes, Verified, Verify},
};
