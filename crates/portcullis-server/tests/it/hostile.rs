//! Peers that do not behave: each is gone by its deadline, and the others go on.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use portcullis_server::clock;
use socket2::{Domain, Socket, Type};

use super::{
    client::{Client, PATIENCE, await_metric, dial, token},
    program::{Folder, MINIMAL, Server},
};

const SHORT: &str = "[limits]\nupgrade_timeout = \"1s\"\nclose_timeout = \"1s\"\nping_interval = \"1s\"\npong_timeout = \"1s\"\n";

fn serve(folder: &Folder, more: &str) -> (Server, String) {
    let config = folder.file("c.toml", &format!("{MINIMAL}{more}"));
    (Server::start(&["serve", "--config", &config, "--workers", "1"]), config)
}

/// Reads until the end or a reset; what came, as far as it is text.
fn read_all(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "not cut: {error}");
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn a_head_that_drips_is_cut_at_the_deadline() {
    let folder = Folder::new();
    let (server, _) = serve(&folder, SHORT);
    let (mut stream, start) = (dial(server.address()), clock::now());
    let mut dripping = stream.try_clone().unwrap();
    let drip = thread::spawn(move || {
        for byte in b"GET /ws HTTP/1.1\r\nHost: a\r\nX-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaa" {
            if dripping.write_all(&[*byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(100));
        }
    });
    let answer = read_all(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(clock::now().saturating_duration_since(start) < Duration::from_secs(4));
    drop(stream);
    drip.join().unwrap();
    await_metric(&server, "portcullis_connections 0");
}

#[test]
fn a_peer_that_answers_no_ping_is_gone() {
    let folder = Folder::new();
    let (server, config) = serve(&folder, SHORT);
    let mut stream = dial(server.address());
    write!(
        stream,
        "GET /ws HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: portcullis.v1\r\n\
         Authorization: Bearer {}\r\n\r\n",
        server.address(),
        token(&config, "alice")
    )
    .unwrap();
    let start = clock::now();
    let answer = read_all(&mut stream);
    assert!(answer.starts_with("HTTP/1.1 101 ") && answer.contains("\"welcome\""), "{answer}");
    assert!(clock::now().saturating_duration_since(start) < Duration::from_secs(6));
    await_metric(&server, "portcullis_connections 0");
}

/// The queue of one who does not read is bounded; who reads loses nothing.
#[test]
fn a_client_that_does_not_read_is_cut_and_the_others_go_on() {
    const OPEN: &str = "connection_life = \"1h\"\noutbound_len_max = \"128KiB\"\nmessages_per_second = 100000\n\
        messages_burst = 100000\nbytes_per_second = \"256MiB\"\nbytes_burst = \"256MiB\"\nlog_events_max = 4\n\
        close_timeout = \"1s\"\n[[action]]\nname = \"chat\"\nroute = \"channel\"\n\
        schema = '{\"type\":\"object\",\"properties\":{\"text\":{\"type\":\"string\"}},\"required\":[\"text\"]}'\n";
    let folder = Folder::new();
    let (server, config) = serve(&folder, &format!("[limits]\n{OPEN}"));
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    let address: SocketAddr = server.address().parse().unwrap();
    socket.connect(&address.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut slow = Client::over(stream, &server.url, &token(&config, "alice"));
    slow.subscribe("chat:lobby");
    let mut bob = Client::connect(&server, &token(&config, "bob"));
    bob.subscribe("chat:lobby");
    let text = "x".repeat(32 * 1_024);
    // What the kernel buffers for the slow one comes on top of its queue.
    for offset in 1..=500 {
        bob.chat("chat:lobby", &text);
        assert_eq!(bob.next("event")["offset"], offset);
    }
    await_metric(&server, "portcullis_connections_closed_total{code=\"4430\"} 1");
    await_metric(&server, "portcullis_connections 1");
    bob.chat("chat:lobby", "and on");
    assert_eq!(bob.next("event")["payload"]["text"], "and on");
}
