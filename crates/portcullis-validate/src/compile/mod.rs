//! From a schema's text to its program.

mod error;
pub(crate) mod json;
pub(crate) mod keyword;
mod tables;

pub use error::{SchemaError, SchemaReason};
pub(crate) use tables::Tables;

use crate::{
    options::{CAPTURES_MAX, DEPTH_LIMIT, Options},
    pointer::Pointer,
    program::{ANY, Head, NEVER, Node, PROPERTIES_MAX, Program, Switch, types},
    string::{Decoded, characters},
    validator,
};
use json::Value;

/// A schema whose member `on` selects the schema of `target`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SwitchSchema<'s> {
    pub(crate) on: &'s str,
    pub(crate) target: &'s str,
    pub(crate) cases: &'s [(&'s str, &'s str)],
}

/// A place in the schema: its pointer and its text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'t> {
    pub(crate) pointer: Pointer,
    pub(crate) value: Value<'t>,
    /// Where the value that it is a part of starts.
    #[cfg_attr(not(feature = "alloc"), expect(dead_code, reason = "for references"))]
    pub(crate) parent: usize,
}

impl<'t> Place<'t> {
    pub(crate) const fn error(&self, reason: SchemaReason) -> SchemaError {
        SchemaError { reason, pointer: self.pointer, offset: self.value.offset() }
    }

    /// The member `key` of this place.
    pub(crate) fn member(&self, key: &Value<'t>, value: Value<'t>) -> Self {
        let mut pointer = self.pointer;
        pointer.push_name(characters(key.string().unwrap_or_default()));
        Self { pointer, value, parent: self.value.offset() }
    }

    pub(crate) fn item(&self, index: u32, value: Value<'t>) -> Self {
        let mut pointer = self.pointer;
        pointer.push_index(index);
        Self { pointer, value, parent: self.value.offset() }
    }
}

/// The keywords of one schema that depend on each other.
#[derive(Clone, Copy, Debug, Default)]
struct Shape<'t> {
    properties: Option<Place<'t>>,
    required: Option<Place<'t>>,
    additional: Option<Place<'t>>,
    items: Option<Place<'t>>,
    prefix: Option<Place<'t>>,
}

/// Writes a program into tables.
#[derive(Debug)]
pub(crate) struct Compiler<'c, 's> {
    tables: &'c mut Tables<'s>,
    options: &'c Options<'c>,
    /// Whether an undeclared member can pass somewhere.
    open: bool,
}

impl<'c, 's> Compiler<'c, 's> {
    pub(crate) fn new(tables: &'c mut Tables<'s>, options: &'c Options<'c>) -> Self {
        Self { tables, options, open: false }
    }

    /// Compiles a whole schema.
    pub(crate) fn schema(
        mut self,
        text: &str,
        switch: Option<&SwitchSchema<'_>>,
    ) -> Result<Head, SchemaError> {
        let place = document(text)?;
        let full = |_| place.error(SchemaReason::Full);
        if self.options.captures.len() > CAPTURES_MAX {
            return Err(place.error(SchemaReason::TooManyCaptures));
        }
        self.tables.push_node(Node::ANY).map_err(full)?;
        self.tables.push_node(Node::NEVER).map_err(full)?;
        let root = self.node(&place, self.options.captures)?;
        let switch = match switch {
            Some(switch) => Some(self.switch(&place, root, switch)?),
            None => None,
        };
        Ok(Head {
            root,
            switch,
            depth_max: self.options.depth_max,
            open: self.open,
            key_seed: self.options.key_seed,
        })
    }

    /// Compiles one schema and what is inside it; its node. Recursion ends with the depth of the schema's text, which
    /// is bounded.
    fn node(&mut self, place: &Place<'_>, captures: &[&str]) -> Result<u16, SchemaError> {
        if let Some(value) = place.value.boolean()
            && captures.is_empty()
        {
            self.open |= value;
            return Ok(if value { ANY } else { NEVER });
        }
        if !place.value.is_object() && place.value.boolean().is_none() {
            return Err(place.error(SchemaReason::InvalidValue));
        }
        let mut node = if place.value.boolean() == Some(false) { Node::NEVER } else { Node::ANY };
        let mut shape = Shape::default();
        let mut asserts = false;
        if place.value.is_object() {
            for (key, value) in place.value.members() {
                let member = place.member(&key, value);
                asserts |= self.keyword(&mut node, &mut shape, &key, member)?;
            }
        }
        if !asserts && captures.is_empty() && place.value.is_object() {
            self.open = true;
            return Ok(ANY);
        }
        let index = self.tables.push_node(node).map_err(|_| place.error(SchemaReason::Full))?;
        self.array(&mut node, &shape)?;
        self.object(&mut node, &shape, place, captures)?;
        self.open |= node.types & types::OBJECT != 0 && node.additional != NEVER;
        self.open |= node.types & types::ARRAY != 0 && node.items == ANY;
        self.tables.set_node(index, node);
        Ok(index)
    }

    /// `prefixItems` and `items`.
    fn array(&mut self, node: &mut Node, shape: &Shape<'_>) -> Result<(), SchemaError> {
        if let Some(items) = &shape.items {
            node.items = self.node(items, &[])?;
        }
        let Some(prefix) = &shape.prefix else { return Ok(()) };
        if !prefix.value.is_array() || prefix.value.items().next().is_none() {
            return Err(prefix.error(SchemaReason::InvalidValue));
        }
        let count = prefix.value.items().count();
        node.prefix = self.tables.push_prefixes(count).map_err(|_| prefix.error(SchemaReason::Full))?;
        for (value, index) in prefix.value.items().zip(0_u16..) {
            let item = self.node(&prefix.item(u32::from(index), value), &[])?;
            self.tables.set_prefix(node.prefix.start + index, item);
        }
        Ok(())
    }

    /// `properties`, `required` and `additionalProperties`, and what is captured.
    fn object(
        &mut self,
        node: &mut Node,
        shape: &Shape<'_>,
        place: &Place<'_>,
        captures: &[&str],
    ) -> Result<(), SchemaError> {
        let implied = shape.additional.is_none() && shape.properties.is_some() && self.options.closed;
        node.additional = match &shape.additional {
            Some(additional) => self.node(additional, &[])?,
            None if implied => NEVER,
            None => ANY,
        };
        let declared = shape.properties.map(|place| place.value);
        let is_declared =
            |name: &mut dyn FnMut(&Value<'_>) -> bool| members_of(declared).any(|(key, _)| name(&key));
        let undeclared = |value: &Value<'_>| !is_declared(&mut |key| same(key, value));
        let required = shape.required.map(|place| place.value);
        let late = items_of(required).filter(undeclared);
        let late_captures = captures.iter().filter(|name| {
            !is_declared(&mut |key| key.is(name)) && !items_of(required).any(|value| value.is(name))
        });
        let (late_count, late_capture_count) = (late.clone().count(), late_captures.clone().count());
        if implied && late_count > 0 {
            return Err(shape.required.unwrap_or(*place).error(SchemaReason::RequiredUndeclared));
        }
        if node.additional == NEVER && late_capture_count > 0 {
            return Err(place.error(SchemaReason::CaptureUndeclared));
        }
        let count = members_of(declared).count() + late_count + late_capture_count;
        if count > PROPERTIES_MAX {
            let at = shape.properties.or(shape.required).unwrap_or(*place);
            return Err(at.error(SchemaReason::TooManyProperties));
        }
        let full = |_| place.error(SchemaReason::Full);
        node.properties = self.tables.push_properties(count).map_err(full)?;
        let capture_of = |found: &dyn Fn(&str) -> bool| {
            let index = captures.iter().position(|name| found(name));
            index.and_then(|index| u8::try_from(index).ok()).unwrap_or(u8::MAX)
        };
        let mut position = 0;
        for (key, value) in members_of(declared) {
            let at = shape.properties.unwrap_or(*place);
            let child = self.node(&at.member(&key, value), &[])?;
            let capture = capture_of(&|name| key.is(name));
            let name = Decoded::new(key.string().unwrap_or_default());
            self.tables.set_property(node, position, name, child, capture).map_err(full)?;
            if items_of(required).any(|value| same(&key, &value)) {
                node.required |= 1 << position;
            }
            position += 1;
        }
        let additional = node.additional;
        for value in late {
            let capture = capture_of(&|name| value.is(name));
            let name = Decoded::new(value.string().unwrap_or_default());
            self.tables.set_property(node, position, name, additional, capture).map_err(full)?;
            node.required |= 1 << position;
            position += 1;
        }
        for name in late_captures {
            let capture = capture_of(&|other| other == *name);
            self.tables.set_property(node, position, name.bytes(), additional, capture).map_err(full)?;
            position += 1;
        }
        Ok(())
    }

    fn switch(
        &mut self,
        place: &Place<'_>,
        root: u16,
        switch: &SwitchSchema<'_>,
    ) -> Result<Switch, SchemaError> {
        let undeclared = place.error(SchemaReason::SwitchUndeclared);
        let full = |_| place.error(SchemaReason::Full);
        let properties = self.tables.properties(self.tables.node(root).properties);
        let position = |wanted: &str| {
            let found =
                properties.iter().position(|property| self.tables.name(property) == wanted.as_bytes());
            found.and_then(|index| u16::try_from(index).ok()).ok_or(undeclared)
        };
        let (on, target) = (position(switch.on)?, position(switch.target)?);
        if properties.get(usize::from(target)).is_none_or(|property| property.node != ANY) || on == target {
            return Err(undeclared);
        }
        let repeated = |(index, case): (usize, &(&str, &str))| {
            switch.cases.iter().skip(index + 1).any(|other| other.0 == case.0)
        };
        if switch.cases.is_empty()
            || switch.cases.len() > PROPERTIES_MAX
            || switch.cases.iter().enumerate().any(repeated)
        {
            return Err(place.error(SchemaReason::SwitchCases));
        }
        // What is no object has no selector that could judge it.
        let mut node = self.tables.node(root);
        node.types &= types::OBJECT;
        self.tables.set_node(root, node);
        let mut node = Node::ANY;
        let cases = self.tables.push_node(node).map_err(full)?;
        node.properties = self.tables.push_properties(switch.cases.len()).map_err(full)?;
        for (&(name, schema), position) in switch.cases.iter().zip(0_u8..) {
            let mut case = document(schema)?;
            case.pointer.push_name(name.chars());
            let value = self.node(&case, &[])?;
            self.tables.set_property(&mut node, position, name.bytes(), value, u8::MAX).map_err(full)?;
        }
        self.tables.set_node(cases, node);
        Ok(Switch { on, target, cases })
    }
}

/// The text of a schema, once it has been checked to be JSON without duplicate names: what the compiler relies on.
pub(crate) fn document(text: &str) -> Result<Place<'_>, SchemaError> {
    let head = Head { root: ANY, switch: None, depth_max: DEPTH_LIMIT, open: true, key_seed: 0 };
    let any =
        Program { head, nodes: &[Node::ANY], properties: &[], literals: &[], prefixes: &[], bytes: &[] };
    match validator::check_schema_text(any, text.as_bytes()) {
        Ok(_) => Ok(Place { pointer: Pointer::ROOT, value: Value::root(text.as_bytes()), parent: 0 }),
        Err(invalid) => Err(SchemaError {
            reason: SchemaReason::Json(invalid.keyword()),
            pointer: *invalid.pointer(),
            offset: invalid.offset(),
        }),
    }
}

fn members_of<'t>(value: Option<Value<'t>>) -> impl Iterator<Item = (Value<'t>, Value<'t>)> {
    value.into_iter().flat_map(|value| value.members())
}

fn items_of<'t>(value: Option<Value<'t>>) -> impl Iterator<Item = Value<'t>> + Clone {
    value.into_iter().flat_map(|value| value.items())
}

/// Whether two strings have the same text.
fn same(left: &Value<'_>, right: &Value<'_>) -> bool {
    match (left.string(), right.string()) {
        (Some(left), Some(right)) => Decoded::new(left).eq(Decoded::new(right)),
        _ => false,
    }
}
