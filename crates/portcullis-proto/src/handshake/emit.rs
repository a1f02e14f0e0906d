//! Writing heads into the caller's buffer.

use core::fmt;

use super::grammar;

/// What a caller can do wrong in writing a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmitError {
    /// The buffer is too small. Nothing in it is to be sent.
    BufferTooSmall {
        /// The buffer's length, in bytes.
        len: usize,
        /// The length that is needed, in bytes.
        len_min: usize,
    },
    /// A field name is no token, or is one that the handshake writes itself.
    FieldName,
    /// A field value holds a control character (CR and LF among them), or starts or ends with white space.
    FieldValue,
    /// The host is no `host` or `host:port`.
    Host,
    /// The path does not begin with `/`, or holds something else than visible ASCII, or a `#`.
    Path,
    /// The status is not a final one of three digits.
    Status,
    /// The subprotocols are no different tokens, or more than the limit; or the one to echo was not offered.
    Subprotocol,
    /// The extensions do not follow their grammar; or one of those to answer with was not offered.
    Extension,
}

impl fmt::Display for EmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::BufferTooSmall { len, len_min } => {
                write!(f, "the head needs {len_min} bytes, the buffer has {len}")
            }
            Self::FieldName => f.write_str("a header field's name cannot be sent"),
            Self::FieldValue => f.write_str("a header field's value cannot be sent"),
            Self::Host => f.write_str("the host cannot be sent"),
            Self::Path => f.write_str("the path cannot be sent"),
            Self::Status => f.write_str("the status cannot be sent"),
            Self::Subprotocol => f.write_str("the subprotocol is no token, or was not offered"),
            Self::Extension => f.write_str("the extension is malformed, or was not offered"),
        }
    }
}

impl core::error::Error for EmitError {}

/// A buffer that is filled from the front and counts on when it is full, so that the error says what is needed.
pub(super) struct Writer<'o> {
    out: &'o mut [u8],
    len: usize,
}

impl<'o> Writer<'o> {
    pub(super) const fn new(out: &'o mut [u8]) -> Self {
        Self { out, len: 0 }
    }

    /// Appends bytes that are known to be harmless.
    pub(super) fn raw(&mut self, bytes: &[u8]) {
        let end = self.len.saturating_add(bytes.len());
        if let Some(room) = self.out.get_mut(self.len..end) {
            room.copy_from_slice(bytes);
        }
        self.len = end;
    }

    /// Appends a number in decimal.
    pub(super) fn number(&mut self, number: usize) {
        let mut digits = [0; 20];
        let mut start = digits.len();
        let mut rest = number;
        for (index, digit) in digits.iter_mut().enumerate().rev() {
            let last = u8::try_from(rest % 10).unwrap_or(0);
            *digit = b'0' + last;
            rest /= 10;
            start = index;
            if rest == 0 {
                break;
            }
        }
        self.raw(digits.get(start..).unwrap_or_default());
    }

    /// Appends one field whose name is known and whose value is not.
    pub(super) fn field(&mut self, name: &str, value: &str) -> Result<(), EmitError> {
        if !grammar::is_token(name.as_bytes()) {
            return Err(EmitError::FieldName);
        }
        if !grammar::is_field_value(value.as_bytes()) {
            return Err(EmitError::FieldValue);
        }
        self.raw(name.as_bytes());
        self.raw(b": ");
        self.raw(value.as_bytes());
        self.raw(b"\r\n");
        Ok(())
    }

    /// Appends the caller's own fields; those that the handshake writes itself are refused.
    pub(super) fn fields(&mut self, fields: &[(&str, &str)], reserved: &[&str]) -> Result<(), EmitError> {
        for (name, value) in fields {
            if reserved.iter().any(|taken| taken.eq_ignore_ascii_case(name)) {
                return Err(EmitError::FieldName);
            }
            self.field(name, value)?;
        }
        Ok(())
    }

    /// The length written.
    pub(super) const fn finish(self) -> Result<usize, EmitError> {
        if self.len > self.out.len() {
            return Err(EmitError::BufferTooSmall { len: self.out.len(), len_min: self.len });
        }
        Ok(self.len)
    }
}
