//! The blocking adapter against another implementation over real sockets, and over transports that stop everywhere.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::time::Duration;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::thread;

use portcullis_proto::blocking::{Error, Handshake, Message, WebSocket, accept, accept_with, connect};
use portcullis_proto::endpoint::{Answer, Options, Refusal};
use portcullis_proto::handshake::{ClientRequest, HandshakeError};
use portcullis_proto::wire::CloseCode;
use portcullis_proto::{Config, ProtocolError, SendError};
use tungstenite::Message as Theirs;

const SEED: [u8; 32] = [7; 32];

/// Two ends of a TCP connection.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    // Nothing waits for an acknowledgement: the tests count on what has arrived.
    ours.set_nodelay(true).unwrap();
    (ours, listener.accept().unwrap().0)
}

fn echo_all<T: Read + Write>(socket: &mut WebSocket<T>) -> Result<(), Error> {
    while let Some(message) = socket.read()? {
        socket.send(message.borrow())?;
    }
    Ok(())
}

#[test]
fn a_server_serves_tungstenite() {
    let (theirs, ours) = pair();
    let server = thread::spawn(move || {
        let mut socket = accept(ours, &Options::server(), SEED).unwrap();
        echo_all(&mut socket).unwrap();
        socket.peer_close().cloned()
    });
    let (mut socket, response) = tungstenite::client("ws://localhost/", theirs).unwrap();
    assert_eq!(response.status(), 101);
    for len in [0, 1, 125, 126, 4_095, 4_096, 60_000] {
        socket.send(Theirs::Binary(vec![7; len].into())).unwrap();
        assert_eq!(socket.read().unwrap(), Theirs::Binary(vec![7; len].into()));
    }
    socket.send(Theirs::Ping("are you there".into())).unwrap();
    assert_eq!(socket.read().unwrap(), Theirs::Pong("are you there".into()));
    socket.send(Theirs::Text("grüße".into())).unwrap();
    assert_eq!(socket.read().unwrap(), Theirs::Text("grüße".into()));
    socket.close(None).unwrap();
    while socket.read().is_ok() {}
    let close = server.join().unwrap().unwrap();
    assert_eq!((close.code, close.reason.as_str()), (None, ""));
}

#[test]
fn a_client_talks_to_tungstenite() {
    let (ours, theirs) = pair();
    let server = thread::spawn(move || {
        let mut socket = tungstenite::accept(theirs).unwrap();
        loop {
            match socket.read() {
                Ok(message @ (Theirs::Text(_) | Theirs::Binary(_))) => socket.send(message).unwrap(),
                Ok(Theirs::Close(frame)) => {
                    let _ = socket.flush();
                    return frame.map(|frame| (u16::from(frame.code), frame.reason.to_string()));
                }
                Ok(_) => {}
                Err(error) => panic!("{error}"),
            }
        }
    });
    let request = ClientRequest::new("localhost", "/");
    let mut socket = connect(ours, &request, &Options::client(), SEED).unwrap();
    for text in ["", "hello", &"long ".repeat(10_000)] {
        socket.send(portcullis_proto::Message::Text(text)).unwrap();
        assert_eq!(socket.read().unwrap(), Some(Message::Text(text.into())));
    }
    socket.ping(b"hm").unwrap();
    socket.close(CloseCode::NORMAL, "done").unwrap();
    assert_eq!(socket.read().unwrap(), None);
    assert_eq!(socket.read().unwrap(), None);
    assert!(matches!(
        socket.send(portcullis_proto::Message::Text("late")),
        Err(Error::Send(SendError::Closing))
    ));
    assert_eq!(server.join().unwrap(), Some((1000, "done".to_owned())));
}

#[test]
fn a_read_timeout_loses_nothing_and_keeps_the_deadlines() {
    let (client, server) = pair();
    let theirs = thread::spawn(move || tungstenite::client("ws://localhost/", client).unwrap().0);
    let config = Config::server().with_ping_interval(Some(Duration::from_millis(30)));
    let mut socket = accept(server, &Options::server().with_config(config), SEED).unwrap();
    let mut theirs = theirs.join().unwrap();

    let wait = socket.next_timeout().unwrap();
    assert!(wait <= Duration::from_millis(30), "{wait:?}");
    socket.get_ref().set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    // Half of a frame, a timeout, the other half.
    theirs.get_mut().write_all(&[0x81, 0x82, 0, 0]).unwrap();
    assert!(socket.read().unwrap_err().is_would_block());
    theirs.get_mut().write_all(&[0, 0, b'o']).unwrap();
    assert!(socket.read().unwrap_err().is_would_block());
    theirs.get_mut().write_all(b"k").unwrap();
    assert_eq!(socket.read().unwrap(), Some(Message::Text("ok".into())));
    // Silence: a ping goes out, the answer is noted.
    for _ in 0..6 {
        assert!(socket.read().unwrap_err().is_would_block());
    }
    assert!(matches!(theirs.read().unwrap(), Theirs::Ping(_)));
    theirs.flush().unwrap();
    assert!(socket.read().unwrap_err().is_would_block());
    assert!(socket.endpoint().last_round_trip().is_some());
}

#[test]
fn a_silent_peer_is_given_up() {
    let (client, server) = pair();
    let theirs = thread::spawn(move || tungstenite::client("ws://localhost/", client).unwrap().0);
    let config = Config::server()
        .with_ping_interval(Some(Duration::from_millis(10)))
        .with_pong_timeout(Duration::from_millis(10));
    let mut socket = accept(server, &Options::server().with_config(config), SEED).unwrap();
    let _silent = theirs.join().unwrap();
    socket.get_ref().set_read_timeout(Some(Duration::from_millis(5))).unwrap();
    let error = loop {
        match socket.read() {
            Err(error) if error.is_would_block() => {}
            other => break other,
        }
    };
    assert!(matches!(error, Err(Error::Protocol(ProtocolError::PongTimeout))), "{error:?}");
}

#[test]
fn a_decision_answers_or_refuses() {
    let decide = |path: &str| {
        let (client, server) = pair();
        let path = path.to_owned();
        let client = thread::spawn(move || {
            let request =
                ClientRequest { subprotocols: &["a", "b"], ..ClientRequest::new("localhost", &path) };
            connect(client, &request, &Options::client(), SEED)
                .map(|socket| socket.subprotocol().map(str::to_owned))
        });
        let server = accept_with(
            server,
            &Options::server(),
            SEED,
            Box::new(|request| {
                if request.head().path() == "/b" {
                    Ok(Answer::default().with_subprotocol("b").with_field("X-Served", "yes"))
                } else {
                    Err(Refusal::new(404).with_field("Content-Type", "text/plain").with_body(b"no"))
                }
            }),
        );
        (server.map(|socket| socket.subprotocol().map(str::to_owned)), client.join().unwrap())
    };
    let (server, client) = decide("/b");
    assert_eq!((server.unwrap().as_deref(), client.unwrap().as_deref()), (Some("b"), Some("b")));
    let (server, client) = decide("/other");
    for end in [server.unwrap_err(), client.unwrap_err()] {
        assert!(matches!(end, Error::Handshake(HandshakeError::Refused { status: 404 })), "{end:?}");
    }
}

#[test]
fn a_request_that_is_none_is_answered() {
    let (mut client, server) = pair();
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let error = accept(server, &Options::server(), SEED).unwrap_err();
    assert!(matches!(error, Error::Handshake(HandshakeError::UpgradeMissing)), "{error:?}");
    let mut response = String::new();
    client.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
}

#[test]
fn an_end_without_a_close_frame_is_an_error() {
    let (client, server) = pair();
    let client = thread::spawn(move || drop(tungstenite::client("ws://localhost/", client).unwrap()));
    let mut socket = accept(server, &Options::server(), SEED).unwrap();
    client.join().unwrap();
    assert!(matches!(socket.read(), Err(Error::Unclean)));
}

/// One end of a pipe in memory that moves one byte at a time, and at each call may be interrupted, time out or block.
#[derive(Clone, Debug, Default)]
struct Stutter {
    incoming: Arc<Mutex<VecDeque<u8>>>,
    outgoing: Arc<Mutex<VecDeque<u8>>>,
    random: u32,
    calls: usize,
}

impl Stutter {
    fn pair() -> (Self, Self) {
        let (a, b) = (Arc::default(), Arc::default());
        (
            Self { incoming: Arc::clone(&a), outgoing: Arc::clone(&b), random: 1, calls: 0 },
            Self { incoming: b, outgoing: a, random: 2, calls: 0 },
        )
    }

    fn stutter(&mut self) -> io::Result<()> {
        self.calls += 1;
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        match self.random >> 30 {
            1 => Err(ErrorKind::Interrupted.into()),
            2 => Err(ErrorKind::WouldBlock.into()),
            3 => Err(ErrorKind::TimedOut.into()),
            _ => Ok(()),
        }
    }
}

impl Read for Stutter {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stutter()?;
        let byte = self.incoming.lock().unwrap().pop_front().ok_or(ErrorKind::WouldBlock)?;
        buffer[0] = byte;
        Ok(1)
    }
}

impl Write for Stutter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stutter()?;
        self.outgoing.lock().unwrap().push_back(bytes[0]);
        Ok(1)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stutter()
    }
}

/// Calls both sides in turn until the first is done.
fn alternate<R>(mut first: impl FnMut() -> Result<R, Error>, mut second: impl FnMut()) -> R {
    for _ in 0..2_000_000 {
        match first() {
            Ok(done) => return done,
            Err(error) => assert!(error.is_would_block(), "{error}"),
        }
        second();
    }
    panic!("the two sides wait for each other");
}

fn stuttering_pair(client: &Options, server: &Options) -> (WebSocket<Stutter>, WebSocket<Stutter>) {
    let (a, b) = Stutter::pair();
    let request = ClientRequest::new("localhost", "/");
    let mut client = Handshake::client(a, &request, client, SEED).unwrap();
    let mut server = Handshake::server(b, server, SEED, None);
    let mut server_result = Ok(());
    alternate(|| client.drive(), || server_result = server.drive());
    while server_result.is_err() {
        server_result = server.drive();
    }
    (client.finish().unwrap(), server.finish().unwrap())
}

#[test]
fn every_stop_at_every_byte_tells_the_same() {
    let (mut client, mut server) = stuttering_pair(&Options::client(), &Options::server());
    let echo = |server: &mut WebSocket<Stutter>| match server.read() {
        Ok(Some(message)) => server.send(message.borrow()).unwrap(),
        Ok(None) => {}
        Err(error) => assert!(error.is_would_block(), "{error}"),
    };
    for text in ["", "x", &"more ".repeat(300)] {
        client.send(portcullis_proto::Message::Text(text)).unwrap();
        client.ping(b"p").unwrap();
        let told = alternate(|| client.read(), || echo(&mut server));
        assert_eq!(told, Some(Message::Text(text.into())));
    }
    server.close(CloseCode::GOING_AWAY, "bye").unwrap();
    let told = alternate(|| server.read(), || assert!(client.read().is_err()));
    assert_eq!(told, None);
    let close = client.peer_close().unwrap();
    assert_eq!((close.code, close.reason.as_str()), (Some(CloseCode::GOING_AWAY), "bye"));
}

#[test]
fn what_came_with_the_handshake_is_not_lost() {
    let (mut client, server) = pair();
    let mut bytes = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n".to_vec();
    bytes.extend(b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
    bytes.extend([0x81, 0x82, 0, 0, 0, 0, b'h', b'i', 0x88, 0x80, 0, 0, 0, 0]);
    client.write_all(&bytes).unwrap();
    let mut socket = accept(server, &Options::server(), SEED).unwrap();
    assert_eq!(socket.read().unwrap(), Some(Message::Text("hi".into())));
    assert_eq!(socket.read().unwrap(), None);
}

#[test]
fn a_slow_reader_does_not_grow_the_write_buffer() {
    let options = Options::server().with_write_buffer_len_max(1_000);
    let (mut client, mut server) = stuttering_pair(&Options::client(), &options);
    let text = "x".repeat(300);
    let mut taken = 0;
    for _ in 0..50 {
        match server.send(portcullis_proto::Message::Text(&text)) {
            Ok(()) => taken += 1,
            Err(error) => assert!(error.is_would_block(), "{error}"),
        }
    }
    assert!((4..=8).contains(&taken), "{taken} messages were taken");
    // What was taken arrives, and nothing else.
    for _ in 0..taken {
        let told = alternate(|| client.read(), || drop(server.flush()));
        assert_eq!(told, Some(Message::Text(text.clone())));
    }
}

#[cfg(feature = "deflate")]
#[test]
fn compression_is_agreed_on_and_used() {
    use portcullis_proto::deflate::DeflateConfig;

    let (client, server) = (
        Options::client().with_deflate(Some(DeflateConfig::client())),
        Options::server().with_deflate(Some(DeflateConfig::server())),
    );
    let (mut client, mut server) = stuttering_pair(&client, &server);
    assert!(client.endpoint().connection().agreed().is_some());
    assert!(server.endpoint().connection().agreed().is_some());
    let text = "again and again ".repeat(60);
    let before = server.get_ref().calls;
    server.send(portcullis_proto::Message::Text(&text)).unwrap();
    let told = alternate(|| client.read(), || drop(server.flush()));
    assert_eq!(told, Some(Message::Text(text.clone())));
    let calls = server.get_ref().calls - before;
    assert!(calls < text.len(), "{calls} calls at a quarter of a byte each");
}
