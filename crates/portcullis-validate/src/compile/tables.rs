//! The tables of a program while it is written, in memory that the caller lends.

use crate::{
    decimal::Decimal,
    program::{CHAIN_END, Literal, Node, Property, Run, bucket_of},
};

/// A table is full.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Full;

/// A slice that fills up.
#[derive(Debug)]
struct Table<'s, T> {
    slots: &'s mut [T],
    len: usize,
}

impl<'s, T: Copy> Table<'s, T> {
    fn new(slots: &'s mut [T]) -> Self {
        Self { slots, len: 0 }
    }

    fn push(&mut self, value: T) -> Result<u16, Full> {
        let index = u16::try_from(self.len).map_err(|_| Full)?;
        // The highest index means "none".
        if index == u16::MAX {
            return Err(Full);
        }
        *self.slots.get_mut(self.len).ok_or(Full)? = value;
        self.len += 1;
        Ok(index)
    }

    fn push_run(&mut self, value: T, count: usize) -> Result<Run, Full> {
        let start = u16::try_from(self.len).map_err(|_| Full)?;
        for _ in 0..count {
            self.push(value)?;
        }
        Ok(Run { start, len: u16::try_from(count).map_err(|_| Full)? })
    }

    fn set(&mut self, index: u16, value: T) {
        if let Some(slot) = self.slots.get_mut(usize::from(index)) {
            *slot = value;
        }
    }
}

/// How much of each table is used.
#[cfg(feature = "alloc")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lens {
    pub(crate) nodes: usize,
    pub(crate) properties: usize,
    pub(crate) literals: usize,
    pub(crate) prefixes: usize,
    pub(crate) bytes: usize,
}

/// All tables.
#[derive(Debug)]
pub(crate) struct Tables<'s> {
    nodes: Table<'s, Node>,
    properties: Table<'s, Property>,
    literals: Table<'s, Literal>,
    prefixes: Table<'s, u16>,
    bytes: Table<'s, u8>,
}

impl<'s> Tables<'s> {
    pub(crate) fn new(
        nodes: &'s mut [Node],
        properties: &'s mut [Property],
        literals: &'s mut [Literal],
        prefixes: &'s mut [u16],
        bytes: &'s mut [u8],
    ) -> Self {
        Self {
            nodes: Table::new(nodes),
            properties: Table::new(properties),
            literals: Table::new(literals),
            prefixes: Table::new(prefixes),
            bytes: Table::new(bytes),
        }
    }

    #[cfg(feature = "alloc")]
    pub(crate) const fn lens(&self) -> Lens {
        Lens {
            nodes: self.nodes.len,
            properties: self.properties.len,
            literals: self.literals.len,
            prefixes: self.prefixes.len,
            bytes: self.bytes.len,
        }
    }

    pub(super) fn push_node(&mut self, node: Node) -> Result<u16, Full> {
        self.nodes.push(node)
    }

    pub(super) fn set_node(&mut self, index: u16, node: Node) {
        self.nodes.set(index, node);
    }

    pub(super) fn node(&self, index: u16) -> Node {
        self.nodes.slots.get(usize::from(index)).copied().unwrap_or(Node::NEVER)
    }

    pub(super) fn push_properties(&mut self, count: usize) -> Result<Run, Full> {
        self.properties.push_run(Property::EMPTY, count)
    }

    pub(super) fn push_prefixes(&mut self, count: usize) -> Result<Run, Full> {
        self.prefixes.push_run(0, count)
    }

    pub(super) fn set_prefix(&mut self, index: u16, node: u16) {
        self.prefixes.set(index, node);
    }

    pub(super) fn push_literal(&mut self, literal: Literal) -> Result<u16, Full> {
        self.literals.push(literal)
    }

    /// The properties of `run`, in their order.
    pub(super) fn properties(&self, run: Run) -> &[Property] {
        run.of(self.properties.slots)
    }

    pub(super) fn name(&self, property: &Property) -> &[u8] {
        self.pool(property.name, u32::from(property.name_len))
    }

    pub(super) fn pool(&self, start: u32, len: u32) -> &[u8] {
        let start = start as usize;
        self.bytes.slots.get(start..start + len as usize).unwrap_or_default()
    }

    /// Keeps bytes in the pool; where they start and how many they are.
    pub(super) fn push_bytes(&mut self, bytes: impl Iterator<Item = u8>) -> Result<(u32, u32), Full> {
        let start = self.bytes.len;
        for byte in bytes {
            *self.bytes.slots.get_mut(self.bytes.len).ok_or(Full)? = byte;
            self.bytes.len += 1;
        }
        let len = u32::try_from(self.bytes.len - start).map_err(|_| Full)?;
        Ok((u32::try_from(start).map_err(|_| Full)?, len))
    }

    /// Keeps a number in its normal form.
    pub(super) fn push_number(&mut self, number: &Decimal<'_>) -> Result<Literal, Full> {
        if number.is_integer() && number.point() <= 18 {
            let digits = number.digits().chain(core::iter::repeat(b'0'));
            let count = usize::try_from(number.point()).unwrap_or(0);
            let count = if number.is_zero() { 0 } else { count };
            let value = digits.take(count).fold(0_i64, |value, digit| value * 10 + i64::from(digit & 15));
            return Ok(Literal::Small(if number.is_negative() { -value } else { value }));
        }
        let (start, len) = self.push_bytes(number.digits())?;
        Ok(Literal::Large { negative: number.is_negative(), start, len, point: number.point() })
    }

    /// Fills the property `position` of `node`'s run and enters it in its bucket.
    pub(super) fn set_property(
        &mut self,
        node: &mut Node,
        position: u8,
        name: impl Iterator<Item = u8>,
        value: u16,
        capture: u8,
    ) -> Result<(), Full> {
        let (start, len) = self.push_bytes(name)?;
        let name_len = u16::try_from(len).map_err(|_| Full)?;
        let (head, head_mask) = head_of(self.pool(start, len));
        let mut chain = CHAIN_END;
        if let Some(bucket) = node.buckets.get_mut(bucket_of(head)) {
            chain = core::mem::replace(bucket, position);
        }
        let property = Property { head, head_mask, name: start, name_len, node: value, chain, capture };
        self.properties.set(node.properties.start + u16::from(position), property);
        Ok(())
    }
}

/// The first eight bytes of a name with its closing quote, and a mask of those bytes.
fn head_of(name: &[u8]) -> (u64, u64) {
    // A name that must be escaped in JSON never stands there as it is: its plain form must match nothing.
    if name.iter().any(|&byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        return (1, 0);
    }
    let bytes = name.iter().copied().chain(core::iter::once(b'"')).take(8);
    let count = (name.len() + 1).min(8);
    let head = bytes.zip(0_u32..).fold(0, |head, (byte, index)| head | u64::from(byte) << (8 * index));
    (head, if count == 8 { u64::MAX } else { (1 << (8 * count)) - 1 })
}
