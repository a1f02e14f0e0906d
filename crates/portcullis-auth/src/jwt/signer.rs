//! Minting tokens: for `portcullis token`, for development, for tests.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use portcullis_time::UnixTime;
use serde_json::{Map, Value, json};

use super::{KeyError, SigningKey, claims::SECONDS_MAX};
use crate::{Scopes, credential::TOKEN_LEN_MAX, verified::is_name};

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

    /// One token. What is minted here is accepted by a [`super::Verifier`] of the same key, issuer and audience, as
    /// long as its time lasts.
    ///
    /// # Errors
    /// The key cannot sign; or the claims are none that would be accepted: a name that is empty, longer than 128 bytes
    /// or holds control characters, scopes that [`Scopes::new`] refuses, a token above [`TOKEN_LEN_MAX`].
    pub fn mint(&self, mint: &Mint) -> Result<String, KeyError> {
        let expires_at = mint.issued_at.saturating_add(mint.ttl).as_secs();
        let names_are_good = is_name(&mint.subject) && mint.id.as_deref().is_none_or(is_name);
        let scopes_are_good = Scopes::new(mint.scopes.iter().map(String::as_str)).is_ok();
        if !names_are_good || !scopes_are_good || expires_at > SECONDS_MAX {
            return Err(KeyError::Claims);
        }
        let mut claims = Map::new();
        claims.insert("iss".into(), json!(self.issuer));
        claims.insert("aud".into(), json!(self.audience));
        claims.insert("sub".into(), json!(mint.subject));
        claims.insert("iat".into(), json!(mint.issued_at.as_secs()));
        claims.insert("exp".into(), json!(expires_at));
        if !mint.scopes.is_empty() {
            claims.insert("scope".into(), json!(mint.scopes.join(" ")));
        }
        if let Some(id) = &mint.id {
            claims.insert("jti".into(), json!(id));
        }
        let token = self.sign(&Value::Object(claims))?;
        if token.len() > TOKEN_LEN_MAX { Err(KeyError::Claims) } else { Ok(token) }
    }

    /// Signs any claims as they are: for tests of what must not pass.
    ///
    /// # Errors
    /// The key cannot sign.
    pub fn sign(&self, claims: &Value) -> Result<String, KeyError> {
        let mut header = Map::new();
        header.insert("alg".into(), json!(self.key.algorithm.name()));
        header.insert("typ".into(), json!("JWT"));
        if let Some(id) = &self.key.id {
            header.insert("kid".into(), json!(id));
        }
        let mut token = segment(Value::Object(header).to_string().as_bytes());
        token.push('.');
        token.push_str(&segment(claims.to_string().as_bytes()));
        let signature = self.key.sign(token.as_bytes())?;
        token.push('.');
        token.push_str(&segment(&signature));
        Ok(token)
    }
}

/// A segment of a token.
fn segment(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}
