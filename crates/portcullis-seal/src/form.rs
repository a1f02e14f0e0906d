//! The form of a sealed message: `session ‖ counter ‖ ciphertext ‖ tag`.

/// Bytes of a session's name.
pub const SESSION_LEN: usize = 16;
/// Bytes before the message: session and counter.
pub const HEADER_LEN: usize = SESSION_LEN + COUNTER_LEN;
/// Bytes behind the message.
pub const TAG_LEN: usize = 16;
/// Bytes that a sealed message is longer than the message.
pub const OVERHEAD: usize = HEADER_LEN + TAG_LEN;

const COUNTER_LEN: usize = 4;

/// Who seals: 16 bytes that no other sealer under the same secret has. Two sealers with the same name would use the same
/// nonces, which ends all secrecy: take random bytes, new each time a sealer is made.
pub type Session = [u8; SESSION_LEN];

/// Which way a message goes. The two ways have keys of their own, so that no message can be turned around.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Direction {
    /// From the one who opened the session.
    ToServer,
    /// To the one who opened the session.
    ToClient,
}

impl Direction {
    pub(crate) const fn byte(self) -> u8 {
        match self {
            Self::ToServer => 0,
            Self::ToClient => 1,
        }
    }
}

/// One life of the keys. The next one begins before 2³² messages, or when keys shall change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(u32);

impl Generation {
    /// By its number.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// Session and counter of a sealed message.
#[derive(Clone, Copy)]
pub(crate) struct Header {
    pub(crate) session: Session,
    pub(crate) counter: u32,
}

impl Header {
    pub(crate) fn parse(bytes: &[u8; HEADER_LEN]) -> Self {
        let [session @ .., a, b, c, d] = *bytes;
        Self { session, counter: u32::from_be_bytes([a, b, c, d]) }
    }

    pub(crate) fn write(self, out: &mut [u8; HEADER_LEN]) {
        let (session, counter) = out.split_at_mut(SESSION_LEN);
        session.copy_from_slice(&self.session);
        counter.copy_from_slice(&self.counter.to_be_bytes());
    }

    /// `generation ‖ direction ‖ counter`, 4 bytes each: never the same twice under one key, since the key is of one
    /// session, direction and generation, and the counter only goes up.
    pub(crate) const fn nonce(self, generation: Generation, direction: Direction) -> [u8; 12] {
        let [a, b, c, d] = generation.0.to_be_bytes();
        let [i, j, k, l] = self.counter.to_be_bytes();
        [a, b, c, d, 0, 0, 0, direction.byte(), i, j, k, l]
    }
}

/// The longest channel that is bound to a message, in bytes. A longer one is bound by its first bytes and its length.
const CHANNEL_LEN_MAX: usize = 256;
const PLACE_LEN: usize = SESSION_LEN + 1 + COUNTER_LEN + 4 + CHANNEL_LEN_MAX;

/// What a message is bound to besides its key: `session ‖ direction ‖ counter ‖ length of channel ‖ channel`. Only the last
/// part varies in length, so that no two places read alike.
pub(crate) struct Place {
    bytes: [u8; PLACE_LEN],
    len: usize,
}

impl Place {
    /// `None` for a channel longer than 256 bytes.
    pub(crate) fn new(header: Header, direction: Direction, channel: &str) -> Option<Self> {
        let channel_len = u32::try_from(channel.len()).ok()?;
        let mut place = Self { bytes: [0; PLACE_LEN], len: 0 };
        place.push(&header.session)?;
        place.push(&[direction.byte()])?;
        place.push(&header.counter.to_be_bytes())?;
        place.push(&channel_len.to_be_bytes())?;
        place.push(channel.as_bytes())?;
        Some(place)
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn push(&mut self, part: &[u8]) -> Option<()> {
        let end = self.len + part.len();
        self.bytes.get_mut(self.len..end)?.copy_from_slice(part);
        self.len = end;
        Some(())
    }
}
