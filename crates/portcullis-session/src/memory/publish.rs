//! Publishing: an event gets its offset, goes into the log, and to every node that has receivers.

use portcullis_time::Instant;

use super::{MemoryBackend, log::cost, subscribe::own_channel};
use crate::{
    boundary::{Caller, Completion, Refusal, Target},
    id::{NodeId, Position},
    name::{is_channel_name, is_user_channel},
};

/// What [`crate::Command::Publish`] says.
pub(super) struct Publication<'a> {
    pub(super) id: Option<u64>,
    pub(super) target: Target<'a>,
    pub(super) data: &'a [u8],
}

impl MemoryBackend {
    pub(super) fn publish(
        &mut self,
        now: Instant,
        node: NodeId,
        caller: &Caller,
        event: &Publication<'_>,
    ) -> Result<(), Refusal> {
        let Publication { id, target, data } = *event;
        let connection = caller.connection;
        let needs_subscription = self.config.publish_needs_subscription;
        let session = self.held(caller)?;
        if id.is_some_and(|id| id <= session.last_id) {
            self.complete(node, Completion::Published { connection, id, position: None });
            return Ok(());
        }
        if let Target::Channel(name) = target {
            if !is_channel_name(name) {
                return Err(Refusal::InvalidChannel);
            }
            if is_user_channel(name) {
                return Err(Refusal::ForbiddenChannel);
            }
            if needs_subscription && !session.held.iter().any(|held| *held.channel == *name) {
                return Err(Refusal::NotSubscribed);
            }
        }
        let position = self.append_to(now, target, data)?;
        // Only what was applied counts: a refused message may come again under its id.
        if let (Some(id), Ok(session)) = (id, self.held(caller)) {
            session.apply(id);
            self.note_session(caller.session);
        }
        self.complete(node, Completion::Published { connection, id, position: Some(position) });
        Ok(())
    }

    /// A message without an event.
    pub(super) fn apply(&mut self, node: NodeId, caller: &Caller, id: u64) -> Result<(), Refusal> {
        let session = self.held(caller)?;
        if id > session.last_id {
            session.apply(id);
            self.note_session(caller.session);
        }
        let published = Completion::Published { connection: caller.connection, id: Some(id), position: None };
        self.complete(node, published);
        Ok(())
    }

    /// An event of the node's own.
    pub(super) fn announce(
        &mut self,
        now: Instant,
        target: Target<'_>,
        data: &[u8],
    ) -> Result<Position, Refusal> {
        if let Target::Channel(name) = target {
            if !is_channel_name(name) {
                return Err(Refusal::InvalidChannel);
            }
            if is_user_channel(name) {
                // An own channel lives and dies with its user's sessions.
                return Err(Refusal::ForbiddenChannel);
            }
        }
        self.append_to(now, target, data)
    }

    fn append_to(&mut self, now: Instant, target: Target<'_>, data: &[u8]) -> Result<Position, Refusal> {
        if cost(data.len()) > self.config.log_bytes_max {
            return Err(Refusal::EventTooBig);
        }
        match target {
            Target::Channel(name) => self.append(now, name, data),
            Target::User(user) if self.users.contains_key(user) => self.append(now, &own_channel(user), data),
            Target::User(_) => Err(Refusal::UnknownUser),
        }
    }

    /// Puts an event into a channel's log and on the way to its receivers.
    fn append(&mut self, now: Instant, name: &str, data: &[u8]) -> Result<Position, Refusal> {
        let config = self.config;
        let free = config.log_bytes_total_max.saturating_sub(self.log_bytes);
        let channel = self.channel_or_new(name)?;
        let (before, name) = (channel.log.bytes(), &channel.name.clone());
        let last = channel.log.end().offset;
        let entry = channel.log.append(now, &config, free, data);
        let (after, position) = (channel.log.bytes(), channel.log.end());
        self.log_bytes = self.log_bytes + after - before;
        self.note_channel(name, last);
        if let Some(channel) = self.channels.get(&**name) {
            let event = |node| {
                let (channel, entry) = (channel.name.clone(), entry.clone());
                (node, Completion::Event { channel, epoch: position.epoch, entry })
            };
            self.completions.extend(channel.nodes().map(event));
        }
        self.schedule_expiry(name);
        // Nobody may hold the channel, and the log may be unable to keep the event: nothing else would ever end it.
        self.drop_if_over(name);
        Ok(position)
    }
}
