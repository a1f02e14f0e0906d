//! The configuration file, as it is written. Unknown keys are errors; what is left out has the default of the contract.

use core::{fmt, time::Duration};
use std::{net::SocketAddr, path::PathBuf};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, IntoDeserializer as _, value::MapAccessDeserializer},
};
use zeroize::Zeroize;

use super::units::{Size, Span};

/// A secret: it can be used, not printed, and is wiped when it is dropped.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The secret itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(secret: String) -> Self {
        Self(secret)
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("(redacted)")
    }
}

/// The whole file.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    clippy::exhaustive_structs,
    reason = "the keys are documented in portcullis.example.toml"
)]
pub struct Config {
    #[serde(default = "default_path")]
    pub path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workers: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origins: Option<Vec<String>>,
    #[serde(skip)]
    pub demo: bool,
    #[serde(default)]
    pub compression: bool,
    #[serde(default)]
    pub limits: Limits,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<Store>,
    #[serde(default)]
    pub drain: Drain,
    #[serde(default)]
    pub log: Log,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<Admin>,
    pub auth: Auth,
    pub listen: Vec<Listen>,
    #[serde(default = "default_actions")]
    pub action: Vec<Action>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub channel: Vec<Channel>,
}

/// One listener.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    clippy::exhaustive_structs,
    reason = "the keys are documented in portcullis.example.toml"
)]
pub struct Listen {
    pub address: SocketAddr,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
}

/// How a listener gets its TLS: from files here, or from a proxy in front of it.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
#[expect(
    missing_docs,
    clippy::exhaustive_enums,
    reason = "the keys are documented in portcullis.example.toml"
)]
pub enum Tls {
    Upstream(Upstream),
    Files(Box<TlsFiles>),
}

/// The files of a listener's TLS.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    clippy::exhaustive_structs,
    reason = "the keys are documented in portcullis.example.toml"
)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub named: Vec<NamedCertificate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clients: Option<ClientCertificates>,
}

/// A further certificate, for clients that ask for one of its names.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    clippy::exhaustive_structs,
    reason = "the keys are documented in portcullis.example.toml"
)]
pub struct NamedCertificate {
    pub names: Vec<String>,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

/// Certificates of clients, as credentials.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    clippy::exhaustive_structs,
    reason = "the keys are documented in portcullis.example.toml"
)]
pub struct ClientCertificates {
    pub authorities: PathBuf,
    #[serde(default)]
    pub required: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
}

/// The one word that allows a plaintext listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[expect(missing_docs, clippy::exhaustive_enums, reason = "one word")]
pub enum Upstream {
    #[serde(rename = "terminated-upstream")]
    Terminated,
}

impl<'de> Deserialize<'de> for Tls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TlsVisitor)
    }
}

/// One word or a table. A derived untagged enum would let unknown keys of the table pass.
struct TlsVisitor;

impl<'de> de::Visitor<'de> for TlsVisitor {
    type Value = Tls;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"terminated-upstream\", or a table with certificate and key")
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<Tls, E> {
        Upstream::deserialize(word.into_deserializer()).map(Tls::Upstream)
    }

    fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Tls, A::Error> {
        TlsFiles::deserialize(MapAccessDeserializer::new(map)).map(|files| Tls::Files(Box::new(files)))
    }
}

/// The operator's own listener.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    clippy::exhaustive_structs,
    reason = "the keys are documented in portcullis.example.toml"
)]
pub struct Admin {
    pub address: SocketAddr,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Secret>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_file: Option<PathBuf>,
}

/// Whose tokens are good.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    clippy::exhaustive_structs,
    reason = "the keys are documented in portcullis.example.toml"
)]
pub struct Auth {
    pub audience: String,
    #[serde(default = "default_leeway")]
    pub leeway: Span,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<String>,
    pub issuer: Vec<Issuer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign: Option<Sign>,
}

/// An issuer and its keys.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    clippy::exhaustive_structs,
    reason = "the keys are documented in portcullis.example.toml"
)]
pub struct Issuer {
    pub name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<Key>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_set: Option<KeySet>,
}

/// A key set (JWKS) of an issuer: a file, or where the issuer publishes it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    clippy::exhaustive_structs,
    reason = "the keys are documented in portcullis.example.toml"
)]
pub struct KeySet {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorities: Option<PathBuf>,
    #[serde(default = "default_key_set_refresh")]
    pub refresh: Span,
}

/// A key: a secret or the file of one, or the file of a public key.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    clippy::exhaustive_structs,
    reason = "the keys are documented in portcullis.example.toml"
)]
pub struct Key {
    pub algorithm: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<PathBuf>,
}

/// With which key `portcullis token` signs.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    clippy::exhaustive_structs,
    reason = "the keys are documented in portcullis.example.toml"
)]
pub struct Sign {
    pub issuer: String,
    pub algorithm: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Secret>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_key: Option<PathBuf>,
}

/// One action.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    clippy::exhaustive_structs,
    reason = "the keys are documented in portcullis.example.toml"
)]
pub struct Action {
    pub name: String,
    pub route: Route,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_file: Option<PathBuf>,
    #[serde(default = "default_cost")]
    pub cost: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    #[serde(default)]
    pub sealed: bool,
}

/// Which scopes the channels of a pattern ask for.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    clippy::exhaustive_structs,
    reason = "the keys are documented in portcullis.example.toml"
)]
pub struct Channel {
    pub pattern: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presence: Option<String>,
}

/// Where an action goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(
    missing_docs,
    clippy::exhaustive_enums,
    reason = "the words are documented in portcullis.example.toml"
)]
pub enum Route {
    Channel,
    User,
    Presence,
    Reply,
}

/// Every number of the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[expect(
    missing_docs,
    clippy::exhaustive_structs,
    reason = "the keys are documented in portcullis.example.toml"
)]
pub struct Limits {
    pub message_len_max: Size,
    pub frame_len_max: Size,
    pub fragments_max: u32,
    pub outbound_len_max: Size,
    pub messages_per_second: u32,
    pub messages_burst: u32,
    pub bytes_per_second: Size,
    pub bytes_burst: Size,
    pub user_factor: u32,
    pub connections_max: usize,
    pub connections_per_address_max: usize,
    pub subscriptions_max: usize,
    pub json_depth_max: usize,
    pub log_events_max: usize,
    pub log_age_max: Span,
    pub resume_window: Span,
    pub upgrade_timeout: Span,
    pub auth_timeout: Span,
    pub close_timeout: Span,
    pub ping_interval: Span,
    pub pong_timeout: Span,
    pub timestamp_window: Span,
    pub connection_life: Span,
}

impl Default for Limits {
    fn default() -> Self {
        let seconds = |seconds| Span(Duration::from_secs(seconds));
        Self {
            message_len_max: Size(64 << 10),
            frame_len_max: Size(64 << 10),
            fragments_max: 1_024,
            outbound_len_max: Size(256 << 10),
            messages_per_second: 60,
            messages_burst: 120,
            bytes_per_second: Size(256 << 10),
            bytes_burst: Size(512 << 10),
            user_factor: 4,
            connections_max: 100_000,
            connections_per_address_max: 100,
            subscriptions_max: 128,
            json_depth_max: 32,
            log_events_max: 1_000,
            log_age_max: seconds(300),
            resume_window: seconds(120),
            upgrade_timeout: seconds(5),
            auth_timeout: seconds(5),
            close_timeout: seconds(5),
            ping_interval: seconds(25),
            pong_timeout: seconds(10),
            timestamp_window: seconds(300),
            connection_life: seconds(12 * 3_600),
        }
    }
}

/// How the server goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[expect(
    missing_docs,
    clippy::exhaustive_structs,
    reason = "the keys are documented in portcullis.example.toml"
)]
pub struct Drain {
    pub delay: Span,
    pub deadline: Span,
    pub spread: Span,
}

impl Default for Drain {
    fn default() -> Self {
        Self {
            delay: Span(Duration::ZERO),
            deadline: Span(Duration::from_secs(30)),
            spread: Span(Duration::from_secs(10)),
        }
    }
}

/// Where sessions and logs are kept.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    clippy::exhaustive_structs,
    reason = "the keys are documented in portcullis.example.toml"
)]
pub struct Store {
    pub path: PathBuf,
    #[serde(default)]
    pub durability: Survives,
}

/// What a message that was acknowledged survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(
    missing_docs,
    clippy::exhaustive_enums,
    reason = "the keys are documented in portcullis.example.toml"
)]
pub enum Survives {
    #[default]
    Process,
    Machine,
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
#[expect(
    missing_docs,
    clippy::exhaustive_structs,
    reason = "the keys are documented in portcullis.example.toml"
)]
pub struct Log {
    pub level: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { level: "info".into() }
    }
}

fn default_path() -> String {
    "/ws".into()
}

fn default_leeway() -> Span {
    Span(Duration::from_secs(30))
}

fn default_key_set_refresh() -> Span {
    Span(Duration::from_secs(600))
}

const fn default_cost() -> u32 {
    1
}

/// The three actions that a configuration without any has.
#[must_use]
pub fn default_actions() -> Vec<Action> {
    let action = |name: &str, route, schema: &str| Action {
        name: name.into(),
        route,
        schema: Some(schema.into()),
        schema_file: None,
        cost: 1,
        scope: None,
        sealed: false,
    };
    vec![
        Action { sealed: true, ..action("chat", Route::Channel, CHAT_SCHEMA) },
        action("status", Route::Presence, STATUS_SCHEMA),
        action("ping", Route::Reply, PING_SCHEMA),
    ]
}

const CHAT_SCHEMA: &str = r#"{"type":"object","properties":{"text":{"type":"string","minLength":1,"maxLength":2000}},"required":["text"]}"#;
const STATUS_SCHEMA: &str =
    r#"{"type":"object","properties":{"status":{"enum":["online","away","busy"]}},"required":["status"]}"#;
const PING_SCHEMA: &str = r#"{"type":"object","properties":{"n":{"type":"integer"}}}"#;
