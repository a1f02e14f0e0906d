//! `format`, where it is asked to assert: the common ones.

use core::{net, str::FromStr};

/// The longest text that any of them can be, in bytes; a longer one is none.
pub(crate) const FORMAT_LEN_MAX: usize = 512;

/// A format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    DateTime,
    Date,
    Time,
    Duration,
    Email,
    Hostname,
    Ipv4,
    Ipv6,
    Uri,
    Uuid,
    JsonPointer,
}

impl Format {
    /// `None` for one that is not checked here.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "date-time" => Self::DateTime,
            "date" => Self::Date,
            "time" => Self::Time,
            "duration" => Self::Duration,
            "email" => Self::Email,
            "hostname" => Self::Hostname,
            "ipv4" => Self::Ipv4,
            "ipv6" => Self::Ipv6,
            "uri" => Self::Uri,
            "uuid" => Self::Uuid,
            "json-pointer" => Self::JsonPointer,
            _ => return None,
        })
    }

    /// O(n).
    pub(crate) fn admits(self, text: &str) -> bool {
        match self {
            Self::DateTime => is_date_time(text).is_some(),
            Self::Date => is_date(text).is_some(),
            Self::Time => is_time(text).is_some(),
            Self::Duration => is_duration(text),
            Self::Email => is_email(text),
            Self::Hostname => is_hostname(text),
            Self::Ipv4 => net::Ipv4Addr::from_str(text).is_ok(),
            Self::Ipv6 => !text.contains('%') && net::Ipv6Addr::from_str(text).is_ok(),
            Self::Uri => is_uri(text),
            Self::Uuid => is_uuid(text),
            Self::JsonPointer => is_json_pointer(text),
        }
    }
}

/// A number of exactly `count` digits, and what follows.
fn digits(text: &str, count: usize) -> Option<(u32, &str)> {
    let (number, rest) = text.split_at_checked(count)?;
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit());
    Some((number.parse().ok().filter(|_| is_plain)?, rest))
}

/// RFC 3339 §5.6 `full-date`.
fn is_date(text: &str) -> Option<()> {
    let (year, rest) = digits(text, 4)?;
    let (month, rest) = digits(rest.strip_prefix('-')?, 2)?;
    let (day, rest) = digits(rest.strip_prefix('-')?, 2)?;
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    ((1..=days).contains(&day) && rest.is_empty()).then_some(())
}

/// RFC 3339 §5.6 `full-time`; a leap second only at the end of a day of UTC.
fn is_time(text: &str) -> Option<()> {
    let (hour, rest) = digits(text, 2)?;
    let (minute, rest) = digits(rest.strip_prefix(':')?, 2)?;
    let (second, rest) = digits(rest.strip_prefix(':')?, 2)?;
    let rest = match rest.strip_prefix('.') {
        None => rest,
        Some(fraction) => {
            let rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            (rest.len() < fraction.len()).then_some(rest)?
        }
    };
    let offset = if rest.eq_ignore_ascii_case("z") {
        0
    } else {
        let is_behind = rest.starts_with('-');
        let (hours, rest) = digits(rest.strip_prefix(['+', '-'])?, 2)?;
        let (minutes, rest) = digits(rest.strip_prefix(':')?, 2)?;
        if hours > 23 || minutes > 59 || !rest.is_empty() {
            return None;
        }
        let minutes = i64::from(hours * 60 + minutes);
        if is_behind { -minutes } else { minutes }
    };
    let minute_of_day = (i64::from(hour * 60 + minute) - offset).rem_euclid(24 * 60);
    let second_max = if minute_of_day == 24 * 60 - 1 { 60 } else { 59 };
    (hour <= 23 && minute <= 59 && second <= second_max).then_some(())
}

fn is_date_time(text: &str) -> Option<()> {
    let (date, rest) = text.split_at_checked(10)?;
    is_date(date)?;
    is_time(rest.strip_prefix(['T', 't'])?)
}

/// RFC 3339 appendix A.
fn is_duration(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('P') else { return false };
    let (date, time) = match rest.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (rest, None),
    };
    let in_order = |part: &str, units: &str| {
        let (mut rest, mut left) = (part, units);
        while !rest.is_empty() {
            let tail = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            let Some(unit) = tail.chars().next().filter(|_| tail.len() < rest.len()) else { return false };
            let Some(at) = left.find(unit) else { return false };
            // Between two units none may be left out.
            if left.len() < units.len() && at > 0 {
                return false;
            }
            left = left.get(at + 1..).unwrap_or_default();
            rest = tail.get(1..).unwrap_or_default();
        }
        true
    };
    let is_weeks = date.ends_with('W') && time.is_none() && in_order(date, "W");
    let is_something = !date.is_empty() || time.is_some();
    is_weeks
        || (is_something
            && in_order(date, "YMD")
            && time.is_none_or(|time| !time.is_empty() && in_order(time, "HMS")))
}

/// RFC 5321 §4.1.2, without quoted names.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_atom = |atom: &str| {
        !atom.is_empty()
            && atom.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
    };
    let is_literal = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).is_some_and(|inside| {
        match inside.strip_prefix("IPv6:") {
            Some(address) => net::Ipv6Addr::from_str(address).is_ok(),
            None => net::Ipv4Addr::from_str(inside).is_ok(),
        }
    });
    local.len() <= 64 && local.split('.').all(is_atom) && (is_literal || is_hostname(domain))
}

/// RFC 1123 §2.1.
fn is_hostname(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(is_label)
}

/// RFC 3986 §3: a scheme, and characters that may stand behind it.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    let bytes = rest.as_bytes();
    let is_plain = bytes.iter().enumerate().all(|(at, &byte)| match byte {
        b'%' => bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)),
        b'[' | b']' => rest.starts_with("//"),
        _ => byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&'()*+,;=".contains(&byte),
    });
    is_scheme && is_plain && rest.matches('#').count() <= 1
}

/// RFC 4122 §3.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// RFC 6901 §3.
fn is_json_pointer(text: &str) -> bool {
    let escapes = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    (text.is_empty() || text.starts_with('/')) && escapes
}
