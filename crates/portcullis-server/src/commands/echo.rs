//! `portcullis echo`.

use core::time::Duration;
use std::net::SocketAddr;

use portcullis_auth::OriginPolicy;
use portcullis_gate::{ActionRule, Limits, Policy, Route};
use portcullis_limit::Quota;
use portcullis_proto::deflate::DeflateConfig;

use crate::{
    cli::Failure,
    config::Size,
    log,
    run::{self, Mode, Run},
    shared::Live,
    tls,
};

/// The command line's options.
pub(crate) struct Options {
    pub(crate) listen: SocketAddr,
    pub(crate) tls: bool,
    pub(crate) guarded: bool,
    pub(crate) deflate: bool,
    pub(crate) message_max: Size,
    pub(crate) workers: Option<usize>,
}

/// Fragments of one message: what Autobahn sends at the most, twice.
const FRAGMENTS_MAX: u32 = 131_072;
/// A quota that refuses nothing that a machine can send.
const UNLIMITED: u32 = u32::MAX;

/// Echoes.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    log::start("warn").map_err(Failure::Usage)?;
    let certificate = if options.tls {
        Some(tls::development().map_err(|e| Failure::Runtime(e.to_string()))?)
    } else {
        None
    };
    let live = Live {
        path: "/".into(),
        origins: OriginPolicy::same_host(),
        verifier: None,
        key_sources: Vec::new(),
        cookie: None,
        api_key: None,
        policy: policy()?,
        protocol: portcullis_proto::Config::server()
            .with_message_len_max(options.message_max.0)
            .with_frame_len_max(options.message_max.0)
            .with_fragments_max(FRAGMENTS_MAX)
            .with_inflate_ratio_max(u32::MAX),
        deflate: options.deflate.then(|| DeflateConfig::server().with_client_no_context_takeover(false)),
        tls: vec![certificate.map(|certificate| certificate.config)],
        certificate_scopes: Vec::new(),
        terminated_upstream: vec![false],
        demo: false,
        upgrade_timeout: Duration::from_secs(5),
        outbound_len_max: usize::MAX,
        connections_max: usize::MAX,
        connections_per_address_max: usize::MAX,
        user_messages: unlimited()?,
        drain_spread: Duration::ZERO,
        drain_delay: Duration::ZERO,
        drain_deadline: run::QUICK_DRAIN,
    };
    run::run(Run {
        live,
        mode: Mode::Echo { guarded: options.guarded },
        addresses: vec![options.listen],
        admin: None,
        workers: options.workers.unwrap_or_else(run::default_workers),
        session: portcullis_session::Config::default(),
        store: None,
        reload: None,
        started: Box::new(|_| {}),
    })?;
    Ok(())
}

fn unlimited() -> Result<Quota, Failure> {
    Quota::per_second(UNLIMITED, UNLIMITED).map_err(|error| Failure::Runtime(error.to_string()))
}

/// The whole gate, with budgets that no machine can empty and one action of any name that benchmarks send.
fn policy() -> Result<Policy, Failure> {
    let mut limits = Limits::default();
    limits.messages = unlimited()?;
    limits.bytes = unlimited()?;
    limits.timestamp_window = Duration::MAX;
    let action = |name: &str| ActionRule {
        name: name.into(),
        schema: r#"{"type":"object","additionalProperties":true}"#.into(),
        route: Route::Reply,
        cost: 1,
        scope: None,
    };
    let actions = ["echo", "chat", "status", "ping"].map(action).into();
    Policy::new(limits, actions).map_err(|error| Failure::Runtime(error.to_string()))
}
