//! The opening handshake with its buffers.

use alloc::{borrow::ToOwned, boxed::Box, string::String, vec, vec::Vec};

use portcullis_time::Instant;

use super::{
    Endpoint, Options,
    buffer::{Input, Output},
};
use crate::{
    Side, VecStorage,
    handshake::{
        Acceptance, Accepted, ClientRequest, EmitError, HEAD_LEN_MAX, HandshakeError, HeadReader,
        RequestHead, ResponseHead, UpgradeRequest, accept, refuse,
    },
    random::Random,
};

/// What a server answers an upgrade with. The default is nothing beyond the handshake itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// The one subprotocol to speak, of those offered.
    pub subprotocol: Option<String>,
    /// Further header fields, name and value.
    pub fields: Vec<(String, String)>,
}

impl Answer {
    /// The same with a subprotocol.
    #[must_use]
    pub fn with_subprotocol(self, subprotocol: &str) -> Self {
        Self { subprotocol: Some(subprotocol.to_owned()), ..self }
    }

    /// The same with one more header field.
    #[must_use]
    pub fn with_field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// What a server refuses an upgrade with.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The status, 300 to 599.
    pub status: u16,
    /// Header fields, name and value.
    pub fields: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Refusal {
    /// With a status and nothing more.
    #[must_use]
    pub const fn new(status: u16) -> Self {
        Self { status, fields: Vec::new(), body: Vec::new() }
    }

    /// The same with one more header field.
    #[must_use]
    pub fn with_field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with another body.
    #[must_use]
    pub fn with_body(self, body: &[u8]) -> Self {
        Self { body: body.to_vec(), ..self }
    }
}

/// A server's decision on a request that passed all checks of RFC 6455: its path, its origin, its credentials.
pub type Decide<'r> = Box<dyn FnOnce(&UpgradeRequest<'_>) -> Result<Answer, Refusal> + Send + 'r>;

/// What both sides agreed on in the opening handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Agreement {
    /// The subprotocol, if any.
    pub subprotocol: Option<String>,
    /// Compression, if any.
    #[cfg(feature = "deflate")]
    pub agreed: Option<crate::deflate::Agreed>,
}

/// Answers a whole request head: returns the response to write, and what was agreed on.
///
/// For the case where something else has read the head, such as an HTTP server; [`Opening`] does it by itself. The
/// response is a refusal where the result is an error. `decide` is asked only about a request that is a valid upgrade;
/// `None` accepts them all.
///
/// # Errors
/// The second of the pair: the request is no valid upgrade, or was refused ([`HandshakeError::Refused`]).
pub fn answer(
    head: &[u8],
    options: &Options,
    decide: Option<Decide<'_>>,
) -> (Vec<u8>, Result<Agreement, HandshakeError>) {
    match try_answer(head, options, decide) {
        Ok((response, agreement)) => (response, Ok(agreement)),
        Err(Denial::Decided(refusal)) => {
            let response = write(|out| refuse(refusal.status, &borrow(&refusal.fields), &refusal.body, out));
            match response {
                Ok(response) => (response, Err(HandshakeError::Refused { status: refusal.status })),
                Err(error) => (refusal_of(error.into()), Err(error.into())),
            }
        }
        Err(Denial::Broken(error)) => (refusal_of(error), Err(error)),
    }
}

/// Why a request is not accepted.
enum Denial {
    Broken(HandshakeError),
    Decided(Refusal),
}

fn try_answer(
    head: &[u8],
    #[cfg_attr(not(feature = "deflate"), expect(unused_variables, reason = "nothing to agree on"))]
    options: &Options,
    decide: Option<Decide<'_>>,
) -> Result<(Vec<u8>, Agreement), Denial> {
    let broken = Denial::Broken;
    let upgrade = RequestHead::parse(head).and_then(|head| head.upgrade()).map_err(broken)?;
    let answer = match decide {
        Some(decide) => decide(&upgrade).map_err(Denial::Decided)?,
        None => Answer::default(),
    };
    #[cfg(feature = "deflate")]
    let agreed = options.deflate.and_then(|deflate| deflate.accept(upgrade.extensions()));
    #[cfg(feature = "deflate")]
    let extensions = agreed.map(|agreed| agreed.response());
    #[cfg(not(feature = "deflate"))]
    let extensions: Option<String> = None;
    let fields = borrow(&answer.fields);
    let acceptance = Acceptance {
        subprotocol: answer.subprotocol.as_deref(),
        extensions: extensions.as_deref(),
        fields: &fields,
    };
    let response = write(|out| accept(&upgrade, &acceptance, out)).map_err(|error| broken(error.into()))?;
    let agreement = Agreement {
        subprotocol: answer.subprotocol,
        #[cfg(feature = "deflate")]
        agreed,
    };
    Ok((response, agreement))
}

fn borrow(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// The response to a request that cannot be accepted; its body is the stable code.
fn refusal_of(error: HandshakeError) -> Vec<u8> {
    write(|out| refuse(error.status(), error.refusal_fields(), error.code().as_bytes(), out))
        .unwrap_or_default()
}

/// What `emit` writes, with as much room as it asks for.
fn write(emit: impl Fn(&mut [u8]) -> Result<usize, EmitError>) -> Result<Vec<u8>, EmitError> {
    let mut bytes = vec![0; 512];
    let len = match emit(&mut bytes) {
        Err(EmitError::BufferTooSmall { len_min, .. }) => {
            bytes.resize(len_min, 0);
            emit(&mut bytes)?
        }
        other => other?,
    };
    bytes.truncate(len);
    Ok(bytes)
}

/// One side's part.
enum Part<'r> {
    Server(Option<Decide<'r>>),
    Client { asked: Asked, nonce: [u8; 16] },
}

/// What the answer to a request is checked against.
struct Asked {
    subprotocols: Vec<String>,
    extensions: Option<String>,
}

impl Asked {
    fn new(request: &ClientRequest<'_>) -> Self {
        Self {
            subprotocols: request.subprotocols.iter().map(|&name| name.to_owned()).collect(),
            extensions: request.extensions.map(ToOwned::to_owned),
        }
    }

    fn verify<'h>(&self, head: &ResponseHead<'h>, nonce: [u8; 16]) -> Result<Accepted<'h>, HandshakeError> {
        let subprotocols: Vec<&str> = self.subprotocols.iter().map(String::as_str).collect();
        let extensions = self.extensions.as_deref();
        head.verify(
            &ClientRequest { subprotocols: &subprotocols, extensions, ..ClientRequest::new("", "/") },
            nonce,
        )
    }
}

/// The opening handshake of one connection, with its buffers and without I/O.
///
/// Write [`output`](Self::output) until it is empty, then read, until [`is_complete`](Self::is_complete). What arrived
/// behind the head is the [`Endpoint`]'s first input.
pub struct Opening<'r> {
    part: Part<'r>,
    options: Options,
    reader: HeadReader<VecStorage>,
    input: Input,
    output: Output,
    deadline: Instant,
    seed: [u8; 32],
    outcome: Option<Result<Agreement, HandshakeError>>,
}

impl core::fmt::Debug for Opening<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Opening").field("outcome", &self.outcome).finish_non_exhaustive()
    }
}

impl<'r> Opening<'r> {
    /// The accepting side. `seed` must be unpredictable and used once.
    #[must_use]
    pub fn server(options: &Options, now: Instant, seed: [u8; 32], decide: Option<Decide<'r>>) -> Self {
        Self::new(options.for_side(Side::Server), now, seed, Part::Server(decide))
    }

    /// The opening side. `seed` must be unpredictable and used once: the nonce of the handshake and all masking keys come
    /// from it. With [`Options`]' `deflate` the request's own extensions are replaced by the offer.
    ///
    /// # Errors
    /// The request cannot be sent.
    pub fn client(
        options: &Options,
        now: Instant,
        seed: [u8; 32],
        request: &ClientRequest<'_>,
    ) -> Result<Self, HandshakeError> {
        let mut random = Random::new(seed);
        let nonce = random.bytes();
        let mut seed = [0; 32];
        for (half, bytes) in seed.chunks_exact_mut(16).zip([random.bytes::<16>(), random.bytes()]) {
            half.copy_from_slice(&bytes);
        }
        let (asked, head) = with_offer(request, options, |request| {
            (Asked::new(request), write(|out| request.emit(nonce, out)))
        });
        let head = head?;
        let mut opening = Self::new(options.for_side(Side::Client), now, seed, Part::Client { asked, nonce });
        opening.queue(&head);
        Ok(opening)
    }

    fn new(options: Options, now: Instant, seed: [u8; 32], part: Part<'r>) -> Self {
        let deadline = now + options.handshake_timeout;
        Self {
            part,
            options,
            reader: HeadReader::new(VecStorage::new(HEAD_LEN_MAX), deadline),
            input: Input::new(options.read_buffer_len),
            output: Output::new(),
            deadline,
            seed,
            outcome: None,
        }
    }

    /// Where the bytes of the next read go.
    pub fn input_buffer(&mut self) -> &mut [u8] {
        self.input.room()
    }

    /// `len` bytes were read into [`input_buffer`](Self::input_buffer).
    pub fn filled(&mut self, now: Instant, len: usize) {
        self.input.filled(len);
        if self.outcome.is_some() {
            return;
        }
        let (consumed, response, outcome) = match self.reader.handle_input(now, self.input.unread()) {
            Err(error) => (0, None, Err(error)),
            Ok(step) => match step.head {
                None => {
                    let consumed = step.consumed;
                    self.input.consume(consumed);
                    return;
                }
                Some(head) => {
                    let (response, outcome) = self.part.conclude(head, &self.options);
                    (step.consumed, response, outcome)
                }
            },
        };
        self.input.consume(consumed);
        match response {
            Some(response) => self.queue(&response),
            None => self.queue_refusal(outcome.as_ref().err()),
        }
        self.outcome = Some(outcome);
    }

    /// When the handshake must be over.
    #[must_use]
    pub const fn poll_timeout(&self) -> Instant {
        self.deadline
    }

    /// The deadline may have passed. Spurious calls do nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        if now >= self.deadline && self.outcome.is_none() {
            let error = HandshakeError::Timeout;
            self.queue_refusal(Some(&error));
            self.outcome = Some(Err(error));
        }
    }

    /// What is to be written: the request, the response, or the refusal.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        self.output.pending()
    }

    /// The transport took the first `len` bytes of [`output`](Self::output).
    pub fn wrote(&mut self, len: usize) {
        self.output.wrote(len);
    }

    /// Whether nothing has to be read any more. What is left to write is still to be written.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.outcome.is_some()
    }

    /// The connection that was opened. What is left to write of the handshake goes with it.
    ///
    /// # Errors
    /// The handshake failed; or it is not over, which is [`HandshakeError::Timeout`].
    pub fn into_endpoint(self, now: Instant) -> Result<Endpoint, HandshakeError> {
        let agreement = self.outcome.unwrap_or(Err(HandshakeError::Timeout))?;
        Ok(Endpoint::new(&self.options, agreement, now, self.seed, (self.input, self.output)))
    }

    fn queue(&mut self, bytes: &[u8]) {
        if let Some(room) = self.output.room(bytes.len()).get_mut(..bytes.len()) {
            room.copy_from_slice(bytes);
        }
        self.output.filled(bytes.len());
    }

    /// A server tells what was wrong; a client has nobody to tell.
    fn queue_refusal(&mut self, error: Option<&HandshakeError>) {
        if let (Part::Server(_), Some(&error)) = (&self.part, error) {
            self.queue(&refusal_of(error));
        }
    }
}

impl Part<'_> {
    /// What a whole head means, and what a server answers to it.
    fn conclude(
        &mut self,
        head: &[u8],
        options: &Options,
    ) -> (Option<Vec<u8>>, Result<Agreement, HandshakeError>) {
        match self {
            Self::Server(decide) => {
                let (response, outcome) = answer(head, options, decide.take());
                (Some(response), outcome)
            }
            Self::Client { asked, nonce } => {
                let head = ResponseHead::parse(head);
                (None, head.and_then(|head| agree(&asked.verify(&head, *nonce)?, options)))
            }
        }
    }
}

/// What the server's acceptance amounts to.
fn agree(
    accepted: &Accepted<'_>,
    #[cfg_attr(not(feature = "deflate"), expect(unused_variables, reason = "nothing to agree on"))]
    options: &Options,
) -> Result<Agreement, HandshakeError> {
    Ok(Agreement {
        subprotocol: accepted.subprotocol().map(ToOwned::to_owned),
        #[cfg(feature = "deflate")]
        agreed: match options.deflate {
            Some(deflate) => deflate.agree(accepted.extensions())?,
            None => None,
        },
    })
}

/// Calls `with` with the request as it is sent: with the offer of compression.
fn with_offer<R>(
    request: &ClientRequest<'_>,
    #[cfg_attr(not(feature = "deflate"), expect(unused_variables, reason = "nothing to offer"))]
    options: &Options,
    with: impl FnOnce(&ClientRequest<'_>) -> R,
) -> R {
    #[cfg(feature = "deflate")]
    if let Some(deflate) = options.deflate {
        let offer = deflate.offer();
        return with(&ClientRequest { extensions: Some(&offer), ..*request });
    }
    with(request)
}
