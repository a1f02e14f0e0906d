//! What carries a client over real sockets: thin loops around the machine, one with a thread, one on tokio.

#[cfg(feature = "blocking")]
pub mod blocking;
pub(crate) mod clock;
#[cfg(feature = "tokio")]
pub mod tokio;

use alloc::{collections::VecDeque, sync::Arc};

use crate::{Client, Config, DialError, Event, Now};

/// Events that wait for the application; with more, the transport is not read.
pub(crate) const EVENTS_MAX: usize = 1_024;

/// What a driver needs besides the URL.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// Bounds and deadlines.
    pub config: Config,
    /// How `wss` is spoken: with the authorities that are trusted. Without it `wss` cannot be connected to.
    pub tls: Option<Arc<rustls::ClientConfig>>,
}

impl Options {
    /// The same with TLS.
    #[must_use]
    pub fn with_tls(self, tls: Arc<rustls::ClientConfig>) -> Self {
        Self { tls: Some(tls), ..self }
    }

    /// The same with other bounds and deadlines.
    #[must_use]
    pub fn with_config(self, config: Config) -> Self {
        Self { config, ..self }
    }
}

/// Whose fault it is that there is no transport.
pub(crate) fn blame(error: &std::io::Error) -> DialError {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(_)) => DialError::Untrusted,
        _ => DialError::Unreachable,
    }
}

/// The client and what it has to tell.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) client: Client,
    pub(crate) events: VecDeque<Event>,
    /// Nobody is left to carry it for.
    pub(crate) stop: bool,
}

impl State {
    pub(crate) const fn new(client: Client) -> Self {
        Self { client, events: VecDeque::new(), stop: false }
    }

    /// Moves what happened to where the application takes it, as far as there is room. True when there was something.
    pub(crate) fn collect(&mut self, now: Now) -> bool {
        let mut some = false;
        while self.events.len() < EVENTS_MAX
            && let Some(event) = self.client.poll_event(now)
        {
            self.events.push_back(event);
            some = true;
        }
        some
    }
}
