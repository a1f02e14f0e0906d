//! The opening handshake of RFC 6455 §4, both sides: read, check, answer. No allocation, no I/O.
//!
//! A server reads with [`HeadReader`], parses with [`RequestHead`], checks with [`RequestHead::upgrade`] and answers
//! with [`accept`] or [`refuse`]. A client writes with [`ClientRequest::emit`], reads with the same [`HeadReader`],
//! parses with [`ResponseHead`] and checks with [`ResponseHead::verify`].
//!
//! ```
//! use portcullis_proto::handshake::{Acceptance, ClientRequest, RequestHead, ResponseHead, accept};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let wanted = ClientRequest { subprotocols: &["chat"], ..ClientRequest::new("example.com", "/ws") };
//! let nonce = [7; 16]; // 16 fresh random bytes
//! let (mut request, mut response) = ([0; 1_024], [0; 1_024]);
//! let len = wanted.emit(nonce, &mut request)?;
//!
//! // The server:
//! let head = RequestHead::parse(&request[..len])?;
//! assert_eq!((head.path(), head.host()), ("/ws", Some("example.com")));
//! let upgrade = head.upgrade()?;
//! let acceptance = Acceptance { subprotocol: upgrade.subprotocols().next(), ..Acceptance::default() };
//! let len = accept(&upgrade, &acceptance, &mut response)?;
//!
//! // The client:
//! let accepted = ResponseHead::parse(&response[..len])?.verify(&wanted, nonce)?;
//! assert_eq!(accepted.subprotocol(), Some("chat"));
//! # Ok(())
//! # }
//! ```

mod client;
mod emit;
mod error;
mod extension;
mod field;
mod grammar;
mod key;
mod reader;
mod request;
mod respond;
mod response;
mod upgrade;

pub use client::ClientRequest;
pub use emit::EmitError;
pub use error::HandshakeError;
pub use extension::{ExtensionOffer, ExtensionOffers, ExtensionParam, ExtensionParams, ParamValue};
pub use field::{Fields, FieldsNamed};
pub use reader::{HeadReader, HeadStep};
pub use request::RequestHead;
pub use respond::{Acceptance, accept, refuse};
pub use response::{Accepted, ResponseHead};
pub use upgrade::{Subprotocols, UpgradeRequest};

/// The longest head that is read, in bytes, its last empty line included. A longer one is refused with 431.
///
/// Precedents: 8 KiB in nginx (`large_client_header_buffers`) and Apache (`LimitRequestLine`), 16 KiB in Node.js.
pub const HEAD_LEN_MAX: usize = 8_192;

/// The most header fields that a head may have. More are refused with 431.
///
/// Precedents: 100 in Apache (`LimitRequestFields`), 2,000 in Node.js.
pub const FIELDS_MAX: usize = 64;

/// The most subprotocols that one request may offer. With it the check for duplicates stays linear in the head.
pub const SUBPROTOCOLS_MAX: usize = 16;

/// The most extensions that one request may offer, and the most parameters that one extension may have.
pub const EXTENSIONS_MAX: usize = 16;
