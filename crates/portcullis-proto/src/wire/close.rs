//! Close codes (RFC 6455 §7.4).

/// A close code that may stand on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CloseCode(u16);

impl CloseCode {
    /// The purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// An endpoint goes away.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer broke the protocol.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// The peer sent a kind of data that is not accepted.
    pub const UNSUPPORTED: Self = Self(1003);
    /// The payload is not what its type says, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// The peer violated a policy.
    pub const POLICY: Self = Self(1008);
    /// A message is too big.
    pub const TOO_BIG: Self = Self(1009);
    /// The server met an unexpected condition.
    pub const INTERNAL: Self = Self(1011);
    /// The server restarts.
    pub const RESTART: Self = Self(1012);
    /// The server is overloaded.
    pub const OVERLOADED: Self = Self(1013);

    /// `code`, if it may be sent and received in a close frame: 1000–1003, 1007–1014, and 3000–4999.
    #[must_use]
    pub const fn new(code: u16) -> Option<Self> {
        // RFC 6455 §7.4.1: "1005 is a reserved value and MUST NOT be set as a status code in a Close control frame by
        // an endpoint." The same for 1006 and 1015; 1004 is reserved; §7.4.2 reserves 0–999 and 1016–2999.
        match code {
            1000..=1003 | 1007..=1014 | 3000..=4999 => Some(Self(code)),
            _ => None,
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}
