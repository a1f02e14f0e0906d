//! From when until when a certificate is good: the one part that the libraries check and do not tell.

use portcullis_time::UnixTime;

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// The explicit tag of the version, which certificates of version 1 leave out.
const VERSION: u8 = 0xa0;

/// Both ends of a certificate's validity, from its DER; `None` for what is no certificate.
pub(super) fn of(der: &[u8]) -> Option<(UnixTime, UnixTime)> {
    // RFC 5280 §4.1: "TBSCertificate ::= SEQUENCE { version, serialNumber, signature, issuer, validity, ..."
    let (certificate, _) = element(der, SEQUENCE)?;
    let (signed, _) = element(certificate, SEQUENCE)?;
    let rest = element(signed, VERSION).map_or(signed, |(_, rest)| rest);
    let (_, rest) = element(rest, INTEGER)?;
    let (_, rest) = element(rest, SEQUENCE)?;
    let (_, rest) = element(rest, SEQUENCE)?;
    let (validity, _) = element(rest, SEQUENCE)?;
    let (not_before, rest) = time(validity)?;
    let (not_after, _) = time(rest)?;
    Some((not_before, not_after))
}

/// The content of the first element, which must have this tag, and what comes behind it.
fn element(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = input.split_first()?;
    if found != tag {
        return None;
    }
    let (&first, rest) = rest.split_first()?;
    let (len, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // So many bytes hold the length; three are enough for any certificate that a TLS handshake can carry.
        0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (bytes.iter().fold(0, |len, &byte| len << 8 | usize::from(byte)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(len)
}

/// A time, and what comes behind it.
fn time(input: &[u8]) -> Option<(UnixTime, &[u8])> {
    if let Some((text, rest)) = element(input, UTC_TIME) {
        // RFC 5280 §4.1.2.5.1: "Where YY is greater than or equal to 50, the year SHALL be interpreted as 19YY"
        let (year, text) = digits(text, 2)?;
        let century = if year >= 50 { 1_900 } else { 2_000 };
        return Some((moment(century + year, text)?, rest));
    }
    let (text, rest) = element(input, GENERALIZED_TIME)?;
    let (year, text) = digits(text, 4)?;
    Some((moment(year, text)?, rest))
}

/// A number of so many digits, and what comes behind it.
fn digits(text: &[u8], count: usize) -> Option<(u64, &[u8])> {
    let (number, rest) = text.split_at_checked(count)?;
    let value = number
        .iter()
        .try_fold(0, |value: u64, byte| byte.is_ascii_digit().then(|| value * 10 + u64::from(byte - b'0')))?;
    Some((value, rest))
}

/// `MMDDHHMMSSZ` of a year. Whatever is before 1970 counts as its beginning.
fn moment(year: u64, text: &[u8]) -> Option<UnixTime> {
    let (month, text) = digits(text, 2)?;
    let (day, text) = digits(text, 2)?;
    let (hour, text) = digits(text, 2)?;
    let (minute, text) = digits(text, 2)?;
    let (second, text) = digits(text, 2)?;
    if text != b"Z" || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    if year < 1_970 {
        return Some(UnixTime::from_secs(0));
    }
    // Years that begin in March have the day that is not always there at their end.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    // From the first of March of the year 0 to the first of January 1970.
    let days = days.checked_sub(719_468)?;
    Some(UnixTime::from_secs(((days * 24 + hour) * 60 + minute) * 60 + second))
}

#[cfg(test)]
mod tests;
