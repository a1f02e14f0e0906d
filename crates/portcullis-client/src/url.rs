//! Where the server is: the part of a URL that a WebSocket needs.

use alloc::{boxed::Box, string::String};
use core::fmt;

/// A `ws` or `wss` URL, taken apart. RFC 6455 §3
///
/// ```
/// use portcullis_client::Url;
///
/// let url = Url::parse("wss://example.com/ws?room=1")?;
/// assert_eq!((url.host(), url.port(), url.is_secure()), ("example.com", 443, true));
/// assert!(Url::parse("https://example.com/").is_err());
/// # Ok::<_, portcullis_client::UrlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    secure: bool,
    /// Without the brackets of an IPv6 address.
    host: Box<str>,
    port: u16,
    /// As it stands in the URL, with its port when that is not the scheme's own.
    authority: Box<str>,
    path: Box<str>,
}

/// Why a URL is not one to connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UrlError {
    /// Neither `ws` nor `wss`.
    Scheme,
    /// No host, or characters that no host has; a user is not one.
    Host,
    /// No port.
    Port,
    /// A space, a control character, or a fragment in what the server shall be asked for.
    Path,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "the URL begins with neither ws:// nor wss://",
            Self::Host => "the URL names no host",
            Self::Port => "the port of the URL is none",
            Self::Path => "the path of the URL cannot be asked for",
        })
    }
}

impl core::error::Error for UrlError {}

impl Url {
    /// Takes a URL apart.
    ///
    /// # Errors
    /// It is no `ws` or `wss` URL.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let (secure, rest) = match (text.strip_prefix("wss://"), text.strip_prefix("ws://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err(UrlError::Scheme),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (host, port) = split_port(authority)?;
        let own = if secure { 443 } else { 80 };
        let port = match port {
            None => own,
            Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or(UrlError::Port)?,
        };
        // RFC 6455 §3: "Fragment identifiers are meaningless in the context of WebSocket URIs and MUST NOT be used on
        // these URIs."
        if path.bytes().any(|byte| byte <= b' ' || byte == 0x7f || byte == b'#' || !byte.is_ascii()) {
            return Err(UrlError::Path);
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self {
            secure,
            host: host.into(),
            port,
            authority: if port == own {
                authority.split_at(authority.len() - port_len(authority, host)).0
            } else {
                authority
            }
            .into(),
            path: [slash, path].concat().into(),
        })
    }

    /// Whether it is `wss`.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host, an IPv6 address without its brackets.
    #[must_use]
    pub const fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// What stands in `Host`.
    #[must_use]
    pub const fn authority(&self) -> &str {
        &self.authority
    }

    /// Path and query, with one more parameter of the query.
    pub(crate) fn path_with(&self, parameter: Option<&str>) -> String {
        let Some(parameter) = parameter else { return self.path.as_ref().into() };
        let separator = if self.path.contains('?') { "&" } else { "?" };
        [&*self.path, separator, parameter].concat()
    }
}

/// How long the port is at the end of an authority, with its colon.
fn port_len(authority: &str, host: &str) -> usize {
    let host_len = if authority.starts_with('[') { host.len() + 2 } else { host.len() };
    authority.len() - host_len
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), UrlError> {
    let (host, rest) = match authority.strip_prefix('[') {
        Some(inside) => {
            let (host, rest) = inside.split_once(']').ok_or(UrlError::Host)?;
            if host.is_empty() || !host.bytes().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(&byte))
            {
                return Err(UrlError::Host);
            }
            (host, rest)
        }
        None => {
            let end = authority.find(':').unwrap_or(authority.len());
            let (host, rest) = authority.split_at(end);
            if host.is_empty()
                || !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
            {
                return Err(UrlError::Host);
            }
            (host, rest)
        }
    };
    match rest.strip_prefix(':') {
        Some(port) => Ok((host, Some(port))),
        None if rest.is_empty() => Ok((host, None)),
        None => Err(UrlError::Host),
    }
}

#[cfg(test)]
mod tests {
    use super::{Url, UrlError};

    #[test]
    fn takes_apart() {
        for (text, host, port, authority, path, secure) in [
            ("ws://a", "a", 80, "a", "/", false),
            ("wss://a.b-c:8443/ws", "a.b-c", 8_443, "a.b-c:8443", "/ws", true),
            ("wss://a:443/ws?x=1", "a", 443, "a", "/ws?x=1", true),
            ("ws://[::1]:9/?x", "::1", 9, "[::1]:9", "/?x", false),
            ("ws://[::1]:80", "::1", 80, "[::1]", "/", false),
            ("wss://a?x", "a", 443, "a", "/?x", true),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!(
                (url.host(), url.port(), url.authority(), url.is_secure()),
                (host, port, authority, secure)
            );
            assert_eq!(url.path_with(None), path, "{text}");
        }
        let url = Url::parse("ws://a/ws").unwrap();
        assert_eq!(url.path_with(Some("resume=1")), "/ws?resume=1");
        assert_eq!(Url::parse("ws://a/ws?x").unwrap().path_with(Some("resume=1")), "/ws?x&resume=1");
    }

    #[test]
    fn refuses() {
        for (text, error) in [
            ("http://a", UrlError::Scheme),
            ("WSS://a", UrlError::Scheme),
            ("ws://", UrlError::Host),
            ("ws://user@a", UrlError::Host),
            ("ws://a b", UrlError::Host),
            ("ws://[::1", UrlError::Host),
            ("ws://[::1]x", UrlError::Host),
            ("ws://a:", UrlError::Port),
            ("ws://a:0", UrlError::Port),
            ("ws://a:65536", UrlError::Port),
            ("ws://a/b c", UrlError::Path),
            ("ws://a/b\r\nX: y", UrlError::Path),
            ("ws://a/#x", UrlError::Path),
            ("ws://a/\u{e9}", UrlError::Path),
        ] {
            assert_eq!(Url::parse(text), Err(error), "{text}");
        }
    }
}
