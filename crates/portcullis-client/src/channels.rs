//! The channels that a client receives, and what it has seen of each.

use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    vec::Vec,
};

use crate::event::Position;

/// One channel.
#[derive(Debug, Default)]
pub(crate) struct Channel {
    /// The last event seen.
    pub(crate) position: Option<Position>,
    /// The application wants it; the user's own comes by itself.
    pub(crate) wanted: bool,
    /// The server has been asked for it, and has not answered yet.
    pub(crate) asked: bool,
    /// The server delivers it.
    pub(crate) live: bool,
    /// Channels are asked for in the order in which they came.
    order: u64,
}

/// What to tell the application of a new position.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// It was seen before.
    Seen,
    /// It follows what was seen.
    Next,
    /// Something between the two was lost.
    Gap { from: Position, to: Position },
}

/// All channels, by name.
#[derive(Debug, Default)]
pub(crate) struct Channels {
    by_name: BTreeMap<Box<str>, Channel>,
    /// Given up while offline: the session may still hold them.
    pub(crate) released: BTreeSet<Box<str>>,
    /// Named in the resumption that is under way.
    pub(crate) named: BTreeSet<Box<str>>,
    /// The user's own.
    own: Option<String>,
    orders: u64,
}

impl Channels {
    /// Who the user is. Another user's own channel is none of ours.
    pub(crate) fn set_user(&mut self, user: &str) {
        let own = format!("user:{user}");
        if let Some(other) = self.own.take().filter(|other| *other != own) {
            self.by_name.remove(other.as_str());
        }
        self.own = Some(own);
    }

    /// A channel that is wanted from now on. True when the server is to be asked.
    pub(crate) fn want(&mut self, name: &str) -> bool {
        self.released.remove(name);
        self.orders += 1;
        let fresh = Channel { order: self.orders, ..Channel::default() };
        let channel = self.by_name.entry(name.into()).or_insert(fresh);
        channel.wanted = true;
        !(channel.asked || channel.live)
    }

    /// A channel that is wanted no more. True when it was.
    pub(crate) fn forget(&mut self, name: &str) -> bool {
        self.by_name.remove(name).is_some()
    }

    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Channel> {
        self.by_name.get_mut(name)
    }

    /// The channel, if the server may talk of it: one that is wanted, or the user's own. Of others nothing is kept.
    pub(crate) fn known(&mut self, name: &str) -> Option<&mut Channel> {
        if self.own.as_deref() == Some(name) {
            return Some(self.by_name.entry(name.into()).or_default());
        }
        self.by_name.get_mut(name)
    }

    /// What has been seen of each that shall come back with the session.
    pub(crate) fn positions(&self) -> BTreeMap<&str, &Position> {
        let wanted = self
            .by_name
            .iter()
            .filter(|(name, channel)| channel.wanted || self.own.as_deref() == Some(&***name));
        wanted.filter_map(|(name, channel)| Some((&**name, channel.position.as_ref()?))).collect()
    }

    /// The connection is gone.
    pub(crate) fn disconnected(&mut self) {
        for channel in self.by_name.values_mut() {
            channel.asked = false;
            channel.live = false;
        }
    }

    /// The names of those that `pick` picks, in their order.
    pub(crate) fn names(&self, pick: impl Fn(&Channel) -> bool) -> Vec<Box<str>> {
        let mut picked: Vec<_> = self.by_name.iter().filter(|(_, channel)| pick(channel)).collect();
        picked.sort_by_key(|(_, channel)| channel.order);
        picked.into_iter().map(|(name, _)| name.clone()).collect()
    }

    /// The one that a refusal without a name is about: the first that was asked for.
    pub(crate) fn first_asked(&self) -> Option<Box<str>> {
        self.names(|channel| channel.asked).into_iter().next()
    }
}

impl Channel {
    /// The server's answer: where the channel stands, and whether that is where it was left.
    pub(crate) fn subscribed(&mut self, at: Position, recovered: bool) -> Step {
        self.live = true;
        self.asked = false;
        let known = self.position.take();
        match known {
            Some(known) if recovered && known.epoch == at.epoch => {
                self.position = Some(known);
                Step::Next
            }
            Some(known) if known != at => {
                self.position = Some(at.clone());
                Step::Gap { from: known, to: at }
            }
            _ => {
                self.position = Some(at);
                Step::Next
            }
        }
    }

    /// An event at `at`.
    pub(crate) fn event(&mut self, at: &Position) -> Step {
        if at.offset == 0 {
            // That is before the first event of a log: no event stands there.
            return Step::Seen;
        }
        let known = self.position.replace(at.clone());
        match known {
            Some(known) if known.epoch == at.epoch && at.offset <= known.offset => {
                self.position = Some(known);
                Step::Seen
            }
            Some(known) if known.epoch != at.epoch || known.offset + 1 < at.offset => Step::Gap {
                from: known,
                to: Position { epoch: at.epoch.clone(), offset: at.offset.saturating_sub(1) },
            },
            _ => Step::Next,
        }
    }
}
