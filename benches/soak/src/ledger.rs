//! What was promised and what was kept: every message that was acknowledged, every event that was received.

use alloc::collections::{BTreeMap, BTreeSet};
use std::collections::HashMap;

/// Something that must not be.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    pub(crate) lost: usize,
    pub(crate) doubled: usize,
    pub(crate) reordered: usize,
    /// A hole that nobody was told of.
    pub(crate) silent_holes: usize,
    pub(crate) first: Vec<String>,
}

impl Faults {
    fn note(&mut self, text: String) {
        if self.first.len() < 10 {
            self.first.push(text);
        }
    }

    pub(crate) const fn count(&self) -> usize {
        self.lost + self.doubled + self.reordered + self.silent_holes
    }
}

#[derive(Debug, Default)]
struct Channel {
    /// The log, as the clients together saw it.
    log: BTreeMap<(String, u64), String>,
    /// Where each text stands.
    places: HashMap<String, (String, u64)>,
}

#[derive(Debug, Default)]
struct Reader {
    /// The last event of each channel.
    last: BTreeMap<String, (String, u64)>,
    /// How many it received of each channel.
    counts: BTreeMap<String, usize>,
    /// Channels of which it was told that something is missing.
    gaps: BTreeSet<String>,
}

/// The book. Clients are numbered.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    channels: BTreeMap<String, Channel>,
    readers: BTreeMap<usize, Reader>,
    /// Acknowledged texts, by channel.
    acknowledged: BTreeMap<String, BTreeSet<String>>,
    pub(crate) refused: usize,
    pub(crate) gaps: usize,
    pub(crate) events: usize,
    pub(crate) faults: Faults,
}

impl Ledger {
    pub(crate) fn acknowledged(&mut self, channel: &str, text: &str) {
        if !self.acknowledged.entry(channel.into()).or_default().insert(text.into()) {
            self.faults.doubled += 1;
            self.faults.note(format!("{text} was acknowledged twice"));
        }
    }

    pub(crate) fn acknowledged_count(&self) -> usize {
        self.acknowledged.values().map(BTreeSet::len).sum()
    }

    /// A client was told that it missed something.
    pub(crate) fn gap(&mut self, reader: usize, channel: &str) {
        self.gaps += 1;
        let reader = self.readers.entry(reader).or_default();
        reader.last.remove(channel);
        reader.gaps.insert(channel.into());
    }

    pub(crate) fn event(&mut self, reader: usize, channel: &str, place: (&str, u64), text: &str) {
        self.events += 1;
        let place = (place.0.to_owned(), place.1);
        let log = self.channels.entry(channel.into()).or_default();
        let there = log.log.entry(place.clone()).or_insert_with(|| text.into());
        if there != text {
            self.faults.reordered += 1;
            self.faults.note(format!("{channel} {place:?} is {there} and {text}"));
        }
        let first = log.places.entry(text.into()).or_insert_with(|| place.clone());
        if *first != place {
            self.faults.doubled += 1;
            self.faults.note(format!("{text} stands at {first:?} and at {place:?}"));
        }
        let reader_book = self.readers.entry(reader).or_default();
        *reader_book.counts.entry(channel.into()).or_default() += 1;
        if let Some(last) = reader_book.last.insert(channel.into(), place.clone()) {
            if last.0 == place.0 && place.1 <= last.1 {
                self.faults.doubled += 1;
                self.faults.note(format!("client {reader} received {place:?} of {channel} after {last:?}"));
            } else if last.0 != place.0 || place.1 != last.1 + 1 {
                self.faults.silent_holes += 1;
                self.faults
                    .note(format!("client {reader} received {place:?} of {channel} after {last:?}, untold"));
            }
        }
    }

    /// Whether each of `readers` has received all that is in the log of its channel.
    pub(crate) fn is_complete(&self, readers: &[(usize, String)]) -> bool {
        readers.iter().all(|(reader, channel)| {
            let all = self.channels.get(channel).map_or(0, |channel| channel.log.len());
            let acknowledged = self.acknowledged.get(channel).map_or(0, BTreeSet::len);
            self.has_gap(*reader, channel) || self.count(*reader, channel) >= all.max(acknowledged)
        })
    }

    fn has_gap(&self, reader: usize, channel: &str) -> bool {
        self.readers.get(&reader).is_some_and(|reader| reader.gaps.contains(channel))
    }

    fn count(&self, reader: usize, channel: &str) -> usize {
        self.readers.get(&reader).and_then(|reader| reader.counts.get(channel)).copied().unwrap_or(0)
    }

    /// At the end: what was acknowledged is in the log, once, in the order of its sender, and everybody has all of it.
    pub(crate) fn close(&mut self, readers: &[(usize, String)]) {
        for (channel, texts) in &self.acknowledged {
            let log = self.channels.get(channel);
            for text in texts {
                if log.is_none_or(|log| !log.places.contains_key(text)) {
                    self.faults.lost += 1;
                    self.faults.note(format!("{text} was acknowledged, and nobody received it"));
                }
            }
        }
        for (name, channel) in &self.channels {
            let mut last: HashMap<&str, u64> = HashMap::new();
            for text in channel.log.values() {
                let Some((sender, number)) = text.split_once(' ') else { continue };
                let number = number.parse().unwrap_or(0);
                if last.insert(sender, number).is_some_and(|last| last >= number) {
                    self.faults.reordered += 1;
                    self.faults.note(format!("{text} stands behind a later message of its sender on {name}"));
                }
            }
        }
        for (reader, channel) in readers {
            let all = self.channels.get(channel).map_or(0, |channel| channel.log.len());
            let count = self.count(*reader, channel);
            if count < all && !self.has_gap(*reader, channel) {
                self.faults.lost += all - count;
                self.faults
                    .note(format!("client {reader} received {count} of the {all} events of {channel}"));
            }
        }
    }
}
