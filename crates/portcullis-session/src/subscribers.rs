//! Who on this node receives which channel.

use alloc::{collections::BTreeSet, vec::Vec};

use hashbrown::HashMap;

use crate::{Arc, id::ConnectionId};

/// A node's fan-out table: a channel's event comes once to the node and goes from here to each connection.
///
/// ```
/// use portcullis_session::{ConnectionId, Subscribers};
///
/// let mut subscribers = Subscribers::new();
/// subscribers.subscribe(&"chat:lobby".into(), ConnectionId::new(1));
/// subscribers.subscribe(&"chat:lobby".into(), ConnectionId::new(2));
/// subscribers.remove_connection(ConnectionId::new(1));
/// assert_eq!(subscribers.of("chat:lobby").collect::<Vec<_>>(), [ConnectionId::new(2)]);
/// ```
#[derive(Debug, Default)]
pub struct Subscribers {
    channels: HashMap<Arc<str>, BTreeSet<ConnectionId>>,
    connections: HashMap<ConnectionId, Vec<Arc<str>>>,
}

impl Subscribers {
    /// Empty.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `connection` to `channel`. O(log n).
    pub fn subscribe(&mut self, channel: &Arc<str>, connection: ConnectionId) {
        if self.channels.entry(channel.clone()).or_default().insert(connection) {
            self.connections.entry(connection).or_default().push(channel.clone());
        }
    }

    /// Takes `connection` from `channel`. O(log n), and linear in the connection's own channels.
    pub fn unsubscribe(&mut self, channel: &str, connection: ConnectionId) {
        self.take(channel, connection);
        if let Some(own) = self.connections.get_mut(&connection) {
            own.retain(|other| **other != *channel);
            if own.is_empty() {
                self.connections.remove(&connection);
            }
        }
    }

    /// Takes `connection` from all its channels.
    pub fn remove_connection(&mut self, connection: ConnectionId) {
        for channel in self.connections.remove(&connection).unwrap_or_default() {
            self.take(&channel, connection);
        }
    }

    /// The connections that receive `channel`, in their order.
    pub fn of(&self, channel: &str) -> impl Iterator<Item = ConnectionId> + '_ {
        self.channels.get(channel).into_iter().flatten().copied()
    }

    /// The channels that `connection` receives, in the order in which it came to them.
    pub fn channels_of(&self, connection: ConnectionId) -> impl Iterator<Item = &Arc<str>> {
        self.connections.get(&connection).into_iter().flatten()
    }

    /// How many channels have a receiver here.
    #[must_use]
    pub fn channel_count(&self) -> usize {
        self.channels.len()
    }

    fn take(&mut self, channel: &str, connection: ConnectionId) {
        if let Some(members) = self.channels.get_mut(channel) {
            members.remove(&connection);
            if members.is_empty() {
                self.channels.remove(channel);
            }
        }
    }
}
