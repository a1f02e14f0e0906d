//! The keywords one by one.

use super::{Compiler, Place, SchemaError, SchemaReason, Shape, json::Value, tables::Full};
use crate::{
    decimal::Decimal,
    program::{Literal, Node, Run, types},
    string::Decoded,
};

/// The one dialect.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Whether `$schema` names what is read here.
pub(crate) fn is_dialect(value: &Value<'_>) -> bool {
    value.is(DIALECT)
}

impl Compiler<'_, '_> {
    /// Takes one keyword into the node, or puts it aside in the shape. Tells whether it can refuse anything.
    pub(super) fn keyword<'t>(
        &mut self,
        node: &mut Node,
        shape: &mut Shape<'t>,
        key: &Value<'t>,
        place: Place<'t>,
    ) -> Result<bool, SchemaError> {
        let limits = &mut node.limits;
        match key.string().unwrap_or_default() {
            b"$id" | b"$comment" | b"title" | b"description" | b"default" | b"examples" => return Ok(false),
            b"$schema" if is_dialect(&place.value) => return Ok(false),
            b"$schema" => return Err(place.error(SchemaReason::UnknownDialect)),
            b"type" => node.types &= types_of(&place)?,
            b"enum" => {
                node.choices = self.choices(&place)?;
                (node.has_choices, node.valued) = (true, true);
            }
            b"const" => {
                node.constant = self.literal(&place)?;
                node.valued = true;
            }
            b"minimum" => limits.minimum = self.limit(&place)?,
            b"maximum" => limits.maximum = self.limit(&place)?,
            b"exclusiveMinimum" => limits.exclusive_minimum = self.limit(&place)?,
            b"exclusiveMaximum" => limits.exclusive_maximum = self.limit(&place)?,
            b"multipleOf" => limits.multiple_of = self.divisor(&place)?,
            b"minLength" => node.length_min = count_of(&place)?,
            b"maxLength" => node.length_max = count_of(&place)?,
            b"minItems" => node.items_min = count_of(&place)?,
            b"maxItems" => node.items_max = count_of(&place)?,
            b"minProperties" => node.members_min = count_of(&place)?,
            b"maxProperties" => node.members_max = count_of(&place)?,
            b"properties" if place.value.is_object() => shape.properties = Some(place),
            b"required" => {
                check_names(&place)?;
                shape.required = Some(place);
            }
            b"additionalProperties" => shape.additional = Some(place),
            b"items" => shape.items = Some(place),
            b"prefixItems" => shape.prefix = Some(place),
            b"properties" => return Err(place.error(SchemaReason::InvalidValue)),
            _ => return Err(place.error(SchemaReason::UnsupportedKeyword)),
        }
        node.numeric = [
            limits.minimum,
            limits.maximum,
            limits.exclusive_minimum,
            limits.exclusive_maximum,
            limits.multiple_of,
        ]
        .iter()
        .any(|&limit| limit != crate::program::NONE);
        Ok(true)
    }

    fn choices(&mut self, place: &Place<'_>) -> Result<Run, SchemaError> {
        if !place.value.is_array() {
            return Err(place.error(SchemaReason::InvalidValue));
        }
        let mut run = Run::default();
        for (value, index) in place.value.items().zip(0_u32..) {
            // Literals hold no others, so that those of one `enum` lie side by side.
            let literal = self.literal(&place.item(index, value)).map_err(|error| {
                if error.reason == SchemaReason::UnsupportedValue { place.error(error.reason) } else { error }
            })?;
            if index == 0 {
                run.start = literal;
            }
            run.len += 1;
        }
        Ok(run)
    }

    fn literal(&mut self, place: &Place<'_>) -> Result<u16, SchemaError> {
        let full = |_: Full| place.error(SchemaReason::Full);
        let literal = match (place.value.text(), place.value.string(), place.value.boolean()) {
            (b"null", ..) => Literal::Null,
            (.., Some(value)) => Literal::Boolean(value),
            (_, Some(text), _) => {
                let (start, len) = self.tables.push_bytes(Decoded::new(text)).map_err(full)?;
                Literal::Text { start, len }
            }
            (text, ..) => match decimal(text) {
                Some(number) => self.tables.push_number(&number).map_err(full)?,
                None => return Err(place.error(SchemaReason::UnsupportedValue)),
            },
        };
        self.tables.push_literal(literal).map_err(full)
    }

    fn limit(&mut self, place: &Place<'_>) -> Result<u16, SchemaError> {
        if decimal(place.value.text()).is_none() {
            return Err(place.error(SchemaReason::InvalidValue));
        }
        self.literal(place)
    }

    /// A positive number of at most 18 digits.
    fn divisor(&mut self, place: &Place<'_>) -> Result<u16, SchemaError> {
        let usable = decimal(place.value.text()).is_some_and(|number| {
            !number.is_zero() && !number.is_negative() && number.digits().count() <= 18
        });
        if !usable {
            return Err(place.error(SchemaReason::InvalidValue));
        }
        self.literal(place)
    }
}

/// The parts of a number that is known to be JSON; `None` for any other value.
pub(crate) fn decimal(text: &[u8]) -> Option<Decimal<'_>> {
    let (negative, digits) = text.strip_prefix(b"-").map_or((false, text), |rest| (true, rest));
    if !digits.first()?.is_ascii_digit() {
        return None;
    }
    let split = |text: &'_ [u8], at: fn(&u8) -> bool| text.iter().position(at);
    let (mantissa, exponent) = match split(digits, |byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (digits.get(..at)?, exponent(digits.get(at + 1..)?)?),
        None => (digits, 0),
    };
    let (int, frac): (&[u8], &[u8]) = match split(mantissa, |byte| *byte == b'.') {
        Some(at) => (mantissa.get(..at)?, mantissa.get(at + 1..)?),
        None => (mantissa, &[]),
    };
    Some(Decimal::new(negative, int, frac, exponent))
}

fn exponent(text: &[u8]) -> Option<i64> {
    core::str::from_utf8(text).ok()?.parse().ok()
}

/// A non-negative integer, which may be written `2.0`. More than 32 bits count as the most that there is.
pub(crate) fn count_of(place: &Place<'_>) -> Result<u32, SchemaError> {
    let number = decimal(place.value.text()).ok_or(place.error(SchemaReason::InvalidValue))?;
    if !number.is_integer() || (number.is_negative() && !number.is_zero()) {
        return Err(place.error(SchemaReason::InvalidValue));
    }
    if number.is_zero() {
        return Ok(0);
    }
    let Some(len) = usize::try_from(number.point()).ok().filter(|&len| len <= 10) else {
        return Ok(u32::MAX);
    };
    let digits = number.digits().chain(core::iter::repeat(b'0')).take(len);
    let value = digits.fold(0_u64, |value, digit| value * 10 + u64::from(digit & 15));
    Ok(u32::try_from(value).unwrap_or(u32::MAX))
}

pub(crate) fn types_of(place: &Place<'_>) -> Result<u8, SchemaError> {
    let invalid = place.error(SchemaReason::InvalidValue);
    if !place.value.is_array() {
        return type_of(&place.value).ok_or(invalid);
    }
    let mut all = 0;
    for value in place.value.items() {
        let kind = type_of(&value).ok_or(invalid)?;
        // "number" has the bit of "integer" too.
        if all & kind == kind && kind != types::INTEGER {
            return Err(invalid);
        }
        all |= kind;
    }
    if all == 0 { Err(invalid) } else { Ok(all) }
}

fn type_of(value: &Value<'_>) -> Option<u8> {
    Some(match value.string()? {
        b"null" => types::NULL,
        b"boolean" => types::BOOLEAN,
        b"integer" => types::INTEGER,
        b"number" => types::NUMBER | types::INTEGER,
        b"string" => types::STRING,
        b"array" => types::ARRAY,
        b"object" => types::OBJECT,
        _ => return None,
    })
}

/// An array of different strings.
pub(crate) fn check_names(place: &Place<'_>) -> Result<(), SchemaError> {
    let repeated = |(value, index): (Value<'_>, usize)| {
        value.string().is_none()
            || place.value.items().skip(index + 1).any(|other| super::same(&value, &other))
    };
    if !place.value.is_array() || place.value.items().zip(0..).any(repeated) {
        return Err(place.error(SchemaReason::InvalidValue));
    }
    Ok(())
}
