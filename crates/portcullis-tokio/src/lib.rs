#![doc = include_str!("../README.md")]

extern crate alloc;

mod clock;
mod message;
mod open;
mod stream;
mod wakers;

pub use message::{Message, Text};
#[cfg(feature = "connect")]
pub use open::connect_async;
pub use open::{accept_async, accept_async_with, client_async, client_async_with};
pub use stream::WebSocketStream;

pub use portcullis_proto as proto;
pub use portcullis_proto::{
    blocking::Error,
    endpoint::{Agreement, Answer, Decide, Options, PeerClose, Refusal, answer},
    handshake::ClientRequest,
    wire::CloseCode,
};
