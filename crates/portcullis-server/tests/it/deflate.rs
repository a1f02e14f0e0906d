//! Compression through the program (RFC 7692), with the client half of `portcullis-proto`.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
};

use portcullis_proto::{
    CloseCode, Config, Connection, Event, Message, VecStorage,
    deflate::DeflateConfig,
    handshake::{ClientRequest, HeadReader, ResponseHead},
};
use portcullis_time::Instant;

use super::{
    client::{PATIENCE, dial, token},
    program::{Folder, MINIMAL, Server},
};

const NOW: Instant = Instant::ORIGIN;

/// A client that offers compression.
struct Client {
    stream: TcpStream,
    connection: Connection<VecStorage>,
    /// What the server answered to the offer.
    extensions: Option<String>,
    unread: Vec<u8>,
}

impl Client {
    fn connect(server: &Server, path: &str, fields: &[(&str, &str)]) -> Self {
        let deflate = DeflateConfig::client();
        let offer = deflate.offer();
        let request =
            ClientRequest { extensions: Some(&offer), fields, ..ClientRequest::new(server.address(), path) };
        let mut stream = dial(server.address());
        let mut out = [0; 2_048];
        let len = request.emit([7; 16], &mut out).unwrap();
        stream.write_all(&out[..len]).unwrap();
        let mut reader = HeadReader::new(VecStorage::new(8_192), NOW + PATIENCE);
        let (mut input, mut connection) = ([0; 4_096], None);
        let (mut extensions, mut unread) = (None, Vec::new());
        while connection.is_none() {
            let len = stream.read(&mut input).unwrap();
            assert!(len > 0, "the server answers");
            let step = reader.handle_input(NOW, &input[..len]).unwrap();
            if let Some(head) = step.head {
                let head = ResponseHead::parse(head).unwrap();
                extensions =
                    head.field("sec-websocket-extensions").map(|v| String::from_utf8(v.into()).unwrap());
                let accepted = head.verify(&request, [7; 16]).unwrap();
                let config = Config::client()
                    .with_ping_interval(None)
                    .with_message_len_max(1 << 24)
                    .with_frame_len_max(1 << 24)
                    .with_inflate_ratio_max(u32::MAX);
                let fresh = Connection::new(config, NOW, [7; 32], VecStorage::new(1 << 24));
                connection = Some(match deflate.agree(accepted.extensions()).unwrap() {
                    Some(agreed) => fresh.with_deflate(agreed, &deflate),
                    None => fresh,
                });
            }
            unread.extend_from_slice(&input[step.consumed..len]);
        }
        Self { stream, connection: connection.unwrap(), extensions, unread }
    }

    fn send(&mut self, message: Message<'_>) -> usize {
        let mut out = vec![0; message.payload().len() + 14];
        let len = self.connection.send(NOW, message, &mut out).unwrap();
        self.stream.write_all(&out[..len]).unwrap();
        len
    }

    /// The next message with the first byte of its frame, or the close code.
    fn next(&mut self) -> Result<(u8, Vec<u8>), Option<CloseCode>> {
        let mut first = self.unread.first().copied();
        loop {
            let mut input = core::mem::take(&mut self.unread);
            if input.is_empty() {
                input.resize(65_536, 0);
                let len = self.stream.read(&mut input).unwrap();
                assert!(len > 0, "the server says something");
                input.truncate(len);
                first.get_or_insert(input[0]);
            }
            let step = self.connection.handle_input(NOW, &mut input).unwrap();
            let told = match step.event {
                Some(Event::Message { payload, .. }) => Some(Ok((first.unwrap(), payload.to_vec()))),
                Some(Event::CloseReceived { code, .. }) => Some(Err(code)),
                _ => None,
            };
            let consumed = step.consumed;
            self.unread = input.split_off(consumed);
            if let Some(told) = told {
                return told;
            }
        }
    }
}

#[test]
fn echo_compresses_where_it_is_told_to_and_asked_for() {
    let server = Server::start(&["echo", "--listen", "127.0.0.1:0", "--deflate"]);
    let mut client = Client::connect(&server, "/", &[]);
    assert_eq!(client.extensions.as_deref(), Some("permessage-deflate"));
    for text in ["again and again ".repeat(1_000), "short".into(), "again and again ".repeat(70_000)] {
        let sent = client.send(Message::Text(&text));
        assert_eq!(sent < text.len() / 10, text.len() > 1_000);
        let (first, echoed) = client.next().unwrap();
        assert_eq!(first & 0x40 != 0, text.len() > 1_000);
        assert!(echoed == text.as_bytes());
    }
    let noise: Vec<u8> = (0..50_000_u32).map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()[2]).collect();
    client.send(Message::Binary(&noise));
    assert!(client.next().unwrap().1 == noise);

    let server = Server::start(&["echo", "--listen", "127.0.0.1:0"]);
    assert_eq!(Client::connect(&server, "/", &[]).extensions, None);
}

#[test]
fn serve_compresses_events_for_a_client_that_it_knows() {
    let folder = Folder::new();
    let config = folder.file("portcullis.toml", &format!("compression = true\n{MINIMAL}"));
    let server = Server::start(&["serve", "--config", &config]);
    let bearer = format!("Bearer {}", token(&config, "alice"));
    let unknown = Client::connect(&server, "/ws", &[]);
    assert_eq!(unknown.extensions, None, "nobody's data is inflated before authentication");

    let mut client = Client::connect(&server, "/ws", &[("authorization", &bearer)]);
    assert_eq!(client.extensions.as_deref(), Some("permessage-deflate; client_no_context_takeover"));
    let (first, welcome) = client.next().unwrap();
    assert!(
        first == 0x81 && welcome.windows(8).any(|part| part == b"\"resume\""),
        "a secret is not compressed"
    );
    client.send(Message::Text(r#"{"type":"subscribe","channel":"chat:all"}"#));
    let text = "again and again ".repeat(100);
    let now = portcullis_server::clock::unix_time().as_millis();
    client.send(Message::Text(&format!(
        r#"{{"action":"chat","payload":{{"text":"{text}"}},"timestamp":{now},"channel":"chat:all","id":1}}"#
    )));
    let event = loop {
        let (first, message) = client.next().unwrap();
        if message.starts_with(b"{\"type\":\"event\"") {
            break (first, message);
        }
    };
    assert_eq!(event.0, 0xC1, "the event is compressed");
    assert!(event.1.windows(text.len()).any(|part| part == text.as_bytes()));
}

#[test]
fn a_bomb_closes_its_connection_with_1009_and_nothing_else() {
    let folder = Folder::new();
    let config = folder.file("portcullis.toml", &format!("compression = true\n{MINIMAL}"));
    let server = Server::start(&["serve", "--config", &config]);
    let bearer = format!("Bearer {}", token(&config, "alice"));
    let mut bystander = Client::connect(&server, "/ws", &[("authorization", &bearer)]);
    let mut client = Client::connect(&server, "/ws", &[("authorization", &bearer)]);
    // 50 kB of one letter: below the message limit, far above ten times what comes over the wire.
    assert!(client.send(Message::Text(&"a".repeat(50_000))) < 1_000);
    let code = loop {
        if let Err(code) = client.next() {
            break code;
        }
    };
    assert_eq!(code.map(CloseCode::get), Some(1009));
    assert_eq!(bystander.next().unwrap().0, 0x81);
    bystander.send(Message::Text(r#"{"type":"subscribe","channel":"chat:all"}"#));
    assert!(bystander.next().is_ok());
}

#[test]
fn without_compression_in_the_configuration_none_is_agreed_on() {
    let folder = Folder::new();
    let config = folder.file("portcullis.toml", MINIMAL);
    let server = Server::start(&["serve", "--config", &config]);
    let bearer = format!("Bearer {}", token(&config, "alice"));
    assert_eq!(Client::connect(&server, "/ws", &[("authorization", &bearer)]).extensions, None);
}
