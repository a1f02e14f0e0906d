//! The opening handshake.

use std::io;

use portcullis_proto::{
    endpoint::{Decide, Opening, Options},
    handshake::{ClientRequest, HandshakeError},
};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout_at;

use crate::{
    Error, WebSocketStream,
    clock::{Clock, entropy},
};

/// Accepts a WebSocket with the default options: reads the request, answers it. Every valid request is accepted, whatever
/// its path and origin.
///
/// # Errors
/// The handshake failed, and was answered with a refusal; or the transport failed.
pub async fn accept_async<T: AsyncRead + AsyncWrite + Unpin>(stream: T) -> Result<WebSocketStream<T>, Error> {
    accept_async_with(stream, &Options::server(), None).await
}

/// The same with options, and with a decision: `decide` sees a request that is valid, and answers or refuses it.
///
/// ```
/// use portcullis_tokio::{Answer, Error, Options, Refusal, WebSocketStream, accept_async_with};
/// use tokio::net::TcpStream;
///
/// async fn serve(stream: TcpStream) -> Result<WebSocketStream<TcpStream>, Error> {
///     let decide = |request: &portcullis_tokio::proto::handshake::UpgradeRequest<'_>| {
///         match request.origin() {
///             Some(b"https://example.com") => Ok(Answer::default()),
///             _ => Err(Refusal::new(403)),
///         }
///     };
///     accept_async_with(stream, &Options::server(), Some(Box::new(decide))).await
/// }
/// ```
///
/// # Errors
/// As [`accept_async`]; a refused request is `HandshakeError::Refused`.
pub async fn accept_async_with<T: AsyncRead + AsyncWrite + Unpin>(
    stream: T,
    options: &Options,
    decide: Option<Decide<'_>>,
) -> Result<WebSocketStream<T>, Error> {
    let clock = Clock::new();
    open(stream, Opening::server(options, clock.now(), entropy(), decide), clock).await
}

/// Opens a WebSocket over a connected transport with the default options: sends `request`, checks the answer. TLS is a
/// matter of `stream`.
///
/// # Errors
/// The server refused, or its answer is not to be trusted; or the transport failed.
pub async fn client_async<T: AsyncRead + AsyncWrite + Unpin>(
    stream: T,
    request: &ClientRequest<'_>,
) -> Result<WebSocketStream<T>, Error> {
    client_async_with(stream, request, &Options::client()).await
}

/// The same with options.
///
/// # Errors
/// As [`client_async`].
pub async fn client_async_with<T: AsyncRead + AsyncWrite + Unpin>(
    stream: T,
    request: &ClientRequest<'_>,
    options: &Options,
) -> Result<WebSocketStream<T>, Error> {
    let clock = Clock::new();
    open(stream, Opening::client(options, clock.now(), entropy(), request)?, clock).await
}

/// Connects to a `ws://` URL with the default options.
///
/// # Errors
/// As [`client_async`]; or the URL is none of that scheme (`InvalidInput`). For `wss://` hand a TLS stream to
/// [`client_async`].
#[cfg(feature = "connect")]
pub async fn connect_async(url: &str) -> Result<WebSocketStream<tokio::net::TcpStream>, Error> {
    let target = Target::parse(url).ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    let stream = tokio::net::TcpStream::connect((target.host, target.port)).await?;
    // A WebSocket is for small messages at once.
    stream.set_nodelay(true)?;
    client_async(stream, &ClientRequest::new(target.authority, &target.path)).await
}

/// What a `ws://` URL names (RFC 6455 §3).
#[cfg(feature = "connect")]
struct Target<'u> {
    authority: &'u str,
    host: &'u str,
    port: u16,
    path: String,
}

#[cfg(feature = "connect")]
impl<'u> Target<'u> {
    fn parse(url: &'u str) -> Option<Self> {
        let (scheme, rest) = url.split_at_checked(5)?;
        if !scheme.eq_ignore_ascii_case("ws://") {
            return None;
        }
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        // RFC 6455 §3: "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST NOT be used"
        if authority.is_empty() || authority.contains('@') || path.contains('#') {
            return None;
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        // The colons of an IPv6 address stand in brackets.
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (authority, 80),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Some(Self { authority, host, port, path })
    }
}

/// Moves the bytes of the handshake, and ends it at its deadline.
async fn open<T: AsyncRead + AsyncWrite + Unpin>(
    mut stream: T,
    mut opening: Opening<'_>,
    clock: Clock,
) -> Result<WebSocketStream<T>, Error> {
    let deadline = clock.at(opening.poll_timeout());
    loop {
        match timeout_at(deadline, write_all(&mut stream, &mut opening)).await {
            Ok(result) => result?,
            Err(_) => return Err(HandshakeError::Timeout.into()),
        }
        if opening.is_complete() {
            let endpoint = opening.into_endpoint(clock.now())?;
            return Ok(WebSocketStream::new(stream, endpoint, clock));
        }
        match timeout_at(deadline, stream.read(opening.input_buffer())).await {
            Ok(Ok(0)) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            Ok(Ok(len)) => opening.filled(clock.now(), len),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => opening.handle_timeout(clock.now()),
        }
    }
}

async fn write_all<T: AsyncWrite + Unpin>(stream: &mut T, opening: &mut Opening<'_>) -> io::Result<()> {
    if opening.output().is_empty() {
        return Ok(());
    }
    while !opening.output().is_empty() {
        let len = stream.write(opening.output()).await?;
        if len == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        opening.wrote(len);
    }
    stream.flush().await
}

#[cfg(all(test, feature = "connect"))]
mod tests;
