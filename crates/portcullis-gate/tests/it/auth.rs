//! How a connection comes to be authenticated, and what happens to everything before that.

use core::time::Duration;

use portcullis_auth::OriginPolicy;
use portcullis_gate::{AdmissionError, Admitted, Credential, Endpoint, SUBPROTOCOL, admit};
use portcullis_proto::handshake::RequestHead;
use portcullis_proto::wire::Opcode;

use crate::support::{Rig, START, VERIFIER, alice, auth, chat, faults, frame, text, token, verified};

const SESSION: &str = "AAAAAAAAAAAAAAAAAAAAAA";

fn head(target: &str, fields: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{fields}\r\n"
    )
}

/// What `admit` makes of a request, given to `look`.
fn admitted<T>(
    target: &str,
    fields: &str,
    look: impl FnOnce(Result<Admitted<'_>, AdmissionError>) -> T,
) -> T {
    let origins = OriginPolicy::same_host();
    let endpoint = Endpoint {
        path: "/ws",
        origins: &origins,
        verifier: Some(&*VERIFIER),
        tickets: None,
        certificate: None,
        cookie: None,
        secure: true,
    };
    let text = head(target, fields);
    let head = RequestHead::parse(text.as_bytes()).unwrap();
    look(admit(&endpoint, &head, START))
}

fn refused(target: &str, fields: &str) -> (u16, &'static str) {
    admitted(target, fields, |verdict| {
        let error = verdict.unwrap_err();
        (error.status(), error.code())
    })
}

#[test]
fn a_good_token_passes_every_door() {
    let token = alice();
    let header = format!("Authorization: Bearer {token}\r\n");
    let offer = format!("Sec-WebSocket-Protocol: portcullis.v1, bearer.{token}\r\n");
    for (fields, subprotocol) in [(header, None), (offer, Some(SUBPROTOCOL))] {
        admitted("/ws", &fields, |verdict| {
            let admitted = verdict.unwrap();
            assert_eq!(admitted.subprotocol, subprotocol);
            let rig = Rig::new(admitted.credential, false);
            assert!(rig.gate.is_live());
            assert_eq!(rig.gate.subject(), "alice");
            assert!(rig.gate.scopes().unwrap().contains("chat:write"));
        });
    }
    let mut rig = Rig::fresh();
    assert!(!rig.gate.is_live());
    assert_eq!(rig.say(&auth(&token)), ["authenticated"]);
    assert!(rig.gate.is_live());
    assert_eq!(rig.gate.subject(), "alice");
    assert_eq!(rig.gate.expires_at().unwrap().as_millis(), START.as_millis() + 3_600_000);
}

/// Every door gives every fault the same word: two doors that disagree are one door too many.
#[test]
fn a_fault_has_one_verdict_at_every_door() {
    for (fault, token, reason) in faults() {
        if token.len() < 4_000 {
            let header = format!("Authorization: Bearer {token}\r\n");
            assert_eq!(refused("/ws", &header), (401, reason), "{fault} in the header");
        }
        let closes = [format!("sent close 4401 {reason}")];
        let offer = format!("Sec-WebSocket-Protocol: portcullis.v1, bearer.{token}\r\n");
        admitted("/ws", &offer, |verdict| {
            let mut rig = Rig::new(verdict.unwrap().credential, false);
            assert!(!rig.gate.is_live() && !rig.gate.is_open(), "{fault} as a subprotocol");
            assert_eq!(rig.transmit(), closes, "{fault} as a subprotocol");
            assert_eq!(rig.say(&chat("")), [""; 0]);
        });
        let mut rig = Rig::fresh();
        let said = rig.say(&auth(&token));
        assert_eq!(said.last().unwrap(), &closes[0], "{fault} in the first message");
        assert!(!rig.gate.is_live());
        assert_eq!(rig.gate.subject(), "");
    }
}

#[test]
fn nothing_passes_before_auth() {
    let first_messages = [
        chat(""),
        r#"{"type":"subscribe","channel":"chat:lobby"}"#.into(),
        r#"{"type":"unsubscribe","channel":"chat:lobby"}"#.into(),
        r#"{"type":"auth"}"#.into(),
        r#"{"type":"auth","token":""}"#.into(),
        r#"{"type":"auth","token":7}"#.into(),
        r#"{"type":"auth","token":"a","more":1}"#.into(),
        r#"{"type":"auth","token":"a","channel":"chat:lobby"}"#.into(),
        "[]".into(),
        String::new(),
        "{".into(),
    ];
    for message in first_messages {
        let mut rig = Rig::fresh();
        let said = rig.say(&message);
        assert!(said[0].starts_with("closing 4401 "), "{message}: {said:?}");
        assert!(said[1].starts_with("sent close 4401 "), "{message}: {said:?}");
        // Not even a good credential comes too late to be harmless.
        assert_eq!(rig.say(&auth(&alice())), [""; 0], "{message}");
        assert!(!rig.gate.is_live() && !rig.gate.is_open());
    }
}

#[test]
fn silence_is_closed_with_4408() {
    let mut rig = Rig::fresh();
    assert_eq!(rig.pass(Duration::from_millis(4_999)), [""; 0]);
    assert_eq!(
        rig.pass(Duration::from_millis(1)),
        ["closing 4408 auth_timeout", "sent close 4408 auth_timeout"]
    );
    assert_eq!(rig.say(&auth(&alice())), [""; 0]);
}

/// Pings and half a message are no credential either.
#[test]
fn chatter_does_not_put_off_the_auth_deadline() {
    let mut rig = Rig::fresh();
    for _ in 0..4 {
        rig.pass(Duration::from_secs(1));
        assert_eq!(rig.feed(&frame(Opcode::Ping, true, b"")), ["sent pong"]);
    }
    let message = text(&auth(&alice()));
    assert_eq!(rig.feed(&message[..20]), [""; 0]);
    assert_eq!(
        rig.pass(Duration::from_secs(1)),
        ["closing 4408 auth_timeout", "sent close 4408 auth_timeout"]
    );
    assert_eq!(rig.feed(&message[20..]), [""; 0]);
}

fn resume(token: Option<&str>) -> String {
    let token = token.map_or(String::new(), |token| format!(r#""token":"{token}","#));
    format!(
        r#"{{"type":"auth",{token}"resume":{{"session":"{SESSION}","token":"{SESSION}","channels":{{"chat:lobby":{{"epoch":"00000000000000ff","offset":41}}}}}}}}"#
    )
}

#[test]
fn with_resume_a_good_header_waits_for_the_first_message() {
    let credential = admitted("/ws?resume=1", &format!("Authorization: Bearer {}\r\n", alice()), |verdict| {
        let admitted = verdict.unwrap();
        assert!(admitted.resume);
        admitted.credential
    });
    let mut rig = Rig::new(credential, true);
    assert!(!rig.gate.is_live());
    let said = rig.say(&resume(None));
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].starts_with(&format!("authenticated resume {SESSION} {SESSION} [(\"chat:lobby\"")),
        "{said:?}"
    );
    assert!(said[0].contains("offset: 41"), "{said:?}");
    assert!(rig.gate.is_live());

    // The first message may renew the credential, for the same user only.
    let mut rig = Rig::new(verified(&alice()), true);
    assert!(
        rig.say(&resume(Some(&token("alice", START, 7_200, &[]))))[0].starts_with("authenticated resume")
    );
    assert_eq!(rig.gate.expires_at().unwrap().as_millis(), START.as_millis() + 7_200_000);
    let mut rig = Rig::new(verified(&alice()), true);
    assert_eq!(
        rig.say(&resume(Some(&token("bob", START, 7_200, &[])))),
        ["closing 4401 subject_changed", "sent close 4401 subject_changed"]
    );

    // Data, or silence, is refused as before any credential.
    let mut rig = Rig::new(verified(&alice()), true);
    assert!(rig.say(&chat(""))[0].starts_with("closing 4401 "));
    let mut rig = Rig::new(verified(&alice()), true);
    assert_eq!(rig.pass(Duration::from_secs(5))[0], "closing 4408 auth_timeout");
}

#[test]
fn resume_without_any_credential_is_refused() {
    let mut rig = Rig::new(Credential::Absent, true);
    assert_eq!(rig.say(&resume(None)), ["closing 4401 missing", "sent close 4401 missing"]);
    let mut rig = Rig::new(Credential::Absent, true);
    assert!(rig.say(&resume(Some(&alice())))[0].starts_with("authenticated resume"));
}

#[test]
fn a_malformed_resume_is_refused() {
    for object in ["{}", "7", r#"{"session":"x","token":"y"}"#, r#"{"session":"AAAAAAAAAAAAAAAAAAAAAA"}"#] {
        let mut rig = Rig::new(verified(&alice()), true);
        let said = rig.say(&format!(r#"{{"type":"auth","resume":{object}}}"#));
        assert!(said[0].starts_with("closing 4401 "), "{object}: {said:?}");
    }
}

#[test]
fn two_credentials_are_ambiguous() {
    let token = alice();
    let header = format!("Authorization: Bearer {token}\r\n");
    let offer = format!("Sec-WebSocket-Protocol: portcullis.v1, bearer.{token}\r\n");
    let both = format!("{header}{offer}");
    let twice = format!("{header}{header}");
    for (target, fields) in
        [("/ws", &both), ("/ws", &twice), ("/ws?ticket=a", &header), ("/ws?x=1&ticket=a", &offer)]
    {
        assert_eq!(refused(target, fields), (400, "ambiguous_credential"), "{target} {fields}");
    }
    let two_offers = format!("Sec-WebSocket-Protocol: bearer.{token}, bearer.other\r\n");
    admitted("/ws", &two_offers, |verdict| {
        assert!(matches!(verdict.unwrap().credential, Credential::Rejected(_)));
    });
}

#[test]
fn a_foreign_origin_is_refused_with_403() {
    let good = format!("Authorization: Bearer {}\r\n", alice());
    for origin in [
        "https://evil.example",
        "http://example.com",
        "https://example.com:8443",
        "https://example.com.evil.example",
        "https://evil-example.com",
        "null",
    ] {
        let (status, _) = refused("/ws", &format!("Origin: {origin}\r\n{good}"));
        assert_eq!(status, 403, "{origin}");
    }
    let (status, _) =
        refused("/ws", &format!("Origin: https://example.com\r\nOrigin: https://example.com\r\n{good}"));
    assert_eq!(status, 400, "two origins");
    admitted("/ws", &format!("Origin: https://example.com\r\n{good}"), |verdict| assert!(verdict.is_ok()));
}

#[test]
fn another_path_is_refused_with_404() {
    for target in ["/", "/ws/", "/WS", "/ws2", "/w"] {
        assert_eq!(refused(target, ""), (404, "not_found"), "{target}");
    }
    admitted("/ws", "", |verdict| assert!(matches!(verdict.unwrap().credential, Credential::Absent)));
}

#[test]
fn only_the_exact_query_announces_a_resume() {
    for (query, resumes) in [
        ("resume=1", true),
        ("a=b&resume=1", true),
        ("resume=0", false),
        ("resume", false),
        ("xresume=1", false),
    ] {
        admitted(&format!("/ws?{query}"), "", |verdict| {
            assert_eq!(verdict.unwrap().resume, resumes, "{query}");
        });
    }
}
