//! `portcullis-proto` on a blocking socket: an echo server with one thread for each connection, and no framework.
//!
//! `cargo run -p portcullis-examples --example proto_echo`, then connect to `ws://127.0.0.1:9002/`.

use core::time::Duration;
use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
};

use portcullis_proto::{
    Config, Connection, Event, VecStorage,
    handshake::{self, Acceptance, HeadReader, RequestHead},
    wire,
};
use portcullis_time::Instant;

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:9002")?;
    println!("listening ws://{}/", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        std::thread::spawn(move || serve(stream).unwrap_or_else(|error| eprintln!("{error}")));
    }
    Ok(())
}

/// The crates never read a clock: this program does.
#[expect(clippy::disallowed_methods, reason = "a program of its own")]
fn now() -> Instant {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    Instant::ORIGIN + START.elapsed()
}

fn serve(mut stream: TcpStream) -> io::Result<()> {
    let (mut buffer, mut out) = (vec![0; 64 * 1_024], vec![0; 80 * 1_024]);
    let mut rest = open(&mut stream, &mut buffer, &mut out)?;
    // A server never masks, so that its seed only spreads its pings.
    let mut connection = Connection::new(Config::server(), now(), [0; 32], VecStorage::new(64 * 1_024));
    loop {
        let mut input = buffer.get_mut(..rest).unwrap_or_default();
        while !input.is_empty() {
            let Ok(step) = connection.handle_input(now(), input) else { break };
            if let Some(Event::Message { kind, payload }) = step.event {
                let len = wire::encode_frame(kind.opcode(), true, payload, None, &mut out)
                    .map_err(io::Error::other)?;
                stream.write_all(&out[..len])?;
            }
            let consumed = step.consumed;
            input = &mut input[consumed..];
        }
        while let len @ 1.. = connection.poll_transmit(&mut out) {
            stream.write_all(&out[..len])?;
        }
        if connection.is_closed() {
            return Ok(());
        }
        let wait = connection
            .poll_timeout()
            .map(|at| at.saturating_duration_since(now()) + Duration::from_millis(1));
        stream.set_read_timeout(wait)?;
        rest = match stream.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(len) => len,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                let _ = connection.handle_timeout(now());
                0
            }
            Err(error) => return Err(error),
        };
    }
}

/// The opening handshake. What the client sent behind it is left at the start of `buffer`; returns its length.
fn open(stream: &mut TcpStream, buffer: &mut [u8], out: &mut [u8]) -> io::Result<usize> {
    let mut reader =
        HeadReader::new(VecStorage::new(handshake::HEAD_LEN_MAX), now() + Duration::from_secs(5));
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    loop {
        let len = stream.read(buffer)?;
        if len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let step = reader.handle_input(now(), &buffer[..len]).map_err(io::Error::other)?;
        let consumed = step.consumed;
        let Some(head) = step.head else { continue };
        let request = RequestHead::parse(head).map_err(io::Error::other)?;
        let response = match request.upgrade() {
            Ok(upgrade) => {
                handshake::accept(&upgrade, &Acceptance::default(), out).map_err(io::Error::other)?
            }
            Err(error) => {
                let len = handshake::refuse(error.status(), error.refusal_fields(), b"", out)
                    .map_err(io::Error::other)?;
                stream.write_all(&out[..len])?;
                return Err(io::Error::other(error));
            }
        };
        stream.write_all(&out[..response])?;
        buffer.copy_within(consumed..len, 0);
        return Ok(len - consumed);
    }
}
