//! The doors: how a credential comes in. All of them lead to one verifier.

use crate::error::AuthError;

/// The longest token that is looked at, in bytes.
pub const TOKEN_LEN_MAX: usize = 4_096;

/// What a subprotocol that carries a token starts with.
const SUBPROTOCOL_PREFIX: &str = "bearer.";

/// The token of an `Authorization` header (RFC 6750 §2.1): `Bearer`, in any case, a space, the token. O(n).
///
/// # Errors
/// It is another scheme, or no token, or one that is too long.
///
/// ```
/// use portcullis_auth::{AuthError, credential::from_authorization};
///
/// assert_eq!(from_authorization(b"Bearer abc.def.ghi"), Ok(&b"abc.def.ghi"[..]));
/// assert_eq!(from_authorization(b"abc.def.ghi"), Err(AuthError::Malformed));
/// ```
pub fn from_authorization(value: &[u8]) -> Result<&[u8], AuthError> {
    let (scheme, token) = value.split_at_checked(7).ok_or(AuthError::Malformed)?;
    if !scheme.eq_ignore_ascii_case(b"bearer ") {
        return Err(AuthError::Malformed);
    }
    check_form(token.trim_ascii())
}

/// The token among the subprotocols that a browser offers (`bearer.TOKEN`), if there is one. O(n).
///
/// Two of them are one too many: which one counts is not for the server to guess.
pub fn from_subprotocols<'p>(offers: impl Iterator<Item = &'p str>) -> Option<Result<&'p str, AuthError>> {
    let mut tokens = offers.filter_map(|offer| offer.strip_prefix(SUBPROTOCOL_PREFIX));
    let token = tokens.next()?;
    if tokens.next().is_some() {
        return Some(Err(AuthError::Malformed));
    }
    Some(check_form(token.as_bytes()).map(|_| token))
}

/// The token in the cookie `name` of a `Cookie` header (RFC 6265 §4.2.1), if it is there. O(n).
///
/// A browser sends cookies with the requests of any page. Take one only where an allow-list names the pages that may
/// connect ([`crate::OriginPolicy::is_allow_list`]), and only from a request whose `Origin` has passed it.
///
/// Two cookies of one name are one too many.
///
/// ```
/// use portcullis_auth::{AuthError, credential::from_cookie};
///
/// assert_eq!(from_cookie(b"theme=dark; session=abc.def", "session"), Some(Ok(&b"abc.def"[..])));
/// assert_eq!(from_cookie(b"theme=dark", "session"), None);
/// assert_eq!(from_cookie(b"session=a; session=b", "session"), Some(Err(AuthError::Malformed)));
/// ```
#[must_use]
pub fn from_cookie<'v>(value: &'v [u8], name: &str) -> Option<Result<&'v [u8], AuthError>> {
    let mut found = value.split(|&byte| byte == b';').filter_map(|pair| {
        let rest = pair.trim_ascii().strip_prefix(name.as_bytes())?;
        rest.strip_prefix(b"=")
    });
    let token = found.next()?;
    if found.next().is_some() {
        return Some(Err(AuthError::Malformed));
    }
    Some(check_form(token))
}

/// A token of the right length and alphabet (RFC 6750 §2.1, `b64token`).
pub(crate) fn check_form(token: &[u8]) -> Result<&[u8], AuthError> {
    if token.len() > TOKEN_LEN_MAX {
        return Err(AuthError::TooLong { len: token.len(), len_max: TOKEN_LEN_MAX });
    }
    let is_plain = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
    };
    if token.is_empty() || !token.iter().all(is_plain) { Err(AuthError::Malformed) } else { Ok(token) }
}
