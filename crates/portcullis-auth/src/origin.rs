//! Which pages may connect (RFC 6454, RFC 6455 §10.2).

use core::fmt;

#[cfg(feature = "alloc")]
use alloc::{boxed::Box, string::String, vec::Vec};

/// A page that may not connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OriginError {
    /// The `Origin` header, or the `Host` that it is compared with, is not in its form.
    Malformed,
    /// The page is none of those that may connect.
    Foreign,
}

impl OriginError {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "origin_malformed",
            Self::Foreign => "origin_forbidden",
        }
    }
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl core::error::Error for OriginError {}

/// Scheme, host and port: what makes two origins the same (RFC 6454 §5).
#[derive(Clone, Copy, Debug)]
struct Origin<'o> {
    secure: bool,
    host: &'o str,
    port: u16,
}

impl<'o> Origin<'o> {
    /// `http://host[:port]` or `https://host[:port]`, and nothing else: no path, no user, no list (RFC 6454 §6.2).
    fn parse(text: &'o str) -> Option<Self> {
        let (secure, authority) = match text.split_once("://")? {
            (scheme, rest) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            (scheme, rest) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            _ => return None,
        };
        Self::of_authority(authority, secure)
    }

    /// `host[:port]`, with the default port of the scheme.
    fn of_authority(authority: &'o str, secure: bool) -> Option<Self> {
        let (host, port) = match authority.rfind(']') {
            // An IPv6 literal keeps its brackets, so that it equals only itself.
            Some(end) => authority.split_at_checked(end + 1)?,
            None => authority.split_at_checked(authority.find(':').unwrap_or(authority.len()))?,
        };
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => {
                if secure {
                    443
                } else {
                    80
                }
            }
            None => return None,
            // No sign, and none of the zeros in front that no browser writes.
            Some(digits) if digits != "0" && digits.starts_with('0') => return None,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok()?,
            Some(_) => return None,
        };
        is_host(host).then_some(Self { secure, host, port })
    }

    fn is_same(&self, other: &Origin<'_>) -> bool {
        self.secure == other.secure && self.port == other.port && self.host.eq_ignore_ascii_case(other.host)
    }
}

/// A registered name in its ASCII form, an IPv4 address, or an IPv6 address in brackets. Browsers send names in
/// punycode; a name that is not ASCII comes from something else.
fn is_host(host: &str) -> bool {
    let is_name =
        |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.' || b == b'_');
    match host.strip_prefix('[').and_then(|inside| inside.strip_suffix(']')) {
        Some(inside) => inside.parse::<core::net::Ipv6Addr>().is_ok(),
        None => {
            let labels = host.strip_suffix('.').unwrap_or(host);
            !host.is_empty()
                && host.len() <= 253
                && is_name(host)
                && labels.split('.').all(|label| !label.is_empty())
        }
    }
}

/// Judges the `Origin` of a request to `host` over TLS (`secure`) or not: scheme, host and port must be those of the
/// request. A request without one is no browser's and passes. `null` does not. O(n), no allocation.
///
/// # Errors
/// The page may not connect.
pub fn check_same_host(origin: Option<&[u8]>, host: &[u8], secure: bool) -> Result<(), OriginError> {
    let Some(origin) = origin else { return Ok(()) };
    let host = core::str::from_utf8(host).map_err(|_| OriginError::Malformed)?;
    let own = Origin::of_authority(host, secure).ok_or(OriginError::Malformed)?;
    if origin == b"null" {
        return Err(OriginError::Foreign);
    }
    let origin = core::str::from_utf8(origin).map_err(|_| OriginError::Malformed)?;
    let origin = Origin::parse(origin).ok_or(OriginError::Malformed)?;
    if origin.is_same(&own) { Ok(()) } else { Err(OriginError::Foreign) }
}

/// An entry of an allow-list that cannot be used.
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OriginEntryError {
    /// The entry.
    pub entry: String,
}

#[cfg(feature = "alloc")]
impl fmt::Display for OriginEntryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no origin: write https://host[:port], https://*.domain, or null", self.entry)
    }
}

#[cfg(feature = "alloc")]
impl core::error::Error for OriginEntryError {}

/// Which pages may connect: those of the server's own host, or those of an allow-list. Scheme, host and port are
/// compared whole, never by suffix.
///
/// ```
/// use portcullis_auth::OriginPolicy;
///
/// let own = OriginPolicy::same_host();
/// assert!(own.check(Some(b"https://example.com"), b"example.com", true).is_ok());
/// assert!(own.check(Some(b"http://example.com"), b"example.com", true).is_err(), "another scheme");
/// assert!(own.check(None, b"example.com", true).is_ok(), "not a browser");
///
/// let listed = OriginPolicy::allow_list(["https://*.example.com"])?;
/// assert!(listed.check(Some(b"https://app.example.com"), b"ws.example.com", true).is_ok());
/// assert!(listed.check(Some(b"https://appexample.com"), b"ws.example.com", true).is_err());
/// # Ok::<(), portcullis_auth::OriginEntryError>(())
/// ```
#[cfg(feature = "alloc")]
#[derive(Clone, Debug, Default)]
pub struct OriginPolicy {
    /// `None`: the server's own host.
    entries: Option<Box<[Box<str>]>>,
}

#[cfg(feature = "alloc")]
impl OriginPolicy {
    /// Pages of the host that the request names.
    #[must_use]
    pub const fn same_host() -> Self {
        Self { entries: None }
    }

    /// Pages of these origins: `https://host[:port]`; `https://*.domain[:port]` for every name below a domain, and not
    /// the domain itself; `null` for pages without an origin, which is almost always a mistake.
    ///
    /// # Errors
    /// An entry is none of these.
    pub fn allow_list<'e>(entries: impl IntoIterator<Item = &'e str>) -> Result<Self, OriginEntryError> {
        let mut checked = Vec::new();
        for entry in entries {
            if entry != "null" && !is_entry(entry) {
                return Err(OriginEntryError { entry: entry.into() });
            }
            checked.push(entry.into());
        }
        Ok(Self { entries: Some(checked.into_boxed_slice()) })
    }

    /// Whether the pages are named one by one. Only then may a cookie be a credential.
    #[must_use]
    pub const fn is_allow_list(&self) -> bool {
        self.entries.is_some()
    }

    /// Judges the `Origin` of a request to `host` over TLS (`secure`) or not. A request without one is no browser's
    /// and passes. O(entries).
    ///
    /// # Errors
    /// The page may not connect.
    pub fn check(&self, origin: Option<&[u8]>, host: &[u8], secure: bool) -> Result<(), OriginError> {
        let Some(entries) = &self.entries else { return check_same_host(origin, host, secure) };
        let Some(origin) = origin else { return Ok(()) };
        let origin = core::str::from_utf8(origin).map_err(|_| OriginError::Malformed)?;
        let is_listed = if origin == "null" {
            entries.iter().any(|entry| &**entry == "null")
        } else {
            let origin = Origin::parse(origin).ok_or(OriginError::Malformed)?;
            entries.iter().any(|entry| matches_entry(&origin, entry))
        };
        if is_listed { Ok(()) } else { Err(OriginError::Foreign) }
    }
}

/// Whether an entry of an allow-list names an origin, or what is below a domain. An address has nothing below it.
#[cfg(feature = "alloc")]
fn is_entry(entry: &str) -> bool {
    let Some((scheme, domain)) = entry.split_once("://*.") else { return Origin::parse(entry).is_some() };
    let is_scheme = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
    // The last label of a name is not a number; that of an IPv4 address is (RFC 1123 §2.1).
    let is_name = |host: &str| {
        !host.starts_with('[') && host.rsplit('.').next().is_some_and(|top| top.parse::<u32>().is_err())
    };
    is_scheme && Origin::of_authority(domain, true).is_some_and(|origin| is_name(origin.host))
}

/// Whether an origin is meant by an entry of the allow-list.
#[cfg(feature = "alloc")]
fn matches_entry(origin: &Origin<'_>, entry: &str) -> bool {
    let Some((scheme, domain)) = entry.split_once("://*.") else {
        return Origin::parse(entry).is_some_and(|entry| entry.is_same(origin));
    };
    let Some(domain) = Origin::of_authority(domain, scheme.eq_ignore_ascii_case("https")) else {
        return false;
    };
    let Some(label_end) = origin.host.len().checked_sub(domain.host.len() + 1) else { return false };
    // The dot before the domain belongs to the match: `xexample.com` is not below `example.com`.
    let below = origin.host.get(label_end..).and_then(|tail| tail.strip_prefix('.'));
    below.is_some_and(|below| Origin { host: below, ..*origin }.is_same(&domain))
}
