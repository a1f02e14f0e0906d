//! Tickets: a credential for one connection, short enough for a URL, and worthless a moment later.

use alloc::{boxed::Box, collections::BTreeMap, collections::VecDeque};
use core::{fmt, time::Duration};

use base64ct::{Base64UrlUnpadded, Encoding as _};
use portcullis_time::Instant;
use subtle::ConstantTimeEq as _;

use crate::{error::AuthError, verified::Verified};

/// The bytes of a ticket: 8 that it is found by, and 16 that are its secret.
pub const TICKET_LEN: usize = 24;
/// The same as text.
const TEXT_LEN: usize = 32;

/// Why no ticket is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TicketError {
    /// As many wait for their connection as there is room for. The live ones are kept.
    Full {
        /// How many that is.
        tickets_max: usize,
    },
}

impl TicketError {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Full { .. } => "tickets_full",
        }
    }
}

impl fmt::Display for TicketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full { tickets_max } => write!(f, "{tickets_max} tickets wait for their connections"),
        }
    }
}

impl core::error::Error for TicketError {}

/// A ticket in the form in which it is handed out. `Debug` does not show it.
#[derive(Clone, Copy)]
pub struct TicketText([u8; TEXT_LEN]);

impl TicketText {
    /// The text: 32 characters that need no escape in a URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for TicketText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketText(redacted)")
    }
}

type Handle = [u8; 8];

#[derive(Debug)]
struct Waiting {
    secret: [u8; 16],
    ends_at: Instant,
    origin: Option<Box<[u8]>>,
    verified: Verified,
}

/// The tickets that wait for their connections, in bounded memory.
///
/// A ticket is found by a part of it that is no secret; the rest is compared in constant time. Whoever names a ticket
/// uses it up, also when something else about it is wrong.
pub struct Tickets {
    capacity: usize,
    lifetime: Duration,
    waiting: BTreeMap<Handle, Waiting>,
    /// Oldest first; used tickets are still in it.
    ends: VecDeque<(Instant, Handle)>,
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}

impl Tickets {
    /// None yet; for at most `capacity` at a time, each good for `lifetime`.
    #[must_use]
    pub const fn new(capacity: usize, lifetime: Duration) -> Self {
        Self { capacity, lifetime, waiting: BTreeMap::new(), ends: VecDeque::new() }
    }

    /// Gives a ticket for a good credential. With `origin` it is good for pages of that origin alone; without, it was no
    /// page that asked, and any page that may connect can use it. `random` must be unpredictable and new each time.
    /// Amortised O(log n).
    ///
    /// # Errors
    /// There is no room.
    pub fn issue(
        &mut self,
        now: Instant,
        random: [u8; TICKET_LEN],
        verified: Verified,
        origin: Option<&[u8]>,
    ) -> Result<TicketText, TicketError> {
        self.forget_past(now);
        let full = TicketError::Full { tickets_max: self.capacity };
        if self.ends.len() >= self.capacity.saturating_mul(2) {
            // Used tickets take no place of those that wait. Amortised over as many that were used.
            let waiting = &self.waiting;
            self.ends.retain(|(_, handle)| waiting.contains_key(handle));
        }
        let has_room = self.waiting.len() < self.capacity;
        let (Some((handle, rest)), true) = (random.split_first_chunk::<8>(), has_room) else {
            return Err(full);
        };
        let (Some(secret), false) = (rest.first_chunk::<16>(), self.waiting.contains_key(handle)) else {
            return Err(full);
        };
        let mut text = [0; TEXT_LEN];
        Base64UrlUnpadded::encode(&random, &mut text).map_err(|_| full)?;
        let ends_at = now.saturating_add(self.lifetime);
        let origin = origin.map(Box::from);
        self.waiting.insert(*handle, Waiting { secret: *secret, ends_at, origin, verified });
        self.ends.push_back((ends_at, *handle));
        Ok(TicketText(text))
    }

    /// Takes a ticket from a page of `origin`: the credential that it was given for. The caller checks that this is still
    /// good. O(log n).
    ///
    /// # Errors
    /// It is not known, used up, too old, or of another page.
    pub fn redeem(
        &mut self,
        now: Instant,
        ticket: &[u8],
        origin: Option<&[u8]>,
    ) -> Result<Verified, AuthError> {
        let mut bytes = [0; TICKET_LEN];
        let decoded = Base64UrlUnpadded::decode(ticket, &mut bytes).map_err(|_| AuthError::Malformed)?;
        let (handle, secret) = decoded.split_first_chunk::<8>().ok_or(AuthError::Malformed)?;
        if secret.len() != 16 {
            return Err(AuthError::Malformed);
        }
        let waiting = self.waiting.remove(handle).ok_or(AuthError::Ticket)?;
        let is_of_page = waiting.origin.as_deref().is_none_or(|page| origin == Some(page));
        if bool::from(waiting.secret.ct_eq(secret)) && now < waiting.ends_at && is_of_page {
            Ok(waiting.verified)
        } else {
            Err(AuthError::Ticket)
        }
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn forget_past(&mut self, now: Instant) {
        while let Some((_, handle)) = self.ends.front().copied().filter(|(ends_at, _)| *ends_at <= now) {
            self.ends.pop_front();
            // The same handle may have been given again since; that one has its own entry behind this.
            if self.waiting.get(&handle).is_some_and(|waiting| waiting.ends_at <= now) {
                self.waiting.remove(&handle);
            }
        }
    }
}
