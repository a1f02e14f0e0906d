//! Transports that stop where a test wants them to.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;
use std::sync::Mutex;

use portcullis_tokio::{ClientRequest, Options, WebSocketStream, accept_async_with, client_async_with};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

/// Both sides of a WebSocket over `len` bytes of memory in each direction.
pub(crate) async fn pair_with(
    len: usize,
    client: &Options,
    server: &Options,
) -> (WebSocketStream<DuplexStream>, WebSocketStream<DuplexStream>) {
    let (a, b) = duplex(len);
    let request = ClientRequest::new("localhost", "/");
    let (a, b) = tokio::join!(client_async_with(a, &request, client), accept_async_with(b, server, None));
    (a.unwrap(), b.unwrap())
}

pub(crate) async fn pair(len: usize) -> (WebSocketStream<DuplexStream>, WebSocketStream<DuplexStream>) {
    pair_with(len, &Options::client(), &Options::server()).await
}

/// A transport that gives and takes one byte at a time, and is pending at every other call or so, having woken at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stutter {
    pub(crate) incoming: Arc<Mutex<VecDeque<u8>>>,
    pub(crate) outgoing: Arc<Mutex<Vec<u8>>>,
    random: u32,
}

impl Stutter {
    fn poll_turn(&mut self, cx: &Context<'_>) -> Poll<()> {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if self.random >> 31 == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    }
}

impl AsyncRead for Stutter {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.poll_turn(cx).is_pending() {
            return Poll::Pending;
        }
        match self.incoming.lock().unwrap().pop_front() {
            Some(byte) => buffer.put_slice(&[byte]),
            None => return Poll::Pending,
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stutter {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.poll_turn(cx).is_pending() {
            return Poll::Pending;
        }
        self.outgoing.lock().unwrap().push(bytes[0]);
        Poll::Ready(Ok(1))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_turn(cx).map(Ok)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_turn(cx).map(Ok)
    }
}

/// A valid request for an upgrade.
pub(crate) const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
