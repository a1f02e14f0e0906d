//! What a gate enforces: shared, immutable, compiled once and handed to every call.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::{fmt, time::Duration};

use portcullis_auth::{Access, ChannelRules, Scopes};
use portcullis_limit::Quota;
use portcullis_validate::{Options, SchemaError, Validator};

/// Where an action's message goes once the gate has let it through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Route {
    /// To the log of the message's `channel`.
    Channel,
    /// To the own channel of the user that `payload.to` names.
    User,
    /// To the message's `channel`, as the sender's status there.
    Presence,
    /// Back to the sender alone.
    Reply,
}

/// One action that clients may ask for.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "an action is filled in by its owner")]
pub struct ActionRule {
    /// The value of the message's `action` member.
    pub name: String,
    /// The JSON Schema that `payload` must meet.
    pub schema: String,
    /// Where the message goes.
    pub route: Route,
    /// What the message costs in the message bucket; at least 1.
    pub cost: u32,
    /// The scope that the credential must carry, if any.
    pub scope: Option<String>,
}

/// The numbers of a gate. [`Limits::default`] is the published contract.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes received per connection; the driver asks [`crate::Gate::read_allowance`] before it reads.
    pub bytes: Quota,
    /// Messages (and pings and pongs) received per connection.
    pub messages: Quota,
    /// Refusals that a connection may collect before it is closed.
    pub errors: Quota,
    /// Credentials that a live connection may present.
    pub renewals: Quota,
    /// From the upgrade to the first valid credential.
    pub auth_timeout: Duration,
    /// How far a message's `timestamp` may be from the server's time, either way.
    pub timestamp_window: Duration,
    /// How long a connection may live.
    pub life: Duration,
    /// Nesting of arrays and objects in a message.
    pub depth_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: DEFAULT_BYTES,
            messages: DEFAULT_MESSAGES,
            errors: DEFAULT_ERRORS,
            renewals: DEFAULT_RENEWALS,
            auth_timeout: Duration::from_secs(5),
            timestamp_window: Duration::from_secs(300),
            life: Duration::from_secs(12 * 3_600),
            depth_max: 32,
        }
    }
}

/// 256 KiB/s, burst 512 KiB.
const DEFAULT_BYTES: Quota = quota(256 * 1_024, 512 * 1_024);
/// 60 messages/s, burst 120.
const DEFAULT_MESSAGES: Quota = quota(60, 120);
/// One refusal a second, burst 16.
const DEFAULT_ERRORS: Quota = quota(1, 16);
/// One renewal a second, burst 4.
const DEFAULT_RENEWALS: Quota = quota(1, 4);

/// A quota per second, checked when this crate is compiled.
const fn quota(refill: u32, burst: u32) -> Quota {
    match Quota::per_second(refill, burst) {
        Ok(quota) => quota,
        Err(_) => panic!("a default quota is out of range"),
    }
}

/// Why a policy cannot be made.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum PolicyError {
    /// The schema of the action named here cannot be compiled.
    Schema {
        /// The action.
        action: String,
        /// The compiler's word.
        error: SchemaError,
    },
    /// An action's name stands twice, is empty, or is longer than 64 bytes or not plain printable ASCII.
    ActionName {
        /// The name.
        action: String,
    },
    /// An action costs nothing, or more than the message bucket holds.
    Cost {
        /// The action.
        action: String,
    },
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Schema { action, error } => write!(f, "action `{action}`: {error}"),
            Self::ActionName { action } => {
                write!(f, "action name `{action}` is not unique, 1 to 64 characters of plain ASCII")
            }
            Self::Cost { action } => {
                write!(f, "action `{action}`: the cost is not between 1 and the burst of the message bucket")
            }
        }
    }
}

impl core::error::Error for PolicyError {}

/// The captures of the action envelope, by position.
pub(crate) const ACTION_CAPTURES: [&str; 5] = ["action", "payload", "timestamp", "channel", "id"];
/// The captures of the control envelope, by position.
pub(crate) const CONTROL_CAPTURES: [&str; 5] = ["type", "token", "resume", "channel", "since"];

/// `{"action", "payload", "timestamp", "channel"?, "id"?}`; `payload` is judged by the action's own schema.
const ACTION_ENVELOPE: &str = r#"{
    "type": "object",
    "properties": {
        "action": {"type": "string"},
        "payload": true,
        "timestamp": {"type": "integer", "minimum": 0, "maximum": 9007199254740991},
        "channel": {"type": "string", "minLength": 1, "maxLength": 128},
        "id": {"type": "integer", "minimum": 1, "maximum": 9007199254740991}
    },
    "required": ["action", "payload", "timestamp"],
    "additionalProperties": false
}"#;

/// `auth`, `subscribe` and `unsubscribe`; which members go with which type is checked by the gate.
const CONTROL_ENVELOPE: &str = r#"{
    "type": "object",
    "properties": {
        "type": {"enum": ["auth", "subscribe", "unsubscribe"]},
        "token": {"type": "string", "minLength": 1, "maxLength": 4096},
        "resume": {
            "type": "object",
            "properties": {
                "session": {"type": "string", "minLength": 22, "maxLength": 22},
                "token": {"type": "string", "minLength": 22, "maxLength": 22},
                "channels": {
                    "type": "object",
                    "maxProperties": 128,
                    "additionalProperties": {
                        "type": "object",
                        "properties": {
                            "epoch": {"type": "string", "minLength": 1, "maxLength": 32},
                            "offset": {"type": "integer", "minimum": 0, "maximum": 9007199254740991}
                        },
                        "required": ["epoch", "offset"],
                        "additionalProperties": false
                    }
                }
            },
            "required": ["session", "token"],
            "additionalProperties": false
        },
        "channel": {"type": "string", "minLength": 1, "maxLength": 128},
        "since": {
            "type": "object",
            "properties": {
                "epoch": {"type": "string", "minLength": 1, "maxLength": 32},
                "offset": {"type": "integer", "minimum": 0, "maximum": 9007199254740991}
            },
            "required": ["epoch", "offset"],
            "additionalProperties": false
        }
    },
    "required": ["type"],
    "additionalProperties": false
}"#;

/// A payload that only its receivers can read.
const SEALED_ENVELOPE: &str = r#"{
    "type": "object",
    "properties": {
        "sealed": {"type": "string", "minLength": 1},
        "generation": {"type": "integer", "minimum": 0, "maximum": 4294967295}
    },
    "required": ["sealed", "generation"],
    "additionalProperties": false
}"#;

/// The actions whose payload may come sealed.
#[derive(Debug)]
pub(crate) struct Sealed {
    validator: Validator,
    /// By the validator's case: the place among all actions.
    rules: Box<[usize]>,
}

impl Sealed {
    /// The rule of a case.
    pub(crate) fn rule(&self, case: usize) -> Option<usize> {
        self.rules.get(case).copied()
    }

    pub(crate) const fn validator(&self) -> &Validator {
        &self.validator
    }
}

/// Everything that gates share: limits, actions and their compiled schemas. Immutable; a reload makes a new one and
/// hands it to the next call.
///
/// ```
/// use portcullis_gate::{ActionRule, Limits, Policy, Route};
///
/// let chat = ActionRule {
///     name: "chat".into(),
///     schema: r#"{"type":"object","properties":{"text":{"type":"string","maxLength":500}},"required":["text"]}"#.into(),
///     route: Route::Channel,
///     cost: 1,
///     scope: None,
/// };
/// let policy = Policy::new(Limits::default(), vec![chat])?;
/// assert_eq!(policy.actions()[0].name, "chat");
/// # Ok::<(), portcullis_gate::PolicyError>(())
/// ```
#[derive(Debug)]
pub struct Policy {
    pub(crate) limits: Limits,
    pub(crate) action: Validator,
    pub(crate) control: Validator,
    pub(crate) sealed: Option<Sealed>,
    channels: ChannelRules,
    actions: Box<[ActionRule]>,
}

impl Policy {
    /// Compiles the schemas of `actions`.
    ///
    /// # Errors
    /// A name, a cost or a schema cannot be used; see [`PolicyError`].
    pub fn new(limits: Limits, actions: Vec<ActionRule>) -> Result<Self, PolicyError> {
        check_rules(&limits, &actions)?;
        let options = Options::default().with_depth_max(limits.depth_max);
        for rule in &actions {
            // Compiled alone first, so that the error names the action.
            Validator::compile(&rule.schema, &options)
                .map_err(|error| PolicyError::Schema { action: rule.name.clone(), error })?;
        }
        let cases: Vec<(&str, &str)> =
            actions.iter().map(|rule| (rule.name.as_str(), rule.schema.as_str())).collect();
        let in_envelope = |error| PolicyError::Schema { action: String::from("*"), error };
        let action = Validator::compile_switch(
            ACTION_ENVELOPE,
            "action",
            "payload",
            &cases,
            &options.with_captures(&ACTION_CAPTURES),
        )
        .map_err(in_envelope)?;
        let control = Validator::compile(CONTROL_ENVELOPE, &options.with_captures(&CONTROL_CAPTURES))
            .map_err(in_envelope)?;
        Ok(Self {
            limits,
            action,
            control,
            sealed: None,
            channels: ChannelRules::default(),
            actions: actions.into_boxed_slice(),
        })
    }

    /// Which scopes each channel asks for. Without any rules every channel is open to all who are authenticated.
    #[must_use]
    pub fn with_channels(self, channels: ChannelRules) -> Self {
        Self { channels, ..self }
    }

    /// Lets the payload of these actions come sealed as well: as `{"sealed": text, "generation": number}`, which is
    /// routed unread in place of what the action's schema describes.
    ///
    /// # Errors
    /// One of the names is no action's.
    pub fn with_sealed(self, names: &[&str]) -> Result<Self, PolicyError> {
        let mut rules = Vec::new();
        for name in names {
            let rule = self.actions.iter().position(|rule| rule.name == *name);
            rules.push(rule.ok_or_else(|| PolicyError::ActionName { action: String::from(*name) })?);
        }
        if names.is_empty() {
            return Ok(Self { sealed: None, ..self });
        }
        let cases: Vec<(&str, &str)> = names.iter().map(|name| (*name, SEALED_ENVELOPE)).collect();
        let options =
            Options::default().with_depth_max(self.limits.depth_max).with_captures(&ACTION_CAPTURES);
        let validator = Validator::compile_switch(ACTION_ENVELOPE, "action", "payload", &cases, &options)
            .map_err(|error| PolicyError::Schema { action: String::from("*"), error })?;
        Ok(Self { sealed: Some(Sealed { validator, rules: rules.into_boxed_slice() }), ..self })
    }

    /// Whether `scopes` allow `access` to `channel`.
    #[must_use]
    pub fn allows(&self, scopes: Option<&Scopes>, channel: &str, access: Access) -> bool {
        // Where no credential is needed there are no scopes to ask for.
        scopes.is_none_or(|scopes| self.channels.check(scopes, channel, access).is_ok())
    }

    /// The limits that it enforces.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The actions, in the order in which [`crate::Action::rule`] counts them.
    #[must_use]
    pub fn actions(&self) -> &[ActionRule] {
        &self.actions
    }
}

/// Names that can stand in a log line and a metric label, and costs that can ever pass.
fn check_rules(limits: &Limits, actions: &[ActionRule]) -> Result<(), PolicyError> {
    for (index, rule) in actions.iter().enumerate() {
        let plain = (1..=64).contains(&rule.name.len())
            && rule.name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
        let unique = actions.iter().skip(index + 1).all(|other| other.name != rule.name);
        if !plain || !unique {
            return Err(PolicyError::ActionName { action: rule.name.clone() });
        }
        if rule.cost == 0 || rule.cost > limits.messages.burst() {
            return Err(PolicyError::Cost { action: rule.name.clone() });
        }
    }
    Ok(())
}
