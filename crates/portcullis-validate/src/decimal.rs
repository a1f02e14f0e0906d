//! Decimal numbers compared exactly, as they are written. Nothing here goes through floating point, so that
//! 9007199254740993 is above a `maximum` of 9007199254740992.

use core::cmp::Ordering;

/// 2^1024 − 2^970: from here on a number rounds to infinity in IEEE 754 double precision.
const DOUBLE_LIMIT: &[u8] = b"179769313486231580793728971405303415079934132710037826936173778980444968292764\
75094664901797758720709633028641669288791094655554785194040263065748867150582068190890200070838367627385484581771153\
176447573027006985557136695962284291481986083493647529271907416844436551070434271155969950809304288017790417449779\
2";

/// The decimal digits of [`DOUBLE_LIMIT`] before its point.
const DOUBLE_POINT: i64 = 309;

/// An exponent is kept to this, far beyond any message's digits.
pub(crate) const EXPONENT_MAX: i64 = 1_000_000_000_000_000;

/// A number as it is written: `±int.frac × 10^exponent`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decimal<'t> {
    negative: bool,
    /// Digits before the point, from the first significant one on.
    int: &'t [u8],
    /// Digits after the point; from the first significant one on when `int` is empty.
    frac: &'t [u8],
    /// The value is `0.DIGITS × 10^point`.
    point: i64,
}

impl<'t> Decimal<'t> {
    /// From the parts of a number token. Digits that do not change the value are left out.
    pub(crate) fn new(negative: bool, int: &'t [u8], frac: &'t [u8], exponent: i64) -> Self {
        let mut int = trim_start(int);
        let mut frac = trim_end(frac);
        let mut point = len_of(int).saturating_add(exponent);
        if int.is_empty() {
            let significant = trim_start(frac);
            point = point.saturating_sub(len_of(frac) - len_of(significant));
            frac = significant;
        }
        if frac.is_empty() {
            int = trim_end(int);
        }
        Self { negative, int, frac, point }
    }

    /// From a number token of JSON; an exponent beyond all digits is kept to that.
    #[cfg(feature = "alloc")]
    pub(crate) fn parse(token: &'t [u8]) -> Self {
        let (negative, digits) = token.strip_prefix(b"-").map_or((false, token), |rest| (true, rest));
        let split = |text: &'t [u8], at: &dyn Fn(&u8) -> bool| {
            let at = text.iter().position(at)?;
            Some((text.get(..at)?, text.get(at + 1..)?))
        };
        let (mantissa, exponent) =
            split(digits, &|byte| matches!(byte, b'e' | b'E')).unwrap_or((digits, b"0"));
        let (int, frac) = split(mantissa, &|byte| *byte == b'.').unwrap_or((mantissa, b""));
        let magnitude = exponent
            .iter()
            .filter(|byte| byte.is_ascii_digit())
            .fold(0_i64, |value, &digit| (value * 10 + i64::from(digit & 15)).min(EXPONENT_MAX));
        Self::new(negative, int, frac, if exponent.first() == Some(&b'-') { -magnitude } else { magnitude })
    }

    /// From its normal form, as a schema's program keeps it.
    pub(crate) const fn from_digits(negative: bool, digits: &'t [u8], point: i64) -> Self {
        Self { negative, int: digits, frac: &[], point }
    }

    pub(crate) const fn is_zero(&self) -> bool {
        self.int.is_empty() && self.frac.is_empty()
    }

    pub(crate) const fn is_negative(&self) -> bool {
        self.negative
    }

    pub(crate) const fn point(&self) -> i64 {
        self.point
    }

    /// The significant digits, as ASCII.
    pub(crate) fn digits(&self) -> impl Iterator<Item = u8> + 't {
        self.int.iter().chain(self.frac).copied()
    }

    const fn digit_count(&self) -> usize {
        self.int.len() + self.frac.len()
    }

    /// Whether there is nothing after the point: 7, 7.0 and 70e-1 are integers.
    pub(crate) fn is_integer(&self) -> bool {
        self.is_zero() || i64::try_from(self.digit_count()).is_ok_and(|count| count <= self.point)
    }

    /// Whether it is too large for a finite IEEE 754 double.
    pub(crate) fn is_beyond_double(&self) -> bool {
        if self.is_zero() || self.point < DOUBLE_POINT {
            return false;
        }
        let limit = Self::from_digits(false, DOUBLE_LIMIT, DOUBLE_POINT);
        self.compare_magnitude(&limit) != Ordering::Less
    }

    fn compare_magnitude(&self, other: &Decimal<'_>) -> Ordering {
        self.point.cmp(&other.point).then_with(|| self.digits().cmp(other.digits()))
    }

    /// The exact order of two numbers.
    pub(crate) fn compare(&self, other: &Decimal<'_>) -> Ordering {
        match (self.is_zero(), other.is_zero()) {
            (true, true) => Ordering::Equal,
            (true, false) => sign(other.negative).reverse(),
            (false, true) => sign(self.negative),
            (false, false) if self.negative != other.negative => sign(self.negative),
            (false, false) if self.negative => other.compare_magnitude(self),
            (false, false) => self.compare_magnitude(other),
        }
    }

    /// Whether it is `divisor` times an integer. `divisor` is positive and has at most 18 digits.
    pub(crate) fn is_multiple_of(&self, divisor: &Decimal<'_>) -> bool {
        if self.is_zero() {
            return true;
        }
        let modulus = divisor.digits().fold(0_u64, |value, digit| value * 10 + u64::from(digit & 15));
        let scale = |number: &Decimal<'_>| {
            number.point.saturating_sub(i64::try_from(number.digit_count()).unwrap_or(i64::MAX))
        };
        // Neither has a trailing zero: with the lower scale a number cannot be a multiple of a power of ten above it.
        let Ok(shift) = u64::try_from(scale(self).saturating_sub(scale(divisor))) else { return false };
        if modulus == 0 {
            return false;
        }
        let digits = self
            .digits()
            .fold(0_u64, |rest, digit| reduce(u128::from(rest) * 10 + u128::from(digit & 15), modulus));
        reduce(u128::from(digits) * u128::from(power_of_ten(shift, modulus)), modulus) == 0
    }
}

const fn sign(negative: bool) -> Ordering {
    if negative { Ordering::Less } else { Ordering::Greater }
}

fn len_of(digits: &[u8]) -> i64 {
    i64::try_from(digits.len()).unwrap_or(i64::MAX)
}

fn trim_start(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    digits.get(zeros..).unwrap_or_default()
}

fn trim_end(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().rev().take_while(|&&digit| digit == b'0').count();
    digits.get(..digits.len() - zeros).unwrap_or_default()
}

/// `value mod modulus`, which fits because `modulus` does.
fn reduce(value: u128, modulus: u64) -> u64 {
    u64::try_from(value % u128::from(modulus)).unwrap_or(0)
}

/// `10^exponent mod modulus`.
fn power_of_ten(mut exponent: u64, modulus: u64) -> u64 {
    let (mut result, mut base) = (1 % modulus, 10 % modulus);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = reduce(u128::from(result) * u128::from(base), modulus);
        }
        base = reduce(u128::from(base) * u128::from(base), modulus);
        exponent >>= 1;
    }
    result
}

#[cfg(test)]
#[path = "decimal_tests.rs"]
mod tests;
