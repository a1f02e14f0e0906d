//! A gate with a clock, a verifier and a client's frames; what comes of them, as text.

use core::time::Duration;
use std::sync::LazyLock;

use portcullis_auth::{
    Verify,
    jwt::{Algorithm, Issuer, Key, Mint, Signer, SigningKey, Verifier},
};
use portcullis_gate::{ActionRule, Context, Credential, Event, Gate, Limits, Policy, Protocol, Route};
use portcullis_proto::{
    Config, Connection, VecStorage,
    wire::{self, Opcode},
};
use portcullis_testkit::VirtualClock;
use portcullis_time::UnixTime;

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "portcullis";
const SECRET: [u8; 32] = [7; 32];
const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// The time at which every gate of these tests is made.
pub(crate) const START: UnixTime = VirtualClock::new().unix();
/// How much later than `exp` a token still passes.
pub(crate) const LEEWAY: Duration = Duration::ZERO;

pub(crate) static VERIFIER: LazyLock<Verifier> = LazyLock::new(|| {
    let keys = vec![Key::hmac(Algorithm::HS256, &SECRET).unwrap()];
    Verifier::new(AUDIENCE, vec![Issuer { name: ISSUER.into(), keys }]).with_leeway(LEEWAY)
});

fn signer(secret: &[u8], issuer: &str, audience: &str) -> Signer {
    Signer::new(SigningKey::hmac(Algorithm::HS256, secret).unwrap(), issuer, audience)
}

/// A good token of `user`, valid for `ttl` from `issued_at`.
pub(crate) fn token(user: &str, issued_at: UnixTime, ttl: u64, scopes: &[&str]) -> String {
    let mint = Mint::new(user, issued_at, Duration::from_secs(ttl)).with_scopes(scopes.iter().copied());
    signer(&SECRET, ISSUER, AUDIENCE).mint(&mint).unwrap()
}

/// Alice's, good for an hour.
pub(crate) fn alice() -> String {
    token("alice", START, 3_600, &["chat:write"])
}

/// Every fault that a token can have: its name, the token, and the reason that the client is told.
pub(crate) fn faults() -> Vec<(&'static str, String, &'static str)> {
    let mint = Mint::new("alice", START, Duration::from_secs(3_600));
    let good = alice();
    let (head, signature) = good.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    vec![
        ("expired", token("alice", UnixTime::from_secs(1_000), 60, &[]), "expired"),
        ("issuer", signer(&SECRET, "https://other.example", AUDIENCE).mint(&mint).unwrap(), "invalid"),
        ("audience", signer(&SECRET, ISSUER, "other").mint(&mint).unwrap(), "invalid"),
        ("key", signer(&[8; 32], ISSUER, AUDIENCE).mint(&mint).unwrap(), "invalid"),
        ("signature", format!("{head}.{flipped}{}", &signature[1..]), "invalid"),
        ("no signature", format!("{head}."), "invalid"),
        ("no token", "abc".into(), "invalid"),
        ("too long", "a".repeat(4_097), "invalid"),
    ]
}

fn rule(name: &str, route: Route, cost: u32, scope: Option<&str>) -> ActionRule {
    let schema = r#"{"type":"object","properties":{"text":{"type":"string","maxLength":500},"to":{"type":"string"}},"required":["text"]}"#;
    ActionRule { name: name.into(), schema: schema.into(), route, cost, scope: scope.map(Into::into) }
}

/// `chat` asks for nothing, `write` for a scope, `big` costs 10.
pub(crate) fn policy_with(limits: Limits) -> Policy {
    let rules = vec![
        rule("chat", Route::Channel, 1, None),
        rule("write", Route::User, 1, Some("chat:write")),
        rule("big", Route::Reply, 10, None),
    ];
    Policy::new(limits, rules).unwrap()
}

pub(crate) static POLICY: LazyLock<Policy> = LazyLock::new(|| policy_with(Limits::default()));

/// One masked frame of a client.
pub(crate) fn frame(opcode: Opcode, fin: bool, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0; payload.len() + wire::HEADER_LEN_MAX];
    let len = wire::encode_frame(opcode, fin, payload, Some(MASK), &mut out).unwrap();
    out.truncate(len);
    out
}

pub(crate) fn text(message: &str) -> Vec<u8> {
    frame(Opcode::Text, true, message.as_bytes())
}

/// A `chat` of now, with more members.
pub(crate) fn chat(more: &str) -> String {
    action("chat", START.as_millis(), more)
}

pub(crate) fn action(name: &str, timestamp_ms: u64, more: &str) -> String {
    format!(r#"{{"action":"{name}","payload":{{"text":"hi"}},"timestamp":{timestamp_ms}{more}}}"#)
}

pub(crate) fn auth(token: &str) -> String {
    format!(r#"{{"type":"auth","token":"{token}"}}"#)
}

/// An event in one line.
#[expect(clippy::wildcard_enum_match_arm, reason = "an event that is new is shown as it is")]
pub(crate) fn shown(event: &Event<'_>) -> String {
    match event {
        Event::Authenticated { resume: None } => "authenticated".into(),
        Event::Authenticated { resume: Some(resume) } => {
            let channels: Vec<_> = resume.channels().collect();
            format!("authenticated resume {} {} {channels:?}", resume.session, resume.token)
        }
        Event::Renewed { renewal } => format!("renewed {renewal:?}"),
        Event::SubscribeRefused { channel, refusal } => {
            format!("subscribe {channel} refused {}", refusal.code())
        }
        Event::Subscribe { channel, since } => {
            format!("subscribe {channel} {:?}", since.map(|since| since.offset))
        }
        Event::Unsubscribe { channel } => format!("unsubscribe {channel}"),
        Event::Action(action) => format!(
            "action {} from {:?} id {:?} channel {:?} at {} {}",
            action.rule(),
            action.from(),
            action.id(),
            action.channel(),
            action.timestamp_ms(),
            action.payload()
        ),
        Event::Refused(refusal) => {
            let closes = if refusal.closes() { " closes" } else { "" };
            format!("refused {} id {:?}{closes}", refusal.code(), refusal.id())
        }
        Event::Closing(closing) => format!("closing {} {}", closing.code, closing.reason),
        Event::Pong { .. } => "pong".into(),
        Event::CloseReceived { code } => format!("close received {code:?}"),
        Event::Closed { clean } => format!("closed {clean}"),
        other => format!("{other:?}"),
    }
}

/// One connection, its clock and its policy.
pub(crate) struct Rig<'p, P> {
    pub(crate) clock: VirtualClock,
    pub(crate) policy: &'p Policy,
    pub(crate) verifier: Option<&'p dyn Verify>,
    pub(crate) gate: Gate<P>,
}

pub(crate) fn engine(clock: &VirtualClock) -> Connection<VecStorage> {
    Connection::new(Config::server(), clock.now(), [1; 32], VecStorage::new(64 * 1_024))
}

impl<'p> Rig<'p, Connection<VecStorage>> {
    pub(crate) fn new(credential: Credential, resume: bool) -> Self {
        Self::with(&POLICY, credential, resume)
    }

    pub(crate) fn with(policy: &'p Policy, credential: Credential, resume: bool) -> Self {
        Self::over(engine(&VirtualClock::new()), policy, credential, resume)
    }

    /// Before its first message.
    pub(crate) fn fresh() -> Self {
        Self::new(Credential::Absent, false)
    }

    /// Authenticated as Alice, with a token as in [`alice`].
    pub(crate) fn live() -> Self {
        Self::live_under(&POLICY)
    }

    pub(crate) fn live_under(policy: &'p Policy) -> Self {
        Self::with(policy, verified(&alice()), false)
    }
}

/// A credential that came with the upgrade.
pub(crate) fn verified(token: &str) -> Credential {
    Credential::Verified(VERIFIER.verify(START, token.as_bytes()).unwrap())
}

impl<'p, P: Protocol> Rig<'p, P> {
    pub(crate) fn over(engine: P, policy: &'p Policy, credential: Credential, resume: bool) -> Self {
        let clock = VirtualClock::new();
        let verifier: Option<&dyn Verify> = Some(&*VERIFIER);
        let context = Context { now: clock.now(), unix: clock.unix(), policy, verifier };
        let gate = Gate::new(engine, &context, credential, resume);
        Self { clock, policy, verifier, gate }
    }

    /// Hands `bytes` in and returns what came of them, the frames that were sent included.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<String> {
        let Self { clock, policy, verifier, gate } = self;
        let context = Context { now: clock.now(), unix: clock.unix(), policy, verifier: *verifier };
        let mut said = Vec::new();
        let mut bytes = bytes.to_vec();
        let mut rest = &mut bytes[..];
        while !rest.is_empty() {
            let taken = match gate.handle_input(&context, rest) {
                Ok(step) => {
                    said.extend(step.event.as_ref().map(shown));
                    step.consumed
                }
                Err(error) => {
                    said.push(format!("failed {} {}", error.close_code(), error.code()));
                    rest.len()
                }
            };
            transmit(gate, &mut said);
            rest = &mut rest[taken..];
        }
        said
    }

    /// Sends one text message.
    pub(crate) fn say(&mut self, message: &str) -> Vec<String> {
        self.feed(&text(message))
    }

    /// Lets `duration` pass, waking the gate whenever it asked to be.
    pub(crate) fn pass(&mut self, duration: Duration) -> Vec<String> {
        let end = self.clock.now() + duration;
        let mut said = Vec::new();
        while let Some(deadline) = self.gate.poll_timeout().filter(|deadline| *deadline <= end) {
            self.clock.advance_to(deadline);
            said.extend(self.gate.handle_timeout(self.clock.now()).as_ref().map(shown));
            transmit(&mut self.gate, &mut said);
        }
        self.clock.advance_to(end);
        said
    }

    /// Lets `duration` pass without waking the gate.
    pub(crate) fn oversleep(&mut self, duration: Duration) {
        self.clock.advance(duration);
    }

    /// A message of now.
    pub(crate) fn chat_now(&mut self) -> Vec<String> {
        let message = action("chat", self.clock.unix().as_millis(), "");
        self.say(&message)
    }

    pub(crate) fn transmit(&mut self) -> Vec<String> {
        let mut said = Vec::new();
        transmit(&mut self.gate, &mut said);
        said
    }
}

/// The frames that the gate owes.
fn transmit<P: Protocol>(gate: &mut Gate<P>, said: &mut Vec<String>) {
    let mut out = [0; wire::CONTROL_FRAME_LEN_MAX];
    loop {
        let len = gate.poll_transmit(&mut out);
        if len == 0 {
            return;
        }
        said.push(match (&out[..len], out[0]) {
            ([0x88, _, high, low, reason @ ..], _) => {
                let code = u16::from_be_bytes([*high, *low]);
                format!("sent close {code} {}", reason.escape_ascii())
            }
            (_, 0x89) => "sent ping".into(),
            (_, 0x8A) => "sent pong".into(),
            (frame, _) => format!("sent {}", frame.escape_ascii()),
        });
    }
}
