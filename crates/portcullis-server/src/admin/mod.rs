//! The operator's listener: health, readiness, metrics, and the interface that acts on connections. A few threads, one
//! request a connection.

mod api;

use core::{
    fmt::Write as _,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
};

use portcullis_proto::handshake::{self, RequestHead};

use crate::{clock, hub::Hub, revoked::RevocationLog, shared::Shared};
pub(crate) use api::Desk;

/// How long a head, a body and the writing of an answer may take, and how long the two may be. Some clients wait a
/// second for a word before they send a body.
const TIMEOUT: Duration = Duration::from_secs(1);
const BODY_TIMEOUT: Duration = Duration::from_secs(5);
const HEAD_LEN_MAX: usize = handshake::HEAD_LEN_MAX;
const BODY_LEN_MAX: usize = 256 * 1_024;
/// Requests that are answered at the same time.
const REQUESTS_MAX: usize = 16;

const PLAIN: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// An answer: status, type, body.
pub(crate) struct Answer {
    status: u16,
    content_type: &'static str,
    body: String,
}

impl Answer {
    fn plain(status: u16, body: &str) -> Self {
        Self { status, content_type: PLAIN, body: format!("{body}\n") }
    }

    fn json(status: u16, body: String) -> Self {
        Self { status, content_type: JSON, body }
    }

    fn error(status: u16, code: &str) -> Self {
        let mut body = String::new();
        // Writing to a String cannot fail, and a code needs no escapes.
        let _ = write!(body, "{{\"error\":\"{code}\"}}");
        Self::json(status, body)
    }
}

/// What the threads share.
pub(crate) struct Operator {
    pub(crate) shared: Arc<Shared>,
    pub(crate) hub: Arc<Hub>,
    /// Where revocations are kept; without a store they end with the process.
    pub(crate) revocations: Option<RevocationLog>,
    pub(crate) desk: Desk,
}

/// Starts the thread; returns the address that it listens on.
pub(crate) fn start(address: SocketAddr, operator: Operator) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    let (operator, busy) = (Arc::new(operator), Arc::new(AtomicUsize::new(0)));
    thread::Builder::new().name("admin".into()).spawn(move || {
        for stream in listener.incoming().flatten() {
            if busy.fetch_add(1, Ordering::AcqRel) >= REQUESTS_MAX {
                // One who opens many and sends nothing is dropped; each of the others is over in seconds.
                busy.fetch_sub(1, Ordering::AcqRel);
                continue;
            }
            let (operator, busy_too) = (operator.clone(), busy.clone());
            let spawned = thread::Builder::new().name("admin-request".into()).spawn(move || {
                if let Err(error) = serve(&stream, &operator) {
                    tracing::debug!(%error, "admin request failed");
                }
                busy_too.fetch_sub(1, Ordering::AcqRel);
            });
            if spawned.is_err() {
                busy.fetch_sub(1, Ordering::AcqRel);
            }
        }
    })?;
    Ok(address)
}

/// Answers one request.
fn serve(mut stream: &TcpStream, operator: &Operator) -> io::Result<()> {
    stream.set_write_timeout(Some(TIMEOUT))?;
    let (head, body) = read_request(stream)?;
    let answer = match (RequestHead::parse(&head), body) {
        (Err(error), _) => Answer::plain(error.status(), error.code()),
        (Ok(_), Err(status)) => Answer::error(status, "body"),
        (Ok(request), Ok(body)) => answer(&request, &body, operator),
    };
    let mut out = vec![0; answer.body.len() + 1_024];
    let fields = [("content-type", answer.content_type), ("cache-control", "no-store")];
    let len = handshake::refuse(answer.status, &fields, answer.body.as_bytes(), &mut out)
        .map_err(io::Error::other)?;
    stream.write_all(out.get(..len).unwrap_or_default())
}

fn answer(request: &RequestHead<'_>, body: &[u8], operator: &Operator) -> Answer {
    let Operator { shared, hub, .. } = operator;
    match (request.method(), request.path()) {
        ("GET", "/healthz") => Answer::plain(200, "ok"),
        ("GET", "/readyz") if shared.is_draining() => Answer::plain(503, "draining"),
        ("GET", "/readyz") => Answer::plain(200, "ready"),
        ("GET", "/metrics") => {
            let metrics = shared.metrics();
            let (sessions, channels) = hub
                .inspect(|backend| backend.inspect(|model| (model.session_count(), model.channel_count())));
            metrics.set_model(sessions, channels);
            let content_type = "text/plain; version=0.0.4; charset=utf-8";
            Answer { status: 200, content_type, body: metrics.render() }
        }
        (_, path) if path.starts_with("/api/") => api::answer(request, body, operator),
        ("GET", _) => Answer::plain(404, "not found"),
        _ => Answer::plain(405, "method not allowed"),
    }
}

/// A head, and its body or the status that refuses it.
type Request = (Vec<u8>, Result<Vec<u8>, u16>);

/// Reads a head and the body that it announces.
fn read_request(stream: &TcpStream) -> io::Result<Request> {
    let deadline = clock::now() + TIMEOUT;
    let mut input = Vec::new();
    let head_len = loop {
        if let Some(at) = input.windows(4).position(|end| end == b"\r\n\r\n") {
            break at + 4;
        }
        if input.len() > HEAD_LEN_MAX || read_some(stream, deadline, &mut input)? == 0 {
            break input.len();
        }
    };
    let mut body = input.split_off(head_len);
    let announced = RequestHead::parse(&input).map_or(Some(0), |request| request.body_len());
    let body_len = match announced.map(usize::try_from) {
        // It would come in chunks.
        None => return Ok((input, Err(411))),
        Some(Ok(len)) if len <= BODY_LEN_MAX => len,
        Some(_) => return Ok((input, Err(413))),
    };
    let deadline = clock::now() + BODY_TIMEOUT;
    while body.len() < body_len {
        if read_some(stream, deadline, &mut body)? == 0 {
            return Ok((input, Err(400)));
        }
    }
    body.truncate(body_len);
    Ok((input, Ok(body)))
}

/// Reads what there is. The deadline is for the whole, so that one who drips bytes does not hold the thread.
fn read_some(
    mut stream: &TcpStream,
    deadline: portcullis_time::Instant,
    into: &mut Vec<u8>,
) -> io::Result<usize> {
    let left = deadline.saturating_duration_since(clock::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    stream.set_read_timeout(Some(left))?;
    let mut buffer = [0; 4_096];
    let len = stream.read(&mut buffer)?;
    into.extend_from_slice(buffer.get(..len).unwrap_or_default());
    Ok(len)
}
