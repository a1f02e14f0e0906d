//! Messages that are owned and cheap to clone.

use alloc::sync::Arc;
use core::{fmt, ops::Deref};

use bytes::Bytes;
use portcullis_proto::MessageKind;

/// UTF-8 text, shared between its clones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(Arc<str>);

impl Text {
    /// The text itself. O(1).
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<[u8]> for Text {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

/// The text's bytes, not copied.
impl From<Text> for Bytes {
    fn from(text: Text) -> Self {
        Self::from_owner(text)
    }
}

/// A message. A clone of it shares its bytes.
///
/// ```
/// use portcullis_tokio::Message;
///
/// let message = Message::from("hello");
/// assert_eq!(message.clone().into_bytes(), "hello");
/// assert!(matches!(message, Message::Text(text) if text == "hello"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 6455 knows two")]
pub enum Message {
    /// UTF-8 text.
    Text(Text),
    /// Any bytes.
    Binary(Bytes),
}

impl Message {
    pub(crate) fn new(kind: MessageKind, payload: &[u8]) -> Self {
        match (kind, core::str::from_utf8(payload)) {
            (MessageKind::Text, Ok(text)) => Self::Text(text.into()),
            // The connection has checked text: this is binary.
            _ => Self::Binary(Bytes::copy_from_slice(payload)),
        }
    }

    pub(crate) fn borrow(&self) -> portcullis_proto::Message<'_> {
        match self {
            Self::Text(text) => portcullis_proto::Message::Text(text),
            Self::Binary(bytes) => portcullis_proto::Message::Binary(bytes),
        }
    }

    /// Its bytes. O(1).
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        match self {
            Self::Text(text) => text.into(),
            Self::Binary(bytes) => bytes,
        }
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<Bytes> for Message {
    fn from(bytes: Bytes) -> Self {
        Self::Binary(bytes)
    }
}

impl From<Vec<u8>> for Message {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Binary(bytes.into())
    }
}
