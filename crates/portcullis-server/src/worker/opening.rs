//! The opening handshake: one request head, and what becomes of it.

use portcullis_auth::{AuthError, Verified, certificate};
use portcullis_gate::{AdmissionError, Admitted, Credential, Endpoint, Gate, admit};
use portcullis_proto::{
    VecStorage,
    deflate::{Agreed, CompressorMode},
    handshake::{self, Acceptance, HandshakeError, RequestHead, UpgradeRequest},
};

use super::{
    Env,
    connection::{Engine, Gated, Opening, Phase},
    outbound::Outbound,
    tickets,
    transport::Transport,
};
use crate::{run::Mode, shared::TICKET_PATH, web};

/// A response head with its fields fits here.
const RESPONSE_HEAD_LEN_MAX: usize = 2 * 1_024;

/// Feeds `input` to the head reader. Returns how much was used, and the next phase once the head is complete.
pub(super) fn handle_input(
    env: &mut Env,
    opening: &mut Opening,
    transport: &Transport,
    outbound: &mut Outbound,
    input: &[u8],
) -> (usize, Option<Phase>) {
    let came = Came {
        over_limit: opening.over_limit,
        secure: opening.secure,
        listener: opening.listener,
        transport,
    };
    match opening.head.handle_input(env.now, input) {
        Err(error) => (input.len(), Some(refuse_handshake(env, outbound, error))),
        Ok(step) => {
            let phase = step.head.map(|head| decide(env, outbound, head, &came));
            (step.consumed, phase)
        }
    }
}

/// The head did not come in time.
pub(super) fn handle_timeout(env: &mut Env, opening: &mut Opening, outbound: &mut Outbound) -> Option<Phase> {
    let error = opening.head.handle_timeout(env.now).err()?;
    Some(refuse_handshake(env, outbound, error))
}

/// By which way a request came.
struct Came<'t> {
    over_limit: bool,
    secure: bool,
    listener: usize,
    transport: &'t Transport,
}

impl Came<'_> {
    /// The credential of the client's certificate, where this listener takes them and it names somebody.
    fn certificate(&self, env: &Env) -> Option<Result<Verified, AuthError>> {
        let scopes = env.live.certificate_scopes.get(self.listener)?.as_ref()?;
        let peer = self.transport.peer()?;
        let verified = certificate::verified(env.unix, &peer.certificate(), scopes.clone());
        // What an operator has revoked is refused by this way like by the others.
        Some(verified.and_then(|verified| {
            env.shared.check_revoked(env.unix, &verified, None)?;
            Ok(verified)
        }))
    }
}

/// What becomes of a complete head.
fn decide(env: &mut Env, outbound: &mut Outbound, head: &[u8], came: &Came<'_>) -> Phase {
    let request = match RequestHead::parse(head) {
        Ok(request) => request,
        Err(error) => return refuse_handshake(env, outbound, error),
    };
    if came.over_limit {
        return refuse(env, outbound, Refused::plain(429, "too_many_connections"));
    }
    if env.is_draining() || env.is_full() {
        let code = if env.is_draining() { "draining" } else { "full" };
        return refuse(env, outbound, Refused::plain(503, code));
    }
    match env.mode {
        Mode::Gate => decide_gate(env, outbound, &request, came),
        Mode::Echo { guarded } => match request.upgrade() {
            Err(error) => refuse_handshake(env, outbound, error),
            Ok(upgrade) if guarded => {
                let admitted = Admitted::open(upgrade);
                upgrade_to_gate(env, outbound, admitted)
            }
            Ok(upgrade) => match accept(env, outbound, &upgrade, None, true) {
                Ok(agreed) => Phase::Bare(Box::new(engine(env, agreed))),
                Err(error) => refuse_handshake(env, outbound, error),
            },
        },
    }
}

/// The production decision: an upgrade of the endpoint, a page of the demo, or nothing here.
fn decide_gate(env: &mut Env, outbound: &mut Outbound, request: &RequestHead<'_>, came: &Came<'_>) -> Phase {
    let live = env.live.clone();
    if live.demo
        && let Some(asset) = web::asset(request.method(), request.path())
    {
        return respond(env, outbound, &asset);
    }
    if request.path() == TICKET_PATH {
        return tickets::answer(env, outbound, request, came.secure);
    }
    let (judge, certificate) = (env.judge.clone(), came.certificate(env));
    let endpoint = Endpoint {
        path: &live.path,
        origins: &live.origins,
        verifier: judge.as_deref().map(|judge| judge as &dyn portcullis_auth::Verify),
        tickets: judge.as_deref().map(|judge| judge as &dyn portcullis_gate::Redeem),
        certificate: certificate.as_ref().map(|verdict| verdict.as_ref().map_err(|error| *error)),
        cookie: live.cookie.as_deref(),
        secure: came.secure,
    };
    match admit(&endpoint, request, env.unix) {
        Ok(admitted) => upgrade_to_gate(env, outbound, admitted),
        Err(AdmissionError::Unauthorized(error)) => {
            env.metrics.auth_failed(error.code());
            refuse(env, outbound, Refused { authenticate: true, ..Refused::plain(401, error.reason()) })
        }
        Err(error) => {
            let version = error.status() == 426;
            refuse(env, outbound, Refused { version, ..Refused::plain(error.status(), error.code()) })
        }
    }
}

/// Accepts the upgrade and puts the gate behind it.
fn upgrade_to_gate(env: &mut Env, outbound: &mut Outbound, admitted: Admitted<'_>) -> Phase {
    // Nobody's compressed data is inflated before it is known who sends it.
    let is_known = matches!(admitted.credential, Credential::Verified(_));
    let agreed = match accept(env, outbound, &admitted.request, admitted.subprotocol, is_known) {
        Ok(agreed) => agreed,
        Err(error) => return refuse_handshake(env, outbound, error),
    };
    if let Credential::Rejected(error) = &admitted.credential {
        env.metrics.auth_failed(error.code());
        tracing::info!(code = error.code(), "credential rejected");
    }
    let engine = engine(env, agreed);
    let live = env.live.clone();
    let judge = env.judge.clone();
    let context = env.context(&live, judge.as_deref());
    let gate = Gate::new(engine, &context, admitted.credential, admitted.resume);
    Phase::Gated(Box::new(Gated {
        gate,
        agreed,
        session: None,
        pending: None,
        resuming: std::collections::VecDeque::new(),
        is_resuming: false,
        held_back: Vec::new(),
        scopes_changed: false,
        left: false,
    }))
}

/// Writes the 101, with compression where it is wanted on both sides and `may_deflate`.
fn accept(
    env: &mut Env,
    outbound: &mut Outbound,
    upgrade: &UpgradeRequest<'_>,
    subprotocol: Option<&str>,
    may_deflate: bool,
) -> Result<Option<Agreed>, HandshakeError> {
    let deflate = env.live.deflate.filter(|_| may_deflate);
    let agreed = deflate.and_then(|deflate| deflate.accept(upgrade.extensions()));
    let extensions = agreed.map(|agreed| agreed.response());
    let acceptance = Acceptance { subprotocol, extensions: extensions.as_deref(), ..Acceptance::default() };
    let room = outbound.room(&mut env.pool, RESPONSE_HEAD_LEN_MAX);
    let len = handshake::accept(upgrade, &acceptance, room)?;
    outbound.commit(len);
    env.metrics.connection_upgraded();
    Ok(agreed)
}

/// A fresh engine. What it sends goes through the worker's compressor, or through none.
fn engine(env: &Env, agreed: Option<Agreed>) -> Engine {
    let config = env.live.protocol;
    let storage = VecStorage::new(usize::try_from(config.message_len_max).unwrap_or(usize::MAX));
    let engine = Engine::new(config, env.now, crate::clock::entropy(), storage);
    match (agreed, &env.live.deflate) {
        (Some(agreed), Some(deflate)) => {
            engine.with_deflate(agreed, &deflate.with_compressor(CompressorMode::Shared))
        }
        _ => engine,
    }
}

/// A refusal with a status.
#[derive(Clone, Copy)]
pub(super) struct Refused {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) authenticate: bool,
    pub(super) version: bool,
}

impl Refused {
    pub(super) const fn plain(status: u16, code: &'static str) -> Self {
        Self { status, code, authenticate: false, version: false }
    }
}

fn refuse_handshake(env: &mut Env, outbound: &mut Outbound, error: HandshakeError) -> Phase {
    let version = error.status() == 426;
    refuse(env, outbound, Refused { version, ..Refused::plain(error.status(), error.code()) })
}

/// Writes a refusal: its status, and its code as JSON.
pub(super) fn refuse(env: &mut Env, outbound: &mut Outbound, refused: Refused) -> Phase {
    env.metrics.handshake_refused(refused.code);
    tracing::info!(status = refused.status, code = refused.code, "upgrade refused");
    let body = format!("{{\"error\":\"{}\"}}", refused.code);
    let mut fields = vec![("content-type", "application/json")];
    if refused.authenticate {
        fields.push(("www-authenticate", "Bearer error=\"invalid_token\""));
    }
    if refused.version {
        // RFC 6455 §4.2.2: "an appropriate HTTP error code (such as 426 Upgrade Required) and a |Sec-WebSocket-Version|"
        fields.push(("sec-websocket-version", "13"));
    }
    write_response(env, outbound, refused.status, &fields, body.as_bytes());
    env.linger()
}

/// Writes a page.
fn respond(env: &mut Env, outbound: &mut Outbound, asset: &web::Asset) -> Phase {
    write_response(env, outbound, asset.status, asset.fields, asset.body);
    env.linger()
}

pub(super) fn write_response(
    env: &mut Env,
    outbound: &mut Outbound,
    status: u16,
    fields: &[(&str, &str)],
    body: &[u8],
) {
    let room = outbound.room(&mut env.pool, RESPONSE_HEAD_LEN_MAX + body.len());
    if let Ok(len) = handshake::refuse(status, fields, body, room) {
        outbound.commit(len);
    }
}

/// The storage of the head reader, at its cap.
pub(super) fn head_storage() -> VecStorage {
    VecStorage::new(handshake::HEAD_LEN_MAX)
}
