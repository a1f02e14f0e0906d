//! Opening.

use core::fmt;

use zeroize::Zeroize as _;

use crate::{
    cipher::{Aes256Gcm, Cipher, Keyed as _, KeyedOf},
    error::{OpenError, SealError},
    form::{Direction, Generation, HEADER_LEN, Header, Place, Session, TAG_LEN},
    secret::Secret,
    window::Window,
};

/// A message whose seal was whole: the proof that only an [`Opener`] makes.
#[derive(Debug, PartialEq, Eq)]
pub struct Opened<'b> {
    message: &'b mut [u8],
    counter: u32,
}

impl<'b> Opened<'b> {
    /// The message.
    #[must_use]
    pub const fn message(&self) -> &[u8] {
        self.message
    }

    /// The message, in the buffer in which it came.
    #[must_use]
    pub const fn into_message(self) -> &'b mut [u8] {
        self.message
    }

    /// Its number within the generation.
    #[must_use]
    pub const fn counter(&self) -> u32 {
        self.counter
    }
}

/// One generation in use.
struct Life<C: Cipher> {
    generation: Generation,
    keyed: KeyedOf<C>,
    window: Window,
}

/// Opens the messages of one session in one direction: each once, in nearly any order.
///
/// Two generations are open at a time, so that messages of the last one that are still on their way arrive.
pub struct Opener<C: Cipher = Aes256Gcm> {
    secret: Secret,
    session: Session,
    direction: Direction,
    current: Life<C>,
    last: Option<Life<C>>,
}

impl Opener {
    /// With AES-256-GCM, for what a [`crate::Sealer`] with the same arguments seals.
    #[must_use]
    pub fn new(secret: &Secret, session: Session, direction: Direction, generation: Generation) -> Self {
        Self::with_cipher(secret, session, direction, generation)
    }
}

impl<C: Cipher> Opener<C> {
    /// With the cipher of the type.
    #[must_use]
    pub fn with_cipher(
        secret: &Secret,
        session: Session,
        direction: Direction,
        generation: Generation,
    ) -> Self {
        let current = Self::life(secret, &session, direction, generation);
        Self { secret: secret.clone(), session, direction, current, last: None }
    }

    fn life(secret: &Secret, session: &Session, direction: Direction, generation: Generation) -> Life<C> {
        let keyed = secret.keyed::<C>(session, direction, generation);
        Life { generation, keyed, window: Window::new() }
    }

    /// Opens a sealed message of `generation` for `channel`, in place. O(n).
    ///
    /// # Errors
    /// It is malformed, of another session or generation, was opened before, is too old, or was changed: then the buffer is
    /// wiped, so that nobody reads what nobody vouched for.
    pub fn open_in_place<'b>(
        &mut self,
        generation: Generation,
        channel: &str,
        sealed: &'b mut [u8],
    ) -> Result<Opened<'b>, OpenError> {
        let (head, rest) = sealed.split_first_chunk_mut::<HEADER_LEN>().ok_or(OpenError::Malformed)?;
        let message_len = rest.len().checked_sub(TAG_LEN).ok_or(OpenError::Malformed)?;
        let header = Header::parse(head);
        if header.session != self.session {
            return Err(OpenError::Session);
        }
        let direction = self.direction;
        let lives = [Some(&mut self.current), self.last.as_mut()];
        let life = lives.into_iter().flatten().find(|life| life.generation == generation);
        let life = life.ok_or(OpenError::Generation { generation })?;
        let counter = header.counter;
        if life.window.knows(counter) {
            return Err(OpenError::Replayed { counter });
        }
        let place = Place::new(header, direction, channel).ok_or(OpenError::Malformed)?;
        let nonce = header.nonce(generation, direction);
        if !life.keyed.decrypt(&nonce, place.bytes(), rest) {
            rest.zeroize();
            return Err(OpenError::Forged);
        }
        // Only what was vouched for moves the window.
        life.window.remember(counter);
        let message = rest.get_mut(..message_len).unwrap_or_default();
        Ok(Opened { message, counter })
    }

    /// Opens messages of a later generation as well. Those of the one before it still open, until the next advance.
    ///
    /// # Errors
    /// It is not later.
    pub fn advance(&mut self, next: Generation) -> Result<(), SealError> {
        if next <= self.current.generation {
            return Err(SealError::Generation { current: self.current.generation, next });
        }
        let life = Self::life(&self.secret, &self.session, self.direction, next);
        self.last = Some(core::mem::replace(&mut self.current, life));
        Ok(())
    }

    /// No longer opens messages of the generation before the current one.
    pub fn forget_last(&mut self) {
        self.last = None;
    }

    /// The current generation.
    #[must_use]
    pub const fn generation(&self) -> Generation {
        self.current.generation
    }
}

impl<C: Cipher> fmt::Debug for Opener<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener")
            .field("direction", &self.direction)
            .field("generation", &self.current.generation)
            .finish_non_exhaustive()
    }
}
