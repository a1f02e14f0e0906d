//! The machine: one connection after its upgrade, from the first byte to the last.

mod guard;
mod receive;
mod timer;

use alloc::boxed::Box;
use core::time::Duration;

use portcullis_limit::Limited;
use portcullis_proto::{CloseCode, Message, SendError};
use portcullis_time::{Instant, UnixTime};

use portcullis_auth::{Access, Scopes, Verified, Verify};

use crate::{
    admission::Credential,
    hop::Hop,
    policy::Policy,
    protocol::Protocol,
    refusal::{Reason, Refusal},
};
use guard::Guard;

/// What every call that judges something needs from outside: the time, the policy, the verifier.
#[derive(Clone, Copy)]
#[expect(clippy::exhaustive_structs, reason = "filled in by the driver at each call")]
#[expect(missing_debug_implementations, reason = "a verifier holds keys")]
pub struct Context<'c> {
    /// The monotonic time, for deadlines and buckets.
    pub now: Instant,
    /// The wall-clock time, for credentials and timestamps.
    pub unix: UnixTime,
    /// What is enforced.
    pub policy: &'c Policy,
    /// The one verifier of all credentials; `None` where none are needed.
    pub verifier: Option<&'c dyn Verify>,
}

/// One connection of the gate, generic over the engine below it.
///
/// The driver's loop: ask [`Gate::read_allowance`], read that much, call [`Gate::handle_input`] until the input is used
/// up, write what [`Gate::poll_transmit`] gives, sleep until [`Gate::poll_timeout`], call [`Gate::handle_timeout`].
#[derive(Debug)]
pub struct Gate<P> {
    protocol: P,
    guard: Guard,
    hop: Option<Box<Hop>>,
}

impl<P: Protocol> Gate<P> {
    /// A gate over a fresh `protocol`, with the credential that came with the upgrade. With `resume` a good credential
    /// still waits for the client's first message.
    pub fn new(protocol: P, context: &Context<'_>, credential: Credential, resume: bool) -> Self {
        Self { protocol, guard: Guard::new(context, credential, resume), hop: None }
    }

    /// The same over a sealed hop: messages come and go sealed, as binary ones, and text in the open is refused.
    #[must_use]
    pub fn with_hop(self, hop: Hop) -> Self {
        Self { hop: Some(Box::new(hop)), ..self }
    }

    /// The sealed hop, to take the next generation of its keys.
    pub fn hop_mut(&mut self) -> Option<&mut Hop> {
        self.hop.as_deref_mut()
    }

    /// Whether the connection is authenticated (or needs no authentication) and not closing.
    ///
    /// True right after [`Gate::new`] when the upgrade carried a good credential: the driver then opens the session at
    /// once, as for [`crate::Event::Authenticated`].
    #[must_use]
    pub const fn is_live(&self) -> bool {
        self.guard.is_live()
    }

    /// The authenticated user; empty before authentication and where none is needed.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.guard.subject()
    }

    /// The current credential; `None` before authentication and where none is needed.
    #[must_use]
    pub const fn verified(&self) -> Option<&Verified> {
        self.guard.verified()
    }

    /// The scopes of the current credential.
    #[must_use]
    pub fn scopes(&self) -> Option<&Scopes> {
        self.verified().map(Verified::scopes)
    }

    /// When the current credential expires.
    #[must_use]
    pub fn expires_at(&self) -> Option<UnixTime> {
        self.verified().map(Verified::expires_at)
    }

    /// Whether the current credential allows `access` to `channel`.
    #[must_use]
    pub fn allows(&self, policy: &Policy, channel: &str, access: Access) -> bool {
        policy.allows(self.scopes(), channel, access)
    }

    /// How many bytes the driver may read from the transport now.
    ///
    /// The byte bucket is enforced by not reading: the transport's own flow control then slows the peer down, and
    /// nothing that was accepted is lost. O(1).
    ///
    /// # Errors
    /// Nothing may be read before [`Limited`]'s `retry_at`.
    pub fn read_allowance(&self, now: Instant, policy: &Policy) -> Result<usize, Limited> {
        self.guard.read_allowance(now, &policy.limits)
    }

    /// Charges bytes that were read. Call it once for each read, before the bytes are handed in.
    pub fn charge_read(&mut self, now: Instant, policy: &Policy, len: usize) {
        self.guard.charge_read(now, &policy.limits, len);
    }

    /// Sends one message as one frame written to `out`. Over a sealed hop it is sealed, and
    /// [`HOP_OVERHEAD`](crate::HOP_OVERHEAD) bytes longer.
    ///
    /// # Errors
    /// The connection is closing (also because its hop has sealed all that its keys may), or `out` is too small.
    pub fn send(&mut self, now: Instant, message: Message<'_>, out: &mut [u8]) -> Result<usize, SendError> {
        if self.guard.has_ended() {
            return Err(SendError::Closing);
        }
        let Some(hop) = &mut self.hop else { return self.protocol.send(now, message, out) };
        let Ok(sealed) = hop.seal(message.payload()) else {
            self.guard.close_soon(now, CloseCode::RESTART.get(), "seal_exhausted");
            return Err(SendError::Closing);
        };
        self.protocol.send(now, Message::Binary(sealed), out)
    }

    /// Begins the closing handshake.
    ///
    /// # Errors
    /// The connection is already closing, or the reason is longer than 123 bytes.
    pub fn close(&mut self, now: Instant, code: CloseCode, reason: &str) -> Result<(), SendError> {
        self.guard.end();
        self.protocol.close(now, code, reason)
    }

    /// A message that got through the gate but was refused behind it, by the session model or the application. It
    /// spends the error budget like the gate's own refusals.
    pub fn refuse(
        &mut self,
        now: Instant,
        policy: &Policy,
        reason: Reason,
        id: Option<u64>,
        retry_after: Option<Duration>,
    ) -> Refusal {
        let refusal = Refusal::new(reason).with_id(id).with_retry_after(retry_after);
        self.guard.charge_refusal(now, &policy.limits, refusal)
    }

    /// Gives back what a message of `cost` took from the connection's bucket, because a bucket behind it (the user's, the
    /// address's) has refused the message: all of them are charged, or none.
    pub fn refund(&mut self, policy: &Policy, cost: u32) {
        self.guard.refund_message(&policy.limits, cost);
    }

    /// Writes what the connection owes to the peer (pong, ping, close) into `out`; 0 when it owes nothing.
    ///
    /// 131 bytes hold any of it.
    pub fn poll_transmit(&mut self, out: &mut [u8]) -> usize {
        self.begin_pending_close();
        self.protocol.poll_transmit(out)
    }

    /// Whether data can still flow.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.guard.has_ended() && self.protocol.is_open()
    }

    /// Whether the connection is over: write what is owed, then drop the transport.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.protocol.is_closed()
    }

    /// The engine, for what only it knows.
    #[must_use]
    pub const fn protocol(&self) -> &P {
        &self.protocol
    }

    /// A closing that was decided while an event still borrowed the engine.
    fn begin_pending_close(&mut self) {
        if let Some((at, code, reason)) = self.guard.take_pending_close() {
            // The engine may be closing already, for a reason of its own; then that one stands.
            let _ = self.protocol.close(at, code, reason);
        }
    }
}
