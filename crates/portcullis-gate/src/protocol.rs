//! The one seam of the gate: the engine that speaks RFC 6455 below it.

use portcullis_proto::{CloseCode, Event, Message, ProtocolError, SendError, Step, Storage};
use portcullis_time::Instant;

/// A WebSocket engine after its opening handshake, as the gate drives it.
///
/// [`portcullis_proto::Connection`] implements it; anything that keeps the four rules of the machine can stand in its
/// place: one call is one step with at most one event, time is an argument, memory is bounded, data events lend
/// `&mut [u8]`.
pub trait Protocol {
    /// Consumes a prefix of `input` and reports at most one event, borrowed from the engine or from `input`.
    ///
    /// # Errors
    /// The peer broke the protocol. The error is sticky and its closing frame is owed by [`Protocol::poll_transmit`].
    fn handle_input<'a>(&'a mut self, now: Instant, input: &'a mut [u8]) -> Result<Step<'a>, ProtocolError>;

    /// The transport ended.
    fn handle_eof(&mut self, now: Instant) -> Option<Event<'_>>;

    /// A deadline passed. Spurious calls do nothing.
    fn handle_timeout(&mut self, now: Instant) -> Option<Event<'_>>;

    /// Writes one whole message as one frame into `out`; returns its length.
    ///
    /// # Errors
    /// The connection is closing, or `out` is too small (the error says how much is needed).
    fn send(&mut self, now: Instant, message: Message<'_>, out: &mut [u8]) -> Result<usize, SendError>;

    /// Begins the closing handshake.
    ///
    /// # Errors
    /// The connection is already closing, or the reason is longer than 123 bytes.
    fn close(&mut self, now: Instant, code: CloseCode, reason: &str) -> Result<(), SendError>;

    /// Writes what the engine owes (pong, ping, close) into `out`; 0 when it owes nothing.
    fn poll_transmit(&mut self, out: &mut [u8]) -> usize;

    /// The engine's earliest deadline.
    fn poll_timeout(&self) -> Option<Instant>;

    /// Whether data can still be sent and received.
    fn is_open(&self) -> bool;

    /// Whether the connection is over, so that the transport can go once everything owed is written.
    fn is_closed(&self) -> bool;
}

impl<S: Storage> Protocol for portcullis_proto::Connection<S> {
    fn handle_input<'a>(&'a mut self, now: Instant, input: &'a mut [u8]) -> Result<Step<'a>, ProtocolError> {
        Self::handle_input(self, now, input)
    }

    fn handle_eof(&mut self, now: Instant) -> Option<Event<'_>> {
        Self::handle_eof(self, now)
    }

    fn handle_timeout(&mut self, now: Instant) -> Option<Event<'_>> {
        Self::handle_timeout(self, now)
    }

    fn send(&mut self, now: Instant, message: Message<'_>, out: &mut [u8]) -> Result<usize, SendError> {
        Self::send(self, now, message, out)
    }

    fn close(&mut self, now: Instant, code: CloseCode, reason: &str) -> Result<(), SendError> {
        Self::close(self, now, code, reason)
    }

    fn poll_transmit(&mut self, out: &mut [u8]) -> usize {
        Self::poll_transmit(self, out)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        Self::poll_timeout(self)
    }

    fn is_open(&self) -> bool {
        Self::is_open(self)
    }

    fn is_closed(&self) -> bool {
        Self::is_closed(self)
    }
}
