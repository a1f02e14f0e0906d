//! Taking connections in.

use std::{io, net::SocketAddr, sync::Arc};

use mio::{
    Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};
use portcullis_proto::handshake::HeadReader;
use rustls::{ServerConfig, ServerConnection};

use super::{
    Key, LISTENERS, Worker,
    connection::{Connection, Opening, Phase},
    opening,
    outbound::Outbound,
    transport::Transport,
};
use crate::shared::AddressVerdict;

/// Connections taken from one listener in one turn.
const ACCEPTS_PER_TURN: usize = 256;

/// One listening socket of this worker.
pub(crate) struct Listener {
    pub(super) socket: TcpListener,
    /// Its place among the configured listeners.
    index: usize,
}

/// Registers the sockets with the poll.
pub(super) fn register(poll: &Poll, sockets: Vec<(TcpListener, usize)>) -> io::Result<Vec<Listener>> {
    let mut listeners = Vec::with_capacity(sockets.len());
    for (position, (mut socket, index)) in sockets.into_iter().enumerate() {
        poll.registry().register(&mut socket, Token(LISTENERS + position), Interest::READABLE)?;
        listeners.push(Listener { socket, index });
    }
    Ok(listeners)
}

impl Worker {
    /// Takes in what waits at the listener in `position`, up to this turn's share.
    pub(super) fn accept_all(&mut self, position: usize) {
        for _ in 0..ACCEPTS_PER_TURN {
            let Some(listener) = self.listeners.get(position) else { return };
            let index = listener.index;
            match listener.socket.accept() {
                Ok((stream, address)) => self.accept(stream, address, index),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    // Out of files or memory: the backlog keeps the rest until some connection has ended.
                    tracing::warn!(%error, "cannot accept");
                    break;
                }
            }
        }
        if !self.unaccepted.contains(&position) {
            self.unaccepted.push(position);
        }
    }

    fn accept(&mut self, mut stream: TcpStream, address: SocketAddr, listener: usize) {
        let address = address.ip().to_canonical();
        let over_limit = match self.env.shared.address_enters(address, &self.env.live) {
            AddressVerdict::Within => false,
            AddressVerdict::Over => true,
            AddressVerdict::FarOver => return,
        };
        // Without it only latency suffers.
        let _ = stream.set_nodelay(true);
        let entry = self.connections.vacant_entry();
        let (token, Ok(index)) = (entry.key(), u32::try_from(entry.key())) else { return };
        let interest = Interest::READABLE | Interest::WRITABLE;
        let config = self.env.live.tls.get(listener).cloned().flatten();
        let secure = config.is_some() || self.env.live.terminated_upstream.get(listener) == Some(&true);
        let registered = self.poll.registry().register(&mut stream, Token(token), interest);
        let transport = registered.and_then(|()| transport(stream, config));
        let Ok(transport) = transport else {
            self.env.shared.address_leaves(address);
            return;
        };
        self.generation = self.generation.wrapping_add(1);
        let key = Key { index, generation: self.generation };
        let deadline = self.env.now + self.env.live.upgrade_timeout;
        let head = HeadReader::new(opening::head_storage(), deadline);
        entry.insert(Connection {
            transport,
            phase: Phase::Opening(Box::new(Opening { head, over_limit, secure, listener })),
            outbound: Outbound::default(),
            address,
            generation: key.generation,
            scheduled: None,
            paused_until: None,
            blocked: false,
            dirty: false,
            unread: false,
            ended: false,
        });
        self.env.metrics.connection_opened();
        self.after_input(key);
    }
}

fn transport(stream: TcpStream, config: Option<Arc<ServerConfig>>) -> io::Result<Transport> {
    let Some(config) = config else { return Ok(Transport::Plain(stream)) };
    let tls = ServerConnection::new(config).map_err(io::Error::other)?;
    Ok(Transport::Tls { stream, tls: Box::new(tls) })
}

/// Whether an accept failed for a peer that went away meanwhile.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
