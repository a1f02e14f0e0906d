//! A WebSocket client that is not ours, and what the tests say through it.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

use portcullis_server::clock;
use serde_json::Value;
use tungstenite::{ClientRequestBuilder, Message, WebSocket, protocol::CloseFrame};

use super::program::{Server, get, run};

/// Nothing in these tests takes longer; a read that does fails its test instead of hanging it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A token for `user`, minted by the program itself.
pub(crate) fn token(config: &str, user: &str) -> String {
    let output = run(&["token", "--config", config, "--user", user]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().into()
}

pub(crate) fn dial(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

pub(crate) fn now_ms() -> u64 {
    clock::unix_time().as_millis()
}

/// An open WebSocket.
pub(crate) struct Client<S = TcpStream> {
    pub(crate) socket: WebSocket<S>,
    /// What the server said first.
    pub(crate) welcome: Value,
    last_id: u64,
}

impl Client {
    /// Connects and waits for `welcome`.
    #[track_caller]
    pub(crate) fn connect(server: &Server, token: &str) -> Self {
        Self::over(dial(server.address()), &server.url, token)
    }
}

/// Connects with these header fields and to this query, and waits for nothing.
#[track_caller]
pub(crate) fn knock(server: &Server, query: &str, fields: &[(&str, &str)]) -> WebSocket<TcpStream> {
    let mut request = ClientRequestBuilder::new(format!("{}{query}", server.url).parse().unwrap());
    for (name, value) in fields {
        request = request.with_header(*name, *value);
    }
    let opened = tungstenite::client(request, dial(server.address()));
    opened.map_err(|error| error.to_string()).unwrap().0
}

impl<S: Read + Write> Client<S> {
    #[track_caller]
    pub(crate) fn over(stream: S, url: &str, token: &str) -> Self {
        let request = ClientRequestBuilder::new(url.parse().unwrap())
            .with_header("Authorization", format!("Bearer {token}"))
            .with_sub_protocol("portcullis.v1");
        let (socket, response) =
            tungstenite::client(request, stream).map_err(|error| error.to_string()).unwrap();
        assert_eq!(response.headers()["sec-websocket-protocol"], "portcullis.v1");
        let mut client = Self { socket, welcome: Value::Null, last_id: 0 };
        client.welcome = client.next("welcome");
        client
    }

    pub(crate) fn send(&mut self, text: impl Into<String>) {
        self.socket.send(Message::text(text.into())).unwrap();
    }

    #[track_caller]
    pub(crate) fn subscribe(&mut self, channel: &str) -> Value {
        self.send(format!("{{\"type\":\"subscribe\",\"channel\":\"{channel}\"}}"));
        // The user's own channel is told too, without having been asked for.
        loop {
            let told = self.next("subscribed");
            if told["channel"] == channel {
                return told;
            }
        }
    }

    /// Publishes and returns the `id` that will be acknowledged.
    pub(crate) fn chat(&mut self, channel: &str, text: &str) -> u64 {
        self.last_id += 1;
        let (id, now) = (self.last_id, now_ms());
        self.send(format!(
            "{{\"action\":\"chat\",\"payload\":{{\"text\":\"{text}\"}},\"timestamp\":{now},\"channel\":\"{channel}\",\"id\":{id}}}"
        ));
        id
    }

    /// The next message of this `type`; what comes before it is skipped.
    #[track_caller]
    pub(crate) fn next(&mut self, kind: &str) -> Value {
        loop {
            let message = self.socket.read().unwrap_or_else(|error| panic!("no `{kind}`: {error}"));
            if let Message::Text(text) = message {
                let value: Value = serde_json::from_str(&text).unwrap();
                if value["type"] == kind {
                    return value;
                }
            }
        }
    }

    /// The close frame; messages before it are skipped.
    #[track_caller]
    pub(crate) fn closed(&mut self) -> CloseFrame {
        loop {
            if let Message::Close(frame) = self.socket.read().unwrap() {
                return frame.unwrap();
            }
        }
    }
}

/// Waits until a scrape of the metrics holds `wanted` as a line.
#[track_caller]
pub(crate) fn await_metric(server: &Server, wanted: &str) {
    let admin = server.admin.as_deref().unwrap();
    let mut text = String::new();
    for _ in 0..250 {
        text = get(admin, "/metrics");
        if text.lines().any(|line| line == wanted) {
            return;
        }
        thread::sleep(Duration::from_millis(40));
    }
    panic!("no `{wanted}` in {text}");
}
