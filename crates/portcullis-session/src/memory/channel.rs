//! A channel: its log, the nodes that receive it, and who is present.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec::Vec,
};

use portcullis_time::Instant;

use super::log::Log;
use crate::{
    boundary::Completion,
    id::{Epoch, NodeId},
};

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
    joined: BTreeSet<Arc<str>>,
    left: BTreeSet<Arc<str>>,
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
            joined: BTreeSet::new(),
            left: BTreeSet::new(),
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
        if is_news && !self.left.remove(user) {
            self.joined.insert(user.clone());
        }
        is_news
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
        if !self.joined.remove(user) {
            self.left.insert(user.clone());
        }
        true
    }

    pub(super) fn users(&self, count_max: usize) -> Vec<Arc<str>> {
        self.users.keys().take(count_max).cloned().collect()
    }

    pub(super) fn user_count(&self) -> usize {
        self.users.len()
    }

    /// What has gathered since presence was last told; `None` when it cancelled out.
    pub(super) fn take_presence(&mut self) -> Option<Completion> {
        self.presence_at = None;
        let (joined, left) = (core::mem::take(&mut self.joined), core::mem::take(&mut self.left));
        let is_empty = joined.is_empty() && left.is_empty();
        (!is_empty).then(|| Completion::Presence {
            channel: self.name.clone(),
            joined: joined.into_iter().collect(),
            left: left.into_iter().collect(),
        })
    }

    /// Whether nobody holds it and nothing is left to recover.
    pub(super) fn is_over(&self) -> bool {
        self.holders == 0 && self.log.is_empty()
    }
}
