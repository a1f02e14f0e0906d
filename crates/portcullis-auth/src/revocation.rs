//! Credentials and sessions that are over before their time.

use alloc::{boxed::Box, collections::BTreeMap};

use portcullis_time::UnixTime;

use crate::{error::AuthError, verified::Verified};

/// What is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Revocation<'a> {
    /// The credentials of a user that were issued before a time.
    User(&'a str),
    /// A session, whatever credential it is used with.
    Session(&'a str),
    /// One credential, by its own name (`jti`).
    Token(&'a str),
    /// All credentials that were issued before a time.
    All,
}

/// What became of a revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Remembered {
    /// As it was said.
    Exactly,
    /// There was no room for it. In its place, and in that of the other users and tokens, all credentials that were
    /// issued up to now are revoked: everybody has to come with a new one.
    Widened,
}

/// When credentials have to be younger, and until when that is asked.
#[derive(Clone, Copy, Debug)]
struct Mark {
    before: UnixTime,
    until: UnixTime,
}

impl Mark {
    /// Both marks in one.
    fn join(self, other: Self) -> Self {
        Self { before: self.before.max(other.before), until: self.until.max(other.until) }
    }
}

type Marks = BTreeMap<Box<str>, Mark>;

/// The revocations that are in force, in bounded memory. Nothing is ever forgotten before its time: a set that is full
/// revokes more, not less, and says so.
///
/// ```
/// use portcullis_auth::{AuthError, Revocation, Revocations};
/// use portcullis_time::UnixTime;
///
/// let now = UnixTime::from_secs(1_753_000_000);
/// let mut revocations = Revocations::new(1_000);
/// revocations.revoke(now, Revocation::User("alice"), now, UnixTime::from_secs(1_753_086_400));
///
/// let minute_ago = UnixTime::from_secs(1_752_999_940);
/// assert_eq!(revocations.check_principal(now, "alice", None, Some(minute_ago), None), Err(AuthError::Revoked));
/// assert_eq!(revocations.check_principal(now, "alice", None, Some(now), None), Ok(()), "issued since");
/// assert_eq!(revocations.check_principal(now, "bob", None, Some(minute_ago), None), Ok(()));
/// ```
#[derive(Clone, Debug)]
pub struct Revocations {
    capacity: usize,
    all_before: UnixTime,
    users: Marks,
    sessions: Marks,
    tokens: Marks,
}

impl Revocations {
    /// Empty; for at most `capacity` users, sessions and tokens together.
    #[must_use]
    pub const fn new(capacity: usize) -> Self {
        Self {
            capacity,
            all_before: UnixTime::from_secs(0),
            users: BTreeMap::new(),
            sessions: BTreeMap::new(),
            tokens: BTreeMap::new(),
        }
    }

    /// Revokes. `before` counts for users and for all: what was issued from then on stays good. `until` is when the
    /// revocation may be forgotten, because nothing that it means can still be in use. O(log n), and linear when the set
    /// is full.
    pub fn revoke(
        &mut self,
        now: UnixTime,
        revocation: Revocation<'_>,
        before: UnixTime,
        until: UnixTime,
    ) -> Remembered {
        let mark = Mark { before, until };
        let (marks, name) = match revocation {
            Revocation::All => {
                self.all_before = self.all_before.max(before);
                return Remembered::Exactly;
            }
            Revocation::User(name) => (&mut self.users, name),
            Revocation::Session(name) => (&mut self.sessions, name),
            Revocation::Token(name) => (&mut self.tokens, name),
        };
        if let Some(known) = marks.get_mut(name) {
            *known = known.join(mark);
            return Remembered::Exactly;
        }
        if self.len() >= self.capacity {
            self.forget_past(now);
        }
        if self.len() >= self.capacity {
            self.widen(now, before);
            if !matches!(revocation, Revocation::Session(_)) || self.len() >= self.capacity {
                return Remembered::Widened;
            }
            // A session can be used with a credential that is younger than any mark: it keeps its own.
            self.sessions.insert(name.into(), mark);
            return Remembered::Widened;
        }
        let marks = match revocation {
            Revocation::Session(_) => &mut self.sessions,
            Revocation::Token(_) => &mut self.tokens,
            Revocation::User(_) | Revocation::All => &mut self.users,
        };
        marks.insert(name.into(), mark);
        Remembered::Exactly
    }

    /// Whether a credential may go on, in the session of that name if it has one.
    ///
    /// # Errors
    /// It, or its session, is revoked.
    pub fn check(&self, now: UnixTime, verified: &Verified, session: Option<&str>) -> Result<(), AuthError> {
        self.check_principal(now, verified.subject(), verified.id(), verified.issued_at(), session)
    }

    /// The same by the parts of a credential. One that does not say when it was issued counts as older than any time.
    /// O(log n), no allocation.
    ///
    /// # Errors
    /// It, or its session, is revoked.
    pub fn check_principal(
        &self,
        now: UnixTime,
        subject: &str,
        id: Option<&str>,
        issued_at: Option<UnixTime>,
        session: Option<&str>,
    ) -> Result<(), AuthError> {
        let issued_at = issued_at.unwrap_or(UnixTime::from_secs(0));
        let mark = |marks: &Marks, name: &str| marks.get(name).copied().filter(|mark| mark.until > now);
        let is_revoked = issued_at < self.all_before
            || mark(&self.users, subject).is_some_and(|mark| issued_at < mark.before)
            || id.is_some_and(|id| mark(&self.tokens, id).is_some())
            || session.is_some_and(|session| mark(&self.sessions, session).is_some());
        if is_revoked { Err(AuthError::Revoked) } else { Ok(()) }
    }

    /// How many users, sessions and tokens are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.users.len() + self.sessions.len() + self.tokens.len()
    }

    /// Whether none are.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All credentials that were issued before this are revoked.
    #[must_use]
    pub const fn all_before(&self) -> UnixTime {
        self.all_before
    }

    fn forget_past(&mut self, now: UnixTime) {
        for marks in [&mut self.users, &mut self.sessions, &mut self.tokens] {
            marks.retain(|_, mark| mark.until > now);
        }
    }

    /// One mark that covers all others of users and tokens: whatever they mean was issued before now. Sessions are kept;
    /// should they fill the set by themselves, they go too, and the operator, who is told, closes them for good.
    fn widen(&mut self, now: UnixTime, before: UnixTime) {
        // `iat` counts whole seconds.
        let up_to_now = UnixTime::from_secs(now.as_secs().saturating_add(1));
        let users = core::mem::take(&mut self.users).into_values().map(|mark| mark.before);
        self.all_before = users.fold(self.all_before.max(before).max(up_to_now), UnixTime::max);
        self.tokens.clear();
        if self.sessions.len() >= self.capacity {
            self.sessions.clear();
        }
    }
}
