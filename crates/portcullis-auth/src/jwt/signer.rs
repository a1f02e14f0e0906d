//! Minting tokens: for `portcullis token`, for development, for tests.

use core::time::Duration;
use std::{
    string::{String, ToString},
    vec::Vec,
};

use jsonwebtoken::Header;
use portcullis_time::UnixTime;
use serde_json::{Map, Value, json};

use super::{KeyError, SigningKey};

/// What a token shall say.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Mint {
    /// The user.
    pub subject: String,
    /// What it allows.
    pub scopes: Vec<String>,
    /// When it is issued.
    pub issued_at: UnixTime,
    /// For how long it is good.
    pub ttl: Duration,
    /// Its own name.
    pub id: Option<String>,
}

impl Mint {
    /// A token for `subject`, from `issued_at` on for `ttl`, without scopes.
    #[must_use]
    pub fn new(subject: &str, issued_at: UnixTime, ttl: Duration) -> Self {
        Self { subject: subject.into(), scopes: Vec::new(), issued_at, ttl, id: None }
    }

    /// The same with scopes.
    #[must_use]
    pub fn with_scopes<'s>(self, scopes: impl IntoIterator<Item = &'s str>) -> Self {
        Self { scopes: scopes.into_iter().map(ToString::to_string).collect(), ..self }
    }

    /// The same with a name of its own (`jti`).
    #[must_use]
    pub fn with_id(self, id: &str) -> Self {
        Self { id: Some(id.into()), ..self }
    }
}

/// Signs tokens for one issuer and one audience.
#[derive(Debug)]
pub struct Signer {
    key: SigningKey,
    issuer: String,
    audience: String,
}

impl Signer {
    /// Signs with `key`.
    #[must_use]
    pub fn new(key: SigningKey, issuer: &str, audience: &str) -> Self {
        Self { key, issuer: issuer.into(), audience: audience.into() }
    }

    /// One token.
    ///
    /// # Errors
    /// The key cannot sign.
    pub fn mint(&self, mint: &Mint) -> Result<String, KeyError> {
        let mut claims = Map::new();
        claims.insert("iss".into(), json!(self.issuer));
        claims.insert("aud".into(), json!(self.audience));
        claims.insert("sub".into(), json!(mint.subject));
        claims.insert("iat".into(), json!(mint.issued_at.as_secs()));
        claims.insert("exp".into(), json!(mint.issued_at.saturating_add(mint.ttl).as_secs()));
        if !mint.scopes.is_empty() {
            claims.insert("scope".into(), json!(mint.scopes.join(" ")));
        }
        if let Some(id) = &mint.id {
            claims.insert("jti".into(), json!(id));
        }
        self.sign(&Value::Object(claims))
    }

    /// Signs any claims as they are: for tests of what must not pass.
    ///
    /// # Errors
    /// The key cannot sign.
    pub fn sign(&self, claims: &Value) -> Result<String, KeyError> {
        let mut header = Header::new(self.key.algorithm.inner());
        header.kid.clone_from(&self.key.id);
        jsonwebtoken::encode(&header, claims, &self.key.encoding).map_err(|_| KeyError::Signing)
    }
}
