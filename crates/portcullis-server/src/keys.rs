//! Key sets of issuers that publish them: fetched in the background, and kept while they cannot be fetched.
//!
//! Where a set is fetched from is the operator's word alone; nothing in a token is followed. One thread fetches, so that
//! no worker ever waits for an issuer.

use core::{fmt, time::Duration};
use std::{
    collections::HashMap,
    io::{self, Read as _},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak},
    thread,
};

use portcullis_auth::jwt::{Key, key_set};
use portcullis_time::Instant;
use ureq::{
    Agent,
    tls::{Certificate, RootCerts, TlsConfig},
};

use crate::{clock, shared::Shared};

/// The longest key set that is read, in bytes.
const SET_LEN_MAX: u64 = 256 * 1_024;
/// How long one fetch may take.
const TIMEOUT: Duration = Duration::from_secs(5);
/// After a failure, and between two fetches that unknown keys asked for.
const RETRY_AFTER: Duration = Duration::from_secs(15);

/// An issuer, and where it publishes its keys: what is fetched from one place is never taken for another's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SourceId(pub(crate) String, String);

/// Where the key set of an issuer is published.
#[derive(Clone)]
pub(crate) struct Source {
    id: SourceId,
    refresh: Duration,
    agent: Agent,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Why a source cannot be used.
#[derive(Debug)]
pub(crate) enum SourceError {
    Url,
    Authority,
}

impl SourceError {
    /// The key of the configuration that is at fault.
    pub(crate) const fn key(&self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Authority => "authorities",
        }
    }
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Url => "must be an https URL without a user name",
            Self::Authority => "holds no certificate",
        })
    }
}

impl Source {
    /// `authorities` are certificates in PEM to trust in place of the public ones.
    pub(crate) fn new(
        issuer: &str,
        url: &str,
        refresh: Duration,
        authorities: Option<&[u8]>,
    ) -> Result<Self, SourceError> {
        let authority = url.strip_prefix("https://").and_then(|rest| rest.split(['/', '?', '#']).next());
        if authority.is_none_or(|authority| authority.is_empty() || authority.contains('@')) {
            return Err(SourceError::Url);
        }
        let roots = match authorities {
            None => RootCerts::WebPki,
            Some(pem) => RootCerts::Specific(Arc::new(certificates(pem)?)),
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = TlsConfig::builder().root_certs(roots).unversioned_rustls_crypto_provider(provider).build();
        let config = Agent::config_builder()
            .https_only(true)
            .max_redirects(0)
            .timeout_global(Some(TIMEOUT))
            .max_idle_connections(0)
            .proxy(None)
            .tls_config(tls)
            .build();
        let id = SourceId(issuer.into(), url.into());
        Ok(Self { id, refresh, agent: Agent::new_with_config(config) })
    }

    /// Whose keys it is for, and where they are.
    pub(crate) const fn id(&self) -> &SourceId {
        &self.id
    }

    fn fetch(&self) -> Result<Vec<Key>, String> {
        let mut response = self
            .agent
            .get(&self.id.1)
            .header("accept", "application/json")
            .call()
            .map_err(|e| e.to_string())?;
        if response.status().as_u16() != 200 {
            return Err(format!("status {}", response.status().as_u16()));
        }
        let mut body = Vec::new();
        let reader = response.body_mut().as_reader();
        reader.take(SET_LEN_MAX + 1).read_to_end(&mut body).map_err(|error: io::Error| error.to_string())?;
        if body.len() as u64 > SET_LEN_MAX {
            return Err(format!("longer than {SET_LEN_MAX} bytes"));
        }
        key_set(&body).map_err(|error| error.to_string())
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>, SourceError> {
    let certificates: Vec<_> = ureq::tls::parse_pem(pem)
        .filter_map(|item| match item {
            Ok(ureq::tls::PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() { Err(SourceError::Authority) } else { Ok(certificates) }
}

/// What the fetching thread waits for.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    unknown_key: Mutex<bool>,
    changed: Condvar,
}

impl Wanted {
    /// A token named a key that is not known: perhaps its issuer has a new one. Cheap; far more often asked than done.
    pub(crate) fn unknown_key(&self) {
        let mut wanted = lock(&self.unknown_key);
        if !*wanted {
            *wanted = true;
            self.changed.notify_one();
        }
    }

    /// Waits until `deadline`, or until an unknown key was named. Says which.
    fn wait(&self, patience: Duration) -> bool {
        let wanted = lock(&self.unknown_key);
        let (mut wanted, _) = self
            .changed
            .wait_timeout_while(wanted, patience, |wanted| !*wanted)
            .unwrap_or_else(PoisonError::into_inner);
        core::mem::take(&mut *wanted)
    }
}

/// What is known of one source.
#[derive(Clone, Copy)]
struct Known {
    fetched_at: Instant,
    next_at: Instant,
}

/// Fetches every set once, so that a server starts with the keys that it can have, and goes on in the background.
pub(crate) fn start(shared: &Arc<Shared>, wake_workers: impl Fn() + Send + 'static) -> io::Result<()> {
    let mut known = HashMap::new();
    fetch_due(shared, &mut known, false);
    let shared = Arc::downgrade(shared);
    thread::Builder::new().name("keys".into()).spawn(move || run(&shared, known, wake_workers))?;
    Ok(())
}

fn run(shared: &Weak<Shared>, mut known: HashMap<SourceId, Known>, wake_workers: impl Fn()) {
    loop {
        let Some(wanted) = shared.upgrade().map(|shared| shared.wanted_keys()) else { return };
        // The sources may change in a reload: they are looked at now and then.
        let next = known.values().map(|known| known.next_at).min();
        let patience = next.map_or(RETRY_AFTER, |next| next.saturating_duration_since(clock::now()));
        let unknown_key = wanted.wait(patience.clamp(Duration::from_millis(100), RETRY_AFTER));
        let Some(shared) = shared.upgrade() else { return };
        if fetch_due(&shared, &mut known, unknown_key) {
            wake_workers();
        }
    }
}

/// Fetches what is due. Whether any keys came.
fn fetch_due(shared: &Shared, known: &mut HashMap<SourceId, Known>, unknown_key: bool) -> bool {
    let mut came = false;
    let live = shared.live();
    known.retain(|id, _| live.key_sources.iter().any(|source| source.id == *id));
    for source in &live.key_sources {
        let now = clock::now();
        let is_due = known.get(&source.id).is_none_or(|known| {
            now >= known.next_at || (unknown_key && now >= known.fetched_at + RETRY_AFTER)
        });
        if !is_due {
            continue;
        }
        let next_in = match source.fetch() {
            Ok(keys) => {
                tracing::info!(issuer = source.id.0, keys = keys.len(), "key set fetched");
                shared.put_keys(&source.id, keys);
                came = true;
                source.refresh
            }
            Err(error) => {
                // The keys that it had stay good.
                tracing::warn!(issuer = source.id.0, error, "key set cannot be fetched");
                shared.metrics().key_set_failed();
                RETRY_AFTER.min(source.refresh)
            }
        };
        let now = clock::now();
        known.insert(source.id.clone(), Known { fetched_at: now, next_at: now + next_in });
    }
    came
}

/// A poisoned lock means that a thread panicked, which is our own bug; the others go on with what it left.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
