//! The backend's answers and events, brought to the connections of this worker.

use portcullis_auth::{Access, Scopes};
use portcullis_gate::{Reason, wire as text};
use portcullis_proto::{
    CloseCode, Message, MessageKind, Side,
    deflate::{Agreed, WindowBits},
    wire,
};
use std::sync::Arc;

use portcullis_session::{
    Caller, Command, Completion, Entry, Epoch, Fencing, Position, SessionId, USER_PREFIX,
};

use super::{
    Env, UNSENT_LEN_HIGH, Worker,
    connection::{Connection, Key, Phase},
    echo,
    gated::{self, Parts},
};

/// A client whose queue is full.
const SLOW_CONSUMER: u16 = 4430;
/// An older connection of a session that a newer one has taken over.
const REPLACED: u16 = 4409;

/// Events shorter than this are not compressed, in bytes.
const DEFLATE_LEN_MIN: usize = 128;

/// What a session is opened with.
struct Opened {
    session: SessionId,
    fencing: Fencing,
    recovered: bool,
    last_id: u64,
    skipped: Vec<u64>,
    channels: Vec<Arc<str>>,
}

impl Worker {
    /// Reads this worker's mailbox until it is empty.
    pub(super) fn deliver(&mut self) {
        loop {
            // What has been revoked gets nothing more.
            self.obey_orders();
            let Some(completion) = self.env.hub.take(self.env.node) else { return };
            self.deliver_one(completion);
        }
    }

    fn deliver_one(&mut self, completion: Completion) {
        match completion {
            Completion::Event { channel, epoch, entry } => {
                self.write_event(&channel, epoch, &entry);
                self.deliver_text(&channel);
            }
            Completion::Presence { channel, joined, left } => {
                let joined = joined.iter().map(|user| &**user);
                let left = left.iter().map(|user| &**user);
                self.env.text.clear();
                let _ = text::presence(&mut self.env.text, &channel, joined, left);
                self.deliver_text(&channel);
            }
            Completion::Replaced { connection, .. } => {
                self.forget_session(connection.into());
                self.close_with(connection.into(), REPLACED, "replaced");
            }
            completion => self.deliver_answer(completion),
        }
    }

    /// What the backend answers to one connection.
    fn deliver_answer(&mut self, completion: Completion) {
        match completion {
            Completion::Opened { connection, session, fencing, recovered, last_id, skipped, channels } => {
                let opened = Opened { session, fencing, recovered, last_id, skipped, channels };
                self.opened(connection.into(), &opened);
            }
            Completion::Subscribed {
                connection,
                channel,
                position,
                recovered,
                events,
                users,
                user_count,
            } => {
                if !self.is_open(connection.into()) {
                    return;
                }
                self.subscribers.subscribe(&channel, connection);
                // The position behind which the events follow: the client's own, when nothing is missing.
                let from = Position::new(position.epoch, position.offset - events.len() as u64);
                let users = users.iter().map(|user| &**user);
                self.env.text.clear();
                let _ = text::subscribed(&mut self.env.text, &channel, from, recovered, users, user_count);
                self.send_text(connection.into());
                for entry in events {
                    self.write_event(&channel, position.epoch, &entry);
                    self.send_text(connection.into());
                }
                if !channel.starts_with(USER_PREFIX) {
                    self.resumed_one(connection.into());
                }
            }
            Completion::Unsubscribed { connection, channel } => {
                self.subscribers.unsubscribe(&channel, connection);
                self.env.text.clear();
                let _ = text::unsubscribed(&mut self.env.text, &channel);
                self.send_text(connection.into());
            }
            Completion::Published { connection, id: Some(id), .. } => {
                self.env.text.clear();
                let _ = text::ack(&mut self.env.text, id);
                self.send_text(connection.into());
            }
            Completion::Refused { connection, id, channel, reason } => {
                let about = gated::Refused { id, channel: channel.as_deref(), ..gated::Refused::default() };
                self.refused(connection.into(), about, reason);
                if channel.is_some() {
                    self.resumed_one(connection.into());
                }
            }
            _ => {}
        }
    }

    /// A session is open: `welcome`, then the channels that the client wants back.
    fn opened(&mut self, key: Key, opened: &Opened) {
        let caller = Caller { connection: key.into(), session: opened.session, fencing: opened.fencing };
        let waiting = self.connection(key).and_then(|connection| match &mut connection.phase {
            Phase::Gated(gated) => gated.pending.take().map(|pending| (gated, pending)),
            _ => None,
        });
        let Some((gated, pending)) = waiting else {
            // Whoever asked is gone, or was sent away meanwhile. Of a new session nobody knows; an old one was resumed with
            // a secret that is still good.
            return self.env.submit(Command::Close { caller, resumable: opened.recovered });
        };
        gated.session = Some((opened.session, opened.fencing));
        let (user, expires_at) = (gated.gate.subject().to_owned(), gated.gate.expires_at());
        let welcome = text::Welcome {
            session: opened.session,
            user: &user,
            resume: &pending.token.reveal().to_string(),
            expires_at: expires_at.map(portcullis_time::UnixTime::as_secs),
            ping_interval_ms: self.env.live.ping_interval_ms(),
            recovered: pending.resumes.then_some(opened.recovered),
            last_id: opened.last_id,
            skipped: &opened.skipped,
        };
        self.env.text.clear();
        let _ = text::welcome(&mut self.env.text, &welcome);
        self.send_text(key);
        // What the session still held and the client no longer wants.
        for channel in &opened.channels {
            if pending.channels.iter().all(|(wanted, _)| **wanted != **channel) {
                self.env.submit(Command::Unsubscribe { caller, channel });
            }
        }
        if let Some(Connection { phase: Phase::Gated(gated), .. }) = self.connection(key) {
            gated.resuming = pending.channels.into();
        }
        self.resume_next(key);
        self.mark_unread(key);
    }

    /// Asks for the next channel that a resuming client wants back, once it has read most of what it was sent: what it
    /// missed on all of them together may be more than may ever wait for it.
    pub(super) fn resume_next(&mut self, key: Key) {
        loop {
            let Some(connection) = self.connection(key).filter(|connection| connection.is_open()) else {
                return;
            };
            if connection.outbound.len() > UNSENT_LEN_HIGH / 2 {
                return;
            }
            let Phase::Gated(gated) = &mut connection.phase else { return };
            let Some(caller) = gated.caller(key).filter(|_| !gated.is_resuming) else { return };
            let Some((channel, since)) = gated.resuming.pop_front() else { return };
            // What the credential allowed when it was subscribed it may not allow any more.
            if self.may_read(key, &channel) {
                if let Some(Connection { phase: Phase::Gated(gated), .. }) = self.connection(key) {
                    gated.is_resuming = true;
                }
                return self.env.submit(Command::Subscribe { caller, channel: &channel, since: Some(since) });
            }
            self.env.submit(Command::Unsubscribe { caller, channel: &channel });
            self.refuse_reading(key, &channel);
        }
    }

    /// The answer for one channel is there: whether it was one that the client wants back matters not.
    fn resumed_one(&mut self, key: Key) {
        if let Some(Connection { phase: Phase::Gated(gated), .. }) = self.connection(key)
            && core::mem::take(&mut gated.is_resuming)
        {
            self.resume_next(key);
        }
    }

    /// Whether the connection's credential allows it to receive `channel`.
    fn may_read(&mut self, key: Key, channel: &str) -> bool {
        let live = self.env.live.clone();
        let Some(Connection { phase: Phase::Gated(gated), .. }) = self.connection(key) else { return false };
        gated.gate.allows(&live.policy, channel, Access::Read)
    }

    fn refuse_reading(&mut self, key: Key, channel: &str) {
        let Some(connection) = self.connections.get_mut(key.index as usize) else { return };
        let Connection { phase: Phase::Gated(gated), outbound, .. } = connection else { return };
        let about = gated::Refused { channel: Some(channel), ..gated::Refused::default() };
        gated::refuse(&mut self.env, &mut Parts { key, gated, outbound }, Reason::Forbidden, about);
        self.mark_dirty(key);
    }

    /// The credential was renewed with other scopes: what they do not allow is no longer received, and the client is
    /// told both.
    pub(super) fn enforce_scopes(&mut self, key: Key) {
        let channels: Vec<Arc<str>> = self.subscribers.channels_of(key.into()).cloned().collect();
        let Some(connection) = self.connection(key) else { return };
        let Phase::Gated(gated) = &connection.phase else { return };
        let caller = gated.caller(key);
        let expires_at = gated.gate.expires_at().map(portcullis_time::UnixTime::as_secs);
        let scopes: Vec<String> =
            gated.gate.scopes().into_iter().flat_map(Scopes::iter).map(String::from).collect();
        self.env.text.clear();
        let _ = text::renewed(&mut self.env.text, expires_at, scopes.iter().map(String::as_str));
        self.send_text(key);
        for channel in channels {
            if channel.starts_with(USER_PREFIX) || self.may_read(key, &channel) {
                continue;
            }
            if let Some(caller) = caller {
                // Nothing more of it reaches the connection, however long the backend takes.
                self.subscribers.unsubscribe(&channel, key.into());
                self.env.submit(Command::Unsubscribe { caller, channel: &channel });
            }
        }
    }

    /// A command that was not carried out.
    fn refused(&mut self, key: Key, about: gated::Refused<'_>, reason: portcullis_session::Refusal) {
        let Some(connection) = self.connections.get_mut(key.index as usize) else { return };
        if connection.generation != key.generation {
            return;
        }
        let Connection { phase: Phase::Gated(gated), outbound, .. } = connection else { return };
        let is_opening = gated.pending.take().is_some();
        gated::refuse(&mut self.env, &mut Parts { key, gated, outbound }, Reason::Session(reason), about);
        self.mark_dirty(key);
        if is_opening {
            // Without a session the connection is of no use. Its goodbye is read again.
            self.close_with(key, reason.close_code(), reason.code());
            self.mark_unread(key);
        }
    }

    fn is_open(&mut self, key: Key) -> bool {
        self.connection(key).is_some_and(|connection| connection.is_open())
    }

    /// What is in `env.text`, to one connection.
    fn send_text(&mut self, key: Key) {
        let outbound_len_max = self.env.live.outbound_len_max;
        let Some(connection) = self.connections.get_mut(key.index as usize) else { return };
        if connection.generation != key.generation || !connection.is_open() {
            return;
        }
        if connection.outbound.len() + self.env.text.len() > outbound_len_max {
            return self.close_with(key, SLOW_CONSUMER, "slow_consumer");
        }
        gated::write_text(&mut self.env, &mut connection.outbound);
        self.mark_dirty(key);
    }

    /// An event's text, in `env.text`.
    fn write_event(&mut self, channel: &str, epoch: Epoch, entry: &Entry) {
        self.env.text.clear();
        let body = core::str::from_utf8(entry.data()).unwrap_or("}");
        let _ = text::event(&mut self.env.text, channel, Position::new(epoch, entry.offset()), body);
    }

    /// What is in `env.text`, to every subscriber of `channel` on this worker: framed once, appended to each.
    fn deliver_text(&mut self, channel: &str) {
        let payload = self.env.text.as_bytes();
        let payload_len = payload.len();
        let len = wire::frame_len(Side::Server, payload_len);
        if self.env.frame.len() < len {
            self.env.frame.resize(len, 0);
        }
        let Ok(len) =
            wire::encode_frame(MessageKind::Text.opcode(), true, payload, None, &mut self.env.frame)
        else {
            return;
        };
        let (mut slow, mut deflated_len) = (Vec::new(), None);
        for id in self.subscribers.of(channel) {
            let key = Key::from(id);
            let Some(connection) = self.connections.get_mut(key.index as usize) else { continue };
            if connection.generation != key.generation || !connection.is_open() {
                continue;
            }
            let frame = match connection.agreed() {
                // An event is compressed once, with the largest window; who agreed on less gets it as it is.
                Some(agreed)
                    if payload_len >= DEFLATE_LEN_MIN
                        && agreed.window_bits(Side::Server) == WindowBits::MAX =>
                {
                    let len = deflated_len.get_or_insert_with(|| deflate(&mut self.env, agreed));
                    self.env.deflated.get(..*len).unwrap_or_default()
                }
                _ => self.env.frame.get(..len).unwrap_or_default(),
            };
            if connection.outbound.len() + frame.len() > self.env.live.outbound_len_max {
                slow.push(key);
                continue;
            }
            connection.outbound.append(&mut self.env.pool, frame);
            self.env.metrics.message_sent();
            if !core::mem::replace(&mut connection.dirty, true) {
                self.dirty.push(key);
            }
        }
        for key in slow {
            // What it was sent before stays in its queue; the close frame follows it.
            self.close_with(key, SLOW_CONSUMER, "slow_consumer");
        }
    }

    pub(super) fn close_with(&mut self, key: Key, code: u16, reason: &str) {
        let code = CloseCode::new(code).unwrap_or(CloseCode::INTERNAL);
        self.close(key, code, reason);
    }

    /// A session that is another connection's now: this one must not end it.
    fn forget_session(&mut self, key: Key) {
        self.subscribers.remove_connection(key.into());
        if let Some(Connection { phase: Phase::Gated(gated), .. }) = self.connection(key) {
            gated.session = None;
        }
    }
}

/// What is in `env.text` as a compressed frame in `env.deflated`; returns its length. Events alone are compressed: what
/// goes to one client, such as its resume token, never shares a compressor with anybody's text.
fn deflate(env: &mut Env, agreed: &Agreed) -> usize {
    let len = wire::frame_len(Side::Server, env.text.len());
    if env.deflated.len() < len {
        env.deflated.resize(len, 0);
    }
    let window_bits = agreed.window_bits(Side::Server);
    let compressor = env.compressors.entry(window_bits).or_insert_with(|| echo::compressor(window_bits));
    compressor.encode_frame(agreed, Message::Text(&env.text), &mut env.deflated).unwrap_or(0)
}
