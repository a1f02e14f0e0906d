//! Which scopes a channel asks for.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::{cmp::Reverse, fmt};

use crate::verified::Scopes;

/// What somebody wants with a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Access {
    /// To receive it.
    Read,
    /// To publish to it.
    Write,
    /// To say on it how one is.
    Presence,
}

/// The scopes that the channels of a pattern ask for; `None` asks for none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "filled in by the configuration")]
pub struct ChannelRule {
    /// A channel's name, or what names begin with and a `*` behind it.
    pub pattern: String,
    /// To receive the channel.
    pub read: Option<String>,
    /// To publish to it.
    pub write: Option<String>,
    /// To say on it how one is.
    pub presence: Option<String>,
}

/// A rule that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelRuleError {
    /// The pattern is empty, longer than 128 bytes, not plain printable ASCII, or has a `*` before its end.
    Pattern {
        /// The pattern.
        pattern: String,
    },
    /// The pattern stands twice.
    Twice {
        /// The pattern.
        pattern: String,
    },
    /// A scope that no credential can carry.
    Scope {
        /// The pattern.
        pattern: String,
    },
}

impl fmt::Display for ChannelRuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern { pattern } => {
                write!(f, "`{pattern}` is no pattern: write a channel's name, or its beginning and a `*`")
            }
            Self::Twice { pattern } => write!(f, "the pattern `{pattern}` stands twice"),
            Self::Scope { pattern } => {
                write!(f, "a scope of `{pattern}` is none that a credential can carry")
            }
        }
    }
}

impl core::error::Error for ChannelRuleError {}

/// The credential does not allow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ScopeError;

impl ScopeError {
    /// The stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        "forbidden"
    }

    /// The code to close a connection with that collects too many of these.
    #[must_use]
    pub const fn close_code(self) -> u16 {
        4403
    }
}

impl fmt::Display for ScopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl core::error::Error for ScopeError {}

/// Rules for channels. Without any, all channels are open; with some, those that no rule means are closed. Of several that
/// mean a channel the longest counts, and a name before a pattern.
///
/// ```
/// use portcullis_auth::{Access, ChannelRule, ChannelRules, Scopes};
///
/// let rules = ChannelRules::new([
///     ChannelRule { pattern: "chat:*".into(), write: Some("chat:write".into()), ..Default::default() },
///     ChannelRule { pattern: "chat:staff".into(), read: Some("staff".into()), ..Default::default() },
/// ])?;
/// let scopes = Scopes::new(["chat:write"].into_iter())?;
/// assert!(rules.check(&scopes, "chat:lobby", Access::Write).is_ok());
/// assert!(rules.check(&scopes, "chat:staff", Access::Read).is_err());
/// assert!(rules.check(&scopes, "news", Access::Read).is_err(), "no rule means it");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ChannelRules {
    /// Names first, then patterns from the longest on.
    rules: Box<[ChannelRule]>,
}

impl ChannelRules {
    /// Checks and sorts the rules.
    ///
    /// # Errors
    /// One cannot be used.
    pub fn new(rules: impl IntoIterator<Item = ChannelRule>) -> Result<Self, ChannelRuleError> {
        let mut rules: Vec<ChannelRule> = rules.into_iter().collect();
        for (index, rule) in rules.iter().enumerate() {
            let pattern = || rule.pattern.clone();
            if !is_pattern(&rule.pattern) {
                return Err(ChannelRuleError::Pattern { pattern: pattern() });
            }
            if rules.iter().take(index).any(|other| other.pattern == rule.pattern) {
                return Err(ChannelRuleError::Twice { pattern: pattern() });
            }
            let scopes = [&rule.read, &rule.write, &rule.presence];
            if scopes.into_iter().flatten().any(|scope| Scopes::new([scope.as_str()].into_iter()).is_err()) {
                return Err(ChannelRuleError::Scope { pattern: pattern() });
            }
        }
        rules.sort_by_key(|rule| (rule.pattern.ends_with('*'), Reverse(rule.pattern.len())));
        Ok(Self { rules: rules.into_boxed_slice() })
    }

    /// Whether `scopes` allow `access` to `channel`. Linear in the rules, no allocation.
    ///
    /// # Errors
    /// They do not.
    pub fn check(&self, scopes: &Scopes, channel: &str, access: Access) -> Result<(), ScopeError> {
        if self.rules.is_empty() {
            return Ok(());
        }
        let rule = self.rules.iter().find(|rule| means(&rule.pattern, channel)).ok_or(ScopeError)?;
        let scope = match access {
            Access::Read => &rule.read,
            Access::Write => &rule.write,
            Access::Presence => &rule.presence,
        };
        let is_allowed = scope.as_ref().is_none_or(|scope| scopes.contains(scope));
        if is_allowed { Ok(()) } else { Err(ScopeError) }
    }
}

fn is_pattern(pattern: &str) -> bool {
    let name = pattern.strip_suffix('*').unwrap_or(pattern);
    (1..=128).contains(&pattern.len()) && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'*')
}

fn means(pattern: &str, channel: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == channel, |beginning| channel.starts_with(beginning))
}
