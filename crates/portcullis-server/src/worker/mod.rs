//! A worker: one thread, one poll, one shared read buffer, and the connections that the kernel gave to it.
//!
//! Reading order: [`Worker::run`] is the loop; `accept` takes connections in; `opening` decides on them; `echo` and
//! `gated` carry their messages; `deliver` brings what other connections caused; `orders` does what the operator asks;
//! `close` ends them.

mod accept;
mod close;
mod connection;
mod deliver;
mod echo;
mod gated;
mod io;
mod opening;
mod orders;
mod outbound;
mod tickets;
mod timers;
mod transport;

use core::time::Duration;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use mio::{Events, Poll, Token, event::Event, net::TcpListener};
use portcullis_gate::Context;
use portcullis_limit::Limited;
use portcullis_proto::deflate::{Compressor, WindowBits};
use portcullis_session::{Command, NodeId, Subscribers};
use portcullis_time::{Instant, UnixTime};
use slab::Slab;

use crate::{
    clock,
    hub::Hub,
    metrics::Metrics,
    run::Mode,
    shared::{Judge, Live, Shared},
};
use connection::{Connection, Key, Phase};
use outbound::Pool;
use timers::Timers;

/// Readiness reports taken at once; the deliveries that they cause are flushed together.
const EVENTS_MAX: usize = 256;
/// The read buffer that all connections of a worker share.
const READ_LEN_MAX: usize = 256 * 1_024;
/// Reads of one connection before the others get their turn.
const READS_PER_TURN: usize = 4;
/// A connection that has this much unsent is not read from: what it asks for next would only add to it.
const UNSENT_LEN_HIGH: usize = 64 * 1_024;
/// The token of the waker; listeners follow it, connections follow them.
pub(crate) const WAKER: Token = Token(usize::MAX);
/// Tokens below this are connections.
const LISTENERS: usize = usize::MAX - 1_024;

/// What a worker's handlers share, besides the connection at hand.
pub(crate) struct Env {
    node: NodeId,
    mode: Mode,
    hub: Arc<Hub>,
    shared: Arc<Shared>,
    live: Arc<Live>,
    judge: Option<Arc<Judge>>,
    revision: u64,
    metrics: Arc<Metrics>,
    pool: Pool,
    now: Instant,
    unix: UnixTime,
    /// Reused for every message that is written.
    text: String,
    /// Reused for every frame that goes to many.
    frame: Vec<u8>,
    /// The same, compressed.
    deflated: Vec<u8>,
    /// One for each size of window, once the first connection needs it: each message stands alone.
    compressors: BTreeMap<WindowBits, Compressor>,
}

impl Env {
    fn context<'c>(&self, live: &'c Live, judge: Option<&'c Judge>) -> Context<'c> {
        let verifier = judge.map(|judge| judge as &dyn portcullis_auth::Verify);
        Context { now: self.now, unix: self.unix, policy: &live.policy, verifier }
    }

    fn submit(&self, command: Command<'_>) {
        self.hub.submit(self.now, self.node, command);
    }

    fn has_mail(&self) -> bool {
        self.hub.has_mail(self.node)
    }

    /// Whether clients are sent away; a server that is only no longer ready still takes them.
    fn is_draining(&self) -> bool {
        self.shared.drain_at().is_some_and(|at| at <= self.now)
    }

    fn is_full(&self) -> bool {
        self.shared.is_full(&self.live)
    }

    /// The phase of a connection that has nothing more to say.
    fn linger(&self) -> Phase {
        Phase::Lingering {
            deadline: self.now + self.live.protocol.close_timeout,
            budget: close::LINGER_LEN_MAX,
        }
    }

    /// Charges the bucket that all connections of a user share.
    fn check_user(&self, user: &str, cost: u32) -> Result<(), Limited> {
        self.shared.check_user(self.now, user, cost)
    }
}

/// One worker thread's whole state.
pub(crate) struct Worker {
    poll: Poll,
    listeners: Vec<accept::Listener>,
    connections: Slab<Connection>,
    generation: u32,
    buffer: Box<[u8]>,
    timers: Timers,
    subscribers: Subscribers,
    /// Connections with something to write at the end of this turn.
    dirty: Vec<Key>,
    /// Connections whose transport may hold more than they were allowed to read in their turn.
    unread: VecDeque<Key>,
    /// Listeners that may hold more connections than their turn allowed.
    unaccepted: Vec<usize>,
    draining: bool,
    env: Env,
}

/// What a worker is started with.
pub(crate) struct Start {
    pub(crate) node: NodeId,
    pub(crate) mode: Mode,
    pub(crate) poll: Poll,
    pub(crate) listeners: Vec<(TcpListener, usize)>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) shared: Arc<Shared>,
}

impl Worker {
    pub(crate) fn new(start: Start) -> std::io::Result<Self> {
        let Start { node, mode, poll, listeners, hub, shared } = start;
        let listeners = accept::register(&poll, listeners)?;
        let env = Env {
            node,
            mode,
            hub,
            live: shared.live(),
            judge: shared.judge(),
            revision: 0,
            metrics: shared.metrics(),
            shared,
            pool: Pool::default(),
            now: clock::now(),
            unix: clock::unix_time(),
            text: String::new(),
            frame: Vec::new(),
            deflated: Vec::new(),
            compressors: BTreeMap::new(),
        };
        Ok(Self {
            poll,
            listeners,
            connections: Slab::new(),
            generation: 0,
            buffer: vec![0; READ_LEN_MAX].into_boxed_slice(),
            timers: Timers::default(),
            subscribers: Subscribers::new(),
            dirty: Vec::new(),
            unread: VecDeque::new(),
            unaccepted: Vec::new(),
            draining: false,
            env,
        })
    }

    /// Runs until the server has drained.
    ///
    /// # Errors
    /// The poll itself failed; a connection's failure ends that connection alone.
    pub(crate) fn run(mut self) -> std::io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_MAX);
        loop {
            let timeout = self.sleep_limit();
            match self.poll.poll(&mut events, timeout) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                result => result?,
            }
            self.env.now = clock::now();
            self.env.unix = clock::unix_time();
            self.refresh();
            for event in &events {
                self.handle_readiness(event);
            }
            self.handle_unread();
            self.handle_unaccepted();
            self.handle_timers();
            self.deliver();
            self.flush_dirty();
            if self.has_drained() {
                return Ok(());
            }
        }
    }

    /// How long the poll may sleep: until the earliest deadline of a connection or of the backend.
    fn sleep_limit(&self) -> Option<Duration> {
        if !self.unread.is_empty() || self.env.has_mail() {
            return Some(Duration::ZERO);
        }
        let own = self.timers.next();
        let backend = self.env.hub.poll_timeout();
        let drain = if self.draining { self.env.shared.drain_deadline() } else { self.env.shared.drain_at() };
        // A listener that ran out of files is tried again a little later.
        let retry = (!self.unaccepted.is_empty()).then(|| self.env.now + Duration::from_millis(10));
        let next = [own, backend, drain, retry].into_iter().flatten().min()?;
        // Rounded up, so that a deadline is not found a moment too early, again and again.
        Some(next.saturating_duration_since(clock::now()) + Duration::from_micros(500))
    }

    /// Takes on a reloaded configuration, and begins to drain when told.
    fn refresh(&mut self) {
        self.env.shared.refresh(&mut self.env.live, &mut self.env.judge, &mut self.env.revision);
        self.obey_orders();
        if self.env.is_draining() {
            self.drain();
        }
    }

    fn handle_readiness(&mut self, event: &Event) {
        let Token(token) = event.token();
        if event.token() == WAKER {
            return;
        }
        if token >= LISTENERS {
            self.accept_all(token - LISTENERS);
            return;
        }
        // A report for a connection that ended in this very turn finds no one, or a successor that has nothing to do.
        let Some(connection) = self.connections.get_mut(token) else { return };
        let Ok(index) = u32::try_from(token) else { return };
        let key = Key { index, generation: connection.generation };
        if event.is_writable() {
            self.flush(key);
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.read(key, event.is_read_closed());
        }
    }

    /// Listeners and connections that had more than their turn allowed.
    fn handle_unaccepted(&mut self) {
        for position in core::mem::take(&mut self.unaccepted) {
            self.accept_all(position);
        }
    }

    fn handle_unread(&mut self) {
        for _ in 0..self.unread.len() {
            let Some(key) = self.unread.pop_front() else { return };
            if let Some(connection) = self.connection(key) {
                connection.unread = false;
                self.read(key, false);
            }
        }
    }

    fn connection(&mut self, key: Key) -> Option<&mut Connection> {
        let connection = self.connections.get_mut(key.index as usize)?;
        (connection.generation == key.generation).then_some(connection)
    }
}
