//! Messages on their way: those that wait, and those that were sent and not answered.

use alloc::{boxed::Box, collections::VecDeque, string::String};

use serde_json::value::RawValue;

use crate::{
    config::{Config, OutboxPolicy},
    event::{Event, MessageId, Outcome, Refusal, SendError},
    wire::{ActionMessage, text},
};

/// A message to be sent.
///
/// ```
/// use portcullis_client::Outgoing;
///
/// let position = Outgoing::new("status", r#"{"x":1}"#).to("map:berlin").keyed("me");
/// assert_eq!(position.key, Some("me"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outgoing<'a> {
    /// The action.
    pub action: &'a str,
    /// The payload, as JSON.
    pub payload: &'a str,
    /// The channel, for actions that are routed to one.
    pub channel: Option<&'a str>,
    /// It takes the place of a message that waits unsent with the same action, channel and key.
    pub key: Option<&'a str>,
}

impl<'a> Outgoing<'a> {
    /// With neither channel nor key.
    #[must_use]
    pub const fn new(action: &'a str, payload: &'a str) -> Self {
        Self { action, payload, channel: None, key: None }
    }

    /// The same to a channel.
    #[must_use]
    pub const fn to(self, channel: &'a str) -> Self {
        Self { channel: Some(channel), ..self }
    }

    /// The same with a key.
    #[must_use]
    pub const fn keyed(self, key: &'a str) -> Self {
        Self { key: Some(key), ..self }
    }
}

#[derive(Debug)]
struct Entry {
    message: MessageId,
    action: Box<str>,
    payload: Box<RawValue>,
    channel: Option<Box<str>>,
    key: Option<Box<str>>,
    /// Its number in the session, once it was sent.
    id: Option<u64>,
}

impl Entry {
    fn text(&self, timestamp: u64, id: u64) -> String {
        let channel = self.channel.as_deref();
        text(&ActionMessage {
            action: &self.action,
            payload: &self.payload,
            timestamp,
            channel,
            id: Some(id),
        })
    }

    fn settled(self, outcome: Outcome) -> Event {
        Event::Settled { message: self.message, outcome }
    }

    fn refused(self, code: &str) -> Event {
        let id = self.id;
        self.settled(Outcome::Refused(Refusal { id, ..Refusal::local(code) }))
    }
}

/// What waits, what is in flight, and what became of it.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: VecDeque<Entry>,
    in_flight: VecDeque<Entry>,
    /// The last number that was given out in the session.
    last_id: u64,
    /// Refusals that named no message: the server's bucket was empty before it read one.
    unattributed: usize,
    numbers: u64,
}

/// Timestamps have 13 digits until the year 2286, ids at most 16.
const WIDEST: u64 = 1 << 53;

impl Outbox {
    /// Takes a message to be sent. Events say what it displaced.
    pub(crate) fn push(
        &mut self,
        outgoing: &Outgoing<'_>,
        config: &Config,
        events: &mut VecDeque<Event>,
    ) -> Result<MessageId, SendError> {
        let payload: Box<RawValue> =
            serde_json::from_str(outgoing.payload).map_err(|_| SendError::InvalidPayload)?;
        let mut entry = Entry {
            message: MessageId(self.numbers),
            action: outgoing.action.into(),
            payload,
            channel: outgoing.channel.map(Into::into),
            key: outgoing.key.map(Into::into),
            id: None,
        };
        let (len, len_max) = (entry.text(1_753_000_000_000, WIDEST).len(), config.message_len_max);
        if len > len_max {
            return Err(SendError::MessageTooBig { len, len_max });
        }
        let same = |other: &&mut Entry| {
            (&other.key, &other.action, &other.channel) == (&entry.key, &entry.action, &entry.channel)
        };
        let displaced = if entry.key.is_some() { self.waiting.iter_mut().find(same) } else { None };
        if let Some(older) = displaced {
            // What was sent once already keeps its number.
            entry.id = older.id;
            self.numbers += 1;
            let message = entry.message;
            events.push_back(core::mem::replace(older, entry).refused("conflated"));
            return Ok(message);
        }
        if self.waiting.len() >= config.outbox_max {
            let oldest = match config.outbox_policy {
                OutboxPolicy::Refuse => None,
                OutboxPolicy::DropOldest => self.waiting.pop_front(),
            };
            let Some(oldest) = oldest else {
                return Err(SendError::OutboxFull { messages_max: config.outbox_max });
            };
            events.push_back(oldest.refused("outbox_full"));
        }
        self.numbers += 1;
        let message = entry.message;
        self.waiting.push_back(entry);
        Ok(message)
    }

    /// The text of the next message to send now, which is then in flight.
    pub(crate) fn next(&mut self, timestamp: u64, config: &Config) -> Option<String> {
        if self.in_flight.len() >= config.in_flight_max {
            return None;
        }
        let mut entry = self.waiting.pop_front()?;
        // Numbered when it is first sent, so that the numbers rise in the order of sending.
        let id = *entry.id.get_or_insert_with(|| {
            self.last_id += 1;
            self.last_id
        });
        let text = entry.text(timestamp, id);
        self.in_flight.push_back(entry);
        Some(text)
    }

    /// How many messages no answer has come for.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len() + self.in_flight.len()
    }

    /// A session is open: the same as before, where `last_id` and `skipped` say what became of the messages whose answers
    /// were lost; or another. What was in flight and is not settled goes first again, in its order.
    pub(crate) fn welcome(
        &mut self,
        resumed: bool,
        last_id: u64,
        skipped: &[u64],
        events: &mut VecDeque<Event>,
    ) {
        let again = core::mem::take(&mut self.in_flight);
        let is_settled = |entry: &Entry| resumed && entry.id.is_some_and(|id| id <= last_id);
        let (settled, mut rest): (VecDeque<Entry>, VecDeque<Entry>) = again.into_iter().partition(is_settled);
        self.last_id = if resumed { self.last_id.max(last_id) } else { last_id };
        if !resumed {
            // A number of the old session means nothing in a new one.
            rest.iter_mut().for_each(|entry| entry.id = None);
        }
        for entry in settled {
            if !entry.id.is_some_and(|id| skipped.contains(&id)) {
                events.push_back(entry.settled(Outcome::Acknowledged));
            } else if self.unattributed > 0 {
                self.unattributed -= 1;
                events.push_back(entry.refused("rate_limited"));
            } else {
                events.push_back(entry.refused("not_applied"));
            }
        }
        rest.append(&mut self.waiting);
        self.waiting = rest;
        self.unattributed = 0;
    }

    /// The server has applied the message `id`.
    pub(crate) fn acknowledged(&mut self, id: u64, events: &mut VecDeque<Event>) {
        let Some(entry) = self.take(id) else { return };
        events.push_back(entry.settled(Outcome::Acknowledged));
        // Answers come in order: what is older and unanswered is what the refusals without an id were about.
        self.attribute_while(|entry| entry.id.is_some_and(|older| older < id), events);
    }

    /// The server has refused the message `id`.
    pub(crate) fn refused(&mut self, id: u64, refusal: &Refusal, events: &mut VecDeque<Event>) {
        if let Some(entry) = self.take(id) {
            events.push_back(entry.settled(Outcome::Refused(refusal.clone())));
        }
    }

    /// The server has refused a message without reading which. True when there is one that it can have been.
    pub(crate) fn refused_unread(&mut self) -> bool {
        self.unattributed = (self.unattributed + 1).min(self.in_flight.len());
        self.unattributed > 0
    }

    /// No later answer came: the refusals were about the oldest.
    pub(crate) fn attribute(&mut self, events: &mut VecDeque<Event>) {
        self.attribute_while(|_| true, events);
    }

    fn attribute_while(&mut self, is_it: impl Fn(&Entry) -> bool, events: &mut VecDeque<Event>) {
        while self.unattributed > 0 && self.in_flight.front().is_some_and(&is_it) {
            self.unattributed -= 1;
            events.extend(self.in_flight.pop_front().map(|entry| entry.refused("rate_limited")));
        }
    }

    /// It is over: nothing of it will be sent.
    pub(crate) fn close(&mut self, events: &mut VecDeque<Event>) {
        let left = self.in_flight.drain(..).chain(self.waiting.drain(..));
        events.extend(left.map(|entry| entry.refused("closed")));
    }

    fn take(&mut self, id: u64) -> Option<Entry> {
        let at = self.in_flight.iter().position(|entry| entry.id == Some(id))?;
        self.in_flight.remove(at)
    }
}
