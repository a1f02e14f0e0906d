//! The messages of PROTOCOL.md, as a client reads and writes them.

use alloc::{borrow::Cow, boxed::Box, string::String, vec::Vec};

use base64ct::{Base64UrlUnpadded, Encoding};
use portcullis_time::UnixTime;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::event::Position;

/// A message of the server: the members of all types in one. Members that are not named here are not looked at.
#[derive(Debug, Deserialize)]
pub(crate) struct Incoming<'a> {
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Cow<'a, str>,
    #[serde(default)]
    pub(crate) session: Option<Box<str>>,
    #[serde(default)]
    pub(crate) user: Option<Box<str>>,
    #[serde(default)]
    pub(crate) resume: Option<Box<str>>,
    #[serde(default)]
    pub(crate) expires_at: Option<u64>,
    #[serde(default)]
    pub(crate) recovered: Option<bool>,
    #[serde(default)]
    pub(crate) last_id: u64,
    #[serde(default)]
    pub(crate) skipped: Vec<u64>,
    #[serde(default)]
    pub(crate) channel: Option<Box<str>>,
    #[serde(default)]
    pub(crate) epoch: Option<Box<str>>,
    #[serde(default)]
    pub(crate) offset: Option<u64>,
    #[serde(default)]
    pub(crate) users: Vec<Box<str>>,
    #[serde(default)]
    pub(crate) user_count: Option<u64>,
    #[serde(default)]
    pub(crate) joined: Vec<Box<str>>,
    #[serde(default)]
    pub(crate) left: Vec<Box<str>>,
    #[serde(default)]
    pub(crate) from: Option<Box<str>>,
    #[serde(default)]
    pub(crate) action: Option<Box<str>>,
    #[serde(default, borrow)]
    pub(crate) payload: Option<&'a RawValue>,
    #[serde(default)]
    pub(crate) timestamp: u64,
    #[serde(default)]
    pub(crate) id: Option<u64>,
    #[serde(default)]
    pub(crate) code: Option<Box<str>>,
    #[serde(default)]
    pub(crate) scope: Option<Box<str>>,
    #[serde(default)]
    pub(crate) scopes: Vec<Box<str>>,
    #[serde(default)]
    pub(crate) pointer: Option<Box<str>>,
    #[serde(default)]
    pub(crate) keyword: Option<Box<str>>,
    #[serde(default)]
    pub(crate) retry_after_ms: Option<u64>,
}

impl Incoming<'_> {
    /// Where it stands in its channel's log, if it says so.
    pub(crate) fn position(&mut self) -> Option<Position> {
        Some(Position { epoch: self.epoch.take()?, offset: self.offset? })
    }
}

/// A message with an action.
#[derive(Debug, Serialize)]
pub(crate) struct ActionMessage<'a> {
    pub(crate) action: &'a str,
    pub(crate) payload: &'a RawValue,
    pub(crate) timestamp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) channel: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<u64>,
}

/// A message about the connection or a subscription.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Control<'a> {
    Auth {
        #[serde(skip_serializing_if = "Option::is_none")]
        token: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        resume: Option<Resume<'a>>,
    },
    Subscribe {
        channel: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        since: Option<&'a Position>,
    },
    Unsubscribe {
        channel: &'a str,
    },
}

/// What resumes a session.
#[derive(Debug, Serialize)]
pub(crate) struct Resume<'a> {
    pub(crate) session: &'a str,
    pub(crate) token: &'a str,
    pub(crate) channels: alloc::collections::BTreeMap<&'a str, &'a Position>,
}

/// The text of a message. What is serialized here cannot fail.
pub(crate) fn text(message: &impl Serialize) -> String {
    serde_json::to_string(message).unwrap_or_default()
}

/// `exp` of a JWT, unverified: only to know when to ask for the next one.
pub(crate) fn expiry(token: &str) -> Option<UnixTime> {
    #[derive(Deserialize)]
    struct Claims {
        exp: u64,
    }
    let claims = Base64UrlUnpadded::decode_vec(token.split('.').nth(1)?).ok()?;
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    Some(UnixTime::from_secs(claims.exp))
}
