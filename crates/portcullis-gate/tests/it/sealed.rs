//! Payloads that only their receivers can read.

use portcullis_gate::{ActionRule, Limits, Policy, PolicyError, Route};

use crate::support::{Rig, START};

fn policy() -> Policy {
    let rule = |name: &str| ActionRule {
        name: name.into(),
        schema: r#"{"type":"object","properties":{"text":{"type":"string"}},"required":["text"]}"#.into(),
        route: Route::Channel,
        cost: 1,
        scope: None,
    };
    let actions = vec![rule("plain"), rule("other"), rule("secret")];
    Policy::new(Limits::default(), actions).unwrap().with_sealed(&["secret"]).unwrap()
}

fn message(action: &str, payload: &str) -> String {
    let now = START.as_millis();
    format!(r#"{{"action":"{action}","payload":{payload},"timestamp":{now},"channel":"c","id":1}}"#)
}

#[test]
fn a_sealed_payload_passes_unread_where_it_may() {
    let policy = policy();
    let mut rig = Rig::live_under(&policy);
    let sealed = r#"{"sealed":"AAECAwQFBgc","generation":3}"#;
    let expected =
        format!(r#"action 2 from "alice" id Some(1) channel Some("c") at {} {sealed}"#, START.as_millis());
    assert_eq!(rig.say(&message("secret", sealed)), [expected]);
    assert!(
        rig.say(&message("secret", r#"{"text":"hi"}"#))[0].starts_with("action 2"),
        "in the open as well"
    );
    assert_eq!(rig.say(&message("plain", sealed)), ["refused invalid_message id Some(1)"]);
}

#[test]
fn what_is_neither_is_refused() {
    let policy = policy();
    for payload in [
        "{}",
        r#"{"sealed":"AA"}"#,
        r#"{"sealed":"","generation":1}"#,
        r#"{"sealed":7,"generation":1}"#,
        r#"{"sealed":"AA","generation":-1}"#,
        r#"{"sealed":"AA","generation":4294967296}"#,
        r#"{"sealed":"AA","generation":1,"text":"hi"}"#,
        r#"{"sealed":"AA","generation":1,"generation":1}"#,
        r#"{"sealed":"AA","generation":"1"}"#,
    ] {
        let mut rig = Rig::live_under(&policy);
        assert_eq!(rig.say(&message("secret", payload)), ["refused invalid_message id Some(1)"], "{payload}");
    }
}

#[test]
fn only_an_action_can_be_sealed() {
    let error = policy().with_sealed(&["nothing"]).unwrap_err();
    assert_eq!(error, PolicyError::ActionName { action: "nothing".into() });
}
