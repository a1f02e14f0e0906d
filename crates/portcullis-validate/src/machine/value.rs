//! One value against its schema.

use core::cmp::Ordering;

use super::{Fault, Machine};
use crate::{
    decimal::{Decimal, EXPONENT_MAX},
    program::{Literal, NONE, Node, types},
    string::Decoded,
    verdict::Keyword,
};

/// A number token.
#[derive(Clone, Copy, Debug)]
struct Number<'t> {
    /// The value of a plain integer of at most 18 digits.
    small: Option<i64>,
    negative: bool,
    int: &'t [u8],
    frac: &'t [u8],
    exponent: i64,
}

impl<'t> Number<'t> {
    /// Its exact value; made on demand, because most numbers are small.
    fn decimal(&self) -> Decimal<'t> {
        Decimal::new(self.negative, self.int, self.frac, self.exponent)
    }
}

/// A scalar as it is compared with the literals of `enum` and `const`.
#[derive(Clone, Copy, Debug)]
enum Scalar<'t> {
    Null,
    Boolean(bool),
    /// The text between the quotes, and whether it has escapes.
    Text(&'t [u8], bool),
    Number(Number<'t>),
    /// An array or object, which no literal is.
    Container,
}

impl<'m> Machine<'_, 'm> {
    /// Reads a value; of an array or object only the opening bracket, which it tells by `true`.
    #[inline]
    pub(super) fn value(&mut self, index: u16) -> Result<bool, Fault> {
        self.skip_space();
        let node = self.program.node(index);
        match self.byte() {
            b'"' => self.string(node)?,
            b'{' => return self.container(node, index, types::OBJECT),
            b'[' => return self.container(node, index, types::ARRAY),
            b'-' | b'0'..=b'9' => self.number(node)?,
            b't' => self.named(node, b"true", Scalar::Boolean(true))?,
            b'f' => self.named(node, b"false", Scalar::Boolean(false))?,
            b'n' => self.named(node, b"null", Scalar::Null)?,
            _ => return Err(self.syntax()),
        }
        Ok(false)
    }

    fn container(&mut self, node: &Node, index: u16, kind: u8) -> Result<bool, Fault> {
        self.check_type(node, kind)?;
        if node.valued {
            self.check_value(node, self.pos, Scalar::Container)?;
        }
        self.open(kind == types::ARRAY, index).map(|()| true)
    }

    #[inline]
    fn check_type(&self, node: &Node, kind: u8) -> Result<(), Fault> {
        if node.types & kind != 0 {
            return Ok(());
        }
        let keyword = if node.types == 0 { Keyword::False } else { Keyword::Type };
        Err(Fault::at(keyword, self.pos))
    }

    #[inline]
    fn named(&mut self, node: &Node, name: &[u8], scalar: Scalar<'_>) -> Result<(), Fault> {
        let start = self.pos;
        let kind = if matches!(scalar, Scalar::Null) { types::NULL } else { types::BOOLEAN };
        // Whether it is a literal at all comes first: `nul` is no `null` of the wrong type.
        self.literal(name)?;
        if node.types & kind == 0 {
            self.pos = start;
            return self.check_type(node, kind);
        }
        if node.valued { self.check_value(node, start, scalar) } else { Ok(()) }
    }

    fn string(&mut self, node: &Node) -> Result<(), Fault> {
        self.check_type(node, types::STRING)?;
        let start = self.pos + 1;
        let (end, escaped) = self.string_end(start)?;
        let text = self.text.get(start..end).unwrap_or_default();
        if node.valued {
            self.check_value(node, self.pos, Scalar::Text(text, escaped))?;
        }
        if node.length_min > 0 || node.length_max < u32::MAX {
            self.check_length(node, text, escaped)?;
        }
        self.pos = end + 1;
        Ok(())
    }

    fn check_length(&self, node: &Node, text: &[u8], escaped: bool) -> Result<(), Fault> {
        let (min, max) = (node.length_min as usize, node.length_max as usize);
        // A character takes one to four bytes, or up to twelve when it is escaped: often the bytes alone decide.
        if text.len() <= max && text.len() / 12 >= min {
            return Ok(());
        }
        let is_first = |byte: &u8| byte & 0xc0 != 0x80;
        let count = if escaped {
            Decoded::new(text).filter(is_first).count()
        } else {
            text.iter().filter(|byte| is_first(byte)).count()
        };
        if count < min {
            return Err(Fault::at(Keyword::MinLength, self.pos));
        }
        if count > max {
            return Err(Fault::at(Keyword::MaxLength, self.pos));
        }
        Ok(())
    }

    fn number(&mut self, node: &Node) -> Result<(), Fault> {
        if node.types & (types::NUMBER | types::INTEGER) == 0 {
            return self.check_type(node, types::NUMBER);
        }
        if node.types & types::NUMBER != 0 && !node.valued && !node.numeric && self.skip_number() {
            return Ok(());
        }
        let start = self.pos;
        let number = self.read_number()?;
        // Without an exponent only a long row of digits can be that large.
        let may_be_large = number.exponent > 0 || number.int.len() > 300;
        if may_be_large && number.decimal().is_beyond_double() {
            return Err(Fault::at(Keyword::NumberRange, start));
        }
        if node.types & types::NUMBER == 0 && number.small.is_none() && !number.decimal().is_integer() {
            return Err(Fault::at(Keyword::Type, start));
        }
        if node.valued {
            self.check_value(node, start, Scalar::Number(number))?;
        }
        if node.numeric { self.check_limits(node, start, &number) } else { Ok(()) }
    }

    /// Goes past a number whose value nobody asks for. False, and nothing is read, for one that is longer or has an
    /// exponent, or is none: [`Self::read_number`] tells.
    #[inline]
    fn skip_number(&mut self) -> bool {
        let start = self.pos + usize::from(self.byte() == b'-');
        let int_end = self.skip_digits(start);
        let int_len = int_end - start;
        if int_len == 0 || int_len > 18 || (int_len > 1 && self.byte_at(start) == b'0') {
            return false;
        }
        let mut end = int_end;
        if self.byte_at(end) == b'.' {
            end = self.skip_digits(int_end + 1);
            if end == int_end + 1 {
                return false;
            }
        }
        if self.byte_at(end) | 0x20 == b'e' {
            return false;
        }
        self.pos = end;
        true
    }

    /// Behind the digits at `at`, of which there may be none.
    #[inline]
    fn skip_digits(&self, mut at: usize) -> usize {
        while self.byte_at(at).wrapping_sub(b'0') <= 9 {
            at += 1;
        }
        at
    }

    /// RFC 8259 §6: `number = [ minus ] int [ frac ] [ exp ]`.
    fn read_number(&mut self) -> Result<Number<'m>, Fault> {
        let negative = self.byte() == b'-';
        let int_start = self.pos + usize::from(negative);
        let mut at = int_start;
        let mut value = 0_u64;
        for byte in self.text.get(int_start..).unwrap_or_default() {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            // Wraps beyond 18 digits, where it is not used.
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
            at += 1;
        }
        let int = self.text.get(int_start..at).unwrap_or_default();
        // RFC 8259 §6: "Leading zeros are not allowed."
        if int.is_empty() || (int.len() > 1 && int.first() == Some(&b'0')) {
            self.pos = if int.is_empty() { int_start } else { int_start + 1 };
            return Err(self.syntax());
        }
        let mut frac: &[u8] = &[];
        let mut exponent = 0;
        let mut plain = int.len() <= 18;
        if self.byte_at(at) == b'.' {
            let frac_start = at + 1;
            at = self.digits_end(frac_start)?;
            frac = self.text.get(frac_start..at).unwrap_or_default();
            plain = false;
        }
        if self.byte_at(at) | 0x20 == b'e' {
            (exponent, at) = self.exponent(at + 1)?;
            plain = false;
        }
        self.pos = at;
        let small = if plain { i64::try_from(value).ok() } else { None };
        Ok(Number {
            small: small.map(|value| if negative { -value } else { value }),
            negative,
            int,
            frac,
            exponent,
        })
    }

    /// Behind the digits at `start`, of which there must be one.
    fn digits_end(&mut self, start: usize) -> Result<usize, Fault> {
        let digits = self.text.get(start..).unwrap_or_default();
        let at = start + digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if at == start {
            self.pos = at;
            return Err(self.syntax());
        }
        Ok(at)
    }

    fn exponent(&mut self, start: usize) -> Result<(i64, usize), Fault> {
        let sign = self.byte_at(start);
        let digits = start + usize::from(matches!(sign, b'+' | b'-'));
        let end = self.digits_end(digits)?;
        let text = self.text.get(digits..end).unwrap_or_default();
        let magnitude =
            text.iter().fold(0_i64, |value, &digit| (value * 10 + i64::from(digit & 15)).min(EXPONENT_MAX));
        Ok((if sign == b'-' { -magnitude } else { magnitude }, end))
    }

    fn check_limits(&self, node: &Node, start: usize, number: &Number<'_>) -> Result<(), Fault> {
        let limits = &node.limits;
        let violated = |limit: u16, refused: fn(Ordering) -> bool| {
            limit != NONE && self.compare(number, limit).is_some_and(refused)
        };
        let keyword = if violated(limits.minimum, Ordering::is_lt) {
            Keyword::Minimum
        } else if violated(limits.maximum, Ordering::is_gt) {
            Keyword::Maximum
        } else if violated(limits.exclusive_minimum, Ordering::is_le) {
            Keyword::ExclusiveMinimum
        } else if violated(limits.exclusive_maximum, Ordering::is_ge) {
            Keyword::ExclusiveMaximum
        } else if limits.multiple_of != NONE && !self.is_multiple(number, limits.multiple_of) {
            Keyword::MultipleOf
        } else {
            return Ok(());
        };
        Err(Fault::at(keyword, start))
    }

    fn compare(&self, number: &Number<'_>, limit: u16) -> Option<Ordering> {
        let literal = self.program.literal(limit)?;
        if let (Some(value), Literal::Small(limit)) = (number.small, *literal) {
            return Some(value.cmp(&limit));
        }
        let mut buffer = [0; 20];
        Some(number.decimal().compare(&self.program.decimal(literal, &mut buffer)?))
    }

    fn is_multiple(&self, number: &Number<'_>, divisor: u16) -> bool {
        let mut buffer = [0; 20];
        match (number.small, self.program.literal(divisor)) {
            (Some(value), Some(Literal::Small(divisor))) => value.checked_rem(*divisor) == Some(0),
            (_, Some(literal)) => self
                .program
                .decimal(literal, &mut buffer)
                .is_some_and(|divisor| number.decimal().is_multiple_of(&divisor)),
            (_, None) => false,
        }
    }

    fn check_value(&self, node: &Node, start: usize, scalar: Scalar<'_>) -> Result<(), Fault> {
        let same = |index: u16| self.is_literal(index, scalar);
        let choices = node.choices.start..node.choices.start.saturating_add(node.choices.len);
        if node.has_choices && !choices.into_iter().any(same) {
            return Err(Fault::at(Keyword::Enum, start));
        }
        if node.constant != NONE && !same(node.constant) {
            return Err(Fault::at(Keyword::Const, start));
        }
        Ok(())
    }

    fn is_literal(&self, index: u16, scalar: Scalar<'_>) -> bool {
        match (scalar, self.program.literal(index)) {
            (Scalar::Null, Some(Literal::Null)) => true,
            (Scalar::Boolean(value), Some(Literal::Boolean(literal))) => value == *literal,
            (Scalar::Text(text, escaped), Some(&Literal::Text { start, len })) => {
                let literal = self.program.pool(start, len);
                if escaped { Decoded::new(text).eq(literal.iter().copied()) } else { text == literal }
            }
            (Scalar::Number(number), Some(Literal::Small(_) | Literal::Large { .. })) => {
                self.compare(&number, index) == Some(Ordering::Equal)
            }
            _ => false,
        }
    }
}
