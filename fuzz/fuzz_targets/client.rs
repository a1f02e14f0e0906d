//! The reconnecting client under an application, a network and a server that do anything: it settles what it took once,
//! tells events in order or their loss, stays in its bounds, and never wants to be called for nothing.
#![no_main]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use portcullis_client::{
    Action, Auth, Client, Config, DialError, Event, MessageId, Now, OutboxPolicy, Outgoing, State, Url,
};
use portcullis_fuzz::Source;
use portcullis_proto::{
    CloseCode, Message,
    endpoint::{Endpoint, Opening, Options},
};
use portcullis_time::{Instant, UnixTime};

const CHANNELS: [&str; 4] = ["a", "b", "user:alice", "c"];
const EPOCHS: [&str; 3] = ["E", "F", ""];
const OUTBOX_MAX: usize = 4;
const IN_FLIGHT_MAX: usize = 3;

#[expect(clippy::large_enum_variant, reason = "there is one of it")]
enum Server {
    None,
    Opening(Opening<'static>),
    Open(Endpoint),
}

struct World {
    client: Client,
    passed: Duration,
    server: Server,
    /// Numbers of what the driver was asked for, the newest last.
    tokens: Vec<u64>,
    dials: Vec<u64>,
    accepted: BTreeSet<MessageId>,
    settled: BTreeSet<MessageId>,
    /// Where each channel stood when the application last heard of it.
    seen: BTreeMap<String, (String, u64)>,
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut source = Source::new(data);
    let mut config = Config::default();
    (config.outbox_max, config.in_flight_max, config.message_len_max) = (OUTBOX_MAX, IN_FLIGHT_MAX, 200);
    let flags = source.byte();
    config.auth = [Auth::Header, Auth::Subprotocol, Auth::Message, Auth::Header][usize::from(flags & 3)];
    if flags & 4 > 0 {
        config.outbox_policy = OutboxPolicy::DropOldest;
    }
    let client = Client::new(Url::parse("ws://host/ws").unwrap(), config, [flags; 32]);
    let mut world = World {
        client,
        passed: Duration::ZERO,
        server: Server::None,
        tokens: Vec::new(),
        dials: Vec::new(),
        accepted: BTreeSet::new(),
        settled: BTreeSet::new(),
        seen: BTreeMap::new(),
    };
    while !source.is_empty() {
        world.step(&mut source);
        world.settle();
    }
    let now = world.now();
    world.client.close(now);
    while let Some(action) = world.client.poll_action() {
        assert_eq!(action, Action::Hangup, "a closed client wants something");
    }
    world.settle();
    assert_eq!((world.client.state(), world.client.poll_timeout()), (State::Closed, None));
    assert_eq!((&world.accepted, world.client.pending()), (&world.settled, 0), "taken and never settled");
});

impl World {
    fn now(&self) -> Now {
        let millis = u64::try_from(self.passed.as_millis()).unwrap();
        let unix = UnixTime::from_millis(1_753_000_000_000 + millis);
        Now { instant: Instant::from_millis(1_000) + self.passed, unix }
    }

    fn step(&mut self, source: &mut Source<'_>) {
        let now = self.now();
        let pick = |source: &mut Source<'_>| CHANNELS[usize::from(source.byte() % 4)];
        match source.byte() % 18 {
            0 => self.client.connect(now),
            1 if source.byte() == 0 => self.client.close(now),
            2 => self.send(source),
            3 => self.client.subscribe(now, pick(source)),
            4 => {
                let channel = pick(source);
                self.client.unsubscribe(now, channel);
                self.seen.remove(channel);
            }
            5 => self.client.set_online(now, source.byte() % 2 == 0),
            6 => self.client.wake(now),
            7 | 8 => {
                let late = usize::from(source.byte() % 3);
                let token =
                    [Some("T1"), Some("T2"), None, Some("T1\r\nX: y")][usize::from(source.byte() % 4)];
                if let Some(serial) = self.tokens.iter().rev().nth(late) {
                    self.client.token(now, *serial, token);
                }
            }
            9 | 10 => self.dial(source),
            11 => self.sleep(),
            12 => self.passed += Duration::from_millis(u64::from(u32::from_be_bytes(source.array())) >> 8),
            13 => self.raw(source.some()),
            14 | 15 => {
                let text = text(source);
                self.speak(|endpoint, now| {
                    let _ = endpoint.send(now, Message::Text(&text));
                });
            }
            16 => {
                let code = [1000, 1001, 1011, 1012, 4401, 4409, 4430, 3000][usize::from(source.byte() % 8)];
                let reasons =
                    ["", "expired", "{\"retry_after_ms\":7}", "{\"retry_after_ms\":18446744073709551615}"];
                let reason = reasons[usize::from(source.byte() % 4)];
                self.speak(|endpoint, now| {
                    let _ = endpoint.close(now, CloseCode::new(code).unwrap(), reason);
                });
            }
            17 => self.client.handle_eof(now),
            _ => {}
        }
    }

    fn send(&mut self, source: &mut Source<'_>) {
        let (now, flags) = (self.now(), source.byte());
        let payload = ["{}", "{\"text\":\"hi\"}", "[1,", "\"long\""][usize::from(flags & 3)];
        let mut outgoing = Outgoing::new("chat", payload);
        outgoing.channel = (flags & 4 > 0).then_some("a");
        outgoing.key = (flags & 8 > 0).then_some("k");
        if let Ok(message) = self.client.send(now, &outgoing) {
            assert!(self.accepted.insert(message), "a number was given twice");
        }
    }

    fn dial(&mut self, source: &mut Source<'_>) {
        let (now, late, how) = (self.now(), usize::from(source.byte() % 3), source.byte() % 4);
        let Some(serial) = self.dials.iter().rev().nth(late).copied() else { return };
        match how {
            0 => self.client.dial_failed(now, serial, DialError::Unreachable),
            1 => self.client.dial_failed(now, serial, DialError::Untrusted),
            _ => {
                self.client.dialed(now, serial, [9; 32]);
                self.server =
                    Server::Opening(Opening::server(&Options::server(), now.instant, [3; 32], None));
            }
        }
    }

    /// As a driver does: time passes to the next deadline, and there is something to do then.
    fn sleep(&mut self) {
        let Some(at) = self.client.poll_timeout() else { return };
        self.passed = self.passed.max(at.saturating_duration_since(Instant::from_millis(1_000)));
        let now = self.now();
        for _ in 0..100 {
            self.client.handle_timeout(now);
            if self.client.poll_timeout().is_none_or(|next| next > now.instant) {
                return;
            }
        }
        panic!("a deadline that never passes");
    }

    /// Bytes of the server's end, whatever they are.
    fn raw(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let now = self.now();
            let room = self.client.input_buffer();
            let len = bytes.len().min(room.len());
            if len == 0 {
                return;
            }
            room[..len].copy_from_slice(&bytes[..len]);
            self.client.filled(now, len);
            bytes = &bytes[len..];
            self.settle();
        }
    }

    /// The server says something that is well formed, if it has come so far.
    fn speak(&mut self, say: impl FnOnce(&mut Endpoint, Instant)) {
        let now = self.now().instant;
        let Server::Open(endpoint) = &mut self.server else { return };
        say(endpoint, now);
        let bytes = endpoint.output().to_vec();
        endpoint.wrote(bytes.len());
        self.raw(&bytes);
    }

    /// Everything that waits for nothing happens.
    fn settle(&mut self) {
        for _ in 0..1_000 {
            let now = self.now();
            let mut some = false;
            while let Some(event) = self.client.poll_event(now) {
                self.note(event);
                some = true;
            }
            while let Some(action) = self.client.poll_action() {
                some = true;
                match action {
                    Action::FetchToken { serial, .. } => self.tokens.push(serial),
                    Action::Dial { serial } => self.dials.push(serial),
                    _ => self.server = Server::None,
                }
            }
            some |= self.carry();
            assert!(
                self.client.pending() <= OUTBOX_MAX + 2 * IN_FLIGHT_MAX,
                "{} pending",
                self.client.pending()
            );
            if !some {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    /// What the client has written reaches the server, which answers its upgrade.
    fn carry(&mut self) -> bool {
        let now = self.now();
        let bytes = self.client.output().to_vec();
        self.client.wrote(now, bytes.len());
        let mut answer = Vec::new();
        self.server = match std::mem::replace(&mut self.server, Server::None) {
            Server::None => Server::None,
            Server::Open(mut endpoint) => {
                for part in bytes.chunks(1_000) {
                    endpoint.input_buffer()[..part.len()].copy_from_slice(part);
                    endpoint.filled(part.len());
                    while let Ok(Some(())) = endpoint.poll_message(now.instant, |_, _| ()) {}
                }
                Server::Open(endpoint)
            }
            Server::Opening(mut opening) => {
                let len = bytes.len().min(opening.input_buffer().len());
                opening.input_buffer()[..len].copy_from_slice(&bytes[..len]);
                opening.filled(now.instant, len);
                if opening.is_complete() {
                    match opening.into_endpoint(now.instant) {
                        Ok(mut endpoint) => {
                            answer = endpoint.output().to_vec();
                            endpoint.wrote(answer.len());
                            Server::Open(endpoint)
                        }
                        Err(_) => Server::None,
                    }
                } else {
                    Server::Opening(opening)
                }
            }
        };
        let some = !bytes.is_empty() || !answer.is_empty();
        if !answer.is_empty() {
            let room = self.client.input_buffer();
            let len = answer.len().min(room.len());
            room[..len].copy_from_slice(&answer[..len]);
            self.client.filled(now, len);
        }
        some
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Settled { message, .. } => {
                assert!(self.accepted.contains(&message), "settled and never taken");
                assert!(self.settled.insert(message), "settled twice");
            }
            Event::Gap { channel, to, .. } => {
                self.seen.insert(channel.into(), (to.epoch.into(), to.offset));
            }
            Event::Message(message) => {
                let (Some(channel), Some(position)) = (message.channel, message.position) else { return };
                let (channel, place) =
                    (String::from(channel), (String::from(position.epoch), position.offset));
                if let Some(last) = self.seen.get(&channel) {
                    let follows = last.0 == place.0 && last.1.checked_add(1) == Some(place.1);
                    assert!(follows, "{place:?} after {last:?} of {channel}");
                    self.seen.insert(channel, place);
                }
            }
            // Given up, by the server or by a refusal: nothing is known of it any more.
            Event::Unsubscribed { channel } => drop(self.seen.remove(&*channel)),
            Event::Refused(refusal) if refusal.id.is_none() => self.seen.clear(),
            _ => {}
        }
    }
}

/// A message of the protocol, or nearly one.
fn text(source: &mut Source<'_>) -> String {
    let number = |source: &mut Source<'_>| match source.byte() {
        254 => u64::MAX,
        255 => u64::MAX - 1,
        small => u64::from(small % 12),
    };
    let channel = CHANNELS[usize::from(source.byte() % 4)];
    let epoch = EPOCHS[usize::from(source.byte() % 3)];
    match source.byte() % 10 {
        0 | 1 => format!(
            "{{\"type\":\"welcome\",\"session\":\"S{}\",\"user\":\"alice\",\"resume\":\"R\",\"recovered\":{},\"last_id\":{},\"skipped\":[{},{}],\"expires_at\":{}}}",
            source.byte() % 2,
            source.byte() % 2 == 0,
            number(source),
            number(source),
            number(source),
            number(source)
        ),
        2 => format!("{{\"type\":\"ack\",\"id\":{}}}", number(source)),
        3 => format!(
            "{{\"type\":\"subscribed\",\"channel\":\"{channel}\",\"epoch\":\"{epoch}\",\"offset\":{},\"recovered\":{}}}",
            number(source),
            source.byte() % 2 == 0
        ),
        4 | 5 => format!(
            "{{\"type\":\"event\",\"channel\":\"{channel}\",\"epoch\":\"{epoch}\",\"offset\":{},\"action\":\"chat\",\"payload\":[]}}",
            number(source)
        ),
        6 => format!(
            "{{\"type\":\"error\",\"code\":\"{}\",\"id\":{},\"retry_after_ms\":{}}}",
            ["rate_limited", "forbidden", "stale"][usize::from(source.byte() % 3)],
            number(source),
            number(source)
        ),
        7 => format!(
            "{{\"type\":\"error\",\"code\":\"{}\",\"channel\":\"{channel}\"}}",
            ["rate_limited", "forbidden", "stale"][usize::from(source.byte() % 3)]
        ),
        8 => "{\"type\":\"error\",\"code\":\"rate_limited\"}".into(),
        _ => [
            "{\"type\":\"unsubscribed\",\"channel\":\"a\"}",
            "{\"type\":\"event\",\"action\":\"ping\"}",
            "[]",
            "{\"type\":\"renewed\"}",
        ][usize::from(source.byte() % 4)]
        .into(),
    }
}
