//! A stream and sink of messages over a transport.

use alloc::sync::Arc;
use core::{
    fmt,
    future::{Future as _, poll_fn},
    pin::Pin,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};
use std::io;

use futures_core::{FusedStream, Stream};
use futures_sink::Sink;
use portcullis_proto::{
    SendError,
    endpoint::{Agreement, End, Endpoint, Options, PeerClose},
    wire::CloseCode,
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep_until};

use crate::{
    Error, Message,
    clock::{Clock, entropy},
    wakers::{Half, Wakers},
};

/// A WebSocket over a transport: a [`Stream`] of messages, which ends with the closing handshake, and a [`Sink`] for them.
///
/// Everything that has been read or is to be written is kept here and not in a future, so that any future of it can be
/// dropped at any time. The keepalive runs while the stream is polled.
///
/// Dropping it drops the transport without a closing handshake: use [`close_with`](Self::close_with) or the sink's
/// `close`, or read to the end.
pub struct WebSocketStream<T> {
    stream: T,
    endpoint: Endpoint,
    clock: Clock,
    /// Wakes at the next deadline, or earlier: every byte that comes moves the deadline, and none moves this.
    sleep: Option<Pin<Box<Sleep>>>,
    wakers: Arc<Wakers>,
    /// The transport takes no more bytes. It may still have some to give.
    broken: Option<io::ErrorKind>,
    is_flushed: bool,
    /// The stream has told its end.
    is_over: bool,
}

impl<T> fmt::Debug for WebSocketStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketStream").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> WebSocketStream<T> {
    pub(crate) fn new(stream: T, endpoint: Endpoint, clock: Clock) -> Self {
        Self {
            stream,
            endpoint,
            clock,
            sleep: None,
            wakers: Arc::default(),
            broken: None,
            is_flushed: false,
            is_over: false,
        }
    }

    /// The server's side of a handshake that was made elsewhere, such as by an HTTP server: `agreement` is what
    /// [`answer`](crate::answer) gave, `stream` begins with the first byte behind the request.
    #[must_use]
    pub fn from_upgraded(stream: T, agreement: Agreement, options: &Options) -> Self {
        let clock = Clock::new();
        Self::new(stream, Endpoint::server(options, agreement, clock.now(), entropy()), clock)
    }

    /// The next message; `None` when the connection was closed by both sides. The same as `StreamExt::next`.
    ///
    /// A dropped future loses nothing.
    pub async fn recv(&mut self) -> Option<Result<Message, Error>> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// Sends a message and flushes. The same as `SinkExt::send`.
    ///
    /// A dropped future has taken the whole message or nothing of it, and never tears a frame; `SinkExt::feed` and
    /// `flush` tell the two apart.
    ///
    /// # Errors
    /// The connection is closing, or has failed.
    pub async fn send(&mut self, message: Message) -> Result<(), Error> {
        poll_fn(|cx| self.poll_room(cx)).await?;
        self.endpoint.send(self.clock.now(), message.borrow())?;
        poll_fn(|cx| self.poll_sent(cx)).await
    }

    /// Sends a ping of the application's own. The keepalive needs no call, and pongs are not reported.
    ///
    /// # Errors
    /// As [`send`](Self::send); or the payload is longer than 125 bytes.
    pub async fn ping(&mut self, payload: &[u8]) -> Result<(), Error> {
        poll_fn(|cx| self.poll_room(cx)).await?;
        self.endpoint.ping(self.clock.now(), payload)?;
        poll_fn(|cx| self.poll_sent(cx)).await
    }

    /// Closes the connection: the closing handshake, with the given code and reason, then the transport. Messages that
    /// still arrive are discarded. The sink's `close` does the same with [`CloseCode::NORMAL`].
    ///
    /// # Errors
    /// The reason is longer than 123 bytes; or the peer did not answer in time ([`Error::Unclean`]); or the connection
    /// failed. Whatever it is, the connection is over then.
    pub async fn close_with(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        match self.endpoint.close(self.clock.now(), code, reason) {
            // Whoever closed first, the rest is the same.
            Ok(()) | Err(SendError::Closing) => {}
            Err(error) => return Err(error.into()),
        }
        poll_fn(|cx| self.poll_closed(cx)).await
    }

    /// Reads on until there is a message.
    fn poll_recv(&mut self, cx: &Context<'_>) -> Poll<Option<Result<Message, Error>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let waker = self.waker(Half::Reader, cx);
        let cx = &mut Context::from_waker(&waker);
        loop {
            self.poll_deadline(cx);
            let now = self.clock.now();
            let polled = self.endpoint.poll_message(now, |kind, payload| Message::new(kind, payload));
            // A transport that takes nothing may still have messages to give: its error is told to those who send.
            let written = self.poll_write(cx);
            match polled {
                Ok(Some(message)) => return Poll::Ready(Some(Ok(message))),
                Ok(None) => {}
                Err(error) => return self.finish(Some(error.into())),
            }
            match self.endpoint.end() {
                // The answer to a close frame goes out first, but nobody waits for that longer than the deadline.
                Some(End::Clean) if written.is_pending() && self.endpoint.poll_timeout().is_some() => {
                    return Poll::Pending;
                }
                Some(End::Clean) => {
                    // RFC 6455 §7.1.1: "the server MUST close the connection immediately"
                    let _ = Pin::new(&mut self.stream).poll_shutdown(cx);
                    return self.finish(None);
                }
                Some(End::Failed(error)) => return self.finish(Some(error.into())),
                Some(_) => return self.finish(Some(Error::Unclean)),
                None => {}
            }
            if let Err(error) = ready!(self.poll_fill(cx)) {
                return self.finish(Some(error));
            }
        }
    }

    /// The last item of the stream. A writer that waits has nothing to wait for any more.
    fn finish(&mut self, error: Option<Error>) -> Poll<Option<Result<Message, Error>>> {
        self.is_over = true;
        self.sleep = None;
        self.wakers.wake_all();
        Poll::Ready(error.map(Err))
    }

    /// One read into the buffer.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut buffer = ReadBuf::new(self.endpoint.input_buffer());
        let result = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
        let len = buffer.filled().len();
        match result {
            Ok(()) if len > 0 => self.endpoint.filled(len),
            // A peer that goes away after both close frames did nothing wrong, however it goes.
            Err(error) if self.endpoint.peer_close().is_none() => return Poll::Ready(Err(error.into())),
            Ok(()) | Err(_) => self.endpoint.handle_eof(self.clock.now()),
        }
        Poll::Ready(Ok(()))
    }

    /// Lets deadlines pass that have passed, and wakes at the next.
    fn poll_deadline(&mut self, cx: &mut Context<'_>) {
        loop {
            self.endpoint.handle_timeout(self.clock.now());
            let Some(deadline) = self.endpoint.poll_timeout() else {
                self.sleep = None;
                return;
            };
            let deadline = self.clock.at(deadline);
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            if sleep.deadline() > deadline {
                sleep.as_mut().reset(deadline);
            }
            if sleep.as_mut().poll(cx).is_pending() {
                return;
            }
            self.sleep = None;
        }
    }

    /// Writes all that waits to be written, and flushes.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if let Some(kind) = self.broken {
            return Poll::Ready(Err(io::Error::from(kind).into()));
        }
        let result = ready!(self.poll_write_all(cx));
        if let Err(error) = &result {
            self.broken = Some(error.kind());
            self.endpoint.discard_output();
        }
        Poll::Ready(result.map_err(Error::Io))
    }

    fn poll_write_all(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let output = self.endpoint.output();
            if output.is_empty() {
                break;
            }
            let len = ready!(Pin::new(&mut self.stream).poll_write(cx, output))?;
            if len == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.endpoint.wrote(len);
            self.is_flushed = false;
        }
        if !self.is_flushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.is_flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Waits until a message can be taken.
    fn poll_room(&mut self, cx: &Context<'_>) -> Poll<Result<(), Error>> {
        self.check_sound()?;
        if self.endpoint.has_room() {
            return Poll::Ready(Ok(()));
        }
        match self.poll_sent(cx) {
            Poll::Pending if self.endpoint.has_room() => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
            Poll::Ready(result) => Poll::Ready(result),
        }
    }

    /// Waits until everything is written.
    fn poll_sent(&mut self, cx: &Context<'_>) -> Poll<Result<(), Error>> {
        self.check_sound()?;
        let waker = self.waker(Half::Writer, cx);
        self.poll_write(&mut Context::from_waker(&waker))
    }

    /// Whoever sends learns of a connection that has failed while he waited.
    fn check_sound(&self) -> Result<(), Error> {
        match (self.endpoint.end(), self.broken) {
            (Some(End::Failed(error)), _) => Err(error.into()),
            (Some(End::Unclean), _) => Err(Error::Unclean),
            (_, Some(kind)) => Err(io::Error::from(kind).into()),
            _ => Ok(()),
        }
    }

    /// Goes through the closing handshake, then shuts the transport down.
    fn poll_closed(&mut self, cx: &Context<'_>) -> Poll<Result<(), Error>> {
        // Whoever closed already has nothing to say again.
        let _ = self.endpoint.close(self.clock.now(), CloseCode::NORMAL, "");
        let waker = self.waker(Half::Writer, cx);
        let cx = &mut Context::from_waker(&waker);
        loop {
            self.poll_deadline(cx);
            let polled = self.endpoint.poll_message(self.clock.now(), |_, _| ());
            let written = self.poll_write(cx);
            let end = match (self.endpoint.end(), polled) {
                (_, Err(error)) => End::Failed(error),
                // Nothing of a message is left once the closing handshake has begun; its last one may be.
                (_, Ok(Some(()))) => continue,
                (Some(end), Ok(None)) => end,
                (None, Ok(None)) => {
                    ready!(self.poll_fill(cx))?;
                    continue;
                }
            };
            if written.is_pending() && self.endpoint.poll_timeout().is_some() {
                return Poll::Pending;
            }
            // The peer may have been faster in ending the transport.
            let _ = ready!(Pin::new(&mut self.stream).poll_shutdown(cx));
            self.wakers.wake_all();
            return Poll::Ready(match end {
                End::Clean => Ok(()),
                End::Failed(error) => Err(error.into()),
                End::Unclean | _ => Err(Error::Unclean),
            });
        }
    }

    /// What the transport and the timer are to wake: this half, and the other if it waits.
    fn waker(&self, half: Half, cx: &Context<'_>) -> Waker {
        self.wakers.register(half, cx.waker());
        Arc::clone(&self.wakers).into()
    }
}

impl<T> WebSocketStream<T> {
    /// What the peer's close frame said, once it came.
    #[must_use]
    pub const fn peer_close(&self) -> Option<&PeerClose> {
        self.endpoint.peer_close()
    }

    /// The subprotocol that was agreed on.
    #[must_use]
    pub fn subprotocol(&self) -> Option<&str> {
        self.endpoint.subprotocol()
    }

    /// How long the last answered ping of the keepalive took.
    #[must_use]
    pub const fn last_round_trip(&self) -> Option<Duration> {
        self.endpoint.last_round_trip()
    }

    /// The connection without its transport, for its questions.
    #[must_use]
    pub const fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The transport, for its settings.
    pub const fn get_ref(&self) -> &T {
        &self.stream
    }

    /// The transport, for its settings. Whoever reads or writes there breaks the connection.
    pub const fn get_mut(&mut self) -> &mut T {
        &mut self.stream
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for WebSocketStream<T> {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_recv(cx)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> FusedStream for WebSocketStream<T> {
    fn is_terminated(&self) -> bool {
        self.is_over
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Sink<Message> for WebSocketStream<T> {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_room(cx)
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        let this = self.get_mut();
        this.check_sound()?;
        Ok(this.endpoint.send(this.clock.now(), message.borrow())?)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_sent(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_closed(cx)
    }
}
