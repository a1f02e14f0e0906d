//! Many clients in one thread.

use alloc::sync::Arc;
use core::{net::SocketAddr, time::Duration};
use std::{
    collections::HashMap,
    io::{self, Read, Write},
};

use mio::{Events, Interest, Poll, Token, net::TcpStream};
use portcullis_server::clock;
use portcullis_time::Instant;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, client::Resumption};

use crate::{Failure, server::Server};

/// How far a client has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Opening,
    Welcomed,
    Closed(u16),
}

/// What times are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Welcomed,
    Closed,
}

/// One client.
struct Client {
    stream: TcpStream,
    tls: ClientConnection,
    stage: Stage,
    started: Instant,
    welcomed: Option<Instant>,
    closed: Option<Instant>,
    /// Bytes of the head and of frames that are not whole yet.
    input: Vec<u8>,
    head_seen: bool,
}

/// All clients of the run.
pub(crate) struct Crowd {
    poll: Poll,
    address: SocketAddr,
    tls: Arc<ClientConfig>,
    /// One for each client, since each keeps the TLS sessions of its own.
    configs: Vec<Arc<ClientConfig>>,
    in_flight: usize,
    clients: HashMap<usize, Client>,
    resumed: usize,
    /// What is counted from, for closings.
    origin: Instant,
}

impl Crowd {
    pub(crate) fn new(server: &Server, in_flight: usize) -> Result<Self, Failure> {
        Ok(Self {
            poll: Poll::new()?,
            address: server.address.parse()?,
            tls: server.tls.clone(),
            configs: Vec::new(),
            in_flight: in_flight.max(1),
            clients: HashMap::new(),
            resumed: 0,
            origin: clock::now(),
        })
    }

    /// Connects a client for each token, and waits until all are welcomed.
    pub(crate) fn connect_all(&mut self, tokens: &[String], resumes: bool) -> Result<(), Failure> {
        self.resumed = 0;
        if !resumes {
            let config = |_| {
                let mut config = (*self.tls).clone();
                config.resumption = Resumption::in_memory_sessions(1);
                Arc::new(config)
            };
            self.configs = (0..tokens.len()).map(config).collect();
        }
        let (mut started, mut welcomed) = (0, 0);
        let end = clock::now() + Duration::from_secs(300);
        while welcomed < tokens.len() {
            while let Some(token) = tokens.get(started)
                && started - welcomed < self.in_flight
            {
                let config = self.configs.get(started).unwrap_or(&self.tls).clone();
                self.start(started, &config, token)?;
                started += 1;
            }
            welcomed += self.turn(Duration::from_millis(100))?.0;
            if clock::now() > end {
                return Err(format!("only {welcomed} of {} were welcomed", tokens.len()).into());
            }
        }
        let resumed = |client: &&Client| client.tls.handshake_kind() == Some(HandshakeKind::Resumed);
        self.resumed = self.clients.values().filter(resumed).count();
        Ok(())
    }

    /// How many of the last storm resumed an earlier TLS session.
    pub(crate) const fn resumed(&self) -> usize {
        self.resumed
    }

    /// Waits until every client has been closed with `code`.
    pub(crate) fn await_close(
        &mut self,
        origin: Instant,
        patience: Duration,
        code: u16,
    ) -> Result<(), Failure> {
        self.origin = origin;
        let end = clock::now() + patience;
        let is_open = |client: &Client| !matches!(client.stage, Stage::Closed(_));
        let mut open = self.clients.values().filter(|client| is_open(client)).count();
        while open > 0 {
            open = open.saturating_sub(self.turn(Duration::from_millis(100))?.1);
            if clock::now() > end {
                return Err(format!("{open} clients were not closed").into());
            }
        }
        let other = self.clients.values().find(|client| client.stage != Stage::Closed(code));
        match other {
            Some(client) => Err(format!("a client ended with {:?}", client.stage).into()),
            None => Ok(()),
        }
    }

    /// How long each client took.
    pub(crate) fn times(&self, outcome: Outcome) -> Vec<Duration> {
        let time = |client: &Client| match outcome {
            Outcome::Welcomed => Some(client.welcomed?.saturating_duration_since(client.started)),
            Outcome::Closed => Some(client.closed?.saturating_duration_since(self.origin)),
        };
        self.clients.values().filter_map(time).collect()
    }

    /// Drops all clients, and gives the server a moment to notice.
    pub(crate) fn leave_all(&mut self) -> Result<(), Failure> {
        for (_, mut client) in self.clients.drain() {
            self.poll.registry().deregister(&mut client.stream)?;
        }
        std::thread::sleep(Duration::from_millis(1_500));
        Ok(())
    }

    fn start(&mut self, number: usize, config: &Arc<ClientConfig>, token: &str) -> Result<(), Failure> {
        let started = clock::now();
        let mut stream = TcpStream::connect(self.address)?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(number), interest)?;
        let mut tls = ClientConnection::new(config.clone(), "localhost".try_into()?)?;
        // Sent as soon as the handshake allows.
        write!(
            tls.writer(),
            "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Protocol: portcullis.v1\r\nAuthorization: Bearer {token}\r\n\r\n"
        )?;
        let client = Client {
            stream,
            tls,
            stage: Stage::Opening,
            started,
            welcomed: None,
            closed: None,
            input: Vec::new(),
            head_seen: false,
        };
        self.clients.insert(number, client);
        Ok(())
    }

    /// One look at all sockets: how many clients were welcomed, and how many closed.
    fn turn(&mut self, patience: Duration) -> Result<(usize, usize), Failure> {
        let mut events = Events::with_capacity(1_024);
        match self.poll.poll(&mut events, Some(patience)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => result?,
        }
        let (mut welcomed, mut closed) = (0, 0);
        for event in &events {
            let Some(client) = self.clients.get_mut(&event.token().0) else { continue };
            let before = client.stage;
            client.advance().map_err(|error| format!("client {}: {error}", event.token().0))?;
            if before == client.stage {
                continue;
            }
            welcomed += usize::from(before == Stage::Opening && client.welcomed.is_some());
            closed += usize::from(matches!(client.stage, Stage::Closed(_)));
        }
        Ok((welcomed, closed))
    }
}

impl Client {
    /// Moves bytes both ways for as long as the socket lets it.
    fn advance(&mut self) -> io::Result<()> {
        loop {
            while self.tls.wants_write() {
                match self.tls.write_tls(&mut self.stream) {
                    Err(error) if is_wait(&error) => break,
                    Err(_) if matches!(self.stage, Stage::Closed(_)) => return Ok(()),
                    result => result?,
                };
            }
            match self.tls.read_tls(&mut self.stream) {
                Err(error) if is_wait(&error) => return Ok(()),
                Ok(0) | Err(_) if matches!(self.stage, Stage::Closed(_)) => return Ok(()),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                result => result?,
            };
            self.tls.process_new_packets().map_err(io::Error::other)?;
            let mut buffer = [0; 4_096];
            loop {
                match self.tls.reader().read(&mut buffer) {
                    Err(error) if is_wait(&error) => break,
                    Ok(0) => break,
                    Ok(len) => self.input.extend_from_slice(buffer.get(..len).unwrap_or_default()),
                    Err(error) => return Err(error),
                }
            }
            self.read_input()?;
        }
    }

    /// The head of the answer, then frames of at most 65,535 bytes, which is all that the server sends here.
    fn read_input(&mut self) -> io::Result<()> {
        if !self.head_seen {
            let Some(at) = self.input.windows(4).position(|end| end == b"\r\n\r\n") else { return Ok(()) };
            if !self.input.starts_with(b"HTTP/1.1 101") {
                let line = String::from_utf8_lossy(self.input.get(..at).unwrap_or_default()).into_owned();
                return Err(io::Error::other(line));
            }
            self.input.drain(..at + 4);
            self.head_seen = true;
        }
        while let Some((opcode, header_len, len)) = frame(&self.input) {
            let Some(payload) = self.input.get(header_len..header_len + len) else { return Ok(()) };
            if opcode == 8 {
                let code = payload.first_chunk::<2>().map_or(1_005, |code| u16::from_be_bytes(*code));
                self.stage = Stage::Closed(code);
                self.closed = Some(clock::now());
            } else if self.stage == Stage::Opening && payload.starts_with(br#"{"type":"welcome""#) {
                self.stage = Stage::Welcomed;
                self.welcomed = Some(clock::now());
            }
            self.input.drain(..header_len + len);
        }
        Ok(())
    }
}

/// Opcode, header length and payload length of the unmasked frame that `input` starts with.
fn frame(input: &[u8]) -> Option<(u8, usize, usize)> {
    let (&first, rest) = input.split_first()?;
    let (&short, rest) = rest.split_first()?;
    let (header_len, len) = match short {
        126 => (4, usize::from(u16::from_be_bytes(*rest.first_chunk()?))),
        short => (2, usize::from(short)),
    };
    Some((first & 0x0F, header_len, len))
}

fn is_wait(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted | io::ErrorKind::NotConnected
    )
}
