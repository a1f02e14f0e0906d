//! The payload of data frames: checked, and lent from where it lies or gathered.

use super::{
    Connection,
    receive::{Found, Frame, Part, Place, Taken},
};
use crate::{MessageKind, ProtocolError, Storage, wire::Utf8};

/// A message whose last frame has not come yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Incoming {
    pub(super) kind: MessageKind,
    /// Frames so far.
    pub(super) count: u32,
    /// Bytes so far: of all frames, the one at hand with all that it declares; of a compressed message what it has
    /// inflated to.
    pub(super) len: u64,
    /// What frames declare of a compressed message, and how much of that has been inflated.
    #[cfg(feature = "deflate")]
    pub(super) wire: super::inflate::Wire,
    /// RSV1 was set on its first frame.
    #[cfg(feature = "deflate")]
    pub(super) is_deflated: bool,
    pub(super) utf8: Utf8,
}

impl Incoming {
    pub(super) const fn new(kind: MessageKind) -> Self {
        Self {
            kind,
            count: 0,
            len: 0,
            #[cfg(feature = "deflate")]
            wire: super::inflate::Wire::NOTHING,
            #[cfg(feature = "deflate")]
            is_deflated: false,
            utf8: Utf8::new(),
        }
    }

    /// Checks the next bytes of the message; `ends` with its last ones.
    pub(super) fn check(&mut self, bytes: &[u8], ends: bool) -> Result<(), ProtocolError> {
        if !matches!(self.kind, MessageKind::Text) {
            return Ok(());
        }
        // RFC 6455 §8.1: "that endpoint MUST _Fail the WebSocket Connection_."
        self.utf8.push(bytes).map_err(|_| ProtocolError::InvalidUtf8)?;
        self.finish(ends)
    }

    /// Takes the next payload of `frame` out of its mask and checks it.
    fn unmask(&mut self, frame: &mut Frame, payload: &mut [u8]) -> Result<(), ProtocolError> {
        match (self.kind, frame.key()) {
            (MessageKind::Text, Some(key)) => {
                let verdict = self.utf8.push_masked(key, usize::from(frame.phase), payload);
                verdict.map_err(|_| ProtocolError::InvalidUtf8)?;
                frame.advance(payload.len());
                self.finish(frame.ends_message())
            }
            (MessageKind::Text, None) | (MessageKind::Binary, _) => {
                frame.unmask(payload);
                self.check(payload, frame.ends_message())
            }
        }
    }

    /// A text that ends has no open character.
    fn finish(&self, ends: bool) -> Result<(), ProtocolError> {
        if ends && matches!(self.kind, MessageKind::Text) {
            self.utf8.finish().map_err(|_| ProtocolError::InvalidUtf8)?;
        }
        Ok(())
    }
}

impl<S: Storage> Connection<S> {
    /// Takes in the next bytes of a data frame.
    #[inline]
    pub(super) fn take_data(
        &mut self,
        frame: &mut Frame,
        payload: &mut [u8],
    ) -> Result<Taken, ProtocolError> {
        if self.receive.discards {
            frame.advance(payload.len());
            if frame.ends_message() {
                self.receive.message = None;
            }
            return Ok(Taken::all(payload, Found::Nothing));
        }
        #[cfg(feature = "deflate")]
        if self.receive.message.is_some_and(|message| message.is_deflated) {
            return self.take_deflated(frame, payload);
        }
        let is_whole = payload.len() as u64 == frame.remaining && self.storage.as_slice().is_empty();
        let Some(message) = &mut self.receive.message else {
            frame.advance(payload.len());
            return Ok(Taken::all(payload, Found::Nothing));
        };
        message.unmask(frame, payload)?;
        let (kind, ends) = (message.kind, frame.ends_message());
        if is_whole && ends && message.count == 1 && !self.config.streaming {
            self.receive.message = None;
            return Ok(Taken::all(payload, Found::Data { kind, place: Place::Input, part: Part::Whole }));
        }
        let len = message.len;
        if ends {
            self.receive.message = None;
        }
        if self.config.streaming {
            let part = Part::Fragment { is_last: ends };
            let is_something = ends || !payload.is_empty();
            let found =
                if is_something { Found::Data { kind, place: Place::Input, part } } else { Found::Nothing };
            return Ok(Taken::all(payload, found));
        }
        self.storage
            .extend(payload)
            .map_err(|full| ProtocolError::MessageTooBig { len, len_max: full.capacity_max as u64 })?;
        let found = if ends {
            Found::Data { kind, place: Place::Storage, part: Part::Whole }
        } else {
            Found::Nothing
        };
        Ok(Taken::all(payload, found))
    }
}
