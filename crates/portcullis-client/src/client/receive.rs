//! What the server says.

use alloc::boxed::Box;
use core::time::Duration;

use portcullis_time::UnixTime;

use super::{Client, Now, PAUSE_MAX, Session};
use crate::{
    channels::Step,
    event::{Event, Received, Refusal, State},
    timers::Timer,
    wire::{Control, Incoming, text},
};

/// JavaScript's integers end here, and so do ids.
const ID_MAX: u64 = 1 << 53;

/// Refusals without an id that are never about a subscription.
const NEVER_OF_A_SUBSCRIPTION: [&str; 4] = ["not_subscribed", "stale", "unknown_user", "event_too_big"];

impl Client {
    pub(super) fn receive(&mut self, now: Now, text: &str) {
        // What is no message of this version of the protocol is not for us.
        let Ok(mut message) = serde_json::from_str::<Incoming<'_>>(text) else { return };
        match &*message.kind {
            "welcome" => self.welcome(now, &mut message),
            "subscribed" => self.subscribed(&mut message),
            "unsubscribed" => self.unsubscribed(message),
            "presence" => self.presence(message),
            "renewed" => self.renewed(now, message),
            "event" => self.event(now, message),
            "ack" => self.acknowledged(now, &message),
            "error" => self.refused(now, message),
            _ => {}
        }
    }

    fn welcome(&mut self, now: Now, message: &mut Incoming<'_>) {
        let (Some(session), Some(user), Some(resume)) =
            (message.session.take(), message.user.take(), message.resume.take())
        else {
            return;
        };
        // No session comes to such a number; and those of its messages would have no room above it.
        if message.last_id >= ID_MAX {
            return;
        }
        self.timers.cancel(Timer::Connect);
        self.expired = None;
        let is_same = self.session.as_ref().is_some_and(|before| before.session == session);
        let resumed = is_same && message.recovered == Some(true);
        self.session = Some(Session { session: session.clone(), resume });
        self.channels.set_user(&user);
        self.outbox.welcome(resumed, message.last_id, &message.skipped, &mut self.events);
        self.is_paused = false;
        self.enter(State::Online);
        let expires_at = message.expires_at;
        self.events.push_back(Event::Welcome { session, user, resumed, expires_at });
        self.after(Timer::Stable, now, self.config.stable_after);
        if let Some(expires_at) = expires_at {
            self.refresh_at(now, UnixTime::from_secs(expires_at));
        }
        self.watch(now);
        self.subscribe_again(now, resumed);
        self.flush(now);
    }

    fn subscribe_again(&mut self, now: Now, resumed: bool) {
        let named = core::mem::take(&mut self.channels.named);
        for name in self.channels.names(|channel| channel.wanted) {
            // A resumed session subscribes by itself to what was named.
            if resumed && named.contains(&name) {
                if let Some(channel) = self.channels.get_mut(&name) {
                    channel.asked = true;
                }
            } else {
                self.ask(now, &name);
            }
        }
        let released = core::mem::take(&mut self.channels.released);
        if resumed {
            for channel in released {
                self.write(now, &Control::Unsubscribe { channel: &channel });
            }
        }
    }

    fn subscribed(&mut self, message: &mut Incoming<'_>) {
        let (Some(name), Some(at)) = (message.channel.take(), message.position()) else { return };
        let recovered = message.recovered.unwrap_or(false);
        let Some(channel) = self.channels.known(&name) else { return };
        if let Step::Gap { from, to } = channel.subscribed(at, recovered) {
            self.events.push_back(Event::Gap { channel: name.clone(), from, to });
        }
        let users = core::mem::take(&mut message.users);
        let user_count = message.user_count.unwrap_or(users.len() as u64);
        self.events.push_back(Event::Subscribed { channel: name, recovered, users, user_count });
    }

    fn unsubscribed(&mut self, message: Incoming<'_>) {
        let Some(channel) = message.channel else { return };
        // While it is asked for, this answers an earlier `unsubscribe`.
        if self.channels.get_mut(&channel).is_some_and(|channel| channel.live) {
            self.channels.forget(&channel);
        }
        self.events.push_back(Event::Unsubscribed { channel });
    }

    fn presence(&mut self, message: Incoming<'_>) {
        let Some(channel) = message.channel else { return };
        self.events.push_back(Event::Presence { channel, joined: message.joined, left: message.left });
    }

    fn renewed(&mut self, now: Now, message: Incoming<'_>) {
        if let Some(expires_at) = message.expires_at {
            self.refresh_at(now, UnixTime::from_secs(expires_at));
        }
        self.events.push_back(Event::Renewed { expires_at: message.expires_at, scopes: message.scopes });
    }

    fn event(&mut self, now: Now, mut message: Incoming<'_>) {
        let Some(action) = message.action.take() else { return };
        if message.channel.is_none() && *action == *"ping" {
            self.pong(now);
        }
        let position = message.position();
        if let (Some(name), Some(at)) = (&message.channel, &position)
            && let Some(channel) = self.channels.known(name)
        {
            match channel.event(at) {
                // Before the reconnect.
                Step::Seen => return,
                Step::Next => {}
                Step::Gap { from, to } => {
                    self.events.push_back(Event::Gap { channel: name.clone(), from, to })
                }
            }
        }
        self.events.push_back(Event::Message(Received {
            channel: message.channel,
            position,
            from: message.from,
            action,
            payload: message.payload.map_or("null", |payload| payload.get()).into(),
            timestamp: message.timestamp,
        }));
    }

    fn pong(&mut self, now: Now) {
        if let Some(pinged_at) = self.pinged_at.take() {
            self.timers.cancel(Timer::Pong);
            self.events.push_back(Event::Latency(now.instant.saturating_duration_since(pinged_at)));
        }
    }

    fn acknowledged(&mut self, now: Now, message: &Incoming<'_>) {
        if let Some(id) = message.id {
            self.outbox.acknowledged(id, &mut self.events);
            self.flush(now);
        }
    }

    fn refused(&mut self, now: Now, message: Incoming<'_>) {
        let Some(code) = message.code else { return };
        let refusal = Refusal {
            code,
            id: message.id,
            channel: message.channel,
            scope: message.scope,
            pointer: message.pointer,
            keyword: message.keyword,
            retry_after: message.retry_after_ms.map(Duration::from_millis),
        };
        let is_limited = *refusal.code == *"rate_limited";
        let pause = refusal.retry_after.unwrap_or(Duration::from_secs(1)).min(PAUSE_MAX);
        if is_limited {
            self.is_paused = true;
            self.after(Timer::Pause, now, pause);
        }
        match refusal.id {
            Some(id) => self.outbox.refused(id, &refusal, &mut self.events),
            None if is_limited => {
                if self.outbox.refused_unread() {
                    // Should no later answer come, silence tells the same.
                    self.after(Timer::Unattributed, now, pause + Duration::from_secs(2));
                }
            }
            None => self.refused_subscription(&refusal),
        }
        self.events.push_back(Event::Refused(refusal));
        self.flush(now);
    }

    fn refused_subscription(&mut self, refusal: &Refusal) {
        if NEVER_OF_A_SUBSCRIPTION.contains(&&*refusal.code) {
            return;
        }
        let name: Option<Box<str>> = match &refusal.channel {
            Some(name) => self.channels.get_mut(name).filter(|channel| channel.asked).map(|_| name.clone()),
            None => self.channels.first_asked(),
        };
        if let Some(name) = name {
            self.channels.forget(&name);
        }
    }

    /// Sends what waits, as much as may be in flight and the transport has room for.
    pub(super) fn flush(&mut self, now: Now) {
        while self.state == State::Online && !self.is_paused && self.link.has_room() {
            let Some(text) = self.outbox.next(now.unix.as_millis(), &self.config) else { return };
            self.link.send(now.instant, &text);
        }
    }

    /// Asks for a channel, from the last position seen.
    pub(super) fn ask(&mut self, now: Now, name: &str) {
        let Some(channel) = self.channels.get_mut(name) else { return };
        channel.asked = true;
        channel.live = false;
        let text = text(&Control::Subscribe { channel: name, since: channel.position.as_ref() });
        self.link.send(now.instant, &text);
    }

    pub(super) fn write(&mut self, now: Now, message: &Control<'_>) {
        self.link.send(now.instant, &text(message));
    }
}
