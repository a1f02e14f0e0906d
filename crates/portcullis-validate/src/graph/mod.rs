//! Schemas with everything that draft 2020-12 has, as a graph: nodes that name others. A stream of tokens is checked
//! against them by [`crate::stream`].

mod build;
mod format;
pub(crate) mod hash;
mod keywords;
mod pattern;
mod refs;

use alloc::{boxed::Box, vec::Vec};

pub(crate) use build::build;
pub(crate) use format::{FORMAT_LEN_MAX, Format};
pub(crate) use pattern::{Pattern, PatternState};

use crate::decimal::Decimal;

/// A node of the graph.
pub(crate) type Index = u16;

/// How many members of one object can be told apart by a bit.
pub(crate) const BITS_MAX: usize = 64;

/// A compiled schema.
#[derive(Clone, Debug)]
pub(crate) struct Graph {
    pub(crate) nodes: Box<[Schema]>,
    pub(crate) root: Index,
    pub(crate) patterns: Box<[Pattern]>,
    pub(crate) seed: u64,
    pub(crate) depth_max: usize,
    pub(crate) steps_per_byte: u32,
    /// The digests of the names of top-level members whose place is told.
    pub(crate) captures: Box<[u128]>,
}

/// A number of a schema.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    pub(crate) negative: bool,
    pub(crate) digits: Box<[u8]>,
    pub(crate) point: i64,
}

impl Limit {
    pub(crate) fn of(number: &Decimal<'_>) -> Self {
        Self { negative: number.is_negative(), digits: number.digits().collect(), point: number.point() }
    }

    pub(crate) fn decimal(&self) -> Decimal<'_> {
        Decimal::from_digits(self.negative, &self.digits, self.point)
    }
}

/// Limits of numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Numeric {
    pub(crate) minimum: Option<Limit>,
    pub(crate) maximum: Option<Limit>,
    pub(crate) exclusive_minimum: Option<Limit>,
    pub(crate) exclusive_maximum: Option<Limit>,
    pub(crate) multiple_of: Option<Limit>,
}

/// A member's name that a schema knows.
#[derive(Clone, Debug)]
pub(crate) struct Name {
    pub(crate) digest: u128,
    pub(crate) text: Box<str>,
    /// The schema of its value, where `properties` has one.
    pub(crate) schema: Option<Index>,
    /// The bit that says that it has come, where something asks for it.
    pub(crate) bit: u64,
}

/// A member that, where it is there, asks for others, or for a schema of the whole object.
#[derive(Clone, Debug)]
pub(crate) struct Dependent {
    pub(crate) bit: u64,
    pub(crate) required: u64,
}

/// What is checked of objects.
#[derive(Clone, Debug, Default)]
pub(crate) struct Objects {
    /// Sorted by digest.
    pub(crate) names: Box<[Name]>,
    pub(crate) required: u64,
    pub(crate) patterns: Box<[(u16, Index)]>,
    pub(crate) additional: Option<Index>,
    pub(crate) property_names: Option<Index>,
    pub(crate) dependents: Box<[Dependent]>,
    pub(crate) members_min: u32,
    pub(crate) members_max: Option<u32>,
    pub(crate) unevaluated: Option<Index>,
    /// Whether `properties` is there, were it empty.
    pub(crate) has_properties: bool,
    /// Whether the default of closed objects, not the schema itself, says `unevaluated` or `additional`.
    pub(crate) is_closed_by_default: bool,
}

impl Objects {
    pub(crate) fn name(&self, digest: u128) -> Option<&Name> {
        let at = self.names.binary_search_by_key(&digest, |name| name.digest).ok()?;
        self.names.get(at)
    }
}

/// `contains` with its counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contains {
    pub(crate) schema: Index,
    pub(crate) min: u32,
    pub(crate) max: Option<u32>,
}

/// What is checked of arrays.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arrays {
    pub(crate) prefix: Box<[Index]>,
    pub(crate) items: Option<Index>,
    pub(crate) contains: Option<Contains>,
    pub(crate) items_min: u32,
    pub(crate) items_max: Option<u32>,
    pub(crate) unique: bool,
    pub(crate) unevaluated: Option<Index>,
}

/// What is checked of strings.
#[derive(Clone, Debug, Default)]
pub(crate) struct Strings {
    pub(crate) length_min: u32,
    pub(crate) length_max: Option<u32>,
    pub(crate) pattern: Option<u16>,
    pub(crate) format: Option<Format>,
}

/// Schemas that judge the same value.
#[derive(Clone, Debug, Default)]
pub(crate) struct InPlace {
    /// `allOf` and `$ref`.
    pub(crate) all: Vec<Index>,
    pub(crate) any: Vec<Index>,
    pub(crate) one: Vec<Index>,
    pub(crate) not: Option<Index>,
    pub(crate) condition: Option<Index>,
    pub(crate) then: Option<Index>,
    pub(crate) otherwise: Option<Index>,
    /// `dependentSchemas`: the bit of the member, and the schema.
    pub(crate) dependents: Vec<(u64, Index)>,
}

impl InPlace {
    pub(crate) fn all_of_them(&self) -> impl Iterator<Item = Index> + '_ {
        let single = [self.not, self.condition, self.then, self.otherwise].into_iter().flatten();
        let many = self.all.iter().chain(&self.any).chain(&self.one).copied();
        many.chain(single).chain(self.dependents.iter().map(|(_, schema)| *schema))
    }
}

/// One schema.
#[derive(Clone, Debug)]
pub(crate) struct Schema {
    /// Bits of [`crate::program::types`].
    pub(crate) types: u8,
    /// The digests of `enum`, sorted.
    pub(crate) choices: Option<Box<[u128]>>,
    pub(crate) constant: Option<u128>,
    pub(crate) numeric: Option<Box<Numeric>>,
    pub(crate) strings: Strings,
    pub(crate) objects: Option<Box<Objects>>,
    pub(crate) arrays: Option<Box<Arrays>>,
    pub(crate) in_place: Option<Box<InPlace>>,
    /// The patterns of strings, here and in place.
    pub(crate) text_patterns: Box<[u16]>,
    /// The patterns of names, here and in place.
    pub(crate) name_patterns: Box<[u16]>,
    /// Whether the digest of a value is asked for, here or in place.
    pub(crate) wants_digest: bool,
    /// Whether the text of a string is asked for, here or in place.
    pub(crate) wants_text: bool,
}

impl Schema {
    /// Admits everything.
    pub(crate) fn any() -> Self {
        Self {
            types: crate::program::types::ALL,
            choices: None,
            constant: None,
            numeric: None,
            strings: Strings::default(),
            objects: None,
            arrays: None,
            in_place: None,
            text_patterns: Box::default(),
            name_patterns: Box::default(),
            wants_digest: false,
            wants_text: false,
        }
    }

    /// Admits nothing.
    pub(crate) fn never() -> Self {
        Self { types: 0, ..Self::any() }
    }
}

/// The node that admits everything.
pub(crate) const ANY: Index = 0;
/// The node that admits nothing.
pub(crate) const NEVER: Index = 1;

impl Graph {
    /// The most schemas that judge one value beside each other, a schema itself counted.
    pub(crate) fn beside_max(&self) -> usize {
        let count = |root: usize| {
            let (mut beside, mut at) = (alloc::vec![root], 0);
            while let Some(&next) = beside.get(at) {
                at += 1;
                let children = self.nodes.get(next).and_then(|node| node.in_place.as_ref());
                beside.extend(
                    children.into_iter().flat_map(|children| children.all_of_them()).map(usize::from),
                );
                if beside.len() > 1_000 {
                    break;
                }
            }
            beside.len()
        };
        (0..self.nodes.len()).map(count).max().unwrap_or(1)
    }

    pub(crate) fn node(&self, index: Index) -> &Schema {
        // The two first nodes are always there, and an index is only made for a node.
        self.nodes.get(usize::from(index)).unwrap_or(&self.nodes[usize::from(NEVER)])
    }
}
