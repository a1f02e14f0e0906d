//! A channel: its log, the nodes that receive it, and who is present.

use alloc::{collections::BTreeMap, vec::Vec};

use portcullis_time::Instant;

use super::log::Log;
use crate::{
    Arc,
    boundary::Completion,
    id::{Epoch, NodeId},
};

/// A user who came or went since presence was last told.
#[derive(Clone, Copy, Debug)]
struct Change {
    /// Whether the user was present when it was last told.
    was_present: bool,
    /// [`Channel::listings`] when the user last ceased to be what it was.
    listings: u64,
    /// Whether somebody was answered with the users while the user was not what it was, and is again.
    is_seen: bool,
}

#[derive(Debug)]
pub(super) struct Channel {
    pub(super) name: Arc<str>,
    pub(super) log: Log,
    /// Connections that receive it, by node.
    nodes: BTreeMap<NodeId, usize>,
    /// Sessions that hold it, by user; a session whose client is away still holds its channels.
    users: BTreeMap<Arc<str>, usize>,
    /// Sessions that hold it.
    pub(super) holders: usize,
    changed: BTreeMap<Arc<str>, Change>,
    /// How often somebody was answered with the users.
    listings: u64,
    /// When presence will be told.
    pub(super) presence_at: Option<Instant>,
    /// When the log will be looked at for what is too old.
    pub(super) expiry_at: Option<Instant>,
}

impl Channel {
    pub(super) const fn new(name: Arc<str>, epoch: Epoch) -> Self {
        Self {
            name,
            log: Log::new(epoch),
            nodes: BTreeMap::new(),
            users: BTreeMap::new(),
            holders: 0,
            changed: BTreeMap::new(),
            listings: 0,
            presence_at: None,
            expiry_at: None,
        }
    }

    /// The nodes that receive it, in their order.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.nodes.keys().copied()
    }

    pub(super) fn add_receiver(&mut self, node: NodeId) {
        *self.nodes.entry(node).or_insert(0) += 1;
    }

    pub(super) fn remove_receiver(&mut self, node: NodeId) {
        if let Some(count) = self.nodes.get_mut(&node) {
            *count -= 1;
            if *count == 0 {
                self.nodes.remove(&node);
            }
        }
    }

    /// A session of `user` holds the channel. True when that is news.
    pub(super) fn join(&mut self, user: &Arc<str>) -> bool {
        self.holders += 1;
        let count = self.users.entry(user.clone()).or_insert(0);
        *count += 1;
        let is_news = *count == 1;
        if is_news {
            self.note(user, true);
        }
        is_news
    }

    /// A user came or went. Coming back cancels a leave, unless somebody was told in between who is present: that
    /// one would never learn of the return.
    fn note(&mut self, user: &Arc<str>, is_present: bool) {
        let listings = self.listings;
        match self.changed.get_mut(user) {
            None => {
                let change = Change { was_present: !is_present, listings, is_seen: false };
                self.changed.insert(user.clone(), change);
            }
            Some(change) if change.was_present == is_present => change.is_seen |= listings > change.listings,
            Some(change) => change.listings = listings,
        }
    }

    /// A session of `user` lets the channel go. True when that is news.
    pub(super) fn leave(&mut self, user: &Arc<str>) -> bool {
        self.holders = self.holders.saturating_sub(1);
        let Some(count) = self.users.get_mut(user) else { return false };
        *count -= 1;
        if *count > 0 {
            return false;
        }
        self.users.remove(user);
        self.note(user, false);
        true
    }

    /// Who is present has always been, for all that anybody here was told.
    pub(super) fn forget_presence_changes(&mut self) {
        self.changed.clear();
    }

    /// The first users by name, for an answer.
    pub(super) fn list_users(&mut self, count_max: usize) -> Vec<Arc<str>> {
        self.listings += 1;
        self.users.keys().take(count_max).cloned().collect()
    }

    pub(super) fn user_count(&self) -> usize {
        self.users.len()
    }

    /// What has gathered since presence was last told, at most `count_max` users (and at least one) in each completion;
    /// none when it cancelled out. A crowd that comes at once would otherwise make a message as long as the crowd.
    pub(super) fn take_presence(&mut self, count_max: usize) -> Vec<Completion> {
        self.presence_at = None;
        let (mut told, mut joined, mut left) = (Vec::new(), Vec::new(), Vec::new());
        for (user, change) in core::mem::take(&mut self.changed) {
            let is_present = self.users.contains_key(&user);
            if is_present != change.was_present || change.is_seen {
                if is_present { &mut joined } else { &mut left }.push(user);
            }
            if joined.len() + left.len() >= count_max.max(1) {
                told.push(self.presence(core::mem::take(&mut joined), core::mem::take(&mut left)));
            }
        }
        if !(joined.is_empty() && left.is_empty()) {
            told.push(self.presence(joined, left));
        }
        told
    }

    fn presence(&self, joined: Vec<Arc<str>>, left: Vec<Arc<str>>) -> Completion {
        Completion::Presence { channel: self.name.clone(), joined, left }
    }

    /// Whether nobody holds it and nothing is left to recover.
    pub(super) fn is_over(&self) -> bool {
        self.holders == 0 && self.log.is_empty()
    }
}
