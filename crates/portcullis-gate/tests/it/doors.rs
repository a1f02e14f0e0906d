//! One verifier behind every door: what is wrong with a credential does not depend on how it came in.

use core::cell::RefCell;
use core::time::Duration;

use portcullis_auth::{AuthError, OriginPolicy, Tickets, Verified, Verify};
use portcullis_gate::{AdmissionError, Credential, Endpoint, Redeem, admit};
use portcullis_proto::handshake::RequestHead;
use portcullis_testkit::VirtualClock;
use portcullis_time::UnixTime;

use crate::support::{Rig, START, VERIFIER, alice, auth, faults, token};

const PAGE: &str = "https://app.example.com";

/// Tickets by the virtual clock.
struct Desk(RefCell<Tickets>);

impl Desk {
    fn issue(&self, verified: Verified, origin: Option<&str>) -> String {
        let now = VirtualClock::new().now();
        let ticket = self.0.borrow_mut().issue(now, [7; 24], verified, origin.map(str::as_bytes));
        ticket.unwrap().as_str().into()
    }
}

impl Redeem for Desk {
    fn redeem(&self, now: UnixTime, ticket: &[u8], origin: Option<&[u8]>) -> Result<Verified, AuthError> {
        let verified = self.0.borrow_mut().redeem(VirtualClock::new().now(), ticket, origin)?;
        if verified.expires_at() <= now { Err(AuthError::Expired) } else { Ok(verified) }
    }
}

fn desk() -> Desk {
    Desk(RefCell::new(Tickets::new(8, Duration::from_secs(30))))
}

/// What the client of one request is told: a status, or after the upgrade a close code, each with its reason.
fn told(query: &str, fields: &str, tickets: &Desk, first: Option<&str>) -> String {
    let origins = OriginPolicy::allow_list([PAGE]).unwrap();
    let endpoint = Endpoint {
        path: "/ws",
        origins: &origins,
        verifier: Some(&*VERIFIER),
        tickets: Some(tickets),
        certificate: None,
        cookie: Some("session"),
        secure: true,
    };
    let text = format!(
        "GET /ws{query} HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{fields}\r\n"
    );
    let head = RequestHead::parse(text.as_bytes()).unwrap();
    let admitted = match admit(&endpoint, &head, START) {
        Ok(admitted) => admitted,
        Err(AdmissionError::Unauthorized(error)) => return format!("401 {}", error.reason()),
        Err(error) => return format!("{} {}", error.status(), error.code()),
    };
    let mut rig = Rig::new(admitted.credential, admitted.resume);
    let said = match first {
        Some(message) => rig.say(message),
        None => rig.transmit(),
    };
    if rig.gate.is_live() {
        return format!("in as {}", rig.gate.subject());
    }
    said.iter()
        .find_map(|line| line.strip_prefix("sent close ").map(String::from))
        .unwrap_or(format!("{said:?}"))
}

fn header(token: &str) -> String {
    told("", &format!("Authorization: Bearer {token}\r\n"), &desk(), None)
}

fn subprotocol(token: &str) -> String {
    told("", &format!("Sec-WebSocket-Protocol: portcullis.v1, bearer.{token}\r\n"), &desk(), None)
}

fn first_message(token: &str) -> String {
    told("", "", &desk(), Some(&auth(token)))
}

fn resume(token: &str) -> String {
    let message = format!(
        r#"{{"type":"auth","token":"{token}","resume":{{"session":"AAAAAAAAAAAAAAAAAAAAAA","token":"AAAAAAAAAAAAAAAAAAAAAA"}}}}"#
    );
    told("?resume=1", "", &desk(), Some(&message))
}

fn cookie(token: &str) -> String {
    told("", &format!("Origin: {PAGE}\r\nCookie: a=b; session={token}\r\n"), &desk(), None)
}

/// What a client with this token is told.
type Knock = fn(&str) -> String;

#[test]
fn the_same_fault_gets_the_same_reason_at_every_door() {
    let doors: [(&str, Knock, &str); 5] = [
        ("header", header, "401"),
        ("subprotocol", subprotocol, "4401"),
        ("first message", first_message, "4401"),
        ("resume", resume, "4401"),
        ("cookie", cookie, "4401"),
    ];
    for (door, knock, code) in doors {
        assert_eq!(knock(&alice()), "in as alice", "{door}");
        for (fault, token, reason) in faults() {
            if token.len() > 4_096 && matches!(door, "first message" | "resume") {
                // The message's own schema refuses it before it is a token; the reason is the same.
                assert_eq!(knock(&token), format!("{code} invalid"), "{door}, {fault}");
                continue;
            }
            assert_eq!(knock(&token), format!("{code} {reason}"), "{door}, {fault}");
        }
    }
}

#[test]
fn a_ticket_brings_its_credential_and_its_faults() {
    let verified = |token: &str| VERIFIER.verify(START, token.as_bytes()).unwrap();
    let page = format!("Origin: {PAGE}\r\n");
    let redeem =
        |ticket: &str, desk: &Desk, fields: &str| told(&format!("?ticket={ticket}"), fields, desk, None);

    let desk_with = |token: &str, origin| {
        let desk = desk();
        let ticket = desk.issue(verified(token), origin);
        (desk, ticket)
    };
    let (desk, ticket) = desk_with(&alice(), Some(PAGE));
    assert_eq!(redeem(&ticket, &desk, &page), "in as alice");
    assert_eq!(redeem(&ticket, &desk, &page), "4401 invalid", "it is used up");
    let (desk, ticket) = desk_with(&alice(), Some(PAGE));
    assert_eq!(redeem(&ticket, &desk, ""), "4401 invalid", "another page's, or none's");
    let (desk, ticket) = desk_with(&alice(), Some("https://other.example.com"));
    assert_eq!(redeem(&ticket, &desk, &page), "4401 invalid");
    for nonsense in ["", "abc", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "%41", "=="] {
        assert_eq!(redeem(nonsense, &desk, &page), "4401 invalid", "{nonsense}");
    }
    // The lease is that of the token, not of the ticket.
    let (desk, ticket) = desk_with(&token("alice", START, 60, &[]), None);
    assert_eq!(redeem(&ticket, &desk, ""), "in as alice");
}

#[test]
fn two_credentials_are_one_too_many_but_a_cookie_is_only_the_last_resort() {
    let (good, desk) = (alice(), desk());
    let bearer = format!("Authorization: Bearer {good}\r\n");
    let offer = format!("Sec-WebSocket-Protocol: portcullis.v1, bearer.{good}\r\n");
    for (query, fields) in [
        ("", format!("{bearer}{offer}")),
        ("", format!("{bearer}{bearer}")),
        ("?ticket=x", bearer.clone()),
        ("?ticket=x", offer),
    ] {
        assert_eq!(told(query, &fields, &desk, None), "400 ambiguous_credential", "{query} {fields}");
    }
    // A browser sends cookies by itself, also beside a credential that was chosen.
    let beside = format!("Origin: {PAGE}\r\nCookie: session=nonsense\r\n{bearer}");
    assert_eq!(told("", &beside, &desk, None), "in as alice");
}

/// Cross-site WebSocket hijacking: a page that may not connect has the browser send the user's cookie.
#[test]
fn a_cookie_counts_for_a_listed_page_alone() {
    let good = alice();
    let with = |origin: &str| told("", &format!("{origin}Cookie: session={good}\r\n"), &desk(), None);
    assert_eq!(with(&format!("Origin: {PAGE}\r\n")), "in as alice");
    assert_eq!(with("Origin: https://evil.example\r\n"), "403 origin_forbidden");
    assert_eq!(with("Origin: null\r\n"), "403 origin_forbidden");
    // No page at all: the cookie is not looked at, the first message is.
    let first = told("", &format!("Cookie: session={good}\r\n"), &desk(), Some(&auth("x")));
    assert_eq!(first, "4401 invalid");
    let twice = format!("Origin: {PAGE}\r\nCookie: session={good}\r\nCookie: session={good}\r\n");
    assert_eq!(told("", &twice, &desk(), None), "4401 invalid");

    // Without an allow-list it is not a credential at all.
    let origins = OriginPolicy::same_host();
    let endpoint = Endpoint {
        path: "/ws",
        origins: &origins,
        verifier: Some(&*VERIFIER),
        tickets: None,
        certificate: None,
        cookie: Some("session"),
        secure: true,
    };
    let text = format!(
        "GET /ws HTTP/1.1\r\nHost: example.com\r\nOrigin: https://example.com\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
         Cookie: session={good}\r\n\r\n"
    );
    let head = RequestHead::parse(text.as_bytes()).unwrap();
    let admitted = admit(&endpoint, &head, START).unwrap();
    assert!(matches!(admitted.credential, Credential::Absent));
}
