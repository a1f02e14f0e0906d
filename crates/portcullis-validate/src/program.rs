//! What a schema is compiled to: flat tables that point into each other by index.
//!
//! Public for `portcullis-validate-macros` alone, which writes them into programs; nothing here is stable.
#![expect(
    clippy::exhaustive_structs,
    clippy::exhaustive_enums,
    reason = "what the macros of this very version write"
)]

use crate::decimal::Decimal;

/// No entry.
pub(crate) const NONE: u16 = u16::MAX;
/// The node of the schema `true`.
pub(crate) const ANY: u16 = 0;
/// The node of the schema `false`.
pub(crate) const NEVER: u16 = 1;
/// The properties of one object schema: one bit each in a frame.
pub(crate) const PROPERTIES_MAX: usize = 64;
/// No property: the end of a bucket's chain.
pub(crate) const CHAIN_END: u8 = u8::MAX;

/// The JSON types that a schema admits, as bits.
pub(crate) mod types {
    pub(crate) const NULL: u8 = 1;
    pub(crate) const BOOLEAN: u8 = 2;
    pub(crate) const INTEGER: u8 = 4;
    pub(crate) const NUMBER: u8 = 8;
    pub(crate) const STRING: u8 = 16;
    pub(crate) const ARRAY: u8 = 32;
    pub(crate) const OBJECT: u8 = 64;
    pub(crate) const ALL: u8 = 127;
}

/// A run of entries in one of the tables.
#[derive(Clone, Copy, Debug, Default)]
pub struct Run {
    pub start: u16,
    pub len: u16,
}

impl Run {
    pub(crate) fn of<T>(self, table: &[T]) -> &[T] {
        let start = usize::from(self.start);
        table.get(start..start + usize::from(self.len)).unwrap_or_default()
    }
}

/// The five numeric keywords, as indices of literals.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub minimum: u16,
    pub maximum: u16,
    pub exclusive_minimum: u16,
    pub exclusive_maximum: u16,
    pub multiple_of: u16,
}

/// One schema.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    pub types: u8,
    /// Whether any of `limits` is set.
    pub numeric: bool,
    /// Whether `choices` or `constant` is set.
    pub valued: bool,
    pub has_choices: bool,
    pub choices: Run,
    pub constant: u16,
    pub limits: Limits,
    pub length_min: u32,
    pub length_max: u32,
    pub items_min: u32,
    pub items_max: u32,
    pub members_min: u32,
    pub members_max: u32,
    pub prefix: Run,
    pub items: u16,
    pub additional: u16,
    pub properties: Run,
    /// The properties that must be there, a bit each.
    pub required: u64,
    /// By the low bits of a name's hash: the first property of the chain.
    pub buckets: [u8; 8],
}

impl Node {
    pub(crate) const ANY: Self = Self {
        types: types::ALL,
        numeric: false,
        valued: false,
        has_choices: false,
        choices: Run { start: 0, len: 0 },
        constant: NONE,
        limits: Limits {
            minimum: NONE,
            maximum: NONE,
            exclusive_minimum: NONE,
            exclusive_maximum: NONE,
            multiple_of: NONE,
        },
        length_min: 0,
        length_max: u32::MAX,
        items_min: 0,
        items_max: u32::MAX,
        members_min: 0,
        members_max: u32::MAX,
        prefix: Run { start: 0, len: 0 },
        items: ANY,
        additional: ANY,
        properties: Run { start: 0, len: 0 },
        required: 0,
        buckets: [CHAIN_END; 8],
    };
    pub(crate) const NEVER: Self = Self { types: 0, ..Self::ANY };
}

/// A declared (or required, or captured) member of an object.
#[derive(Clone, Copy, Debug)]
pub struct Property {
    /// The first eight bytes of the name and its closing quote, and which bits of them count.
    pub head: u64,
    pub head_mask: u64,
    pub name: u32,
    pub name_len: u16,
    pub node: u16,
    /// The next property of the same bucket.
    pub chain: u8,
    /// The capture that its value is for, or `u8::MAX`.
    pub capture: u8,
}

impl Property {
    pub(crate) const EMPTY: Self =
        Self { head: 0, head_mask: 0, name: 0, name_len: 0, node: ANY, chain: CHAIN_END, capture: u8::MAX };
}

/// The bucket of a name whose first eight bytes, quote included and zeros after it, are `head`.
pub(crate) const fn bucket_of(head: u64) -> usize {
    // The three highest bits of a product depend on every bit of the name's head.
    (head.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 61) as usize & 7
}

/// A value in a schema.
#[derive(Clone, Copy, Debug)]
pub enum Literal {
    Null,
    Boolean(bool),
    /// Text in the byte pool.
    Text {
        start: u32,
        len: u32,
    },
    /// A number that fits, for the common comparison.
    Small(i64),
    /// Any other number in normal form, its digits in the byte pool.
    Large {
        negative: bool,
        start: u32,
        len: u32,
        point: i64,
    },
}

/// A schema whose one member selects the schema of another.
#[derive(Clone, Copy, Debug)]
pub struct Switch {
    /// The root's property that selects.
    pub on: u16,
    /// The root's property that is judged by the case.
    pub target: u16,
    /// A node whose properties are the cases.
    pub cases: u16,
}

/// What a program says beside its tables.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    pub root: u16,
    pub switch: Option<Switch>,
    pub depth_max: usize,
    /// Whether a message may have undeclared members, so that their names must be remembered.
    pub open: bool,
    pub key_seed: u64,
}

/// A compiled schema, as a check reads it.
#[derive(Clone, Copy, Debug)]
pub struct Program<'p> {
    pub head: Head,
    pub nodes: &'p [Node],
    pub properties: &'p [Property],
    pub literals: &'p [Literal],
    pub prefixes: &'p [u16],
    pub bytes: &'p [u8],
}

impl<'p> Program<'p> {
    pub(crate) fn node(&self, index: u16) -> &'p Node {
        self.nodes.get(usize::from(index)).unwrap_or(&Node::NEVER)
    }

    pub(crate) fn pool(&self, start: u32, len: u32) -> &'p [u8] {
        let start = start as usize;
        self.bytes.get(start..start + len as usize).unwrap_or_default()
    }

    pub(crate) fn name(&self, property: &Property) -> &'p [u8] {
        self.pool(property.name, u32::from(property.name_len))
    }

    pub(crate) fn literal(&self, index: u16) -> Option<&'p Literal> {
        self.literals.get(usize::from(index))
    }

    /// The number `literal` as a decimal; `buffer` is for a small one's digits.
    pub(crate) fn decimal<'b>(&self, literal: &Literal, buffer: &'b mut [u8; 20]) -> Option<Decimal<'b>>
    where
        'p: 'b,
    {
        match *literal {
            Literal::Small(value) => {
                let mut rest = value.unsigned_abs();
                let mut start = buffer.len();
                for slot in buffer.iter_mut().rev() {
                    if rest == 0 {
                        break;
                    }
                    *slot = b'0' | (rest % 10).to_le_bytes()[0];
                    rest /= 10;
                    start -= 1;
                }
                Some(Decimal::new(value < 0, buffer.get(start..)?, &[], 0))
            }
            Literal::Large { negative, start, len, point } => {
                Some(Decimal::from_digits(negative, self.pool(start, len), point))
            }
            Literal::Null | Literal::Boolean(_) | Literal::Text { .. } => None,
        }
    }
}

/// A program as Rust: an expression of these very types. It is what `Debug` prints, which for plain data is its syntax.
///
/// # Errors
/// The schema cannot be compiled, or needs more than the plain keywords; the text says which, and where.
#[cfg(feature = "alloc")]
pub fn rust_source(
    schema: &str,
    options: &crate::Options<'_>,
) -> Result<alloc::string::String, alloc::string::String> {
    let fast = crate::validator::Fast::compile(schema, options).map_err(|error| {
        // Most of what is beyond the plain keywords needs a graph, which is built on the heap.
        let hint = if error.is_beyond_plain() {
            "; see whether `Validator::compile` can, while the program runs"
        } else {
            ""
        };
        alloc::format!("the schema cannot be compiled with the program: {error}{hint}")
    })?;
    let Program { head, nodes, properties, literals, prefixes, bytes } = fast.program();
    Ok(alloc::format!(
        "Program {{ head: {head:?}, nodes: &{nodes:?}, properties: &{properties:?}, literals: &[{literals}], \
         prefixes: &{prefixes:?}, bytes: &{bytes:?} }}",
        literals = Literals(literals),
    ))
}

/// Literals with the name of their type, which `Debug` leaves out.
#[cfg(feature = "alloc")]
struct Literals<'l>(&'l [Literal]);

#[cfg(feature = "alloc")]
impl core::fmt::Display for Literals<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().try_for_each(|literal| write!(f, "Literal::{literal:?}, "))
    }
}
