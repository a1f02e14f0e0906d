//! What a peer can do wrong in an opening handshake.

use core::fmt;

use super::EmitError;

/// Why an opening handshake failed. All but [`HandshakeError::Emit`] are the peer's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The head did not end before the deadline.
    Timeout,
    /// The head is longer than the limit, in bytes.
    HeadTooBig {
        /// The limit, in bytes.
        len_max: usize,
    },
    /// The head has more header fields than the limit.
    TooManyFields {
        /// The limit, in fields.
        fields_max: usize,
    },
    /// The bytes are no HTTP/1 head. RFC 9112 §2
    Malformed,
    /// The request target is neither a path nor an absolute URI. RFC 9112 §3.2, RFC 6455 §4.2.1
    TargetInvalid,
    /// `Host` is missing, or repeated, or no host. RFC 9112 §3.2
    HostInvalid,
    /// The target is absolute, and names another host than `Host` does. RFC 9112 §3.2
    HostMismatch,
    /// The length of the body is said in no way, or in two, that can be trusted. RFC 9112 §6.3
    BodyLengthInvalid,
    /// The method is not `GET`. RFC 6455 §4.2.1
    MethodNotGet,
    /// The request is older than HTTP/1.1. RFC 6455 §4.2.1
    HttpVersion,
    /// An upgrade came with a body.
    BodyOnUpgrade,
    /// `Upgrade` does not hold `websocket`. RFC 6455 §4.1, §4.2.1
    UpgradeMissing,
    /// `Connection` does not hold `Upgrade`. RFC 6455 §4.1, §4.2.1
    ConnectionMissing,
    /// A field that may come once came again. RFC 6455 §11.3
    DuplicateField,
    /// `Sec-WebSocket-Key` is missing. RFC 6455 §4.2.1
    KeyMissing,
    /// `Sec-WebSocket-Key` is not base64 of 16 bytes. RFC 6455 §4.2.1
    KeyInvalid,
    /// `Sec-WebSocket-Version` is missing. RFC 6455 §4.2.1
    VersionMissing,
    /// `Sec-WebSocket-Version` is not 13. RFC 6455 §4.2.2
    VersionUnsupported,
    /// `Sec-WebSocket-Protocol` is no list of different tokens. RFC 6455 §4.1, §11.3.4
    SubprotocolsInvalid,
    /// More subprotocols than the limit.
    TooManySubprotocols {
        /// The limit, in subprotocols.
        subprotocols_max: usize,
    },
    /// `Sec-WebSocket-Extensions` does not follow its grammar. RFC 6455 §9.1
    ExtensionsInvalid,
    /// More extensions, or more parameters of one, than the limit.
    TooManyExtensions {
        /// The limit, in extensions and in parameters of one.
        extensions_max: usize,
    },
    /// The server answered with another status than 101. RFC 6455 §4.1
    Refused {
        /// The status of the response.
        status: u16,
    },
    /// The response's `Sec-WebSocket-Accept` is missing. RFC 6455 §4.1
    AcceptMissing,
    /// The response's `Sec-WebSocket-Accept` is not made from the key. RFC 6455 §4.1
    AcceptMismatch,
    /// The response names an extension that was not offered. RFC 6455 §4.1
    ExtensionNotOffered,
    /// The response names a subprotocol that was not offered. RFC 6455 §4.1
    SubprotocolNotOffered,
    /// The answer could not be written: the fault is on this side.
    Emit(EmitError),
}

impl HandshakeError {
    /// The HTTP status with which a server refuses. Errors of a response, which nobody answers, have 502.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Timeout => 408,
            Self::HeadTooBig { .. } | Self::TooManyFields { .. } => 431,
            Self::MethodNotGet => 405,
            Self::VersionUnsupported => 426,
            Self::Refused { .. }
            | Self::AcceptMissing
            | Self::AcceptMismatch
            | Self::ExtensionNotOffered
            | Self::SubprotocolNotOffered => 502,
            Self::Emit(_) => 500,
            Self::Malformed
            | Self::TargetInvalid
            | Self::HostInvalid
            | Self::HostMismatch
            | Self::BodyLengthInvalid
            | Self::HttpVersion
            | Self::BodyOnUpgrade
            | Self::UpgradeMissing
            | Self::ConnectionMissing
            | Self::DuplicateField
            | Self::KeyMissing
            | Self::KeyInvalid
            | Self::VersionMissing
            | Self::SubprotocolsInvalid
            | Self::TooManySubprotocols { .. }
            | Self::ExtensionsInvalid
            | Self::TooManyExtensions { .. } => 400,
        }
    }

    /// The header fields that a refusal with [`HandshakeError::status`] must carry, ready for [`super::refuse`].
    #[must_use]
    pub const fn refusal_fields(self) -> &'static [(&'static str, &'static str)] {
        match self.status() {
            // RFC 9110 §15.5.6: "The origin server MUST generate an Allow header field in a 405 response"
            405 => &[("Allow", "GET")],
            // RFC 6455 §4.2.2: "an appropriate HTTP error code (such as 426 Upgrade Required) and a
            // |Sec-WebSocket-Version| header field indicating the version(s) the server is capable of understanding"
            426 => &[("Sec-WebSocket-Version", "13"), ("Upgrade", "websocket")],
            _ => &[],
        }
    }

    /// The stable code, for the body of the refusal, the log line and the metric.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Timeout => "handshake_timeout",
            Self::HeadTooBig { .. } => "head_too_big",
            Self::TooManyFields { .. } => "too_many_fields",
            Self::Malformed => "head_malformed",
            Self::TargetInvalid => "target_invalid",
            Self::HostInvalid => "host_invalid",
            Self::HostMismatch => "host_mismatch",
            Self::BodyLengthInvalid => "body_length_invalid",
            Self::MethodNotGet => "method_not_get",
            Self::HttpVersion => "http_version",
            Self::BodyOnUpgrade => "body_on_upgrade",
            Self::UpgradeMissing => "upgrade_missing",
            Self::ConnectionMissing => "connection_missing",
            Self::DuplicateField => "duplicate_field",
            Self::KeyMissing => "key_missing",
            Self::KeyInvalid => "key_invalid",
            Self::VersionMissing => "version_missing",
            Self::VersionUnsupported => "version_unsupported",
            Self::SubprotocolsInvalid => "subprotocols_invalid",
            Self::TooManySubprotocols { .. } => "too_many_subprotocols",
            Self::ExtensionsInvalid => "extensions_invalid",
            Self::TooManyExtensions { .. } => "too_many_extensions",
            Self::Refused { .. } => "handshake_refused",
            Self::AcceptMissing => "accept_missing",
            Self::AcceptMismatch => "accept_mismatch",
            Self::ExtensionNotOffered => "extension_not_offered",
            Self::SubprotocolNotOffered => "subprotocol_not_offered",
            Self::Emit(_) => "emit",
        }
    }
}

impl fmt::Display for HandshakeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("opening handshake: ")?;
        #[expect(clippy::wildcard_enum_match_arm, reason = "the rest carries no numbers")]
        match *self {
            Self::HeadTooBig { len_max } => write!(f, "the head is longer than {len_max} bytes"),
            Self::TooManyFields { fields_max } => write!(f, "more than {fields_max} header fields"),
            Self::TooManySubprotocols { subprotocols_max } => {
                write!(f, "more than {subprotocols_max} subprotocols")
            }
            Self::TooManyExtensions { extensions_max } => {
                write!(f, "more than {extensions_max} extensions or parameters")
            }
            Self::Refused { status } => write!(f, "refused with status {status}"),
            Self::Emit(error) => error.fmt(f),
            other => f.write_str(other.code()),
        }
    }
}

impl core::error::Error for HandshakeError {}

impl From<EmitError> for HandshakeError {
    fn from(error: EmitError) -> Self {
        Self::Emit(error)
    }
}
