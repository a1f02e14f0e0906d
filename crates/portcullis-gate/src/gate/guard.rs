//! Everything of a gate but its engine: stage, lease, buckets, and the closing that is due.

use portcullis_auth::{AuthError, Lease, Renewal, Scopes, Verified};
use portcullis_limit::{Gcra, Limited};
use portcullis_proto::CloseCode;
use portcullis_time::{Instant, UnixTime};

use super::Context;
use crate::{
    admission::Credential,
    event::Closing,
    policy::Limits,
    refusal::{Reason, Refusal},
};

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// No credential yet: only `auth` may come.
    Unauthenticated,
    /// A good credential, but the client will first say which session it resumes.
    AwaitingResume,
    /// Everything may flow.
    Live,
    /// Closing: whatever still arrives is discarded.
    Ended,
}

/// Who is at the other end, and for how long that has been proven.
#[derive(Debug)]
struct Principal {
    verified: Verified,
    lease: Lease,
}

#[derive(Debug)]
pub(super) struct Guard {
    pub(super) stage: Stage,
    pub(super) messages: Gcra,
    bytes: Gcra,
    errors: Gcra,
    renewals: Gcra,
    principal: Option<Principal>,
    /// When the stage must have moved on.
    stage_deadline: Option<Instant>,
    life_deadline: Instant,
    pending_close: Option<(Instant, CloseCode, &'static str)>,
}

impl Guard {
    pub(super) fn new(context: &Context<'_>, credential: Credential, resume: bool) -> Self {
        let Context { now, unix, policy, .. } = *context;
        let mut guard = Self {
            stage: Stage::Unauthenticated,
            messages: Gcra::new(),
            bytes: Gcra::new(),
            errors: Gcra::new(),
            renewals: Gcra::new(),
            principal: None,
            stage_deadline: Some(now + policy.limits.auth_timeout),
            life_deadline: now + policy.limits.life,
            pending_close: None,
        };
        match credential {
            Credential::NotNeeded => guard.go_live(),
            Credential::Absent => {}
            Credential::Verified(verified) => {
                guard.adopt(verified, now, unix);
                if resume {
                    guard.stage = Stage::AwaitingResume;
                } else {
                    guard.go_live();
                }
            }
            Credential::Rejected(error) => {
                guard.fail_auth(now, error);
            }
        }
        guard
    }

    pub(super) const fn is_live(&self) -> bool {
        matches!(self.stage, Stage::Live)
    }

    pub(super) const fn has_ended(&self) -> bool {
        matches!(self.stage, Stage::Ended)
    }

    pub(super) fn subject(&self) -> &str {
        self.verified().map_or("", Verified::subject)
    }

    pub(super) const fn verified(&self) -> Option<&Verified> {
        match &self.principal {
            Some(principal) => Some(&principal.verified),
            None => None,
        }
    }

    pub(super) fn scopes(&self) -> Option<&Scopes> {
        self.verified().map(Verified::scopes)
    }

    pub(super) const fn go_live(&mut self) {
        self.stage = Stage::Live;
        self.stage_deadline = None;
    }

    pub(super) const fn end(&mut self) {
        self.stage = Stage::Ended;
        self.stage_deadline = None;
    }

    /// Takes on a first credential.
    pub(super) fn adopt(&mut self, verified: Verified, now: Instant, unix: UnixTime) {
        let lease = Lease::new(&verified, now, unix);
        self.principal = Some(Principal { verified, lease });
    }

    /// Takes on a later credential of the same subject; says what has become of its scopes.
    pub(super) fn renew(
        &mut self,
        verified: Verified,
        now: Instant,
        unix: UnixTime,
    ) -> Result<Renewal, AuthError> {
        let Some(principal) = &mut self.principal else {
            self.adopt(verified, now, unix);
            return Ok(Renewal::Same);
        };
        let renewal = principal.lease.renew(now, unix, &principal.verified, &verified)?;
        principal.verified = verified;
        Ok(renewal)
    }

    pub(super) fn read_allowance(&self, now: Instant, limits: &Limits) -> Result<usize, Limited> {
        match self.bytes.available(&limits.bytes, now) {
            0 => Err(self.bytes.peek(&limits.bytes, now, 1).err().unwrap_or(Limited { retry_at: now })),
            available => Ok(usize::try_from(available).unwrap_or(usize::MAX)),
        }
    }

    pub(super) fn charge_read(&mut self, now: Instant, limits: &Limits, len: usize) {
        // The driver read no more than it was allowed, so that this passes; a driver that read more is charged what
        // there is.
        let cost = u32::try_from(len).unwrap_or(u32::MAX);
        if self.bytes.check(&limits.bytes, now, cost).is_err() {
            let rest = self.bytes.available(&limits.bytes, now);
            let _ = self.bytes.check(&limits.bytes, now, rest);
        }
    }

    /// Charges a message's cost; on a limit, the refusal to answer with.
    pub(super) fn charge_message(
        &mut self,
        now: Instant,
        limits: &Limits,
        cost: u32,
        id: Option<u64>,
    ) -> Result<(), Refusal> {
        let verdict = self.messages.check(&limits.messages, now, cost);
        verdict.map_err(|limited| self.rate_limited(now, limits, limited, id))
    }

    /// Gives back what a message was charged that another bucket then refused.
    pub(super) fn refund_message(&mut self, limits: &Limits, cost: u32) {
        self.messages.refund(&limits.messages, cost);
    }

    /// Charges one presented credential.
    pub(super) fn charge_renewal(&mut self, now: Instant, limits: &Limits) -> Result<(), Refusal> {
        let verdict = self.renewals.check(&limits.renewals, now, 1);
        verdict.map_err(|limited| self.rate_limited(now, limits, limited, None))
    }

    fn rate_limited(&mut self, now: Instant, limits: &Limits, limited: Limited, id: Option<u64>) -> Refusal {
        let wait = limited.retry_at.saturating_duration_since(now);
        let refusal = Refusal::new(Reason::RateLimited).with_id(id).with_retry_after(Some(wait));
        self.charge_refusal(now, limits, refusal)
    }

    /// Spends the error budget; the refusal that empties it closes the connection with its own code.
    pub(super) fn charge_refusal(&mut self, now: Instant, limits: &Limits, refusal: Refusal) -> Refusal {
        let spent = self.errors.check(&limits.errors, now, 1).is_err();
        if spent && !self.has_ended() {
            self.close_soon(now, refusal.reason().close_code(), refusal.code());
        }
        Refusal { closes: spent, ..refusal }
    }

    /// Ends the connection for a bad credential.
    pub(super) fn fail_auth(&mut self, now: Instant, error: AuthError) -> Closing {
        self.close_soon(now, error.close_code(), error.reason());
        Closing { code: error.close_code(), reason: error.reason(), auth: Some(error) }
    }

    /// Ends the connection; the closing frame goes out with the next [`super::Gate::poll_transmit`].
    pub(super) fn close_soon(&mut self, now: Instant, code: u16, reason: &'static str) -> Closing {
        self.end();
        let code = CloseCode::new(code).unwrap_or(CloseCode::INTERNAL);
        self.pending_close = Some((now, code, reason));
        Closing { code: code.get(), reason, auth: None }
    }

    pub(super) const fn take_pending_close(&mut self) -> Option<(Instant, CloseCode, &'static str)> {
        self.pending_close.take()
    }

    /// The earliest of the gate's own deadlines.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.has_ended() {
            return None;
        }
        let lease = self.principal.as_ref().map(|principal| principal.lease.deadline());
        [self.stage_deadline, lease, Some(self.life_deadline)].into_iter().flatten().min()
    }

    /// Ends the connection if one of the gate's own deadlines has passed.
    pub(super) fn check_deadlines(&mut self, now: Instant) -> Option<Closing> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return None;
        }
        if self.principal.as_ref().is_some_and(|principal| principal.lease.expired(now)) {
            return Some(self.fail_auth(now, AuthError::Expired));
        }
        if self.stage_deadline.is_some_and(|deadline| now >= deadline) {
            return Some(self.fail_auth(now, AuthError::Timeout));
        }
        Some(self.close_soon(now, CloseCode::GOING_AWAY.get(), "lifetime"))
    }

    /// Whether the credential is still good at `now`. Checked for each message, since a driver may be late with its
    /// timeouts and nothing may pass after the expiry.
    pub(super) fn lease_expired(&self, now: Instant) -> bool {
        self.principal.as_ref().is_some_and(|principal| principal.lease.expired(now))
    }

    pub(super) fn has_scope(&self, scope: &str) -> bool {
        self.verified().is_some_and(|verified| verified.scopes().contains(scope))
    }
}
