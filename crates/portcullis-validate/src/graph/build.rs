//! From a schema's text to its graph.

use alloc::{boxed::Box, collections::BTreeMap, string::String, vec, vec::Vec};

use super::{
    ANY, Graph, Index, NEVER, Pattern, Schema,
    hash::{self, Tag},
    refs::Names,
};
use crate::{
    compile::{Place, SchemaError, SchemaReason, document, json::Value},
    decimal::Decimal,
    options::{CAPTURES_MAX, Options},
    string::Decoded,
};

/// The most nodes of one graph.
const NODES_MAX: usize = 8_192;
/// The longest chain of schemas that stand beside each other: a check goes through it by recursion.
const BESIDE_MAX: usize = 64;

/// Writes a graph.
pub(super) struct Builder<'c, 't> {
    pub(super) options: &'c Options<'c>,
    pub(super) names: Names<'t>,
    nodes: Vec<Schema>,
    /// Whether a node judges values on its own, and not beside another one.
    stands_alone: Vec<bool>,
    /// Nodes by the offset of their schema, and by whether they stand alone.
    known: BTreeMap<(usize, bool), Index>,
    patterns: Vec<(String, Pattern)>,
    /// Schemas that have a node and have not been read.
    unread: Vec<(Place<'t>, Index)>,
}

/// Compiles a whole schema.
pub(crate) fn build(text: &str, options: &Options<'_>) -> Result<Graph, SchemaError> {
    let root = document(text)?;
    if options.captures.len() > CAPTURES_MAX {
        return Err(root.error(SchemaReason::TooManyCaptures));
    }
    let mut builder = Builder {
        options,
        names: Names::of(&root),
        nodes: vec![Schema::any(), Schema::never()],
        stands_alone: vec![false, false],
        known: BTreeMap::new(),
        patterns: Vec::new(),
        unread: Vec::new(),
    };
    let index = builder.node(&root, true)?;
    builder.read_all()?;
    builder.close_objects();
    builder.gather(&root)?;
    let digest = |name: &&str| hash::text(options.key_seed, name.bytes());
    Ok(Graph {
        nodes: builder.nodes.into(),
        root: index,
        patterns: builder.patterns.into_iter().map(|(_, pattern)| pattern).collect(),
        seed: options.key_seed,
        depth_max: options.depth_max,
        steps_per_byte: options.steps_per_byte,
        captures: options.captures.iter().map(digest).collect(),
    })
}

impl<'t> Builder<'_, 't> {
    /// The node of a schema, made when it is asked for the first time: references may lead in circles.
    pub(super) fn node(&mut self, place: &Place<'t>, alone: bool) -> Result<Index, SchemaError> {
        if let Some(value) = place.value.boolean() {
            return Ok(if value { ANY } else { NEVER });
        }
        if !place.value.is_object() {
            return Err(place.error(SchemaReason::InvalidValue));
        }
        let key = (place.value.offset(), alone);
        if let Some(&index) = self.known.get(&key) {
            return Ok(index);
        }
        let index = Index::try_from(self.nodes.len())
            .ok()
            .filter(|&index| usize::from(index) < NODES_MAX)
            .ok_or(place.error(SchemaReason::Full))?;
        self.nodes.push(Schema::any());
        self.stands_alone.push(alone);
        self.known.insert(key, index);
        self.unread.push((*place, index));
        Ok(index)
    }

    /// Reads the schemas that nodes have been promised to. One after the other and not one inside the other, so that no
    /// chain of references is too long.
    fn read_all(&mut self) -> Result<(), SchemaError> {
        while let Some((place, index)) = self.unread.pop() {
            let schema = self.schema(&place)?;
            if let Some(slot) = self.nodes.get_mut(usize::from(index)) {
                *slot = schema;
            }
        }
        Ok(())
    }

    /// An automaton, shared by all places with the same text.
    pub(super) fn pattern(&mut self, text: String, place: &Place<'_>) -> Result<u16, SchemaError> {
        let unsupported = place.error(SchemaReason::UnsupportedPattern);
        let at = match self.patterns.iter().position(|(known, _)| *known == text) {
            Some(at) => at,
            None => {
                let pattern = Pattern::compile(&text).ok_or(unsupported)?;
                self.patterns.push((text, pattern));
                self.patterns.len() - 1
            }
        };
        u16::try_from(at).map_err(|_| place.error(SchemaReason::Full))
    }

    /// The digest of a value of the schema.
    pub(super) fn digest(&self, value: &Value<'_>) -> u128 {
        let seed = self.options.key_seed;
        if let Some(text) = value.string() {
            return hash::text(seed, Decoded::new(text));
        }
        if value.is_array() {
            let mut digester = hash::Digester::new(seed, Tag::Array);
            value.items().for_each(|item| digester.chain(self.digest(&item)));
            return digester.finish();
        }
        if value.is_object() {
            let sum = value.members().fold(0_u128, |sum, (name, value)| {
                sum.wrapping_add(hash::member(seed, self.digest(&name), self.digest(&value)))
            });
            return hash::object(seed, sum);
        }
        match value.text() {
            b"null" => hash::plain(seed, Tag::Null),
            b"true" => hash::plain(seed, Tag::True),
            b"false" => hash::plain(seed, Tag::False),
            number => hash::number(seed, &Decimal::parse(number)),
        }
    }

    /// Closes the objects that say nothing of other members: a schema that stands alone and has `properties`, itself or
    /// in a schema beside it, admits no others.
    fn close_objects(&mut self) {
        if !self.options.closed {
            return;
        }
        for index in 0..self.nodes.len() {
            if !self.stands_alone.get(index).is_some_and(|alone| *alone) {
                continue;
            }
            let (mut names_some, mut is_explicit) = (false, false);
            let mut beside = vec![index];
            let mut at = 0;
            while let Some(&next) = beside.get(at) {
                at += 1;
                let Some(schema) = self.nodes.get(next) else { continue };
                if let Some(objects) = &schema.objects {
                    names_some |= objects.has_properties;
                    is_explicit |= objects.additional.is_some() || objects.unevaluated.is_some();
                }
                for child in schema.in_place.iter().flat_map(|in_place| in_place.all_of_them()) {
                    if !beside.contains(&usize::from(child)) {
                        beside.push(usize::from(child));
                    }
                }
            }
            if let Some(schema) = self.nodes.get_mut(index)
                && names_some
                && !is_explicit
            {
                let is_composed = schema.in_place.is_some();
                let objects = schema.objects.get_or_insert_default();
                objects.is_closed_by_default = true;
                let place = if is_composed { &mut objects.unevaluated } else { &mut objects.additional };
                *place = Some(NEVER);
            }
        }
    }

    /// Brings what schemas ask of a value up to those beside which they stand.
    fn gather(&mut self, root: &Place<'_>) -> Result<(), SchemaError> {
        let mut states = vec![Visit::New; self.nodes.len()];
        for index in 0..self.nodes.len() {
            self.gather_one(index, &mut states, 0).map_err(|reason| root.error(reason))?;
        }
        Ok(())
    }

    /// Recursion ends at a node that is being visited: such a circle consumes nothing, and would never end.
    fn gather_one(
        &mut self,
        index: usize,
        states: &mut [Visit],
        depth: usize,
    ) -> Result<usize, SchemaReason> {
        match states.get(index) {
            Some(Visit::New) if depth > BESIDE_MAX => return Err(SchemaReason::TooDeep),
            Some(Visit::New) => {}
            Some(Visit::Open) => return Err(SchemaReason::ReferenceCycle),
            Some(Visit::Done(height)) => return Ok(*height),
            None => return Ok(0),
        }
        let mut height = 0;
        let set = |states: &mut [Visit], visit| states.get_mut(index).map(|state| *state = visit);
        set(states, Visit::Open);
        let Some(schema) = self.nodes.get(index) else { return Ok(0) };
        let children: Vec<usize> =
            schema.in_place.iter().flat_map(|in_place| in_place.all_of_them()).map(usize::from).collect();
        let mut text: Vec<u16> = schema.strings.pattern.into_iter().collect();
        let mut names: Vec<u16> = Vec::new();
        let (mut wants_digest, mut wants_text) =
            (schema.choices.is_some() || schema.constant.is_some(), schema.strings.format.is_some());
        if let Some(objects) = &schema.objects {
            names.extend(objects.patterns.iter().map(|(pattern, _)| *pattern));
            if let Some(property_names) = objects.property_names {
                height = self.gather_one(usize::from(property_names), states, depth + 1)?;
                names.extend(
                    self.nodes.get(usize::from(property_names)).iter().flat_map(|node| &node.text_patterns),
                );
            }
        }
        for child in children {
            height = height.max(self.gather_one(child, states, depth + 1)?);
            let Some(child) = self.nodes.get(child) else { continue };
            text.extend(&child.text_patterns);
            names.extend(&child.name_patterns);
            wants_digest |= child.wants_digest;
            wants_text |= child.wants_text;
        }
        let unique = |mut list: Vec<u16>| -> Box<[u16]> {
            list.sort_unstable();
            list.dedup();
            list.into()
        };
        if let Some(schema) = self.nodes.get_mut(index) {
            schema.text_patterns = unique(text);
            schema.name_patterns = unique(names);
            schema.wants_digest = wants_digest;
            schema.wants_text = wants_text;
        }
        height += 1;
        if height > BESIDE_MAX {
            return Err(SchemaReason::TooDeep);
        }
        set(states, Visit::Done(height));
        Ok(height)
    }
}

#[derive(Clone, Copy)]
enum Visit {
    New,
    Open,
    /// With the length of the longest chain of schemas beside each other that begins there.
    Done(usize),
}
