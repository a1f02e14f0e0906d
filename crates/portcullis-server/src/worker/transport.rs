//! The byte stream below a connection: plain TCP, or TLS over it.

use std::io::{self, Read, Write};

use mio::net::TcpStream;
use rustls::ServerConnection;

use super::outbound::{Outbound, Pool};
use crate::tls::Peer;

/// Plaintext is handed to TLS in pieces of at most this many bytes, and only when TLS has nothing unsent, so that the
/// outbound queue that is counted is the one that grows.
const TLS_PIECE_LEN: usize = 64 * 1_024;

/// A connection's transport.
#[derive(Debug)]
pub(super) enum Transport {
    Plain(TcpStream),
    Tls { stream: TcpStream, tls: Box<ServerConnection> },
}

/// What one read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// This many bytes; `more` says that the transport may hold further ones without a new readiness.
    Bytes { len: usize, more: bool },
    /// Nothing for now.
    Nothing,
    /// The peer will send no more.
    End,
}

impl Transport {
    pub(super) const fn stream(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(stream) | Self::Tls { stream, .. } => stream,
        }
    }

    /// The certificate of a client that has shown one.
    pub(super) fn peer(&self) -> Option<Peer> {
        match self {
            Self::Plain(_) => None,
            Self::Tls { tls, .. } => Peer::of(tls),
        }
    }

    /// Reads once into `buffer`.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Received> {
        match self {
            Self::Plain(stream) => receive_plain(stream, buffer),
            Self::Tls { stream, tls } => receive_tls(stream, tls, buffer),
        }
    }

    /// Writes as much of `outbound` as the transport takes; true when all of it is gone.
    pub(super) fn flush(&mut self, outbound: &mut Outbound, pool: &mut Pool) -> io::Result<bool> {
        match self {
            Self::Plain(stream) => {
                while !outbound.is_empty() {
                    let Some(len) = unless_blocked(stream.write(outbound.pending()))? else {
                        return Ok(false);
                    };
                    outbound.consume(pool, len);
                }
                Ok(true)
            }
            Self::Tls { stream, tls } => loop {
                while tls.wants_write() {
                    if unless_blocked(tls.write_tls(stream))?.is_none() {
                        return Ok(false);
                    }
                }
                if outbound.is_empty() {
                    return Ok(true);
                }
                if tls.is_handshaking() {
                    // Before the first byte of HTTP there is nothing to answer but a handshake that took too long. Nobody
                    // could read that answer, and to wait until somebody can would give a stalled client more time.
                    return Err(io::ErrorKind::TimedOut.into());
                }
                let pending = outbound.pending();
                let piece = pending.get(..pending.len().min(TLS_PIECE_LEN)).unwrap_or(pending);
                let len = tls.writer().write(piece)?;
                outbound.consume(pool, len);
            },
        }
    }

    /// Says that nothing more will be written. Best effort: the peer may be gone.
    pub(super) fn end(&mut self) {
        if let Self::Tls { stream, tls } = self {
            tls.send_close_notify();
            while tls.wants_write() && matches!(tls.write_tls(stream), Ok(len) if len > 0) {}
        }
        let _ = self.stream().shutdown(std::net::Shutdown::Write);
    }
}

fn receive_plain(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<Received> {
    Ok(match unless_blocked(stream.read(buffer))? {
        None => Received::Nothing,
        Some(0) => Received::End,
        // A short read has emptied the socket; whatever comes later raises a new readiness.
        Some(len) => Received::Bytes { len, more: len == buffer.len() },
    })
}

fn receive_tls(
    stream: &mut TcpStream,
    tls: &mut ServerConnection,
    buffer: &mut [u8],
) -> io::Result<Received> {
    loop {
        match tls.reader().read(buffer) {
            Ok(0) => return Ok(Received::End),
            Ok(len) => return Ok(Received::Bytes { len, more: true }),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Received::End),
            Err(error) => return Err(error),
        }
        match unless_blocked(tls.read_tls(stream))? {
            None => return Ok(Received::Nothing),
            Some(0) => return Ok(Received::End),
            Some(_) => {}
        }
        if let Err(error) = tls.process_new_packets() {
            // The alert that says why; the peer may not read it.
            let _ = tls.write_tls(stream);
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        if tls.is_handshaking() && tls.wants_write() {
            // The handshake's own flight must go out before more can come.
            let _ = unless_blocked(tls.write_tls(stream))?;
        }
    }
}

/// `None` where the transport would block; interrupted calls count as blocked until the next readiness or retry.
fn unless_blocked(result: io::Result<usize>) -> io::Result<Option<usize>> {
    match result {
        Ok(len) => Ok(Some(len)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
