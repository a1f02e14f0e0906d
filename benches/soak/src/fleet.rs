//! Clients of `portcullis-client`, each a task.

use alloc::sync::Arc;
use core::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use portcullis_client::{Config, Event, MessageId, Options, Outcome, Outgoing, State, Url, tokio as driver};
use portcullis_server::clock;
use tokio::time::{Instant, sleep_until};

use crate::ledger::Ledger;

/// The book that all tasks write into.
pub(crate) type Book = Arc<Mutex<Ledger>>;

/// A poisoned lock means that a task panicked; the verdict will say so by what is missing.
pub(crate) fn lock(book: &Book) -> MutexGuard<'_, Ledger> {
    book.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What all clients are told.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    /// Publish.
    pub(crate) go: AtomicBool,
    /// Publish nothing more.
    pub(crate) stop: AtomicBool,
    /// Say goodbye.
    pub(crate) quit: AtomicBool,
    /// Clients that receive their channel.
    pub(crate) ready: AtomicUsize,
    /// Clients whose messages are all answered, after `stop`.
    pub(crate) settled: AtomicUsize,
}

/// How a client came back: how it was sent away, and when it tried again.
#[derive(Clone, Debug)]
pub(crate) struct Return {
    pub(crate) code: u16,
    /// The first attempt after the end of the connection.
    pub(crate) tried_at: portcullis_time::Instant,
}

pub(crate) struct Member {
    pub(crate) number: usize,
    pub(crate) url: Url,
    pub(crate) token: String,
    pub(crate) channel: String,
    /// The mean time between two messages; none for one who only listens.
    pub(crate) every: Option<Duration>,
    pub(crate) orders: Arc<Orders>,
    pub(crate) book: Book,
    /// Where returns are noted, for a drain.
    pub(crate) returns: Option<Arc<Mutex<Vec<Return>>>>,
}

/// How often orders are looked at.
const TICK: Duration = Duration::from_millis(50);

impl Member {
    pub(crate) async fn run(self) {
        let token = self.token.clone();
        let mut config = Config::default();
        config.backoff_cap = Duration::from_secs(2);
        let options = Options::default().with_config(config);
        let (client, mut events) = driver::start(&self.url, options, move |_| {
            let token = token.clone();
            async move { Some(token) }
        });
        client.connect();
        client.subscribe(&self.channel);
        let mut life = Life {
            member: self,
            client,
            sent: HashMap::new(),
            number: 0,
            is_ready: false,
            is_settled: false,
            ended: None,
            state: State::Idle,
        };
        let mut chance =
            u64::try_from(life.member.number).unwrap_or(0).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut next = Instant::now();
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(event) => life.note(event),
                    None => return,
                },
                () = sleep_until(next) => {
                    next = Instant::now() + life.turn(&mut chance);
                }
            }
        }
    }
}

struct Life {
    member: Member,
    client: driver::Handle,
    /// Texts on their way.
    sent: HashMap<MessageId, String>,
    number: u64,
    is_ready: bool,
    is_settled: bool,
    /// How the last connection ended, until the next attempt.
    ended: Option<u16>,
    state: State,
}

impl Life {
    /// Publishes, or sees what it is told. Returns when to look again.
    fn turn(&mut self, chance: &mut u64) -> Duration {
        let orders = self.member.orders.clone();
        if orders.quit.load(Ordering::Relaxed) {
            self.client.close();
            return TICK;
        }
        if orders.stop.load(Ordering::Relaxed) {
            if !self.is_settled && self.sent.is_empty() {
                self.is_settled = true;
                orders.settled.fetch_add(1, Ordering::Relaxed);
            }
            return TICK;
        }
        let (Some(every), true) = (self.member.every, orders.go.load(Ordering::Relaxed)) else { return TICK };
        self.number += 1;
        let text = format!("{} {}", self.member.number, self.number);
        let payload = format!("{{\"text\":\"{text}\"}}");
        match self.client.send(&Outgoing::new("chat", &payload).to(&self.member.channel)) {
            Ok(message) => drop(self.sent.insert(message, text)),
            // The outbox is full: a text that was not taken was not promised.
            Err(_) => self.number -= 1,
        }
        // xorshift64: between half and one and a half of the mean.
        *chance ^= *chance << 13;
        *chance ^= *chance >> 7;
        *chance ^= *chance << 17;
        every / 2 + every.mul_f64(f64::from(u32::try_from(*chance >> 32).unwrap_or(0)) / f64::from(u32::MAX))
    }

    fn note(&mut self, event: Event) {
        let Member { number, channel, book, orders, .. } = &self.member;
        match event {
            Event::Message(message) if message.channel.as_deref() == Some(channel) => {
                let Some(position) = message.position else { return };
                let text =
                    message.payload.strip_prefix("{\"text\":\"").and_then(|rest| rest.strip_suffix("\"}"));
                let place = (&*position.epoch, position.offset);
                lock(book).event(*number, channel, place, text.unwrap_or(&message.payload));
            }
            Event::Gap { channel: of, .. } if *of == **channel => lock(book).gap(*number, channel),
            Event::Subscribed { channel: of, .. }
                if *of == **channel && !core::mem::replace(&mut self.is_ready, true) =>
            {
                orders.ready.fetch_add(1, Ordering::Relaxed);
            }
            Event::Settled { message, outcome } => {
                let Some(text) = self.sent.remove(&message) else { return };
                match outcome {
                    Outcome::Acknowledged => lock(book).acknowledged(channel, &text),
                    _ => lock(book).refused += 1,
                }
            }
            Event::Closed { code, .. } if self.state == State::Online => {
                self.ended = Some(code);
            }
            Event::State(state) => {
                self.state = state;
                if state == State::Connecting
                    && let (Some(code), Some(returns)) = (self.ended.take(), &self.member.returns)
                {
                    let tried = Return { code, tried_at: clock::now() };
                    returns.lock().unwrap_or_else(PoisonError::into_inner).push(tried);
                }
            }
            _ => {}
        }
    }
}
