//! A client, a server at the other end of a pipe in memory, and time that moves when it is told to.
use std::{collections::VecDeque, time::Duration};

use portcullis_client::{Action, Client, Config, Event, MessageId, Now, Outcome, State, Url};
use portcullis_proto::{
    CloseCode, Message,
    endpoint::{Answer, Endpoint, Opening, Options},
    handshake::UpgradeRequest,
};
use portcullis_time::{Instant, UnixTime};
use serde_json::{Value, json};

const START_MS: u64 = 1_753_000_000_000;

/// What a transport was opened with.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Dial {
    pub(crate) resume: bool,
    pub(crate) bearer: Option<String>,
}

/// The server's end.
#[expect(clippy::large_enum_variant, reason = "a test has one of it")]
enum Peer {
    None,
    Opening(Opening<'static>),
    Open(Endpoint),
}

pub(crate) struct World {
    pub(crate) client: Client,
    passed: Duration,
    /// What the token source answers.
    pub(crate) token: Option<String>,
    pub(crate) dials: VecDeque<Dial>,
    /// Messages of the client, without their timestamps.
    pub(crate) sent: VecDeque<Value>,
    pub(crate) events: Vec<Event>,
    pub(crate) delay: Duration,
    pub(crate) settled: Vec<(MessageId, Outcome)>,
    /// The client has let go of the last transport.
    pub(crate) dropped: bool,
    peer: Peer,
}

impl World {
    pub(crate) fn new(config: Config, seed: u8) -> Self {
        let url = Url::parse("ws://host/ws").unwrap();
        Self {
            client: Client::new(url, config, [seed; 32]),
            passed: Duration::ZERO,
            token: Some("T1".into()),
            dials: VecDeque::new(),
            sent: VecDeque::new(),
            events: Vec::new(),
            delay: Duration::ZERO,
            settled: Vec::new(),
            dropped: false,
            peer: Peer::None,
        }
    }

    pub(crate) fn now(&self) -> Now {
        let unix = UnixTime::from_millis(START_MS + u64::try_from(self.passed.as_millis()).unwrap());
        Now { instant: Instant::from_millis(1_000) + self.passed, unix }
    }

    /// Time passes, and deadlines are kept as they come.
    pub(crate) fn advance(&mut self, time: Duration) {
        let end = self.passed + time;
        let origin = Instant::from_millis(1_000);
        while let Some(at) = self.client.poll_timeout().filter(|at| *at <= origin + end) {
            self.passed = self.passed.max(at.saturating_duration_since(origin));
            self.client.handle_timeout(self.now());
            self.pump();
        }
        self.passed = end;
    }

    /// Time passes, and nobody looks at the clock.
    pub(crate) fn freeze(&mut self, time: Duration) {
        self.passed += time;
    }

    /// Everything that waits for no time happens.
    pub(crate) fn pump(&mut self) {
        loop {
            let now = self.now();
            while let Some(event) = self.client.poll_event(now) {
                self.note(event);
            }
            let Some(action) = self.client.poll_action() else { break };
            match action {
                Action::FetchToken { serial, .. } => self.client.token(now, serial, self.token.as_deref()),
                Action::Dial { serial } => {
                    self.client.dialed(now, serial, [9; 32]);
                    let request = String::from_utf8(self.client.output().to_vec()).unwrap();
                    self.client.wrote(now, request.len());
                    self.dial(&request);
                }
                Action::Hangup => self.dropped = true,
                _ => {}
            }
        }
        self.carry();
    }

    fn dial(&mut self, request: &str) {
        let line = request.lines().next().unwrap();
        let header = request.lines().find_map(|line| line.strip_prefix("Authorization: Bearer "));
        let subprotocol =
            request.split_once("portcullis.v1, bearer.").map(|(_, rest)| rest.lines().next().unwrap());
        let dial =
            Dial { resume: line.contains("?resume=1 "), bearer: header.or(subprotocol).map(Into::into) };
        self.dials.push_back(dial);
        self.dropped = false;
        let decide =
            Box::new(|_: &UpgradeRequest<'_>| Ok(Answer::default().with_subprotocol("portcullis.v1")));
        let mut opening = Opening::server(&Options::server(), self.now().instant, [3; 32], Some(decide));
        opening.input_buffer()[..request.len()].copy_from_slice(request.as_bytes());
        opening.filled(self.now().instant, request.len());
        self.peer = Peer::Opening(opening);
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Waiting { delay, .. } => self.delay = delay,
            Event::Settled { message, outcome } => self.settled.push((message, outcome)),
            event => self.events.push(event),
        }
    }

    /// What the client has written, to the server.
    fn carry(&mut self) {
        let now = self.now();
        let bytes = self.client.output().to_vec();
        self.client.wrote(now, bytes.len());
        let Peer::Open(endpoint) = &mut self.peer else { return };
        for part in bytes.chunks(700) {
            endpoint.input_buffer()[..part.len()].copy_from_slice(part);
            endpoint.filled(part.len());
            while let Some(text) = endpoint
                .poll_message(now.instant, |_, text| String::from_utf8(text.to_vec()).unwrap())
                .unwrap()
            {
                let mut message: Value = serde_json::from_str(&text).unwrap();
                let timestamp = message.as_object_mut().unwrap().remove("timestamp");
                let is_action = message.get("action").is_some();
                assert_eq!(timestamp, is_action.then(|| json!(now.unix.as_millis())), "{text}");
                self.sent.push_back(message);
            }
        }
    }

    /// What the server has written, to the client, in parts.
    fn answer(&mut self, mut bytes: &[u8]) {
        let now = self.now();
        while !bytes.is_empty() && !self.dropped {
            let room = self.client.input_buffer();
            let len = bytes.len().min(room.len()).min(11);
            assert!(len > 0, "the client reads no more");
            room[..len].copy_from_slice(&bytes[..len]);
            bytes = &bytes[len..];
            self.client.filled(now, len);
            self.pump();
        }
    }

    pub(crate) fn accept(&mut self) {
        let Peer::Opening(opening) = std::mem::replace(&mut self.peer, Peer::None) else { return };
        let mut endpoint = opening.into_endpoint(self.now().instant).unwrap();
        let response = endpoint.output().to_vec();
        endpoint.wrote(response.len());
        self.peer = Peer::Open(endpoint);
        self.answer(&response);
        self.pump();
    }

    pub(crate) fn say(&mut self, message: &str) {
        let now = self.now().instant;
        let Peer::Open(endpoint) = &mut self.peer else { return };
        endpoint.send(now, Message::Text(message)).unwrap();
        let bytes = endpoint.output().to_vec();
        endpoint.wrote(bytes.len());
        self.answer(&bytes);
        self.pump();
    }

    pub(crate) fn close(&mut self, code: u16, reason: &str) {
        let now = self.now().instant;
        let Peer::Open(endpoint) = &mut self.peer else { return };
        endpoint.close(now, CloseCode::new(code).unwrap(), reason).unwrap();
        let bytes = endpoint.output().to_vec();
        endpoint.wrote(bytes.len());
        self.answer(&bytes);
        self.pump();
        self.peer = Peer::None;
    }

    pub(crate) fn cut(&mut self) {
        self.peer = Peer::None;
        if !self.dropped {
            self.client.handle_eof(self.now());
        }
        self.pump();
    }

    /// Raw bytes in place of the server's answer to the upgrade.
    pub(crate) fn answer_upgrade(&mut self, response: &str) {
        self.answer(response.as_bytes());
        self.pump();
    }

    pub(crate) const fn state(&self) -> &'static str {
        match self.client.state() {
            State::Idle => "idle",
            State::Connecting => "connecting",
            State::Online => "online",
            State::Waiting => "waiting",
            _ => "closed",
        }
    }
}
