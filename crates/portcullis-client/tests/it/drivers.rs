//! The drivers over real sockets, with a server that is not ours.
use std::{
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use portcullis_client::{Auth, Config, Event, Options, Outcome, Outgoing, State, Url};
use serde_json::{Value, json};
use tungstenite::{
    Message, WebSocket, accept_hdr,
    handshake::server::{Request, Response},
    http::HeaderValue,
    protocol::CloseFrame,
};

/// Serves one connection after the other: each is asked to do what its turn says.
pub(crate) struct Fake {
    pub(crate) url: Url,
    /// The request lines and the tokens that came.
    pub(crate) requests: Receiver<(String, Option<String>)>,
}

fn upgrade(stream: TcpStream) -> (WebSocket<TcpStream>, String, Option<String>) {
    let (mut path, mut token) = (String::new(), None);
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let look = |request: &Request, mut response: Response| {
        path = request.uri().to_string();
        token = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
        response.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("portcullis.v1"));
        Ok(response)
    };
    let socket = accept_hdr(stream, look).unwrap();
    (socket, path, token)
}

fn say(socket: &mut WebSocket<TcpStream>, message: &Value) {
    socket.send(Message::text(message.to_string())).unwrap();
}

fn hear(socket: &mut WebSocket<TcpStream>) -> Value {
    loop {
        if let Message::Text(text) = socket.read().unwrap() {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

impl Fake {
    /// The first connection takes a message and breaks before its answer; the second applies it, and restarts with a
    /// slot; the third goes on.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = Url::parse(&format!("ws://{}/ws", listener.local_addr().unwrap())).unwrap();
        let (sender, requests) = channel();
        thread::spawn(move || {
            for turn in 1..=3 {
                let (mut socket, path, token) = upgrade(listener.accept().unwrap().0);
                sender.send((path, token)).unwrap();
                let recovered = (turn > 1).then(|| hear(&mut socket)["resume"]["session"] == "S1");
                say(
                    &mut socket,
                    &json!({"type": "welcome", "session": "S1", "user": "alice", "resume": "R1", "ping_interval_ms": 1, "recovered": recovered, "last_id": 0}),
                );
                let message = hear(&mut socket);
                assert_eq!((&message["payload"], &message["id"]), (&json!({"n": 1}), &json!(1)));
                if turn == 1 {
                    // Broken in the middle.
                    continue;
                }
                if turn == 2 {
                    let reason = r#"{"retry_after_ms":50}"#.into();
                    socket.close(Some(CloseFrame { code: 1012.into(), reason })).unwrap();
                    while socket.read().is_ok() {}
                    continue;
                }
                say(&mut socket, &json!({"type": "ack", "id": 1}));
                say(
                    &mut socket,
                    &json!({"type": "event", "action": "bye", "payload": [1, 2], "timestamp": 7}),
                );
                while socket.read().is_ok() {}
            }
        });
        Self { url, requests }
    }
}

fn options() -> Options {
    let mut config = Config::default();
    config.auth = Auth::Header;
    config.backoff_base = Duration::from_millis(20);
    Options::default().with_config(config)
}

/// What both drivers must have seen.
fn check(events: &[Event], requests: &Receiver<(String, Option<String>)>) {
    let told: Vec<_> = requests.try_iter().collect();
    assert_eq!(
        told.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(),
        ["/ws", "/ws?resume=1", "/ws?resume=1"]
    );
    assert!(told.iter().all(|(_, token)| token.as_deref() == Some("Bearer T1")), "{told:?}");
    let settled: Vec<_> = events.iter().filter(|event| matches!(event, Event::Settled { .. })).collect();
    assert!(matches!(settled[..], [Event::Settled { outcome: Outcome::Acknowledged, .. }]), "{settled:?}");
    let closed: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Closed { code, .. } => Some(*code),
            _ => None,
        })
        .collect();
    assert_eq!(closed, [1006, 1012]);
    let slot = events
        .iter()
        .any(|event| matches!(event, Event::Waiting { delay, .. } if *delay >= Duration::from_millis(50)));
    assert!(slot, "{events:?}");
}

#[cfg(feature = "blocking")]
#[test]
fn a_thread_carries_a_message_over_a_cut_and_a_restart() {
    let fake = Fake::start();
    let (client, mut events) =
        portcullis_client::blocking::start(&fake.url, options(), |_| Some("T1".into())).unwrap();
    client.send(&Outgoing::new("chat", "{\"n\":1}")).unwrap();
    assert_eq!(client.state(), State::Idle);
    client.connect();
    let mut seen = Vec::new();
    loop {
        let event = events.next_within(Duration::from_secs(10)).expect("an event in time");
        let is_last = matches!(&event, Event::Message(message) if *message.action == *"bye");
        seen.push(event);
        if is_last {
            break;
        }
    }
    check(&seen, &fake.requests);
    assert_eq!(client.pending(), 0);
    client.close();
    assert!(events.any(|event| event == Event::State(State::Closed)), "the events end with the client");
}

#[cfg(feature = "tokio")]
#[test]
fn a_task_carries_a_message_over_a_cut_and_a_restart() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let fake = Fake::start();
        let token = |_| async { Some("T1".to_owned()) };
        let (client, mut events) = portcullis_client::tokio::start(&fake.url, options(), token);
        client.send(&Outgoing::new("chat", "{\"n\":1}")).unwrap();
        client.connect();
        let mut seen = Vec::new();
        loop {
            let event = tokio::time::timeout(Duration::from_secs(10), events.next()).await.unwrap().unwrap();
            let is_last = matches!(&event, Event::Message(message) if *message.action == *"bye");
            seen.push(event);
            if is_last {
                break;
            }
        }
        check(&seen, &fake.requests);
        client.close();
        let mut last = None;
        while let Some(event) = events.next().await {
            last = Some(event);
        }
        assert_eq!(last, Some(Event::State(State::Closed)));
    });
}

#[cfg(feature = "blocking")]
#[test]
fn a_port_where_nobody_listens_is_tried_again_later() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = Url::parse(&format!("ws://127.0.0.1:{port}/")).unwrap();
    let (client, mut events) =
        portcullis_client::blocking::start(&url, options(), |_| Some("T1".into())).unwrap();
    client.connect();
    let mut failures = 0;
    while failures < 3 {
        if let Event::Closed { code, .. } = events.next_within(Duration::from_secs(10)).unwrap() {
            assert_eq!(code, 1006);
            failures += 1;
        }
    }
}
