//! Scopes of channels: checked on subscribing and on publishing, by the credential of the moment.

use portcullis_auth::{Access, ChannelRule, ChannelRules};
use portcullis_gate::{ActionRule, Limits, Policy, Route};

use crate::support::{Rig, START, auth, token, verified};

fn rule(name: &str, route: Route) -> ActionRule {
    let schema = r#"{"type":"object"}"#;
    ActionRule { name: name.into(), schema: schema.into(), route, cost: 1, scope: None }
}

fn policy() -> Policy {
    let channel =
        |pattern: &str, read: Option<&str>, write: Option<&str>, presence: Option<&str>| ChannelRule {
            pattern: pattern.into(),
            read: read.map(String::from),
            write: write.map(String::from),
            presence: presence.map(String::from),
        };
    let rules = ChannelRules::new([
        channel("chat:*", None, Some("chat:write"), Some("chat:presence")),
        channel("staff:*", Some("staff"), Some("staff"), None),
    ]);
    let actions = vec![rule("say", Route::Channel), rule("be", Route::Presence), rule("echo", Route::Reply)];
    Policy::new(Limits::default(), actions).unwrap().with_channels(rules.unwrap())
}

fn subscribe(channel: &str) -> String {
    format!(r#"{{"type":"subscribe","channel":"{channel}"}}"#)
}

fn act(action: &str, channel: &str) -> String {
    let now = START.as_millis();
    format!(r#"{{"action":"{action}","payload":{{}},"timestamp":{now},"channel":"{channel}","id":1}}"#)
}

#[test]
fn each_access_is_checked_for_itself() {
    let policy = policy();
    let all = ["chat:write", "chat:presence", "staff"];
    for held in 0..8_u32 {
        let scopes: Vec<&str> =
            all.iter().enumerate().filter(|(bit, _)| held >> bit & 1 == 1).map(|(_, scope)| *scope).collect();
        let has = |scope: &str| scopes.contains(&scope);
        let mut rig = Rig::with(&policy, verified(&token("alice", START, 3_600, &scopes)), false);
        let mut expect = |message: &str, allowed: bool| {
            let said = rig.say(message);
            let refused = said[0].contains("refused forbidden");
            assert_eq!(refused, !allowed, "{message} with {scopes:?}: {said:?}");
            rig.oversleep(core::time::Duration::from_secs(2));
        };
        expect(&subscribe("chat:lobby"), true);
        expect(&subscribe("staff:lobby"), has("staff"));
        expect(&act("say", "chat:lobby"), has("chat:write"));
        expect(&act("be", "chat:lobby"), has("chat:presence"));
        expect(&act("say", "staff:lobby"), has("staff"));
        expect(&act("be", "staff:lobby"), true);
        // Escapes in a name are undone before it is looked at.
        expect(&subscribe("st\\u0061ff:lobby"), has("staff"));
        expect(&act("say", "\\u0063hat:lobby"), has("chat:write"));
        // What goes back to its sender is on no channel.
        expect(&act("echo", "elsewhere"), true);
        expect(&subscribe("elsewhere"), false);
    }
}

#[test]
fn a_refused_subscription_names_its_channel() {
    let policy = policy();
    let mut rig = Rig::with(&policy, verified(&token("alice", START, 3_600, &[])), false);
    assert_eq!(rig.say(&subscribe("staff:lobby")), ["subscribe staff:lobby refused forbidden"]);
}

#[test]
fn a_step_up_counts_from_the_next_message_on() {
    let policy = policy();
    let mut rig = Rig::with(&policy, verified(&token("alice", START, 3_600, &[])), false);
    assert_eq!(rig.say(&act("say", "chat:lobby")), ["refused forbidden id Some(1)"]);
    let more = token("alice", START, 3_600, &["chat:write"]);
    assert_eq!(rig.say(&auth(&more)), ["renewed Widened"]);
    assert!(rig.say(&act("say", "chat:lobby"))[0].starts_with("action 0"));
    assert!(rig.gate.allows(&policy, "chat:lobby", Access::Write));
    let other = token("alice", START, 3_600, &["staff"]);
    assert_eq!(rig.say(&auth(&other)), ["renewed Changed"]);
    assert!(!rig.gate.allows(&policy, "chat:lobby", Access::Write));
    assert!(rig.gate.allows(&policy, "staff:lobby", Access::Read));
}
