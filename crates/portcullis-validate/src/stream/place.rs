//! Containers against their schemas. While one is open, each schema that judges it has an [`Eval`]; schemas beside it
//! (`allOf`, `anyOf`, …) have their own, behind it. What they come to is settled when the container closes, from the last
//! to the first.

use super::{
    About, Fault, Frame, Stream,
    scalar::check_type,
    token::{Scalar, State},
};
use crate::{
    graph::{
        ANY, Index, NEVER, Objects,
        hash::{self, Digester, Tag},
    },
    program::types,
    verdict::{Keyword, Span},
};

/// No eval: the whole message.
pub(super) const WHOLE: u16 = u16::MAX;
/// Members and items that evals can tell apart for `unevaluatedProperties` and `unevaluatedItems`.
pub(super) const ORDINALS_MAX: u32 = 128;

/// What a schema's verdict is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A member or an item must meet it.
    Value,
    /// An item that meets it counts for `contains`.
    Contains {
        ordinal: u32,
    },
    /// A member or an item that nothing else evaluates must meet it.
    Unevaluated {
        ordinal: u32,
    },
    // Beside the schema that names it:
    All,
    Any,
    One,
    Not,
    If,
    Then,
    Else,
    Dependent {
        bit: u64,
    },
}

/// A schema that will judge the next value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub(super) node: Index,
    /// The eval that its verdict goes to.
    up: u16,
    role: Role,
}

impl Pending {
    pub(super) const fn root(node: Index) -> Self {
        Self { node, up: WHOLE, role: Role::Value }
    }
}

/// A schema that judges an open container.
#[derive(Clone, Copy, Debug)]
pub(super) struct Eval {
    pub(super) node: Index,
    pub(super) up: u16,
    pub(super) role: Role,
    /// Nothing has been violated yet.
    pub(super) ok: bool,
    /// A violation ends the check.
    is_critical: bool,
    /// The members with a bit that have come.
    pub(super) seen: u64,
    /// Items that met `contains`.
    pub(super) contains: u32,
    /// By ordinal: what has been evaluated, and what would meet the schema for the rest.
    pub(super) evaluated: u128,
    pub(super) speculative: u128,
}

/// The bit of a member or an item; none beyond [`ORDINALS_MAX`].
const fn bit_of(ordinal: u32) -> u128 {
    if ordinal < ORDINALS_MAX { 1 << ordinal } else { 0 }
}

impl Stream<'_> {
    pub(super) fn container_wants_digest(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.wants_digest || frame.is_unique)
    }

    fn ordinal(&self) -> u32 {
        self.frames.last().map_or(0, |frame| frame.count.saturating_sub(1))
    }

    pub(super) fn evals_of_top(&self) -> core::ops::Range<usize> {
        let start = self.frames.last().map_or(0, |frame| usize::from(frame.evals_start));
        start..self.evals.len()
    }

    /// An opening bracket.
    pub(super) fn open(&mut self, is_array: bool) -> Result<(), Fault> {
        if self.frames.len() >= self.graph.depth_max {
            return Err(self.fault(Keyword::Depth));
        }
        let graph = self.graph;
        let wants_digest = self.container_wants_digest()
            || self.pending.iter().any(|pending| graph.node(pending.node).wants_digest);
        let mut pointer = self.pointer;
        self.push_current(&mut pointer);
        let frame = Frame {
            is_array,
            wants_digest,
            is_unique: false,
            has_twins: false,
            evals_start: u16::try_from(self.evals.len()).unwrap_or(WHOLE),
            names_start: u16::try_from(self.names.len()).unwrap_or(u16::MAX),
            unique_start: u16::try_from(self.unique.len()).unwrap_or(u16::MAX),
            count: 0,
            name: 0,
            items: Digester::new(graph.seed, Tag::Array),
            sum: 0,
            mark: self.pointer.mark(),
        };
        let kind = if is_array { types::ARRAY } else { types::OBJECT };
        // Faults of the type are about the value, still seen from outside.
        let pending = core::mem::take(&mut self.pending);
        let start = self.evals.len();
        for next in &pending {
            let is_critical = matches!(next.role, Role::Value) && self.is_critical(next.up);
            self.place(next.node, (next.up, next.role), is_critical, kind)?;
        }
        let opened = self.evals.get(start..).unwrap_or_default();
        let is_unique =
            |eval: &Eval| graph.node(eval.node).arrays.as_ref().is_some_and(|arrays| arrays.unique);
        let is_unique = is_array && opened.iter().any(is_unique);
        self.frames.push(Frame { is_unique, ..frame }).map_err(|_| Fault {
            keyword: Keyword::Depth,
            offset: self.start,
            about: About::Value,
        })?;
        self.pointer = pointer;
        self.state = if is_array { State::FirstItem } else { State::FirstName };
        Ok(())
    }

    fn is_critical(&self, up: u16) -> bool {
        up == WHOLE || self.evals.get(usize::from(up)).is_some_and(|eval| eval.is_critical)
    }

    /// Lets a schema judge the container that opens, and those beside it. Recursion ends with the depth of schemas beside
    /// each other, which is bounded.
    fn place(
        &mut self,
        node: Index,
        (up, role): (u16, Role),
        is_critical: bool,
        kind: u8,
    ) -> Result<(), Fault> {
        self.step(1)?;
        if node == ANY && matches!(role, Role::Value | Role::All) {
            return Ok(());
        }
        let graph = self.graph;
        let schema = graph.node(node);
        let verdict = check_type(schema, kind);
        if let Err(keyword) = verdict
            && is_critical
        {
            return Err(self.fault(keyword));
        }
        let index = u16::try_from(self.evals.len()).unwrap_or(WHOLE);
        let eval = Eval {
            node,
            up,
            role,
            ok: verdict.is_ok(),
            is_critical,
            seen: 0,
            contains: 0,
            evaluated: 0,
            speculative: 0,
        };
        self.evals.push(eval).map_err(|_| self.over_budget())?;
        let Some(in_place) = schema.in_place.as_ref().filter(|_| verdict.is_ok()) else { return Ok(()) };
        let children = in_place.all.iter().map(|&node| (node, Role::All));
        let children = children.chain(in_place.any.iter().map(|&node| (node, Role::Any)));
        let children = children.chain(in_place.one.iter().map(|&node| (node, Role::One)));
        let children = children.chain(in_place.not.map(|node| (node, Role::Not)));
        let children = children.chain(in_place.condition.map(|node| (node, Role::If)));
        let children = children.chain(in_place.then.map(|node| (node, Role::Then)));
        let children = children.chain(in_place.otherwise.map(|node| (node, Role::Else)));
        let dependents = in_place.dependents.iter().map(|&(bit, node)| (node, Role::Dependent { bit }));
        for (node, role) in children.chain(dependents) {
            self.place(node, (index, role), is_critical && role == Role::All, kind)?;
        }
        Ok(())
    }

    /// A schema is violated: the end of the check, or of this schema's part in it.
    pub(super) fn fail(&mut self, index: usize, keyword: Keyword, about: About) -> Result<(), Fault> {
        let offset = if matches!(about, About::Value) { self.start } else { self.at };
        match self.evals.get_mut(index) {
            Some(eval) if eval.is_critical => Err(Fault { keyword, offset, about }),
            Some(eval) => {
                eval.ok = false;
                Ok(())
            }
            None => Err(Fault { keyword, offset, about }),
        }
    }

    fn expect_value(&mut self, node: Index, up: usize, role: Role) -> Result<(), Fault> {
        if node == ANY && role == Role::Value {
            return Ok(());
        }
        let up = u16::try_from(up).unwrap_or(WHOLE);
        self.pending.push(Pending { node, up, role }).map_err(|_| self.over_budget())
    }

    /// The next item: which schemas will judge it.
    pub(super) fn begin_item(&mut self) -> Result<(), Fault> {
        self.start = self.at;
        self.pending.clear();
        if let Some(frame) = self.frames.last_mut() {
            frame.count = frame.count.saturating_add(1);
        }
        let (ordinal, graph) = (self.ordinal(), self.graph);
        let evals = self.evals_of_top();
        self.step(evals.len())?;
        for index in evals {
            let Some(eval) = self.evals.get(index).copied().filter(|eval| eval.ok) else { continue };
            let Some(arrays) = &graph.node(eval.node).arrays else { continue };
            if arrays.items_max.is_some_and(|max| ordinal >= max) {
                self.fail(index, Keyword::MaxItems, About::Container)?;
                continue;
            }
            let prefix = arrays.prefix.get(ordinal as usize).copied();
            if let Some(node) = prefix.or(arrays.items) {
                self.evaluate(index, ordinal);
                self.expect_value(node, index, Role::Value)?;
            }
            if let Some(contains) = arrays.contains {
                self.expect_value(contains.schema, index, Role::Contains { ordinal })?;
            }
            if let Some(rest) = arrays.unevaluated.filter(|&rest| rest != ANY && rest != NEVER) {
                self.expect_value(rest, index, Role::Unevaluated { ordinal })?;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, index: usize, ordinal: u32) {
        if let Some(eval) = self.evals.get_mut(index) {
            eval.evaluated |= bit_of(ordinal);
        }
    }

    /// A quote where a name is due.
    pub(super) fn begin_name(&mut self) -> Result<(), Fault> {
        self.start = self.at;
        self.state = State::Text { is_name: true };
        self.text.begin(true, true);
        let graph = self.graph;
        for index in self.evals_of_top() {
            let Some(eval) = self.evals.get(index) else { continue };
            for &pattern in &graph.node(eval.node).name_patterns {
                self.watch(pattern)?;
            }
        }
        Ok(())
    }

    /// A name has been read: which schemas will judge its value.
    pub(super) fn end_name(&mut self) -> Result<(), Fault> {
        self.state = State::Colon;
        self.name.clear();
        // It has the same capacity.
        let _ = self.name.extend_from_slice(self.text.prefix());
        let digest = self.text.digest();
        let Some(frame) = self.frames.last_mut() else { return Ok(()) };
        frame.count = frame.count.saturating_add(1);
        frame.name = digest;
        let (ordinal, names_start, is_top) = (frame.count - 1, frame.names_start, self.frames.len() == 1);
        self.remember_name(digest, usize::from(names_start))?;
        self.capture = self.graph.captures.iter().position(|known| is_top && *known == digest);
        self.pending.clear();
        let evals = self.evals_of_top();
        self.step(evals.len())?;
        for index in evals {
            let Some(eval) = self.evals.get(index).copied().filter(|eval| eval.ok) else { continue };
            if let Some(objects) = &self.graph.node(eval.node).objects {
                self.member(index, objects, digest, ordinal)?;
            }
        }
        Ok(())
    }

    /// A name that comes twice in one object is refused: readers differ about what it means.
    #[expect(clippy::cast_possible_truncation, reason = "half of a digest is enough to tell names apart")]
    fn remember_name(&mut self, digest: u128, start: usize) -> Result<(), Fault> {
        let short = digest as u64;
        let open = self.names.get(start..).unwrap_or_default();
        let (is_known, len) = (open.contains(&short), open.len());
        self.step(len / 8)?;
        if is_known {
            return Err(self.fault(Keyword::DuplicateKey));
        }
        self.names.push(short).map_err(|_| self.fault(Keyword::KeysMax))
    }

    /// What one schema says to a member's name.
    fn member(&mut self, index: usize, objects: &Objects, digest: u128, ordinal: u32) -> Result<(), Fault> {
        if objects.members_max.is_some_and(|max| ordinal >= max) {
            return self.fail(index, Keyword::MaxProperties, About::Container);
        }
        let mut is_matched = false;
        if let Some(name) = objects.name(digest) {
            if let Some(eval) = self.evals.get_mut(index) {
                eval.seen |= name.bit;
            }
            if let Some(node) = name.schema {
                is_matched = true;
                self.expect_value(node, index, Role::Value)?;
            }
        }
        for &(pattern, node) in &objects.patterns {
            if self.text.is_match(pattern, self.graph) {
                is_matched = true;
                self.expect_value(node, index, Role::Value)?;
            }
        }
        if let Some(additional) = objects.additional.filter(|_| !is_matched) {
            is_matched = true;
            if additional == NEVER {
                return self.fail(index, Keyword::AdditionalProperties, About::Value);
            }
            self.expect_value(additional, index, Role::Value)?;
        }
        if is_matched {
            self.evaluate(index, ordinal);
        }
        if let Some(rest) = objects.unevaluated.filter(|&rest| rest != ANY && rest != NEVER) {
            self.expect_value(rest, index, Role::Unevaluated { ordinal })?;
        }
        if let Some(names) = objects.property_names
            && self.scalar(names, &Scalar::Text, digest)?.is_err()
        {
            return self.fail(index, Keyword::PropertyNames, About::Value);
        }
        Ok(())
    }

    /// Judges a value without parts.
    pub(super) fn judge_scalar(&mut self, scalar: &Scalar<'_>, digest: u128) -> Result<(), Fault> {
        for at in 0..self.pending.len() {
            let Some(pending) = self.pending.get(at).copied() else { continue };
            let verdict = self.scalar(pending.node, scalar, digest)?;
            self.settle(pending.up, pending.role, verdict)?;
        }
        Ok(())
    }

    /// Brings the verdict on a member or an item to the schema that asked for it.
    pub(super) fn settle(&mut self, up: u16, role: Role, verdict: Result<(), Keyword>) -> Result<(), Fault> {
        let graph = self.graph;
        match (role, verdict) {
            (Role::Contains { ordinal }, Ok(())) => {
                let Some(eval) = self.evals.get_mut(usize::from(up)) else { return Ok(()) };
                eval.contains += 1;
                eval.evaluated |= bit_of(ordinal);
                let (count, arrays) = (eval.contains, &graph.node(eval.node).arrays);
                let max =
                    arrays.as_ref().and_then(|arrays| arrays.contains).and_then(|contains| contains.max);
                if max.is_some_and(|max| count > max) {
                    self.fail(usize::from(up), Keyword::MaxContains, About::Container)?;
                }
            }
            (Role::Unevaluated { ordinal }, Ok(())) => {
                if let Some(eval) = self.evals.get_mut(usize::from(up)) {
                    eval.speculative |= bit_of(ordinal);
                }
            }
            (Role::Value, Err(keyword)) => return self.fail(usize::from(up), keyword, About::Value),
            _ => {}
        }
        Ok(())
    }

    /// Adds the value that has just ended to its container's digest, and compares it with its other items.
    pub(super) fn add_to_container(&mut self, digest: u128) -> Result<(), Fault> {
        let seed = self.graph.seed;
        let Some(frame) = self.frames.last_mut() else { return Ok(()) };
        if frame.wants_digest {
            if frame.is_array {
                frame.items.chain(digest);
            } else {
                frame.sum = frame.sum.wrapping_add(hash::member(seed, frame.name, digest));
            }
        }
        if !frame.is_unique || frame.has_twins {
            return Ok(());
        }
        let others = self.unique.get(usize::from(frame.unique_start)..).unwrap_or_default();
        let (is_twin, len) = (others.contains(&digest), others.len());
        frame.has_twins = is_twin;
        self.step(len / 4)?;
        if !is_twin {
            return self.unique.push(digest).map_err(|_| self.over_budget());
        }
        for index in self.evals_of_top() {
            let Some(eval) = self.evals.get(index).copied().filter(|eval| eval.ok) else { continue };
            if self.graph.node(eval.node).arrays.as_ref().is_some_and(|arrays| arrays.unique) {
                self.fail(index, Keyword::UniqueItems, About::Container)?;
            }
        }
        Ok(())
    }

    pub(super) fn begin_capture(&mut self) {
        let start = u32::try_from(self.at).unwrap_or(u32::MAX);
        if let Some(span) = self.capture.and_then(|capture| self.captures.get_mut(capture)) {
            *span = Span { start, end: 0 };
        }
    }

    pub(super) fn end_capture(&mut self) {
        let end = u32::try_from(self.at).unwrap_or(u32::MAX);
        if let Some(span) = self.capture.take().and_then(|capture| self.captures.get_mut(capture)) {
            span.end = end;
        }
    }
}
