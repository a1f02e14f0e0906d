//! The operator's listener: health, readiness, metrics. One small thread, one request a connection.

use core::time::Duration;
use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use portcullis_proto::handshake::{self, RequestHead};

use crate::{clock, hub::Hub, shared::Shared};

/// How long one request may take, and how long its head may be.
const TIMEOUT: Duration = Duration::from_secs(1);
const HEAD_LEN_MAX: usize = handshake::HEAD_LEN_MAX;

/// Starts the thread; returns the address that it listens on.
pub(crate) fn start(address: SocketAddr, shared: Arc<Shared>, hub: Arc<Hub>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    thread::Builder::new().name("admin".into()).spawn(move || {
        for stream in listener.incoming().flatten() {
            if let Err(error) = serve(&stream, &shared, &hub) {
                tracing::debug!(%error, "admin request failed");
            }
        }
    })?;
    Ok(address)
}

/// Answers one request.
fn serve(mut stream: &TcpStream, shared: &Shared, hub: &Hub) -> io::Result<()> {
    stream.set_write_timeout(Some(TIMEOUT))?;
    let head = read_head(stream)?;
    let (status, content_type, body) = match RequestHead::parse(&head) {
        Ok(request) => answer(&request, shared, hub),
        Err(error) => (error.status(), "text/plain", format!("{}\n", error.code())),
    };
    let mut out = vec![0; body.len() + 1_024];
    let fields = [("content-type", content_type), ("cache-control", "no-store")];
    let len = handshake::refuse(status, &fields, body.as_bytes(), &mut out).map_err(io::Error::other)?;
    stream.write_all(out.get(..len).unwrap_or_default())
}

fn answer(request: &RequestHead<'_>, shared: &Shared, hub: &Hub) -> (u16, &'static str, String) {
    const PLAIN: &str = "text/plain; charset=utf-8";
    match (request.method(), request.path()) {
        ("GET", "/healthz") => (200, PLAIN, "ok\n".into()),
        ("GET", "/readyz") if shared.is_draining() => (503, PLAIN, "draining\n".into()),
        ("GET", "/readyz") => (200, PLAIN, "ready\n".into()),
        ("GET", "/metrics") => {
            let metrics = shared.metrics();
            let (sessions, channels) =
                hub.inspect(|backend| (backend.session_count(), backend.channel_count()));
            metrics.set_model(sessions, channels);
            (200, "text/plain; version=0.0.4; charset=utf-8", metrics.render())
        }
        ("GET", _) => (404, PLAIN, "not found\n".into()),
        _ => (405, PLAIN, "method not allowed\n".into()),
    }
}

/// Reads up to the empty line. The deadline is for the whole head, so that one who drips bytes does not hold the thread.
fn read_head(mut stream: &TcpStream) -> io::Result<Vec<u8>> {
    let deadline = clock::now() + TIMEOUT;
    let (mut head, mut buffer) = (Vec::new(), [0; 1_024]);
    loop {
        let left = deadline.saturating_duration_since(clock::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        let len = stream.read(&mut buffer)?;
        head.extend_from_slice(buffer.get(..len).unwrap_or_default());
        if len == 0 || head.windows(4).any(|end| end == b"\r\n\r\n") || head.len() > HEAD_LEN_MAX {
            return Ok(head);
        }
    }
}
