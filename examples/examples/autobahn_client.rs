//! A client on `portcullis-proto` alone, over a blocking socket: it lets the Autobahn test suite's fuzzing server try it.
//!
//! `wstest -m fuzzingserver`, then `cargo run --release -p portcullis-examples --example autobahn_client`. Arguments: the
//! server's `host:port` (127.0.0.1:9001) and the name that the report has for this client (portcullis).
//!
//! The server tells how many cases it has. Each is one connection on which the client echoes what it receives, and offers
//! permessage-deflate; at the end the server is asked to write its report.

use core::{error::Error, time::Duration};
use std::{
    io::{self, Read, Write},
    net::TcpStream,
};

use portcullis_proto::{
    Config, Connection, Event, Message, MessageKind, Side, VecStorage,
    deflate::{Agreed, DeflateConfig, WindowBits},
    handshake::{self, ClientRequest, HeadReader, ResponseHead},
    wire,
};
use portcullis_time::Instant;

/// The cases of chapter 9 send as much in one message.
const MESSAGE_LEN_MAX: u64 = 16 * 1_024 * 1_024;

/// Cases 9.3.1 and 9.4.1 cut 4 MiB into frames of 64 bytes, with an empty one behind them.
const FRAGMENTS_MAX: u32 = 65_537;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let host = arguments.next().unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let agent = arguments.next().unwrap_or_else(|| "portcullis".to_owned());

    let count: usize = ask(&host, "/getCaseCount")?.trim().parse()?;
    for case in 1..=count {
        let id = case_id(&ask(&host, &format!("/getCaseInfo?case={case}"))?)?;
        let path = format!("/runCase?case={case}&agent={agent}");
        // A case may end in any way, whoever is at fault: the server's report is the verdict.
        match Client::open(&host, &path, &offers(&id)).and_then(Client::echo) {
            Ok(()) => println!("{id}"),
            Err(error) => println!("{id}: {error}"),
        }
    }
    Client::open(&host, &format!("/updateReports?agent={agent}"), &[])?.echo()?;
    Ok(())
}

/// What the client offers in a case, best first. The cases of chapter 13 are about what the *server's* side of them
/// agrees to; the client asks of the server there what the suite's own client would ask, so that both directions are
/// tried.
fn offers(id: &str) -> Vec<DeflateConfig> {
    let any = DeflateConfig::client().with_threshold(0);
    let fresh = any.with_server_no_context_takeover(true);
    let nine = WindowBits::new(9).unwrap_or(WindowBits::MIN);
    match id.rsplit_once('.').map_or(id, |(group, _)| group) {
        "13.2" | "13.6" => vec![fresh],
        "13.3" => vec![any.with_server_max_window_bits(nine)],
        "13.5" => vec![fresh.with_server_max_window_bits(nine)],
        "13.7" => vec![fresh.with_server_max_window_bits(nine), fresh, any],
        _ => vec![any],
    }
}

/// The one message with which the server answers at `path`.
fn ask(host: &str, path: &str) -> Result<String, Box<dyn Error>> {
    let mut answer = String::new();
    Client::open(host, path, &[])?.run(|_, kind, payload| {
        if kind == MessageKind::Text {
            answer = String::from_utf8_lossy(payload).into_owned();
        }
        Ok(())
    })?;
    Ok(answer)
}

/// `13.2.1` of `{"id": "13.2.1", …}`. It has no escapes.
fn case_id(info: &str) -> Result<String, Box<dyn Error>> {
    let (_, rest) = info.split_once("\"id\"").ok_or("no id in the case's description")?;
    Ok(rest.split('"').nth(1).ok_or("no id in the case's description")?.to_owned())
}

/// The crates never read a clock: this program does.
#[expect(clippy::disallowed_methods, reason = "a program of its own")]
fn now() -> Instant {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    Instant::ORIGIN + START.elapsed()
}

/// The crates draw no random bytes either.
#[expect(clippy::disallowed_methods, reason = "a program of its own")]
fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

/// A connection and its socket.
struct Client {
    stream: TcpStream,
    connection: Connection<VecStorage>,
    /// What was read: the first `len` bytes.
    input: Vec<u8>,
    len: usize,
}

impl Client {
    /// Connects and does the opening handshake.
    fn open(host: &str, path: &str, offers: &[DeflateConfig]) -> Result<Self, Box<dyn Error>> {
        let mut stream = TcpStream::connect(host)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;

        let offer = offers.iter().map(DeflateConfig::offer).collect::<Vec<_>>().join(", ");
        let extensions = (!offer.is_empty()).then_some(offer.as_str());
        let request = ClientRequest { extensions, ..ClientRequest::new(host, path) };
        let nonce = random()?;
        let mut out = [0; 2_048];
        let len = request.emit(nonce, &mut out)?;
        stream.write_all(&out[..len])?;

        let mut input = vec![0; 64 * 1_024];
        let deadline = now() + Duration::from_secs(10);
        let mut reader = HeadReader::new(VecStorage::new(handshake::HEAD_LEN_MAX), deadline);
        loop {
            let len = stream.read(&mut input)?;
            if len == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            let step = reader.handle_input(now(), &input[..len])?;
            let consumed = step.consumed;
            let Some(head) = step.head else { continue };
            let accepted = ResponseHead::parse(head)?.verify(&request, nonce)?;
            let config = Config::client()
                .with_message_len_max(MESSAGE_LEN_MAX)
                .with_frame_len_max(MESSAGE_LEN_MAX)
                .with_fragments_max(FRAGMENTS_MAX)
                .with_inflate_ratio_max(u32::MAX);
            let storage = VecStorage::new(usize::try_from(MESSAGE_LEN_MAX)?);
            let mut connection = Connection::new(config, now(), random()?, storage);
            if let Some((agreed, offer)) = agree(offers, accepted.extensions())? {
                connection = connection.with_deflate(agreed, offer);
            }
            // What the server sent behind its head.
            input.copy_within(consumed..len, 0);
            return Ok(Self { stream, connection, input, len: len - consumed });
        }
    }

    /// Sends every message back.
    fn echo(self) -> Result<(), Box<dyn Error>> {
        self.run(|client, kind, payload| client.send(kind, payload))
    }

    /// Hands every message to `on_message`, until the connection is over.
    fn run(
        mut self,
        mut on_message: impl FnMut(&mut Self, MessageKind, &[u8]) -> Result<(), Box<dyn Error>>,
    ) -> Result<(), Box<dyn Error>> {
        let mut message = Vec::new();
        loop {
            let mut at = 0;
            while at < self.len {
                let Ok(step) = self.connection.handle_input(now(), &mut self.input[at..self.len]) else {
                    break; // The close frame that tells the server why is owed.
                };
                at += step.consumed;
                if let Some(Event::Message { kind, payload }) = step.event {
                    // It is lent by the connection, which must be free to send.
                    message.clear();
                    message.extend_from_slice(payload);
                    on_message(&mut self, kind, &message)?;
                }
                // One pong is pending at most, and the suite wants each of its pings answered.
                self.flush()?;
            }
            self.flush()?;
            if self.connection.is_closed() {
                return self.connection.error().map_or(Ok(()), |error| Err(error.into()));
            }
            self.receive()?;
        }
    }

    fn send(&mut self, kind: MessageKind, payload: &[u8]) -> Result<(), Box<dyn Error>> {
        let message = match kind {
            MessageKind::Text => Message::Text(core::str::from_utf8(payload)?),
            MessageKind::Binary => Message::Binary(payload),
        };
        let mut out = vec![0; wire::frame_len(Side::Client, payload.len())];
        let len = self.connection.send(now(), message, &mut out)?;
        self.stream.write_all(&out[..len])?;
        Ok(())
    }

    /// Writes the control frames that are owed.
    fn flush(&mut self) -> io::Result<()> {
        let mut out = [0; wire::CONTROL_FRAME_LEN_MAX];
        while let len @ 1.. = self.connection.poll_transmit(&mut out) {
            self.stream.write_all(&out[..len])?;
        }
        Ok(())
    }

    /// Waits for bytes, for the end of them, or for the connection's next deadline.
    fn receive(&mut self) -> io::Result<()> {
        let wait = self
            .connection
            .poll_timeout()
            .map(|at| at.saturating_duration_since(now()) + Duration::from_millis(1));
        self.stream.set_read_timeout(wait)?;
        self.len = match self.stream.read(&mut self.input) {
            Ok(len) => len,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                let _ = self.connection.handle_timeout(now());
                self.len = 0;
                return Ok(());
            }
            // A server that drops a connection of which something is still on its way to it: the end, too.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
            Err(error) => return Err(error),
        };
        if self.len == 0 {
            let _ = self.connection.handle_eof(now());
        }
        Ok(())
    }
}

/// Which of the offers the server's answer fits. The stricter ones come first, so that the first that fits is meant.
fn agree<'o>(
    offers: &'o [DeflateConfig],
    answers: handshake::ExtensionOffers<'_>,
) -> Result<Option<(Agreed, &'o DeflateConfig)>, Box<dyn Error>> {
    let mut refused = None;
    for offer in offers {
        match offer.agree(answers.clone()) {
            Ok(agreed) => return Ok(agreed.map(|agreed| (agreed, offer))),
            Err(error) => refused = Some(error),
        }
    }
    refused.map_or(Ok(None), |error| Err(error.into()))
}
