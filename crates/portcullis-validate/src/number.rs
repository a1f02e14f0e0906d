//! Numbers in spans that a check has passed.

/// The value of `raw` when it is a plain unsigned integer: digits only, no sign, fraction or exponent, within `u64`.
///
/// ```
/// assert_eq!(portcullis_validate::number::parse_u64(b"42"), Some(42));
/// assert_eq!(portcullis_validate::number::parse_u64(b"4.2e1"), None);
/// ```
#[must_use]
pub fn parse_u64(raw: &[u8]) -> Option<u64> {
    if raw.is_empty() || raw.len() > 20 {
        return None;
    }
    raw.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value.checked_mul(10)?.checked_add(u64::from(digit))
    })
}
