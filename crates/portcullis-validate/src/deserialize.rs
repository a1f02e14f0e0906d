//! From bytes to a type of the application: checked, then read by serde.

use core::fmt;

use serde::Deserialize;

use crate::{Invalid, Validator};

/// Why a message did not become a value.
#[derive(Debug)]
#[non_exhaustive]
pub enum DeserializeError {
    /// The message is wrong: the peer's fault.
    Invalid(Invalid),
    /// The message meets the schema and not the type: the schema admits what the type does not, which is a fault of ours.
    Type(serde_json::Error),
}

impl fmt::Display for DeserializeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(invalid) => invalid.fmt(f),
            Self::Type(error) => write!(f, "the schema admits what the type does not: {error}"),
        }
    }
}

impl core::error::Error for DeserializeError {}

impl From<Invalid> for DeserializeError {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl Validator {
    /// Checks a message, and makes it a value of a type. What is refused has built nothing.
    ///
    /// # Errors
    /// The message is wrong, or does not fit the type although it meets the schema.
    ///
    /// ```
    /// use portcullis_validate::{DeserializeError, Options, Validator};
    ///
    /// #[derive(serde::Deserialize)]
    /// struct Chat<'m> {
    ///     text: &'m str,
    /// }
    ///
    /// let schema = r#"{"properties": {"text": {"type": "string", "maxLength": 5}}, "required": ["text"]}"#;
    /// let validator = Validator::compile(schema, &Options::default()).unwrap();
    /// let chat: Chat<'_> = validator.deserialize(br#"{"text": "hi"}"#).unwrap();
    /// assert_eq!(chat.text, "hi");
    /// let long = validator.deserialize::<Chat<'_>>(br#"{"text": "too long"}"#);
    /// assert!(matches!(long, Err(DeserializeError::Invalid(_))));
    /// ```
    pub fn deserialize<'m, T: Deserialize<'m>>(&self, message: &'m [u8]) -> Result<T, DeserializeError> {
        let valid = self.check(message)?;
        serde_json::from_slice(valid.bytes()).map_err(DeserializeError::Type)
    }
}
