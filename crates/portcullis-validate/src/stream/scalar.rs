//! A value without parts against its schemas.

use super::{Fault, Stream, token::Scalar};
use crate::{
    decimal::Decimal,
    graph::{Index, Numeric, Schema, Strings},
    program::types,
    verdict::Keyword,
};

impl Stream<'_> {
    /// What a schema says to the value that has just been read. Recursion ends with the depth of schemas beside each
    /// other, which is bounded.
    pub(super) fn scalar(
        &mut self,
        node: Index,
        scalar: &Scalar<'_>,
        digest: u128,
    ) -> Result<Result<(), Keyword>, Fault> {
        self.step(1)?;
        let graph = self.graph;
        let schema = graph.node(node);
        if let Err(keyword) = self.own_keywords(schema, scalar, digest) {
            return Ok(Err(keyword));
        }
        let Some(in_place) = &schema.in_place else { return Ok(Ok(())) };
        for &child in &in_place.all {
            if let Err(keyword) = self.scalar(child, scalar, digest)? {
                return Ok(Err(keyword));
            }
        }
        if !in_place.any.is_empty() {
            let mut is_met = false;
            for &child in &in_place.any {
                is_met = is_met || self.scalar(child, scalar, digest)?.is_ok();
            }
            if !is_met {
                return Ok(Err(Keyword::AnyOf));
            }
        }
        if !in_place.one.is_empty() {
            let mut count = 0;
            for &child in &in_place.one {
                count += u32::from(self.scalar(child, scalar, digest)?.is_ok());
            }
            if count != 1 {
                return Ok(Err(Keyword::OneOf));
            }
        }
        if let Some(child) = in_place.not
            && self.scalar(child, scalar, digest)?.is_ok()
        {
            return Ok(Err(Keyword::Not));
        }
        let Some(condition) = in_place.condition else { return Ok(Ok(())) };
        let branch =
            if self.scalar(condition, scalar, digest)?.is_ok() { in_place.then } else { in_place.otherwise };
        match branch {
            Some(child) => self.scalar(child, scalar, digest),
            None => Ok(Ok(())),
        }
    }

    fn own_keywords(&self, schema: &Schema, scalar: &Scalar<'_>, digest: u128) -> Result<(), Keyword> {
        check_type(schema, scalar.kind())?;
        match scalar {
            Scalar::Number(number) => {
                if schema.types & types::NUMBER == 0 && !number.is_integer() {
                    return Err(Keyword::Type);
                }
                if let Some(numeric) = &schema.numeric {
                    check_number(numeric, number)?;
                }
            }
            Scalar::Text => self.check_text(&schema.strings)?,
            Scalar::Null | Scalar::Boolean(_) => {}
        }
        check_digest(schema, digest)
    }

    fn check_text(&self, strings: &Strings) -> Result<(), Keyword> {
        if self.text.count < strings.length_min {
            return Err(Keyword::MinLength);
        }
        if strings.length_max.is_some_and(|max| self.text.count > max) {
            return Err(Keyword::MaxLength);
        }
        if strings.pattern.is_some_and(|pattern| !self.text.is_match(pattern, self.graph)) {
            return Err(Keyword::Pattern);
        }
        if strings.format.is_some_and(|format| !self.text.whole().is_some_and(|text| format.admits(text))) {
            return Err(Keyword::Format);
        }
        Ok(())
    }
}

/// `type`.
pub(super) const fn check_type(schema: &Schema, kind: u8) -> Result<(), Keyword> {
    match schema.types & kind {
        0 if schema.types == 0 => Err(Keyword::False),
        0 => Err(Keyword::Type),
        _ => Ok(()),
    }
}

/// `enum` and `const`.
pub(super) fn check_digest(schema: &Schema, digest: u128) -> Result<(), Keyword> {
    if schema.choices.as_ref().is_some_and(|choices| choices.binary_search(&digest).is_err()) {
        return Err(Keyword::Enum);
    }
    if schema.constant.is_some_and(|constant| constant != digest) {
        return Err(Keyword::Const);
    }
    Ok(())
}

fn check_number(numeric: &Numeric, number: &Decimal<'_>) -> Result<(), Keyword> {
    let order =
        |limit: &Option<crate::graph::Limit>| limit.as_ref().map(|limit| number.compare(&limit.decimal()));
    if order(&numeric.minimum).is_some_and(core::cmp::Ordering::is_lt) {
        Err(Keyword::Minimum)
    } else if order(&numeric.maximum).is_some_and(core::cmp::Ordering::is_gt) {
        Err(Keyword::Maximum)
    } else if order(&numeric.exclusive_minimum).is_some_and(core::cmp::Ordering::is_le) {
        Err(Keyword::ExclusiveMinimum)
    } else if order(&numeric.exclusive_maximum).is_some_and(core::cmp::Ordering::is_ge) {
        Err(Keyword::ExclusiveMaximum)
    } else if numeric.multiple_of.as_ref().is_some_and(|divisor| !number.is_multiple_of(&divisor.decimal())) {
        Err(Keyword::MultipleOf)
    } else {
        Ok(())
    }
}
