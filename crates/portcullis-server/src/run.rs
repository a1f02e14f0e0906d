//! Starting, reloading, draining: what stands around the workers.

use core::{fmt, time::Duration};
use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, OnceLock, Weak},
    thread::{self, JoinHandle},
};

use mio::{Poll, Waker, net::TcpListener};
use portcullis_disk::{DiskBackend, DiskError, Durability};
use portcullis_session::{MemoryBackend, NodeId};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::{
    admin,
    backing::Backing,
    clock,
    hub::Hub,
    keys,
    metrics::Metrics,
    revoked::RevocationLog,
    shared::{Live, Shared},
    worker::{Start, WAKER, Worker},
};

/// What the workers do with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The whole server.
    Gate,
    /// Echo on every path; guarded, the gate checks each message first.
    Echo { guarded: bool },
}

/// Makes a new configuration, of the workers and of the session model.
pub(crate) type Reload = Box<dyn Fn() -> Result<(Live, portcullis_session::Config), String> + Send>;
/// Hears the addresses that are listened on.
pub(crate) type Started = Box<dyn FnOnce(&[SocketAddr])>;

/// How a server is run.
pub(crate) struct Run {
    pub(crate) live: Live,
    pub(crate) mode: Mode,
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) workers: usize,
    pub(crate) session: portcullis_session::Config,
    /// The file that keeps sessions and logs; without one they end with the process.
    pub(crate) store: Option<(PathBuf, Durability)>,
    /// Makes a new configuration on SIGHUP.
    pub(crate) reload: Option<Reload>,
    /// Called with the addresses once they are listened on.
    pub(crate) started: Started,
}

/// A server that could not run, as one line.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// An address cannot be listened on.
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's word.
        error: io::Error,
    },
    /// The file that keeps sessions cannot be used, or could not be written any more.
    Store(DiskError),
    /// What was revoked before cannot be read, or not be kept.
    Revocations(io::Error),
    /// A worker failed.
    Worker(io::Error),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen { address, error } if error.kind() == io::ErrorKind::AddrInUse => {
                write!(f, "cannot listen on {address}: the port is in use")
            }
            Self::Listen { address, error } => write!(f, "cannot listen on {address}: {error}"),
            Self::Store(error) => write!(f, "the store failed: {error}"),
            Self::Revocations(error) => write!(f, "the store of revocations cannot be used: {error}"),
            Self::Worker(error) => write!(f, "the server failed: {error}"),
        }
    }
}

impl core::error::Error for RunError {}

impl From<io::Error> for RunError {
    fn from(error: io::Error) -> Self {
        Self::Worker(error)
    }
}

/// Runs a server until it has drained.
pub(crate) fn run(run: Run) -> Result<(), RunError> {
    let workers = run.workers.max(1);
    let sockets = listen_all(&run.addresses, workers)?;
    let addresses = sockets.iter().map(|(address, _)| *address).collect::<Vec<_>>();
    let urls = urls(&run.live, &addresses);
    let polls = (0..workers).map(|_| Poll::new()).collect::<io::Result<Vec<_>>>()?;
    let mut wakers =
        polls.iter().map(|poll| Waker::new(poll.registry(), WAKER)).collect::<io::Result<Vec<_>>>()?;
    // The operator's node comes behind those of the workers.
    let (desk, waker) = admin::Desk::new(NodeId::new(u32::try_from(workers).unwrap_or(u32::MAX)))?;
    wakers.push(waker);
    let shared = Arc::new(Shared::new(run.live, Arc::new(Metrics::default()), workers));
    let awaited = Arc::new(OnceLock::new());
    let backend = open_backend(run.session, run.store.as_ref(), &shared, &awaited)?;
    let revocations = match &run.store {
        None => None,
        Some((path, _)) => {
            let now = clock::unix_time();
            let log = RevocationLog::open(path, |revocation, before| shared.revoke(now, revocation, before));
            Some(log.map_err(RunError::Revocations)?)
        }
    };
    let hub = Arc::new(Hub::new(backend, wakers));
    let _ = awaited.set(Arc::downgrade(&hub));
    let waking = hub.clone();
    keys::start(&shared, move || waking.wake_all())?;
    if let Some(address) = run.admin {
        let operator = admin::Operator { shared: shared.clone(), hub: hub.clone(), revocations, desk };
        let bound = admin::start(address, operator);
        let address = bound.map_err(|error| RunError::Listen { address, error })?;
        let _ = crate::cli::print(format_args!("admin http://{address}\n"));
    }
    let mut by_worker: Vec<Vec<(TcpListener, usize)>> = (0..workers).map(|_| Vec::new()).collect();
    for (index, (_, sockets)) in sockets.into_iter().enumerate() {
        for (worker, socket) in by_worker.iter_mut().zip(sockets) {
            worker.push((socket, index));
        }
    }
    let signals = handle_signals(&shared, &hub, run.reload)?;
    let mut threads = Vec::new();
    for (number, (poll, listeners)) in polls.into_iter().zip(by_worker).enumerate() {
        let node = NodeId::new(u32::try_from(number).unwrap_or(u32::MAX));
        let (hub, shared) = (hub.clone(), shared.clone());
        let worker = Worker::new(Start { node, mode: run.mode, poll, listeners, hub, shared })?;
        threads.push(thread::Builder::new().name(format!("worker-{number}")).spawn(move || worker.run())?);
    }
    for url in urls {
        let _ = crate::cli::print(format_args!("listening {url}\n"));
    }
    (run.started)(&addresses);
    let result = join(threads);
    signals.close();
    // Goodbyes and last messages are written before the process ends.
    let mut last = None;
    hub.adjust(|backend| last = Some(backend.take()));
    let closed = last.map_or(Ok(()), Backing::close);
    result.and(closed.map_err(RunError::Store))
}

/// Memory, or the file that the configuration names. A file that can be written no more ends the server in order:
/// clients are sent away, and whoever starts it again finds what had been written.
fn open_backend(
    config: portcullis_session::Config,
    store: Option<&(PathBuf, Durability)>,
    shared: &Arc<Shared>,
    hub: &Arc<OnceLock<Weak<Hub>>>,
) -> Result<Backing, RunError> {
    let seed = clock::entropy();
    let Some((path, durability)) = store else {
        return Ok(Backing::Memory(Box::new(MemoryBackend::new(config, seed))));
    };
    let (shared, hub) = (shared.clone(), hub.clone());
    let notify = move |outcome: Result<(), DiskError>| {
        let hub = hub.get().and_then(Weak::upgrade);
        if let Err(error) = outcome {
            tracing::error!(%error, "the store failed");
            shared.begin_drain(clock::now());
            hub.as_ref().inspect(|hub| hub.wake_all());
        }
        if let Some(hub) = hub {
            hub.collect();
        }
    };
    let (now, unix) = (clock::now(), clock::unix_time());
    let options = portcullis_disk::Options { config, seed, durability: *durability, now, unix };
    let (backend, found) = DiskBackend::open(path, &options, notify).map_err(RunError::Store)?;
    let portcullis_disk::Found { sessions, logs, events, afresh, .. } = found;
    if afresh {
        tracing::warn!("the machine failed: sessions and logs begin afresh, every client is told of a gap");
    } else {
        tracing::info!(sessions, logs, events, "sessions and logs go on");
    }
    Ok(Backing::Disk(backend))
}

/// What clients type, by listener.
fn urls(live: &Live, addresses: &[SocketAddr]) -> Vec<String> {
    let scheme = |index| if live.tls.get(index).is_some_and(Option::is_some) { "wss" } else { "ws" };
    addresses
        .iter()
        .enumerate()
        .map(|(index, address)| format!("{}://{address}{}", scheme(index), live.path))
        .collect()
}

fn join(threads: Vec<JoinHandle<io::Result<()>>>) -> Result<(), RunError> {
    let mut result = Ok(());
    for thread in threads {
        match thread.join() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => result = Err(RunError::Worker(error)),
            Err(_) => result = Err(RunError::Worker(io::Error::other("a worker panicked"))),
        }
    }
    result
}

/// One socket per address and worker.
type Sockets = Vec<(SocketAddr, Vec<TcpListener>)>;

fn listen_all(addresses: &[SocketAddr], workers: usize) -> Result<Sockets, RunError> {
    let mut all = Vec::new();
    for &address in addresses {
        let failed = |error| RunError::Listen { address, error };
        // Sockets that share a port would share it with a stranger's as well: one that does not share asks first.
        let probe = socket(address, false).map_err(failed)?;
        let bound = probe.local_addr().map_err(failed)?.as_socket().unwrap_or(address);
        drop(probe);
        let mut sockets = Vec::new();
        for _ in 0..workers {
            let socket = socket(bound, true).map_err(failed)?;
            socket.listen(4_096).map_err(failed)?;
            socket.set_nonblocking(true).map_err(failed)?;
            sockets.push(TcpListener::from_std(socket.into()));
        }
        all.push((bound, sockets));
    }
    Ok(all)
}

fn socket(address: SocketAddr, shares: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shares)?;
    socket.bind(&SockAddr::from(address))?;
    Ok(socket)
}

/// SIGTERM and SIGINT drain, SIGHUP reloads.
fn handle_signals(
    shared: &Arc<Shared>,
    hub: &Arc<Hub>,
    reload: Option<Reload>,
) -> io::Result<signal_hook::iterator::Handle> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let handle = signals.handle();
    let (shared, hub) = (shared.clone(), hub.clone());
    thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            if signal == SIGHUP {
                match reload.as_ref().map(|reload| reload()) {
                    Some(Ok((live, session))) => {
                        shared.replace(live);
                        hub.adjust(|backend| backend.set_config(session));
                        tracing::info!("configuration reloaded");
                    }
                    Some(Err(error)) => tracing::error!(%error, "reload failed, the old configuration stays"),
                    None => tracing::info!("nothing to reload"),
                }
            } else {
                shared.begin_drain(clock::now());
                tracing::info!("draining");
            }
            hub.wake_all();
        }
    })?;
    Ok(handle)
}

/// One worker per core, unless said otherwise.
pub(crate) fn default_workers() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// How long `dev` and `echo` take to drain: nobody waits for them.
pub(crate) const QUICK_DRAIN: Duration = Duration::from_secs(3);
