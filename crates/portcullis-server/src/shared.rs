//! What the workers share besides the hub: the configuration in force, counts per address, user buckets, the drain.

use core::{hash::BuildHasher, time::Duration};
use std::{
    collections::{BTreeMap, HashMap},
    hash::RandomState,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use portcullis_auth::{
    AuthError, OriginPolicy, Revocation, Revocations, Scopes, TICKET_LEN, TicketError, Tickets, Verified,
    Verify,
    jwt::{Key, Verifier},
};
use portcullis_gate::Policy;
use portcullis_limit::{Keyed, Limited, Quota};
use portcullis_proto::deflate::DeflateConfig;
use portcullis_time::{Instant, UnixTime};
use rustls::ServerConfig;

use crate::{
    clock,
    config::Secret,
    keys::{Source, SourceId, Wanted},
    metrics::Metrics,
    orders::Orders,
};

/// The configuration in force, compiled. A reload replaces it whole; each worker takes the new one up at its next turn.
pub(crate) struct Live {
    /// The path of the endpoint.
    pub(crate) path: String,
    pub(crate) origins: OriginPolicy,
    /// By the keys of the configuration alone; [`Shared`] adds those that issuers publish.
    pub(crate) verifier: Option<Verifier>,
    /// Where issuers publish their keys.
    pub(crate) key_sources: Vec<Source>,
    /// The cookie that may carry a credential.
    pub(crate) cookie: Option<String>,
    /// The operator's key.
    pub(crate) api_key: Option<Secret>,
    pub(crate) policy: Policy,
    pub(crate) protocol: portcullis_proto::Config,
    /// Compression, where it is offered at all.
    pub(crate) deflate: Option<DeflateConfig>,
    /// By listener; `None` is plaintext.
    pub(crate) tls: Vec<Option<Arc<ServerConfig>>>,
    /// By listener: the scopes of clients that come with a certificate, where such are taken.
    pub(crate) certificate_scopes: Vec<Option<Scopes>>,
    /// By listener: whether a proxy in front of it speaks TLS.
    pub(crate) terminated_upstream: Vec<bool>,
    pub(crate) demo: bool,
    pub(crate) upgrade_timeout: Duration,
    pub(crate) outbound_len_max: usize,
    pub(crate) connections_max: usize,
    pub(crate) connections_per_address_max: usize,
    pub(crate) user_messages: Quota,
    /// How long a server that is no longer ready still takes connections.
    pub(crate) drain_delay: Duration,
    /// Over how long the reconnects of a drain are spread.
    pub(crate) drain_spread: Duration,
    /// How long a drain may take.
    pub(crate) drain_deadline: Duration,
}

impl Live {
    /// How often a silent client is pinged, in milliseconds; 0 for never.
    pub(crate) fn ping_interval_ms(&self) -> u64 {
        let interval = self.protocol.ping_interval.unwrap_or_default();
        u64::try_from(interval.as_millis()).unwrap_or(u64::MAX)
    }
}

/// What becomes of a connection by the count of its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddressVerdict {
    Within,
    /// Let in to be refused with a status.
    Over,
    /// Not even that: dropped at once.
    FarOver,
}

/// A revocation names credentials whose end is not known here.
const FOREVER: UnixTime = UnixTime::from_secs(u64::MAX / 1_000);

/// Users whose buckets are remembered at once. Only buckets that are full again are forgotten.
const USERS_MAX: usize = 1 << 16;

/// Revocations that are remembered one by one; more of them are remembered more coarsely, never forgotten.
const REVOCATIONS_MAX: usize = 1 << 16;
/// Tickets that wait for their connection.
const TICKETS_MAX: usize = 1 << 16;
/// Where tickets are given.
pub(crate) const TICKET_PATH: &str = "/ticket";
/// How long a ticket waits.
pub(crate) const TICKET_LIFETIME: Duration = Duration::from_secs(30);

/// The one judge of all credentials, whichever way they come in: is it good, and has it been revoked.
pub(crate) struct Judge {
    verifier: Verifier,
    shared: Arc<Registers>,
}

/// What is known of credentials besides their own words.
struct Registers {
    revocations: Mutex<Revocations>,
    tickets: Mutex<Tickets>,
    wanted_keys: Arc<Wanted>,
}

impl Judge {
    fn check_revoked(&self, now: UnixTime, verified: Verified) -> Result<Verified, AuthError> {
        lock(&self.shared.revocations).check(now, &verified, None)?;
        Ok(verified)
    }
}

impl Verify for Judge {
    fn verify(&self, now: UnixTime, token: &[u8]) -> Result<Verified, AuthError> {
        match self.verifier.verify(now, token) {
            Ok(verified) => self.check_revoked(now, verified),
            Err(error) => {
                if error == AuthError::UnknownKey {
                    self.shared.wanted_keys.unknown_key();
                }
                Err(error)
            }
        }
    }
}

impl portcullis_gate::Redeem for Judge {
    fn redeem(&self, now: UnixTime, ticket: &[u8], origin: Option<&[u8]>) -> Result<Verified, AuthError> {
        let verified = lock(&self.shared.tickets).redeem(clock::now(), ticket, origin)?;
        if verified.expires_at() <= now {
            return Err(AuthError::Expired);
        }
        self.check_revoked(now, verified)
    }
}

/// Shared by all workers of a server.
pub(crate) struct Shared {
    live: Mutex<Arc<Live>>,
    judge: Mutex<Option<Arc<Judge>>>,
    /// The keys that issuers published.
    published_keys: Mutex<BTreeMap<SourceId, Vec<Key>>>,
    registers: Arc<Registers>,
    orders: Orders,
    /// Counts reloads, so that a worker looks at the lock only after one.
    revision: AtomicU64,
    metrics: Arc<Metrics>,
    addresses: Mutex<HashMap<IpAddr, usize>>,
    users: Mutex<Keyed<u64>>,
    hasher: RandomState,
    connections: AtomicU64,
    /// The end of the drain in nanoseconds of the server's clock; 0 while there is none.
    drain_deadline: AtomicU64,
    /// When the workers begin with it, in the same nanoseconds.
    drain_at: AtomicU64,
}

impl Shared {
    pub(crate) fn new(live: Live, metrics: Arc<Metrics>, workers: usize) -> Self {
        let registers = Arc::new(Registers {
            revocations: Mutex::new(Revocations::new(REVOCATIONS_MAX)),
            tickets: Mutex::new(Tickets::new(TICKETS_MAX, TICKET_LIFETIME)),
            wanted_keys: Arc::default(),
        });
        let hasher = RandomState::new();
        let users = Keyed::new(live.user_messages, USERS_MAX, hasher.hash_one(0_u8));
        let shared = Self {
            live: Mutex::new(Arc::new(live)),
            judge: Mutex::default(),
            published_keys: Mutex::default(),
            registers,
            orders: Orders::new(workers),
            revision: AtomicU64::new(0),
            metrics,
            addresses: Mutex::default(),
            users: Mutex::new(users),
            hasher,
            connections: AtomicU64::new(0),
            drain_deadline: AtomicU64::new(0),
            drain_at: AtomicU64::new(0),
        };
        shared.appoint_judge();
        shared
    }

    pub(crate) fn live(&self) -> Arc<Live> {
        lock(&self.live).clone()
    }

    pub(crate) fn metrics(&self) -> Arc<Metrics> {
        self.metrics.clone()
    }

    /// Puts a new configuration in force.
    pub(crate) fn replace(&self, live: Live) {
        self.limit_users(live.user_messages);
        *lock(&self.live) = Arc::new(live);
        self.appoint_judge();
    }

    /// The judge of credentials by the configuration in force and the keys that issuers have published.
    fn appoint_judge(&self) {
        let (published, live) = (lock(&self.published_keys), self.live());
        let judge = live.verifier.as_ref().map(|verifier| {
            let mut verifier = verifier.clone();
            // What was fetched from a place that the operator names no more is trusted no more.
            for (issuer, keys) in
                live.key_sources.iter().filter_map(|source| published.get_key_value(source.id()))
            {
                verifier = verifier.with_keys(&issuer.0, keys.clone());
            }
            Arc::new(Judge { verifier, shared: self.registers.clone() })
        });
        *lock(&self.judge) = judge;
        self.revision.fetch_add(1, Ordering::Release);
    }

    /// The keys that an issuer publishes now, in place of those that it published before.
    pub(crate) fn put_keys(&self, source: &SourceId, keys: Vec<Key>) {
        lock(&self.published_keys).insert(source.clone(), keys);
        self.appoint_judge();
    }

    /// The judge of credentials; `None` where none are needed.
    pub(crate) fn judge(&self) -> Option<Arc<Judge>> {
        lock(&self.judge).clone()
    }

    /// How the fetching of keys is hurried.
    pub(crate) fn wanted_keys(&self) -> Arc<Wanted> {
        self.registers.wanted_keys.clone()
    }

    /// What workers are told to do.
    pub(crate) const fn orders(&self) -> &Orders {
        &self.orders
    }

    /// Revokes credentials. The workers enforce it when they are told to.
    pub(crate) fn revoke(&self, now: UnixTime, revocation: Revocation<'_>, before: UnixTime) {
        let mut revocations = lock(&self.registers.revocations);
        let outcome = revocations.revoke(now, revocation, before, FOREVER);
        drop(revocations);
        tracing::debug!(?outcome, "revoked");
    }

    /// Whether a credential, and a session by its text form, may go on.
    pub(crate) fn check_revoked(
        &self,
        now: UnixTime,
        verified: &Verified,
        session: Option<&str>,
    ) -> Result<(), AuthError> {
        lock(&self.registers.revocations).check(now, verified, session)
    }

    /// A ticket for the holder of a good credential, for pages of `origin` alone.
    pub(crate) fn issue_ticket(
        &self,
        verified: Verified,
        origin: Option<&[u8]>,
    ) -> Result<portcullis_auth::TicketText, TicketError> {
        let entropy = clock::entropy();
        let Some(&random) = entropy.first_chunk::<TICKET_LEN>() else {
            return Err(TicketError::Full { tickets_max: 0 });
        };
        lock(&self.registers.tickets).issue(clock::now(), random, verified, origin)
    }

    /// Takes up the configuration in force, and its judge, if they have changed since `revision`.
    pub(crate) fn refresh(&self, live: &mut Arc<Live>, judge: &mut Option<Arc<Judge>>, revision: &mut u64) {
        let current = self.revision.load(Ordering::Acquire);
        if current != *revision {
            *revision = current;
            *live = self.live();
            *judge = self.judge();
        }
    }

    /// Counts a new connection of `address`.
    pub(crate) fn address_enters(&self, address: IpAddr, live: &Live) -> AddressVerdict {
        let max = live.connections_per_address_max;
        let mut addresses = lock(&self.addresses);
        let count = addresses.entry(address).or_insert(0);
        if *count >= max.saturating_mul(2) {
            return AddressVerdict::FarOver;
        }
        *count += 1;
        self.connections.fetch_add(1, Ordering::Relaxed);
        if *count > max { AddressVerdict::Over } else { AddressVerdict::Within }
    }

    /// Counts an ended connection of `address`.
    pub(crate) fn address_leaves(&self, address: IpAddr) {
        let mut addresses = lock(&self.addresses);
        self.connections.fetch_sub(1, Ordering::Relaxed);
        if let Some(count) = addresses.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                addresses.remove(&address);
            }
        }
    }

    /// Whether the server holds as many connections as it may.
    pub(crate) fn is_full(&self, live: &Live) -> bool {
        self.connections.load(Ordering::Relaxed) > u64::try_from(live.connections_max).unwrap_or(u64::MAX)
    }

    /// Buckets of another quota start full. Where the quota stays, so does what has been taken: a reload is no gift.
    fn limit_users(&self, quota: Quota) {
        if *lock(&self.users).quota() != quota {
            // Made before the lock is taken: it is large, and every worker waits for that lock.
            let fresh = Keyed::new(quota, USERS_MAX, self.hasher.hash_one(0_u8));
            *lock(&self.users) = fresh;
        }
    }

    /// Charges the bucket that all connections of `user` share.
    pub(crate) fn check_user(&self, now: Instant, user: &str, cost: u32) -> Result<(), Limited> {
        lock(&self.users).check(self.hasher.hash_one(user), now, cost)
    }

    /// Begins the drain: not ready from now on, no connections after the delay, over by the deadline. Repeated calls
    /// change nothing.
    pub(crate) fn begin_drain(&self, now: Instant) {
        let live = self.live();
        let nanos = (now + live.drain_deadline).as_nanos().max(1);
        let at = (now + live.drain_delay).as_nanos().max(1);
        let _ = self.drain_at.compare_exchange(0, at, Ordering::AcqRel, Ordering::Acquire);
        self.metrics.set_draining();
        let _ = self.drain_deadline.compare_exchange(0, nanos, Ordering::AcqRel, Ordering::Acquire);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.drain_deadline.load(Ordering::Acquire) != 0
    }

    pub(crate) fn drain_deadline(&self) -> Option<Instant> {
        moment(&self.drain_deadline)
    }

    /// When the workers send their clients away.
    pub(crate) fn drain_at(&self) -> Option<Instant> {
        moment(&self.drain_at).filter(|_| self.is_draining())
    }
}

fn moment(nanos: &AtomicU64) -> Option<Instant> {
    Some(nanos.load(Ordering::Acquire)).filter(|nanos| *nanos != 0).map(Instant::from_nanos)
}

/// A poisoned lock means that a worker panicked, which is our own bug; the others go on with what it left.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
