//! Subscriptions: a channel held, delivered, recovered from a position, let go.

use alloc::format;

use portcullis_time::Instant;

use super::{MemoryBackend, session::Held};
use crate::{
    Arc,
    boundary::{Caller, Completion, Refusal},
    id::{ConnectionId, NodeId, Position},
    name::{USER_PREFIX, is_channel_name, is_user_channel},
};

impl MemoryBackend {
    pub(super) fn subscribe(
        &mut self,
        now: Instant,
        node: NodeId,
        caller: &Caller,
        name: &str,
        since: Option<Position>,
    ) -> Result<(), Refusal> {
        let subscriptions_max = self.config.subscriptions_max;
        let session = self.held(caller)?;
        if !is_channel_name(name) {
            return Err(Refusal::InvalidChannel);
        }
        if is_user_channel(name) {
            return Err(Refusal::ForbiddenChannel);
        }
        let user = session.user.clone();
        let held = session.held.iter().position(|held| *held.channel == *name);
        if held.is_none() && session.held.len() >= subscriptions_max {
            return Err(Refusal::TooManySubscriptions);
        }
        let channel = self.channel_or_new(name)?;
        let name = channel.name.clone();
        let mut is_news = false;
        if held.is_none() {
            is_news = channel.join(&user);
        }
        self.hold(caller, held, &name);
        self.answer(node, caller.connection, &name, since);
        if is_news {
            self.schedule_presence(now, &name);
        }
        Ok(())
    }

    /// Notes in the session that the channel is held and delivered, and in the channel that the node receives it.
    fn hold(&mut self, caller: &Caller, held: Option<usize>, name: &Arc<str>) {
        if held.is_none() {
            self.note_session(caller.session);
        }
        let Some(session) = self.sessions.get_mut(&caller.session) else { return };
        let node = session.node;
        let delivered = match held.and_then(|index| session.held.get_mut(index)) {
            Some(held) => core::mem::replace(&mut held.delivers, true),
            None => {
                session.held.push(Held { channel: name.clone(), delivers: true });
                false
            }
        };
        if !delivered && let Some(channel) = self.channels.get_mut(name) {
            channel.add_receiver(node);
        }
    }

    /// The user's own channel, delivered to a fresh connection.
    pub(super) fn deliver_own(
        &mut self,
        node: NodeId,
        connection: ConnectionId,
        user: &str,
        since: Option<Position>,
    ) {
        let name = own_channel(user);
        if let Some(channel) = self.channels.get_mut(name.as_str()) {
            channel.add_receiver(node);
        }
        self.answer(node, connection, &name, since);
    }

    /// Tells where the channel stands, and what the client has missed of it.
    fn answer(&mut self, node: NodeId, connection: ConnectionId, name: &str, since: Option<Position>) {
        let Some(channel) = self.channels.get_mut(name) else { return };
        let missed = since.and_then(|since| channel.log.since(since, &self.config));
        let completion = Completion::Subscribed {
            connection,
            channel: channel.name.clone(),
            position: channel.log.end(),
            recovered: missed.is_some(),
            events: missed.unwrap_or_default(),
            users: channel.list_users(self.config.users_listed_max),
            user_count: channel.user_count(),
        };
        self.complete(node, completion);
    }

    pub(super) fn unsubscribe(
        &mut self,
        now: Instant,
        node: NodeId,
        caller: &Caller,
        name: &str,
    ) -> Result<(), Refusal> {
        let session = self.held(caller)?;
        let at = session.held.iter().position(|held| *held.channel == *name).ok_or(Refusal::NotSubscribed)?;
        let held = session.held.remove(at);
        let (user, receiver) = (session.user.clone(), session.node);
        self.note_session(caller.session);
        if held.delivers
            && let Some(channel) = self.channels.get_mut(name)
        {
            channel.remove_receiver(receiver);
        }
        self.let_go(now, name, &user);
        self.complete(
            node,
            Completion::Unsubscribed { connection: caller.connection, channel: held.channel },
        );
        Ok(())
    }
}

/// The own channel of `user`.
pub(super) fn own_channel(user: &str) -> alloc::string::String {
    format!("{USER_PREFIX}{user}")
}
