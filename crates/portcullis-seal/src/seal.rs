//! Sealing.

use core::fmt;

use crate::{
    cipher::{Aes256Gcm, Cipher, Keyed as _, KeyedOf},
    error::SealError,
    form::{Direction, Generation, HEADER_LEN, Header, OVERHEAD, Place, Session, TAG_LEN},
    secret::Secret,
};

/// Seals the messages of one session in one direction.
///
/// ```
/// use portcullis_seal::{Direction, Generation, HEADER_LEN, OVERHEAD, Opener, Sealer, Secret};
///
/// let (secret, session) = (Secret::new([7; 32]), [1; 16]); // From your key exchange; from your random source.
/// let mut sealer = Sealer::new(&secret, session, Direction::ToServer, Generation::new(1));
/// let mut opener = Opener::new(&secret, session, Direction::ToServer, Generation::new(1));
///
/// let mut buffer = [0; OVERHEAD + 5];
/// buffer[HEADER_LEN..][..5].copy_from_slice(b"hello");
/// let sealed = sealer.seal_in_place("chat:lobby", &mut buffer, 5)?;
///
/// let opened = opener.open_in_place(Generation::new(1), "chat:lobby", sealed)?;
/// assert_eq!(opened.message(), b"hello");
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
pub struct Sealer<C: Cipher = Aes256Gcm> {
    secret: Secret,
    keyed: KeyedOf<C>,
    session: Session,
    direction: Direction,
    generation: Generation,
    /// `None` once the last number is used.
    next: Option<u32>,
}

impl Sealer {
    /// With AES-256-GCM. `session` must be new for each sealer under one secret: a sealer that forgets its counter, as in
    /// a restart, is a new sealer.
    #[must_use]
    pub fn new(secret: &Secret, session: Session, direction: Direction, generation: Generation) -> Self {
        Self::with_cipher(secret, session, direction, generation)
    }
}

impl<C: Cipher> Sealer<C> {
    /// With the cipher of the type: `Sealer::<ChaCha20Poly1305>::with_cipher(…)`.
    #[must_use]
    pub fn with_cipher(
        secret: &Secret,
        session: Session,
        direction: Direction,
        generation: Generation,
    ) -> Self {
        Self {
            secret: secret.clone(),
            keyed: secret.keyed::<C>(&session, direction, generation),
            session,
            direction,
            generation,
            next: Some(0),
        }
    }

    /// Seals the message of `len` bytes that stands in `buffer` behind [`HEADER_LEN`] bytes, for `channel` (empty where
    /// there is none; 256 bytes at most). Returns the sealed message, which is [`OVERHEAD`] bytes longer. O(len).
    ///
    /// # Errors
    /// The buffer has no room, and nothing has changed; or the generation is exhausted.
    pub fn seal_in_place<'b>(
        &mut self,
        channel: &str,
        buffer: &'b mut [u8],
        len: usize,
    ) -> Result<&'b mut [u8], SealError> {
        let needed = len.saturating_add(OVERHEAD);
        let room = SealError::Room { len: buffer.len(), needed };
        let sealed = buffer.get_mut(..needed).ok_or(room)?;
        let counter = self.next.ok_or(SealError::Exhausted)?;
        let header = Header { session: self.session, counter };
        let place = Place::new(header, self.direction, channel).ok_or(room)?;
        let (head, rest) = sealed.split_first_chunk_mut::<HEADER_LEN>().ok_or(room)?;
        let (message, tag) = rest.split_last_chunk_mut::<TAG_LEN>().ok_or(room)?;
        // The number is spent whatever comes of it.
        self.next = counter.checked_add(1);
        let nonce = header.nonce(self.generation, self.direction);
        *tag = self.keyed.encrypt(&nonce, place.bytes(), message).ok_or(room)?;
        header.write(head);
        Ok(sealed)
    }

    /// Goes on with a later generation, whose numbers start afresh.
    ///
    /// # Errors
    /// It is not later.
    pub fn advance(&mut self, next: Generation) -> Result<(), SealError> {
        if next <= self.generation {
            return Err(SealError::Generation { current: self.generation, next });
        }
        self.keyed = self.secret.keyed::<C>(&self.session, self.direction, next);
        (self.generation, self.next) = (next, Some(0));
        Ok(())
    }

    /// Leaves out the numbers before `counter`. It never goes back.
    pub fn skip_to(&mut self, counter: u32) {
        self.next = self.next.map(|next| next.max(counter));
    }

    /// The generation in use; tell it to the opener with each message.
    #[must_use]
    pub const fn generation(&self) -> Generation {
        self.generation
    }

    /// How many messages this generation can still seal.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.next.map_or(0, |next| (1_u64 << 32) - u64::from(next))
    }
}

impl<C: Cipher> fmt::Debug for Sealer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer")
            .field("direction", &self.direction)
            .field("generation", &self.generation)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}
