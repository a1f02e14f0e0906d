//! What the operator has asked of every worker.

use portcullis_session::{Command, SessionId};

use super::{
    Worker,
    connection::{Connection, Gated, Key, Phase},
};
use crate::orders::{Order, Whom};

/// Close code and reason of a connection whose credential or session has been revoked.
const REVOKED: (u16, &str) = (4401, "revoked");

impl Worker {
    /// Does what has been asked since the last time. Cheap when nothing has.
    pub(super) fn obey_orders(&mut self) {
        while let Some(issued) = self.env.shared.orders().take(self.env.node) {
            let closed = match &issued.order {
                Order::EnforceRevocations => {
                    let meant = self.keys_where(|worker, gated| worker.is_revoked(gated));
                    self.close_all(&meant, REVOKED.0, REVOKED.1)
                }
                Order::Disconnect { whom, code, reason } => {
                    let meant = self.keys_where(|_, gated| match whom {
                        Whom::User(user) => gated.gate.subject() == &**user,
                        Whom::Session(session) => gated.session.is_some_and(|(own, _)| own == *session),
                    });
                    self.close_all(&meant, *code, reason)
                }
            };
            issued.done(closed);
        }
    }

    /// Whether the credential of a connection, or its session, has been revoked.
    fn is_revoked(&self, gated: &Gated) -> bool {
        let Some(verified) = gated.gate.verified() else { return false };
        let session = gated.session.map(|(session, _)| session.to_string());
        self.env.shared.check_revoked(self.env.unix, verified, session.as_deref()).is_err()
    }

    /// Open connections behind the gate that are meant.
    fn keys_where(&self, is_meant: impl Fn(&Self, &Gated) -> bool) -> Vec<Key> {
        let mut meant = Vec::new();
        for key in self.keys() {
            let Some(Connection { phase: Phase::Gated(gated), .. }) =
                self.connections.get(key.index as usize)
            else {
                continue;
            };
            if gated.gate.is_open() && is_meant(self, gated) {
                meant.push(key);
            }
        }
        meant
    }

    /// Closes them, and ends their sessions where the client may not come back.
    fn close_all(&mut self, keys: &[Key], code: u16, reason: &str) -> usize {
        for &key in keys {
            if let Some(Connection { phase: Phase::Gated(gated), .. }) = self.connection(key) {
                gated.left = super::gated::ends_session(code, reason);
            }
            self.stop_delivery(key);
            self.close_with(key, code, reason);
        }
        keys.len()
    }

    /// From now on no event reaches the connection, and its session is given back at once: the peer may take its time
    /// over the closing handshake.
    fn stop_delivery(&mut self, key: Key) {
        self.subscribers.remove_connection(key.into());
        let Some(Connection { phase: Phase::Gated(gated), .. }) = self.connection(key) else { return };
        let (caller, resumable) = (gated.caller(key), !gated.left);
        gated.session = None;
        gated.pending = None;
        if let Some(caller) = caller {
            self.env.submit(Command::Close { caller, resumable });
        }
    }
}

/// Whether a session that a client wants back has been revoked.
pub(super) fn is_session_revoked(env: &super::Env, gated: &Gated, session: SessionId) -> bool {
    let Some(verified) = gated.gate.verified() else { return false };
    env.shared.check_revoked(env.unix, verified, Some(&session.to_string())).is_err()
}
