//! What the server writes is JSON, whatever it is given.

use core::time::Duration;

use portcullis_gate::{Context, Credential, Event, Gate, Reason, wire};
use portcullis_session::{Epoch, Position, SessionId};
use portcullis_testkit::VirtualClock;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{POLICY, engine, text};

/// Anything, and mostly what is special in JSON.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        r#"["\\/{}\[\],:\x00-\x20\x7f\u{2028}\u{10ffff}u]{0,12}"#,
        Just(r#"","type":"welcome","x":""#.to_owned()),
        Just("\\".to_owned()),
    ]
}

fn read(write: impl FnOnce(&mut String) -> core::fmt::Result) -> Value {
    let mut out = String::new();
    write(&mut out).unwrap();
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
}

/// The refusal that `message` meets on a live connection, as the client reads it.
fn error_for(message: &str) -> Value {
    let clock = VirtualClock::new();
    let context = Context { now: clock.now(), unix: clock.unix(), policy: &POLICY, verifier: None };
    let mut gate = Gate::new(engine(&clock), &context, Credential::NotNeeded, false);
    let mut bytes = text(message);
    let Some(Event::Refused(refusal)) = gate.handle_input(&context, &mut bytes).unwrap().event else {
        panic!("{message} passed")
    };
    read(|out| wire::error(out, &refusal, wire::About::default()))
}

proptest! {
    #[test]
    fn welcome_is_json(user in hostile(), resume in hostile(), expires_at: Option<u64>, recovered: Option<bool>, last_id: u64, skipped in prop::collection::vec(any::<u64>(), 0..4), id: [u8; 16]) {
        let session = SessionId::from_bytes(id);
        let welcome = wire::Welcome { session, user: &user, resume: &resume, expires_at, ping_interval_ms: 25_000, recovered, last_id, skipped: &skipped };
        let mut expected = json!({
            "type": "welcome", "session": session.to_string(), "user": user, "resume": resume,
            "ping_interval_ms": 25_000, "last_id": last_id,
        });
        if let Some(expires_at) = expires_at {
            expected["expires_at"] = expires_at.into();
        }
        if let Some(recovered) = recovered {
            expected["recovered"] = recovered.into();
        }
        if !skipped.is_empty() {
            expected["skipped"] = skipped.clone().into();
        }
        prop_assert_eq!(read(|out| wire::welcome(out, &welcome)), expected);
    }

    #[test]
    fn channel_messages_are_json(channel in hostile(), users in prop::collection::vec(hostile(), 0..4), epoch: u64, offset: u64, recovered: bool) {
        let position = Position::new(Epoch::new(epoch), offset);
        let names = || users.iter().map(String::as_str);
        prop_assert_eq!(
            read(|out| wire::subscribed(out, &channel, position, recovered, names(), 7)),
            json!({"type": "subscribed", "channel": channel, "epoch": format!("{epoch:016x}"), "offset": offset, "recovered": recovered, "users": users, "user_count": 7})
        );
        prop_assert_eq!(
            read(|out| wire::presence(out, &channel, names(), names().take(1))),
            json!({"type": "presence", "channel": channel, "joined": users, "left": users.iter().take(1).collect::<Vec<_>>()})
        );
        prop_assert_eq!(
            read(|out| wire::unsubscribed(out, &channel)),
            json!({"type": "unsubscribed", "channel": channel})
        );
    }

    #[test]
    fn events_are_json(channel in hostile(), from in hostile(), action in hostile(), inner in hostile(), at: u64, epoch: u64, offset: u64) {
        let payload = json!({"text": inner});
        let mut body = String::new();
        wire::event_body(&mut body, &from, &action, &payload.to_string(), at).unwrap();
        let position = Position::new(Epoch::new(epoch), offset);
        prop_assert_eq!(
            read(|out| wire::event(out, &channel, position, &body)),
            json!({"type": "event", "channel": channel, "epoch": format!("{epoch:016x}"), "offset": offset, "from": from, "action": action, "payload": payload, "timestamp": at})
        );
        prop_assert_eq!(
            read(|out| wire::reply(out, &action, &payload.to_string(), at)),
            json!({"type": "event", "action": action, "payload": payload, "timestamp": at})
        );
        prop_assert_eq!(read(|out| wire::ack(out, at)), json!({"type": "ack", "id": at}));
    }

    /// The pointer holds what the client named its members: it comes back as a string, and as nothing else.
    #[test]
    fn an_error_is_json_whatever_was_sent(member in hostile(), id in 1..=9_007_199_254_740_991_u64) {
        let member = Value::from(format!("x{member}")).to_string();
        let at_top = error_for(&format!(r#"{{{member}:1,"id":{id}}}"#));
        prop_assert_eq!(&at_top["type"], "error");
        prop_assert_eq!(&at_top["code"], "invalid_message");
        prop_assert_eq!(&at_top["id"], id);
        prop_assert!(at_top["pointer"].is_string() && at_top["keyword"].is_string());
        let inside = error_for(&format!(
            r#"{{"action":"chat","id":{id},"timestamp":1,"payload":{{"text":"a",{member}:1}}}}"#
        ));
        prop_assert!(inside["pointer"].as_str().unwrap().starts_with("/payload"));
        prop_assert_eq!(&inside["id"], id);
    }

    #[test]
    fn an_error_names_its_channel_and_when_to_try_again(channel in hostile(), nanos in 0..=u64::MAX, id: u64) {
        let clock = VirtualClock::new();
        let context = Context { now: clock.now(), unix: clock.unix(), policy: &POLICY, verifier: None };
        let mut gate = Gate::new(engine(&clock), &context, Credential::NotNeeded, false);
        let wait = Duration::from_nanos(nanos);
        let refusal = gate.refuse(clock.now(), &POLICY, Reason::RateLimited, Some(id), Some(wait));
        let error = read(|out| wire::error(out, &refusal, wire::About { channel: Some(&channel), ..Default::default() }));
        // Rounded up: who waits for that long is not refused again for a fraction.
        let wait_ms = nanos.div_ceil(1_000_000);
        prop_assert_eq!(
            error,
            json!({"type": "error", "code": "rate_limited", "id": id, "channel": channel, "retry_after_ms": wait_ms})
        );
    }
}
