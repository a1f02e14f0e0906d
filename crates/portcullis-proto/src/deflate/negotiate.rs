//! The agreement: offers, answers, and what follows from them (RFC 7692 §5, §7.1).

use alloc::{borrow::ToOwned as _, format, string::String};

use super::{DeflateConfig, WindowBits};
use crate::{
    Side,
    handshake::{ExtensionOffer, ExtensionOffers, HandshakeError},
};

const NAME: &str = "permessage-deflate";

/// What client and server agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreed {
    server: Sender,
    client: Sender,
    /// The offer had `server_max_window_bits`, with which the answer must have it.
    server_bits_are_asked: bool,
    /// The offer had `client_max_window_bits`, without which the answer must not have it.
    client_bits_are_known: bool,
}

/// How one side compresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sender {
    window_bits: WindowBits,
    takeover: bool,
}

impl Agreed {
    /// The largest window that `side` may compress with.
    #[must_use]
    pub const fn window_bits(&self, side: Side) -> WindowBits {
        self.sender(side).window_bits
    }

    /// Whether `side` may keep its window from message to message.
    #[must_use]
    pub const fn context_takeover(&self, side: Side) -> bool {
        self.sender(side).takeover
    }

    /// The element of `Sec-WebSocket-Extensions` with which a server answers.
    #[must_use]
    pub fn response(&self) -> String {
        let mut text = NAME.to_owned();
        if !self.server.takeover {
            text.push_str("; server_no_context_takeover");
        }
        if !self.client.takeover {
            text.push_str("; client_no_context_takeover");
        }
        // RFC 7692 §7.1.2.1: "A server accepts an extension negotiation offer with this parameter by including the
        // "server_max_window_bits" extension parameter in the extension negotiation response"
        if self.server_bits_are_asked || self.server.window_bits < WindowBits::MAX {
            text.push_str(&format!("; server_max_window_bits={}", self.server.window_bits.bits()));
        }
        // RFC 7692 §7.1.2.2: "If a received extension negotiation offer doesn't have the "client_max_window_bits" extension
        // parameter, the corresponding extension negotiation response to the offer MUST NOT include the
        // "client_max_window_bits" extension parameter."
        if self.client_bits_are_known && self.client.window_bits < WindowBits::MAX {
            text.push_str(&format!("; client_max_window_bits={}", self.client.window_bits.bits()));
        }
        text
    }

    const fn sender(&self, side: Side) -> Sender {
        match side {
            Side::Server => self.server,
            Side::Client => self.client,
        }
    }
}

impl DeflateConfig {
    /// The value of `Sec-WebSocket-Extensions` with which a client offers this.
    #[must_use]
    pub fn offer(&self) -> String {
        let mut text = NAME.to_owned();
        if self.server_no_context_takeover {
            text.push_str("; server_no_context_takeover");
        }
        if self.client_no_context_takeover {
            text.push_str("; client_no_context_takeover");
        }
        if self.server_max_window_bits < WindowBits::MAX {
            text.push_str(&format!("; server_max_window_bits={}", self.server_max_window_bits.bits()));
        }
        // Without a value it says only that the server may ask for less.
        text.push_str("; client_max_window_bits");
        if self.client_max_window_bits < WindowBits::MAX {
            text.push_str(&format!("={}", self.client_max_window_bits.bits()));
        }
        text
    }

    /// A server's choice: the first of the client's offers that can be met. Without one, the connection does without
    /// compression; that is no error. O(n) in the offers.
    #[must_use]
    pub fn accept(&self, offers: ExtensionOffers<'_>) -> Option<Agreed> {
        offers.filter(|offer| offer.name() == NAME).find_map(|offer| self.meet(&Params::read(&offer)?))
    }

    /// The answer to one offer, unless it cannot be met.
    fn meet(&self, offer: &Params) -> Option<Agreed> {
        // RFC 7692 §7.1: "A server MUST decline an extension negotiation offer for this extension if […] the negotiation offer
        // contains an extension parameter with an invalid value."
        let server_bits = match offer.server_max_window_bits {
            None => WindowBits::MAX,
            Some(value) => value?,
        };
        // Without the parameter the client cannot be told to use less than the full window.
        let client_bits = match offer.client_max_window_bits {
            None if self.client_max_window_bits < WindowBits::MAX => return None,
            None | Some(None) => self.client_max_window_bits,
            Some(Some(bits)) => bits.min(self.client_max_window_bits),
        };
        Some(Agreed {
            server: Sender {
                window_bits: server_bits.min(self.server_max_window_bits),
                takeover: !(self.server_no_context_takeover || offer.server_no_context_takeover),
            },
            client: Sender {
                window_bits: client_bits,
                takeover: !(self.client_no_context_takeover || offer.client_no_context_takeover),
            },
            server_bits_are_asked: offer.server_max_window_bits.is_some(),
            client_bits_are_known: offer.client_max_window_bits.is_some(),
        })
    }

    /// A client's reading of the server's answer to [`DeflateConfig::offer`]; `None` when there is none.
    ///
    /// # Errors
    /// RFC 7692 §7.1: the answer is none to what was offered. Fail the connection.
    pub fn agree(&self, answers: ExtensionOffers<'_>) -> Result<Option<Agreed>, HandshakeError> {
        let mut answers = answers.filter(|answer| answer.name() == NAME);
        let Some(answer) = answers.next() else { return Ok(None) };
        // One element of the answer corresponds to one offer, and one was made.
        if answers.next().is_some() {
            return Err(HandshakeError::ExtensionsInvalid);
        }
        // RFC 7692 §7.1: "A client MUST _Fail the WebSocket Connection_ if the peer server accepted an extension negotiation
        // offer for this extension with an extension negotiation response meeting any of the following conditions"
        let agreed = Params::read(&answer).and_then(|answer| self.check_answer(&answer));
        agreed.map(Some).ok_or(HandshakeError::ExtensionsInvalid)
    }

    fn check_answer(&self, answer: &Params) -> Option<Agreed> {
        // In an answer both need a value.
        let server_bits = match answer.server_max_window_bits {
            // A server that takes the limit up says so; one that does not would use the full window.
            None if self.server_max_window_bits < WindowBits::MAX => return None,
            None => WindowBits::MAX,
            Some(value) => value?,
        };
        let client_bits = match answer.client_max_window_bits {
            None => self.client_max_window_bits,
            Some(value) => value?,
        };
        let is_within =
            server_bits <= self.server_max_window_bits && client_bits <= self.client_max_window_bits;
        // RFC 7692 §7.1.1.1: "A server accepts an extension negotiation offer that includes the "server_no_context_takeover"
        // extension parameter by including the "server_no_context_takeover" extension parameter in the corresponding
        // extension negotiation response"
        let is_accepted = answer.server_no_context_takeover || !self.server_no_context_takeover;
        (is_within && is_accepted).then_some(Agreed {
            server: Sender { window_bits: server_bits, takeover: !answer.server_no_context_takeover },
            client: Sender {
                window_bits: client_bits,
                // A client may do without its window of its own accord.
                takeover: !(answer.client_no_context_takeover || self.client_no_context_takeover),
            },
            server_bits_are_asked: self.server_max_window_bits < WindowBits::MAX,
            client_bits_are_known: true,
        })
    }
}

/// The four parameters as they stand in an offer or an answer. The outer `Option` is the parameter, the inner its value.
#[derive(Default)]
struct Params {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<Option<WindowBits>>,
    client_max_window_bits: Option<Option<WindowBits>>,
}

impl Params {
    /// `None` where RFC 7692 §7.1 asks to decline or to fail: an unknown parameter, one that comes twice, an invalid value.
    fn read(extension: &ExtensionOffer<'_>) -> Option<Self> {
        let mut params = Self::default();
        for param in extension.params() {
            let is_new = match (param.name(), param.value()) {
                ("server_no_context_takeover", None) => {
                    !core::mem::replace(&mut params.server_no_context_takeover, true)
                }
                ("client_no_context_takeover", None) => {
                    !core::mem::replace(&mut params.client_no_context_takeover, true)
                }
                (name @ ("server_max_window_bits" | "client_max_window_bits"), value) => {
                    let bits = match value {
                        None => None,
                        Some(value) => Some(WindowBits::new(value.to_number()?)?),
                    };
                    let place = if name.starts_with('s') {
                        &mut params.server_max_window_bits
                    } else {
                        &mut params.client_max_window_bits
                    };
                    place.replace(bits).is_none()
                }
                _ => false,
            };
            if !is_new {
                return None;
            }
        }
        Some(params)
    }
}
