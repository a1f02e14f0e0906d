//! A thread that carries one client over TCP and TLS. Feature `blocking`.
//!
//! ```no_run
//! use portcullis_client::{Event, Outgoing, Url, blocking, Options};
//!
//! let url = Url::parse("ws://127.0.0.1:8080/ws")?;
//! let (client, events) = blocking::start(&url, Options::default(), |_reason| Some("…".into()))?;
//! client.connect();
//! client.subscribe("chat:lobby");
//! client.send(&Outgoing::new("chat", r#"{"text":"hi"}"#).to("chat:lobby"))?;
//! for event in events {
//!     if let Event::Message(message) = event {
//!         println!("{}", message.payload);
//!     }
//! }
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

use alloc::{borrow::ToOwned, boxed::Box, string::String, sync::Arc};
use core::time::Duration;
use std::{
    io::{self, Read, Write},
    net::{TcpStream as StdStream, ToSocketAddrs},
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
};

use mio::{Interest, Poll, Token, Waker, net::TcpStream};
use rustls::{ClientConnection, StreamOwned, pki_types::ServerName};

use super::{Options, State, clock};
use crate::{Action, Client, Event, MessageId, Outgoing, SendError, TokenReason, Url};

const WAKER: Token = Token(0);
const STREAM: Token = Token(1);

/// What the thread and the application share.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// Something has come for the application.
    told: Condvar,
    waker: Waker,
}

impl Shared {
    /// A poisoned lock means that a caller panicked in here, which is our own bug; what it left is whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        // A thread that cannot be woken has ended.
        let _ = self.waker.wake();
    }
}

/// The last of these to go ends the thread.
#[derive(Debug)]
struct Owner(Arc<Shared>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.lock().stop = true;
        self.0.wake();
    }
}

/// Speaks to the client. Clones speak to the same one.
#[derive(Clone, Debug)]
pub struct Handle(Arc<Owner>);

/// What happened, in order: an iterator that waits for the next, and ends with the client.
#[derive(Debug)]
pub struct Events(Arc<Owner>);

/// Starts a thread for a client that does nothing yet. `tokens` is asked for a token by a thread of its own and may take
/// its time; `None` means that there is none to be had now. When all handles and the events are dropped, the session is
/// left where it is and the threads end.
///
/// # Errors
/// The system has no thread or no poll for it.
pub fn start(
    url: &Url,
    options: Options,
    tokens: impl FnMut(TokenReason) -> Option<String> + Send + 'static,
) -> io::Result<(Handle, Events)> {
    let poll = Poll::new()?;
    let waker = Waker::new(poll.registry(), WAKER)?;
    let client = Client::new(url.clone(), options.config, clock::entropy());
    let state = Mutex::new(State::new(client));
    let shared = Arc::new(Shared { state, told: Condvar::new(), waker });
    let (jobs, todo) = channel();
    let (done, answers) = channel();
    let (url, timeout) = (url.clone(), options.config.connect_timeout);
    let errands = Errands { url, tls: options.tls, timeout, shared: shared.clone(), done };
    thread::Builder::new().name("portcullis-errands".into()).spawn(move || errands.run(&todo, tokens))?;
    let driver = Driver { shared: shared.clone(), poll, stream: None, dialing: 0, jobs, answers };
    thread::Builder::new().name("portcullis-client".into()).spawn(move || driver.run())?;
    let owner = Arc::new(Owner(shared));
    Ok((Handle(owner.clone()), Events(owner)))
}

impl Handle {
    /// See [`Client::connect`].
    pub fn connect(&self) {
        self.with(|client| client.connect(clock::now()));
    }

    /// See [`Client::close`].
    pub fn close(&self) {
        self.with(|client| client.close(clock::now()));
    }

    /// See [`Client::send`].
    ///
    /// # Errors
    /// The message was not taken.
    pub fn send(&self, outgoing: &Outgoing<'_>) -> Result<MessageId, SendError> {
        self.with(|client| client.send(clock::now(), outgoing))
    }

    /// See [`Client::subscribe`].
    pub fn subscribe(&self, channel: &str) {
        self.with(|client| client.subscribe(clock::now(), channel));
    }

    /// See [`Client::unsubscribe`].
    pub fn unsubscribe(&self, channel: &str) {
        self.with(|client| client.unsubscribe(clock::now(), channel));
    }

    /// See [`Client::ping`].
    pub fn ping(&self) {
        self.with(|client| client.ping(clock::now()));
    }

    /// See [`Client::send_raw`].
    #[must_use]
    pub fn send_raw(&self, text: &str) -> bool {
        self.with(|client| client.send_raw(clock::now(), text))
    }

    /// See [`Client::set_online`].
    pub fn set_online(&self, online: bool) {
        self.with(|client| client.set_online(clock::now(), online));
    }

    /// Messages that no answer has come for.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.with(|client| client.pending())
    }

    /// Where the client stands.
    #[must_use]
    pub fn state(&self) -> crate::State {
        self.with(|client| client.state())
    }

    fn with<R>(&self, act: impl FnOnce(&mut Client) -> R) -> R {
        let shared = &self.0.0;
        let result = act(&mut shared.lock().client);
        shared.wake();
        result
    }
}

impl Events {
    /// The next event; `None` when there was none within `timeout`.
    pub fn next_within(&mut self, timeout: Duration) -> Option<Event> {
        let shared = &self.0.0;
        let state = shared.lock();
        let waited = shared.told.wait_timeout_while(state, timeout, |state| state.events.is_empty());
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let event = state.events.pop_front();
        drop(state);
        // There may be room again.
        shared.wake();
        event
    }
}

impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let shared = &self.0.0;
        let is_quiet =
            |state: &mut State| state.events.is_empty() && state.client.state() != crate::State::Closed;
        let waited = shared.told.wait_while(shared.lock(), is_quiet);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if state.events.is_empty() {
            // The thread need not have come to it yet.
            state.collect(clock::now());
        }
        let event = state.events.pop_front();
        drop(state);
        shared.wake();
        event
    }
}

/// What takes its time.
enum Job {
    Token { serial: u64, reason: TokenReason },
    Dial { serial: u64 },
}

enum Answer {
    Token { serial: u64, token: Option<String> },
    Dialed { serial: u64, stream: io::Result<Opened> },
}

/// Fetches tokens and opens transports, one after the other.
struct Errands {
    url: Url,
    tls: Option<Arc<rustls::ClientConfig>>,
    timeout: Duration,
    shared: Arc<Shared>,
    done: Sender<Answer>,
}

/// A socket, and what TLS has come to on it.
type Opened = (StdStream, Option<Box<ClientConnection>>);

impl Errands {
    fn run(self, todo: &Receiver<Job>, mut tokens: impl FnMut(TokenReason) -> Option<String>) {
        for job in todo {
            let answer = match job {
                Job::Token { serial, reason } => Answer::Token { serial, token: tokens(reason) },
                Job::Dial { serial } => Answer::Dialed { serial, stream: self.dial() },
            };
            if self.done.send(answer).is_err() {
                return;
            }
            self.shared.wake();
        }
    }

    /// Every address in turn, then TLS.
    fn dial(&self) -> io::Result<Opened> {
        let mut stream = self.connect()?;
        let mut tls = None;
        if self.url.is_secure() {
            let config = self.tls.clone().ok_or(io::ErrorKind::Unsupported)?;
            let name = ServerName::try_from(self.url.host().to_owned()).map_err(io::Error::other)?;
            let mut connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
            // A peer that drips is given up by the client's own deadline; this one ends the thread's patience.
            stream.set_read_timeout(Some(self.timeout))?;
            while connection.is_handshaking() {
                connection.complete_io(&mut stream)?;
            }
            tls = Some(Box::new(connection));
        }
        stream.set_nonblocking(true)?;
        Ok((stream, tls))
    }

    fn connect(&self) -> io::Result<StdStream> {
        let mut last = io::ErrorKind::NotFound.into();
        for address in (self.url.host(), self.url.port()).to_socket_addrs()? {
            match StdStream::connect_timeout(&address, self.timeout) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(stream);
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// A transport, with TLS or without.
enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Stream {
    const fn socket(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => &mut stream.sock,
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    /// What TLS still holds.
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// The loop.
struct Driver {
    shared: Arc<Shared>,
    poll: Poll,
    stream: Option<Stream>,
    /// The transport that is waited for.
    dialing: u64,
    jobs: Sender<Job>,
    answers: Receiver<Answer>,
}

impl Driver {
    fn run(mut self) {
        let mut events = mio::Events::with_capacity(4);
        let shared = self.shared.clone();
        loop {
            let mut state = shared.lock();
            self.turn(&mut state);
            if !state.events.is_empty() || state.client.state() == crate::State::Closed {
                shared.told.notify_all();
            }
            let (stop, deadline) = (state.stop, state.client.poll_timeout());
            drop(state);
            if stop {
                return;
            }
            let left = deadline.map(|deadline| {
                // Rounded up, so that a deadline is not found a moment too early.
                deadline.saturating_duration_since(clock::now().instant) + Duration::from_micros(500)
            });
            match self.poll.poll(&mut events, left) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return,
                _ => {}
            }
        }
    }

    /// Everything that can be done now.
    fn turn(&mut self, state: &mut State) {
        state.client.handle_timeout(clock::now());
        loop {
            let mut some = state.collect(clock::now());
            some |= self.act(state);
            some |= self.carry(state);
            if !some {
                return;
            }
        }
    }

    /// What the client asks for, and what came of what it asked for before.
    fn act(&mut self, state: &mut State) -> bool {
        let (now, mut some) = (clock::now(), false);
        while let Some(action) = state.client.poll_action() {
            some = true;
            // An errand thread that is gone was stopped with the client.
            match action {
                Action::FetchToken { serial, reason } => drop(self.jobs.send(Job::Token { serial, reason })),
                Action::Dial { serial } => {
                    self.dialing = serial;
                    drop(self.jobs.send(Job::Dial { serial }));
                }
                Action::Hangup => {
                    let _ = self.write(state);
                    self.stream = None;
                }
            }
        }
        while let Ok(answer) = self.answers.try_recv() {
            some = true;
            match answer {
                Answer::Token { serial, token } => state.client.token(now, serial, token.as_deref()),
                Answer::Dialed { serial, stream } if serial == self.dialing => {
                    match stream.and_then(|stream| self.adopt(stream)) {
                        Ok(()) => state.client.dialed(now, serial, clock::entropy()),
                        Err(error) => state.client.dial_failed(now, serial, super::blame(&error)),
                    }
                }
                // Of an attempt that was given up.
                Answer::Dialed { .. } => {}
            }
        }
        some
    }

    fn adopt(&mut self, (stream, tls): Opened) -> io::Result<()> {
        let stream = TcpStream::from_std(stream);
        let mut stream = match tls {
            None => Stream::Plain(stream),
            Some(tls) => Stream::Tls(Box::new(StreamOwned::new(*tls, stream))),
        };
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(stream.socket(), STREAM, interest)?;
        self.stream = Some(stream);
        Ok(())
    }

    /// Moves bytes as far as they go.
    fn carry(&mut self, state: &mut State) -> bool {
        let outcome = self.write(state).and_then(|wrote| Ok(self.read(state)? || wrote));
        match outcome {
            Ok(some) => some,
            Err(_) => {
                self.stream = None;
                state.client.handle_eof(clock::now());
                true
            }
        }
    }

    fn write(&mut self, state: &mut State) -> io::Result<bool> {
        let Some(stream) = &mut self.stream else { return Ok(false) };
        let mut some = false;
        loop {
            let output = state.client.output();
            if output.is_empty() {
                return unless_blocked(stream.flush()).map(|_| some);
            }
            let Some(len) = unless_blocked(stream.write(output))? else { return Ok(some) };
            if len == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            state.client.wrote(clock::now(), len);
            some = true;
        }
    }

    fn read(&mut self, state: &mut State) -> io::Result<bool> {
        let Some(stream) = &mut self.stream else { return Ok(false) };
        let room = state.client.input_buffer();
        if room.is_empty() {
            return Ok(false);
        }
        match unless_blocked(stream.read(room))? {
            None => Ok(false),
            Some(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Some(len) => {
                state.client.filled(clock::now(), len);
                Ok(true)
            }
        }
    }
}

fn unless_blocked<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
