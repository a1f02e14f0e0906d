//! What a live connection may say, and what its refusals tell.

use core::time::Duration;

use portcullis_gate::{Credential, Limits, Policy, Reason};
use portcullis_limit::Quota;
use portcullis_proto::wire::Opcode;

use crate::support::{POLICY, Rig, START, action, chat, frame, policy_with, text};

const NOW: u64 = START.as_millis();
const WINDOW: u64 = 300_000;

#[test]
fn an_action_comes_out_as_it_went_in() {
    let mut rig = Rig::live();
    assert_eq!(
        rig.say(&chat(r#","channel":"chat:lobby","id":7"#)),
        [format!(r#"action 0 from "alice" id Some(7) channel Some("chat:lobby") at {NOW} {{"text":"hi"}}"#)]
    );
    let message = format!(r#"{{"action":"write","payload":{{"text":"hi","to":"bob"}},"timestamp":{NOW}}}"#);
    assert_eq!(
        rig.say(&message),
        [format!(r#"action 1 from "alice" id None channel None at {NOW} {{"text":"hi","to":"bob"}}"#)]
    );
}

#[test]
fn members_come_in_any_order_and_with_escapes() {
    let expected =
        format!(r#"action 0 from "alice" id Some(7) channel Some("chat:löbby") at {NOW} {{"text":"hi"}}"#);
    let members = [
        r#""channel":"chat:l\u00f6bb\u0079""#.to_owned(),
        r#""id":7"#.into(),
        r#" "payload" : {"text":"hi"} "#.into(),
        format!(r#""timestamp":{NOW}"#),
        r#""\u0061ction":"ch\u0061t""#.into(),
    ];
    let mut rig = Rig::live();
    for first in 0..members.len() {
        let mut rotated = members.clone();
        rotated.rotate_left(first);
        assert_eq!(rig.say(&format!("{{{}}}", rotated.join(","))), core::slice::from_ref(&expected));
        rotated.reverse();
        assert_eq!(rig.say(&format!(" {{{}}} ", rotated.join(","))), core::slice::from_ref(&expected));
    }
    assert_eq!(
        rig.say(r#"{"since":{"offset":4,"epoch":"00000000000000ff"},"channel":"ch\u0061t:lobby","type":"subscribe"}"#),
        ["subscribe chat:lobby Some(4)"]
    );
    assert_eq!(rig.say(r#"{"channel":"chat:\/x","type":"unsubscribe"}"#), ["unsubscribe chat:/x"]);
}

/// The longest name that can be written, each of its characters as a pair of escapes.
#[test]
fn the_longest_escaped_channel_is_unescaped_whole() {
    let mut rig = Rig::live();
    let name = r"\ud83d\ude00".repeat(128);
    let said = rig.say(&chat(&format!(r#","channel":"{name}""#)));
    assert!(said[0].contains(&"\u{1F600}".repeat(128)), "{said:?}");
    let said = rig.say(&chat(&format!(r#","channel":"{name}x""#)));
    assert_eq!(said, ["refused invalid_message id None"]);
}

#[test]
fn a_missing_scope_is_forbidden() {
    let mut rig = Rig::new(Credential::NotNeeded, false);
    assert_eq!(rig.say(&action("write", NOW, r#","id":7"#)), ["refused forbidden id Some(7)"]);
    assert!(rig.say(&chat(""))[0].starts_with("action 0 from \"\""));
}

#[test]
fn a_timestamp_outside_of_the_window_is_stale() {
    let mut rig = Rig::live();
    for timestamp in [NOW - WINDOW, NOW, NOW + WINDOW] {
        assert!(rig.say(&action("chat", timestamp, ""))[0].starts_with("action"), "{timestamp}");
    }
    for timestamp in [0, NOW - WINDOW - 1, NOW + WINDOW + 1, 9_007_199_254_740_991] {
        let said = rig.say(&action("chat", timestamp, r#","id":3"#));
        assert_eq!(said, ["refused stale id Some(3)"], "{timestamp}");
    }
}

#[test]
fn the_envelope_is_closed_and_every_refusal_names_the_id() {
    let payload = r#""payload":{"text":"hi"}"#;
    let messages = [
        ("unknown action", format!(r#"{{"action":"shout",{payload},"timestamp":{NOW},"id":7}}"#)),
        ("unknown member", chat(r#","id":7,"more":1"#)),
        (
            "unknown member first",
            format!(r#"{{"more":1,"action":"chat",{payload},"timestamp":{NOW},"id":7}}"#),
        ),
        ("no payload", format!(r#"{{"action":"chat","timestamp":{NOW},"id":7}}"#)),
        ("no timestamp", format!(r#"{{"action":"chat",{payload},"id":7}}"#)),
        ("no action", format!(r#"{{{payload},"timestamp":{NOW},"id":7}}"#)),
        ("text missing", format!(r#"{{"action":"chat","payload":{{}},"timestamp":{NOW},"id":7}}"#)),
        ("payload of another type", format!(r#"{{"action":"chat","payload":7,"timestamp":{NOW},"id":7}}"#)),
        ("timestamp as a string", format!(r#"{{"action":"chat",{payload},"timestamp":"{NOW}","id":7}}"#)),
        (
            "timestamp in seconds with a fraction",
            format!(r#"{{"action":"chat",{payload},"timestamp":1.0,"id":7}}"#),
        ),
        ("empty channel", chat(r#","id":7,"channel":"""#)),
        ("channel of another type", chat(r#","id":7,"channel":null"#)),
        ("not quite JSON", chat(r#","id":7,"#)),
    ];
    for (name, message) in messages {
        let mut rig = Rig::live();
        assert_eq!(rig.say(&message), ["refused invalid_message id Some(7)"], "{name}");
        assert!(rig.say(&chat(""))[0].starts_with("action"), "the connection lives on after {name}");
    }
}

/// An id that cannot be read is not guessed.
#[test]
fn a_bad_id_is_refused_without_an_id() {
    for id in ["-1", "7.5", "7e0", "\"7\"", "null", "99999999999999999999999"] {
        let mut rig = Rig::live();
        let message = chat(&format!(r#","id":{id}"#));
        assert_eq!(rig.say(&message), ["refused invalid_message id None"], "{id}");
    }
}

#[test]
fn text_that_is_no_message_is_refused() {
    for message in ["", "null", "7", "[]", "\"chat\"", "{", "{}", "}", "{\"action\":", "\u{0}", "[[[[[["] {
        let mut rig = Rig::live();
        let said = rig.feed(&text(message));
        assert_eq!(said, ["refused invalid_message id None"], "{message}");
    }
}

#[test]
fn a_malformed_control_message_is_refused() {
    let messages = [
        r#"{"type":"subscribe"}"#,
        r#"{"type":"subscribe","channel":""}"#,
        r#"{"type":"subscribe","channel":7}"#,
        r#"{"type":"subscribe","channel":"a","token":"b"}"#,
        r#"{"type":"subscribe","channel":"a","since":{"epoch":"1"}}"#,
        r#"{"type":"subscribe","channel":"a","since":{"epoch":"not hexadecimal","offset":1}}"#,
        r#"{"type":"subscribe","channel":"a","since":{"epoch":"00000000000000ff","offset":-1}}"#,
        r#"{"type":"subscribe","channel":"a","action":"chat"}"#,
        r#"{"type":"unsubscribe","channel":"a","since":{"epoch":"00000000000000ff","offset":1}}"#,
        r#"{"type":"unsubscribe"}"#,
        r#"{"type":"auth"}"#,
        r#"{"type":"auth","token":"a","resume":{"session":"AAAAAAAAAAAAAAAAAAAAAA","token":"AAAAAAAAAAAAAAAAAAAAAA"}}"#,
        r#"{"type":"auth","token":"a","channel":"b"}"#,
        r#"{"type":"shutdown"}"#,
        r#"{"type":7}"#,
    ];
    for message in messages {
        let mut rig = Rig::live();
        assert_eq!(rig.say(message), ["refused invalid_message id None"], "{message}");
        assert!(rig.gate.is_live());
    }
}

/// 120 at once, then one every 16⅔ ms; 16 refusals are free, and the next one closes.
#[test]
fn the_message_bucket_refuses_and_then_closes_with_4429() {
    let mut rig = Rig::live();
    for id in 1..=120 {
        assert!(rig.say(&chat(&format!(r#","id":{id}"#)))[0].starts_with("action"), "{id}");
    }
    for id in 121..=136 {
        let said = rig.say(&chat(&format!(r#","id":{id}"#)));
        assert_eq!(said, [format!("refused rate_limited id Some({id})")]);
    }
    let said = rig.say(&chat(r#","id":137"#));
    assert_eq!(said, ["refused rate_limited id Some(137) closes", "sent close 4429 rate_limited"]);
    assert_eq!(rig.say(&chat("")), [""; 0]);
}

#[test]
fn the_message_bucket_fills_again() {
    let mut rig = Rig::live();
    for _ in 0..120 {
        rig.say(&chat(""));
    }
    assert_eq!(rig.say(&chat("")), ["refused rate_limited id None"]);
    rig.oversleep(Duration::from_secs(1));
    for _ in 0..60 {
        assert!(rig.say(&chat(""))[0].starts_with("action"));
    }
    assert_eq!(rig.say(&chat("")), ["refused rate_limited id None"]);
}

/// A steady client at the published rate is never refused, for ten minutes.
#[test]
fn the_published_rate_is_never_refused() {
    let mut rig = Rig::live();
    for _ in 0..60 * 600 {
        rig.oversleep(Duration::from_nanos(1_000_000_000 / 60 + 1));
        assert!(rig.chat_now()[0].starts_with("action"));
    }
}

#[test]
fn the_error_budget_closes_with_the_code_of_the_last_refusal() {
    let mut rig = Rig::live();
    for _ in 0..16 {
        assert_eq!(rig.say("{}"), ["refused invalid_message id None"]);
    }
    let said = rig.say("{}");
    assert_eq!(said, ["refused invalid_message id None closes", "sent close 4400 invalid_message"]);

    let mut rig = Rig::new(Credential::NotNeeded, false);
    for _ in 0..16 {
        rig.say("{}");
    }
    let said = rig.say(&action("write", NOW, ""));
    assert_eq!(said, ["refused forbidden id None closes", "sent close 4403 forbidden"]);
}

#[test]
fn the_error_budget_fills_again() {
    let mut rig = Rig::live();
    for _ in 0..16 {
        rig.say("{}");
    }
    for _ in 0..100 {
        rig.oversleep(Duration::from_secs(1));
        assert_eq!(rig.say("{}"), ["refused invalid_message id None"]);
    }
}

/// What the session behind the gate refuses spends the same budget.
#[test]
fn refusals_from_behind_the_gate_spend_the_error_budget() {
    let mut rig = Rig::live();
    let now = rig.clock.now();
    for _ in 0..16 {
        let refusal = rig.gate.refuse(now, rig.policy, Reason::Forbidden, Some(7), None);
        assert!(!refusal.closes());
        assert_eq!(refusal.id(), Some(7));
    }
    assert!(rig.gate.refuse(now, rig.policy, Reason::Forbidden, None, None).closes());
    assert_eq!(rig.transmit(), ["sent close 4403 forbidden"]);
    // A second refusal does not close what is closing.
    assert!(rig.transmit().is_empty());
}

#[test]
fn a_flood_of_pings_meets_the_message_bucket() {
    let mut rig = Rig::live();
    let ping = frame(Opcode::Ping, true, b"x");
    for _ in 0..120 {
        assert_eq!(rig.feed(&ping), ["sent pong"]);
    }
    for _ in 0..16 {
        assert_eq!(rig.feed(&ping)[0], "refused rate_limited id None");
    }
    let said = rig.feed(&ping);
    assert_eq!(said.first().unwrap(), "refused rate_limited id None closes");
    assert_eq!(said.last().unwrap(), "sent close 4429 rate_limited");
}

#[test]
fn a_flood_of_pongs_meets_the_message_bucket() {
    let mut rig = Rig::fresh();
    let pong = frame(Opcode::Pong, true, b"x");
    let said: Vec<String> = (0..137).flat_map(|_| rig.feed(&pong)).collect();
    assert_eq!(said.iter().filter(|line| *line == "pong").count(), 120);
    assert_eq!(said.last().unwrap(), "sent close 4429 rate_limited");
}

#[test]
fn a_binary_message_is_closed_with_1003() {
    for mut rig in [Rig::live(), Rig::fresh()] {
        let said = rig.feed(&frame(Opcode::Binary, true, b"\x01\x02"));
        assert_eq!(said, ["closing 1003 text_only", "sent close 1003 text_only"]);
        assert_eq!(rig.say(&chat("")), [""; 0]);
    }
}

#[test]
fn text_that_is_not_utf_8_is_closed_with_1007() {
    let mut rig = Rig::live();
    let said = rig.feed(&frame(Opcode::Text, true, b"{\"action\":\"\xFF\"}"));
    assert!(said[0].starts_with("failed 1007 "), "{said:?}");
}

#[test]
fn an_action_costs_what_its_rule_says() {
    let mut rig = Rig::live();
    for _ in 0..12 {
        assert!(rig.say(&action("big", NOW, ""))[0].starts_with("action 2"));
    }
    assert_eq!(rig.say(&action("big", NOW, r#","id":9"#)), ["refused rate_limited id Some(9)"]);

    // What is refused for its cost says when it can pass.
    let mut rig = Rig::live();
    for _ in 0..115 {
        rig.say(&chat(""));
    }
    assert_eq!(rig.say(&action("big", NOW, r#","id":9"#)), ["refused rate_limited id Some(9)"]);
}

/// Nothing is read beyond the allowance, and what was read is never refused for its bytes.
#[test]
fn the_byte_bucket_is_kept_by_not_reading() {
    let mut rig = Rig::live();
    let (policy, now) = (rig.policy, rig.clock.now());
    assert_eq!(rig.gate.read_allowance(now, policy).unwrap(), 512 * 1_024);
    rig.gate.charge_read(now, policy, 512 * 1_024 - 1);
    assert_eq!(rig.gate.read_allowance(now, policy).unwrap(), 1);
    rig.gate.charge_read(now, policy, 1);
    let retry_at = rig.gate.read_allowance(now, policy).unwrap_err().retry_at;
    assert!(retry_at > now);
    assert!(rig.gate.read_allowance(retry_at, policy).unwrap() >= 1);
    let later = now + Duration::from_secs(1);
    assert_eq!(rig.gate.read_allowance(later, policy).unwrap(), 256 * 1_024);
}

/// A driver that read more than it was allowed pays with all that there is, and gets no credit.
#[test]
fn reading_too_much_empties_the_byte_bucket() {
    for len in [512 * 1_024 + 1, usize::MAX] {
        let mut rig = Rig::live();
        let now = rig.clock.now();
        rig.gate.charge_read(now, rig.policy, len);
        assert!(rig.gate.read_allowance(now, rig.policy).is_err());
    }
}

#[test]
fn the_limits_are_the_policys() {
    let mut limits = Limits::default();
    limits.messages = Quota::per_second(1, 10).unwrap();
    limits.errors = Quota::per_second(1, 1).unwrap();
    let policy: Policy = policy_with(limits);
    let mut rig = Rig::live_under(&policy);
    for _ in 0..10 {
        assert!(rig.say(&chat(""))[0].starts_with("action"));
    }
    assert_eq!(rig.say(&chat("")), ["refused rate_limited id None"]);
    assert_eq!(rig.say(&chat(""))[0], "refused rate_limited id None closes");
}

#[test]
fn deep_nesting_is_refused() {
    let mut rig = Rig::live();
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let message = format!(r#"{{"action":"chat","payload":{deep},"timestamp":{NOW}}}"#);
    assert_eq!(rig.say(&message), ["refused invalid_message id None"]);
}

#[test]
fn a_close_of_the_peer_is_answered_and_told() {
    let mut rig = Rig::live();
    let said = rig.feed(&frame(Opcode::Close, true, &1_000_u16.to_be_bytes()));
    assert_eq!(said, ["close received Some(1000)", "sent close 1000 "]);
    assert!(!rig.gate.is_open());
}

/// A bucket behind the gate has refused: the connection's gets back what it gave, no more and no less.
#[test]
fn a_refund_undoes_a_charge() {
    let mut rig = Rig::live();
    // 120 at once: 12 of the cost 10.
    let big = || action("big", START.as_millis(), "");
    for _ in 0..12 {
        assert!(rig.say(&big())[0].starts_with("action 2"));
    }
    assert!(rig.say(&big())[0].starts_with("refused rate_limited"));
    rig.gate.refund(&POLICY, 10);
    assert!(rig.say(&big())[0].starts_with("action 2"));
    assert!(rig.say(&big())[0].starts_with("refused rate_limited"));
}
