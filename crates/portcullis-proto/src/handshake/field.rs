//! Walking the header fields of a checked head.

use core::iter::FusedIterator;

use super::grammar;

/// The header fields of a head in their order: name, and value without white space at its ends.
///
/// It walks the head's own bytes: nothing is copied, one pass is linear.
#[derive(Clone, Debug)]
pub struct Fields<'h> {
    rest: &'h [u8],
}

impl<'h> Fields<'h> {
    /// `rest` are complete, checked field lines.
    pub(super) const fn new(rest: &'h [u8]) -> Self {
        Self { rest }
    }

    /// The fields of one name, which is compared without case.
    pub(super) const fn named<'n>(self, name: &'n str) -> FieldsNamed<'h, 'n> {
        FieldsNamed { fields: self, name }
    }

    /// The value of the only field of that name; an error when it comes again.
    pub(super) fn once(self, name: &str) -> Result<Option<&'h [u8]>, Repeated> {
        let mut values = self.named(name);
        let first = values.next();
        if values.next().is_some() { Err(Repeated) } else { Ok(first) }
    }

    /// Whether a list that may be spread over several fields holds `element`, compared without case.
    pub(super) fn list_has(self, name: &str, element: &str) -> bool {
        self.named(name)
            .flat_map(grammar::elements)
            .any(|found| found.eq_ignore_ascii_case(element.as_bytes()))
    }
}

/// A field that may come once came again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Repeated;

impl<'h> Iterator for Fields<'h> {
    type Item = (&'h str, &'h [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let len = self.rest.iter().position(|&byte| byte == b'\r')?;
        let (line, rest) = self.rest.split_at_checked(len)?;
        let colon = line.iter().position(|&byte| byte == b':')?;
        let (name, value) = line.split_at_checked(colon)?;
        self.rest = rest.get(2..)?;
        Some((grammar::token(name)?, grammar::trim(value.get(1..)?)))
    }
}

impl FusedIterator for Fields<'_> {}

/// The values of the fields of one name.
#[derive(Clone, Debug)]
pub struct FieldsNamed<'h, 'n> {
    fields: Fields<'h>,
    name: &'n str,
}

impl<'h> Iterator for FieldsNamed<'h, '_> {
    type Item = &'h [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let name = self.name;
        self.fields.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

impl FusedIterator for FieldsNamed<'_, '_> {}
