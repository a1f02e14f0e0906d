//! A task that carries one client over TCP and TLS on tokio. Feature `tokio`.
//!
//! ```no_run
//! use portcullis_client::{Event, Options, Outgoing, Url, tokio as driver};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let url = Url::parse("ws://127.0.0.1:8080/ws")?;
//! let (client, mut events) = driver::start(&url, Options::default(), |_reason| async { Some("…".into()) });
//! client.connect();
//! client.send(&Outgoing::new("chat", r#"{"text":"hi"}"#).to("chat:lobby"))?;
//! while let Some(event) = events.next().await {
//!     if let Event::Message(message) = event {
//!         println!("{}", message.payload);
//!     }
//! }
//! # Ok(())
//! # }
//! ```

use alloc::{borrow::ToOwned, boxed::Box, string::String, sync::Arc};
use core::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::Duration,
};
use std::{
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::Sleep,
};
use tokio_rustls::TlsConnector;

use super::{Options, State, clock};
use crate::{Action, Client, Event, MessageId, Outgoing, SendError, TokenReason, Url};

/// What the task and the application share.
#[derive(Debug)]
struct Shared {
    state: Mutex<Both>,
}

#[derive(Debug)]
struct Both {
    state: State,
    /// Of the task.
    driver: Option<Waker>,
    /// Of whoever waits for an event.
    reader: Option<Waker>,
}

impl Shared {
    /// A poisoned lock means that a caller panicked in here, which is our own bug; what it left is whole.
    fn lock(&self) -> MutexGuard<'_, Both> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Both {
    fn wake_driver(&mut self) {
        if let Some(waker) = self.driver.take() {
            waker.wake();
        }
    }
}

/// The last of these to go ends the task.
#[derive(Debug)]
struct Owner(Arc<Shared>);

impl Drop for Owner {
    fn drop(&mut self) {
        let mut both = self.0.lock();
        both.state.stop = true;
        both.wake_driver();
    }
}

/// Speaks to the client. Clones speak to the same one.
#[derive(Clone, Debug)]
pub struct Handle(Arc<Owner>);

/// What happened, in order.
#[derive(Debug)]
pub struct Events(Arc<Owner>);

/// Spawns a task for a client that does nothing yet. `tokens` is asked for a token; `None` means that there is none to be
/// had now. When all handles and the events are dropped, the session is left where it is and the task ends.
///
/// # Panics
/// Outside of a tokio runtime with I/O and time.
pub fn start<F>(
    url: &Url,
    options: Options,
    mut tokens: impl FnMut(TokenReason) -> F + Send + 'static,
) -> (Handle, Events)
where
    F: Future<Output = Option<String>> + Send + 'static,
{
    let client = Client::new(url.clone(), options.config, clock::entropy());
    let both = Both { state: State::new(client), driver: None, reader: None };
    let shared = Arc::new(Shared { state: Mutex::new(both) });
    let mut driver = Driver {
        shared: shared.clone(),
        url: url.clone(),
        tls: options.tls,
        tokens: Box::new(move |reason| Box::pin(tokens(reason))),
        fetching: None,
        dialing: None,
        stream: None,
        sleep: None,
    };
    tokio::spawn(async move { poll_fn(|cx| driver.poll(cx)).await });
    let owner = Arc::new(Owner(shared));
    (Handle(owner.clone()), Events(owner))
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
        let mut both = self.0.0.lock();
        let result = act(&mut both.state.client);
        both.wake_driver();
        result
    }
}

impl Events {
    /// The next event; `None` once the client is closed and all was told. Cancel-safe.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The same as a poll.
    pub fn poll_next(&mut self, cx: &Context<'_>) -> Poll<Option<Event>> {
        let mut both = self.0.0.lock();
        if let Some(event) = both.state.events.pop_front() {
            // There may be room again.
            both.wake_driver();
            return Poll::Ready(Some(event));
        }
        if both.state.client.state() == crate::State::Closed && !both.state.collect(clock::now()) {
            return Poll::Ready(None);
        }
        both.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A transport, with TLS or without.
trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// What an attempt came to.
type Dialed = io::Result<Box<dyn Transport>>;

/// The loop.
struct Driver {
    shared: Arc<Shared>,
    url: Url,
    tls: Option<Arc<rustls::ClientConfig>>,
    tokens: Box<dyn FnMut(TokenReason) -> Boxed<Option<String>> + Send>,
    fetching: Option<(u64, Boxed<Option<String>>)>,
    dialing: Option<(u64, Boxed<Dialed>)>,
    stream: Option<Box<dyn Transport>>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Driver {
    /// Everything that can be done now.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let shared = self.shared.clone();
        let mut both = shared.lock();
        let both = &mut *both;
        if both.state.stop {
            return Poll::Ready(());
        }
        both.driver = Some(cx.waker().clone());
        loop {
            let mut some = both.state.collect(clock::now());
            some |= self.act(cx, &mut both.state);
            some |= self.carry(cx, &mut both.state);
            some |= self.keep_time(cx, &mut both.state);
            if !some {
                break;
            }
        }
        let is_over = both.state.client.state() == crate::State::Closed;
        if (!both.state.events.is_empty() || is_over)
            && let Some(reader) = both.reader.take()
        {
            reader.wake();
        }
        Poll::Pending
    }

    fn act(&mut self, cx: &mut Context<'_>, state: &mut State) -> bool {
        let (now, mut some) = (clock::now(), false);
        while let Some(action) = state.client.poll_action() {
            some = true;
            match action {
                Action::FetchToken { serial, reason } => {
                    self.fetching = Some((serial, (self.tokens)(reason)))
                }
                Action::Dial { serial } => {
                    self.dialing = Some((serial, Box::pin(dial(self.url.clone(), self.tls.clone()))));
                }
                Action::Hangup => {
                    self.write(cx, state);
                    self.stream = None;
                }
            }
        }
        if let Some((serial, fetching)) = &mut self.fetching
            && let Poll::Ready(token) = fetching.as_mut().poll(cx)
        {
            state.client.token(now, *serial, token.as_deref());
            self.fetching = None;
            some = true;
        }
        if let Some((serial, dialing)) = &mut self.dialing
            && let Poll::Ready(stream) = dialing.as_mut().poll(cx)
        {
            match stream {
                Ok(stream) => {
                    self.stream = Some(stream);
                    state.client.dialed(now, *serial, clock::entropy());
                }
                Err(error) => state.client.dial_failed(now, *serial, super::blame(&error)),
            }
            self.dialing = None;
            some = true;
        }
        some
    }

    /// Moves bytes as far as they go.
    fn carry(&mut self, cx: &mut Context<'_>, state: &mut State) -> bool {
        let some = self.write(cx, state);
        let Some(stream) = &mut self.stream else { return some };
        let room = state.client.input_buffer();
        if room.is_empty() {
            return some;
        }
        let mut buffer = ReadBuf::new(room);
        match pin!(stream).poll_read(cx, &mut buffer) {
            Poll::Pending => some,
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                let len = buffer.filled().len();
                state.client.filled(clock::now(), len);
                true
            }
            Poll::Ready(_) => {
                self.stream = None;
                state.client.handle_eof(clock::now());
                true
            }
        }
    }

    fn write(&mut self, cx: &mut Context<'_>, state: &mut State) -> bool {
        let mut some = false;
        while let Some(stream) = &mut self.stream {
            let output = state.client.output();
            if output.is_empty() {
                let _ = pin!(stream).poll_flush(cx);
                break;
            }
            match pin!(stream).poll_write(cx, output) {
                Poll::Pending => break,
                Poll::Ready(Ok(len)) if len > 0 => {
                    state.client.wrote(clock::now(), len);
                    some = true;
                }
                Poll::Ready(_) => {
                    self.stream = None;
                    state.client.handle_eof(clock::now());
                    return true;
                }
            }
        }
        some
    }

    /// Sleeps until the next deadline. True when it has passed.
    fn keep_time(&mut self, cx: &mut Context<'_>, state: &mut State) -> bool {
        let Some(deadline) = state.client.poll_timeout() else {
            self.sleep = None;
            return false;
        };
        let now = clock::now();
        if deadline <= now.instant {
            state.client.handle_timeout(now);
            return true;
        }
        let left = deadline.saturating_duration_since(now.instant) + Duration::from_micros(500);
        let at = tokio::time::Instant::now() + left;
        let sleep = match &mut self.sleep {
            Some(sleep) => {
                sleep.as_mut().reset(at);
                sleep
            }
            None => self.sleep.insert(Box::pin(tokio::time::sleep_until(at))),
        };
        sleep.as_mut().poll(cx).is_ready()
    }
}

async fn dial(url: Url, tls: Option<Arc<rustls::ClientConfig>>) -> Dialed {
    let stream = TcpStream::connect((url.host(), url.port())).await?;
    stream.set_nodelay(true)?;
    if !url.is_secure() {
        return Ok(Box::new(stream));
    }
    let tls = tls.ok_or(io::ErrorKind::Unsupported)?;
    let name = ServerName::try_from(url.host().to_owned()).map_err(io::Error::other)?;
    Ok(Box::new(TlsConnector::from(tls).connect(name, stream).await?))
}
