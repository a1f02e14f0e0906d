//! What the workers share besides the hub: the configuration in force, counts per address, user buckets, the drain.

use core::{hash::BuildHasher, time::Duration};
use std::{
    collections::HashMap,
    hash::RandomState,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use portcullis_auth::{OriginPolicy, jwt::Verifier};
use portcullis_gate::Policy;
use portcullis_limit::{Keyed, Limited, Quota};
use portcullis_proto::deflate::DeflateConfig;
use portcullis_time::Instant;
use rustls::ServerConfig;

use crate::metrics::Metrics;

/// The configuration in force, compiled. A reload replaces it whole; each worker takes the new one up at its next turn.
pub(crate) struct Live {
    /// The path of the endpoint.
    pub(crate) path: String,
    pub(crate) origins: OriginPolicy,
    pub(crate) verifier: Option<Verifier>,
    pub(crate) policy: Policy,
    pub(crate) protocol: portcullis_proto::Config,
    /// Compression, where it is offered at all.
    pub(crate) deflate: Option<DeflateConfig>,
    /// By listener; `None` is plaintext.
    pub(crate) tls: Vec<Option<Arc<ServerConfig>>>,
    /// By listener: whether a proxy in front of it speaks TLS.
    pub(crate) terminated_upstream: Vec<bool>,
    pub(crate) demo: bool,
    pub(crate) upgrade_timeout: Duration,
    pub(crate) outbound_len_max: usize,
    pub(crate) connections_max: usize,
    pub(crate) connections_per_address_max: usize,
    pub(crate) user_messages: Quota,
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

/// Users whose buckets are remembered at once. Only buckets that are full again are forgotten.
const USERS_MAX: usize = 1 << 16;

/// Shared by all workers of a server.
pub(crate) struct Shared {
    live: Mutex<Arc<Live>>,
    /// Counts reloads, so that a worker looks at the lock only after one.
    revision: AtomicU64,
    metrics: Arc<Metrics>,
    addresses: Mutex<HashMap<IpAddr, usize>>,
    users: Mutex<Keyed<u64>>,
    hasher: RandomState,
    connections: AtomicU64,
    /// The end of the drain in nanoseconds of the server's clock; 0 while there is none.
    drain_deadline: AtomicU64,
}

impl Shared {
    pub(crate) fn new(live: Live, metrics: Arc<Metrics>) -> Self {
        let hasher = RandomState::new();
        let users = Keyed::new(live.user_messages, USERS_MAX, hasher.hash_one(0_u8));
        Self {
            live: Mutex::new(Arc::new(live)),
            revision: AtomicU64::new(0),
            metrics,
            addresses: Mutex::default(),
            users: Mutex::new(users),
            hasher,
            connections: AtomicU64::new(0),
            drain_deadline: AtomicU64::new(0),
        }
    }

    pub(crate) fn live(&self) -> Arc<Live> {
        lock(&self.live).clone()
    }

    pub(crate) fn metrics(&self) -> Arc<Metrics> {
        self.metrics.clone()
    }

    /// Puts a new configuration in force.
    pub(crate) fn replace(&self, live: Live) {
        *lock(&self.live) = Arc::new(live);
        self.revision.fetch_add(1, Ordering::Release);
    }

    /// Takes up the configuration in force if it has changed since `revision`.
    pub(crate) fn refresh(&self, live: &mut Arc<Live>, revision: &mut u64) {
        let current = self.revision.load(Ordering::Acquire);
        if current != *revision {
            *revision = current;
            *live = self.live();
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

    /// Charges the bucket that all connections of `user` share.
    pub(crate) fn check_user(&self, now: Instant, user: &str, cost: u32) -> Result<(), Limited> {
        lock(&self.users).check(self.hasher.hash_one(user), now, cost)
    }

    /// Begins the drain, to end at `deadline`. Repeated calls change nothing.
    pub(crate) fn begin_drain(&self, deadline: Instant) {
        let nanos = deadline.as_nanos().max(1);
        self.metrics.set_draining();
        let _ = self.drain_deadline.compare_exchange(0, nanos, Ordering::AcqRel, Ordering::Acquire);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.drain_deadline.load(Ordering::Acquire) != 0
    }

    pub(crate) fn drain_deadline(&self) -> Option<Instant> {
        match self.drain_deadline.load(Ordering::Acquire) {
            0 => None,
            nanos => Some(Instant::from_nanos(nanos)),
        }
    }
}

/// A poisoned lock means that a worker panicked, which is our own bug; the others go on with what it left.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
