//! A credential is a lease: the connection ends with it.

use core::time::Duration;

use crate::support::{POLICY, Rig, START, alice, auth, token, verified};

const HOUR: Duration = Duration::from_secs(3_600);
const SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_timer_closes_at_the_expiry() {
    let mut rig = Rig::new(verified(&token("alice", START, 20, &[])), false);
    assert_eq!(rig.pass(Duration::from_millis(19_999)), [""; 0]);
    assert_eq!(rig.chat_now().len(), 1);
    assert_eq!(rig.pass(Duration::from_millis(1)), ["closing 4401 expired", "sent close 4401 expired"]);
    assert!(!rig.gate.is_open());
    assert_eq!(rig.chat_now(), [""; 0]);
}

/// A driver may be late with its timeouts; nothing passes after the expiry all the same.
#[test]
fn a_message_after_the_expiry_closes_when_the_timer_is_late() {
    let mut rig = Rig::live();
    rig.oversleep(HOUR - Duration::from_nanos(1));
    assert!(rig.chat_now()[0].starts_with("action 0"));
    rig.oversleep(Duration::from_nanos(1));
    assert_eq!(rig.chat_now(), ["closing 4401 expired", "sent close 4401 expired"]);
    assert_eq!(rig.chat_now(), [""; 0]);
}

/// Not even a renewal: who comes after the expiry connects again.
#[test]
fn a_renewal_after_the_expiry_is_too_late() {
    let mut rig = Rig::live();
    rig.oversleep(HOUR);
    let renewal = auth(&token("alice", rig.clock.unix(), 3_600, &[]));
    assert_eq!(rig.say(&renewal)[0], "closing 4401 expired");
}

#[test]
fn a_renewal_moves_the_expiry() {
    let mut rig = Rig::live();
    rig.oversleep(HOUR - SECOND);
    let renewal = token("alice", rig.clock.unix(), 3_600, &["chat:write"]);
    assert_eq!(rig.say(&auth(&renewal)), ["renewed Same"]);
    assert_eq!(rig.gate.expires_at().unwrap().as_millis(), rig.clock.unix().as_millis() + 3_600_000);
    rig.oversleep(HOUR - SECOND);
    assert!(rig.chat_now()[0].starts_with("action 0"));
    rig.oversleep(SECOND);
    assert_eq!(rig.chat_now()[0], "closing 4401 expired");
}

/// A renewal may also shorten the lease.
#[test]
fn a_renewal_can_shorten_the_lease() {
    let mut rig = Rig::live();
    assert_eq!(rig.say(&auth(&token("alice", START, 10, &["chat:write"]))), ["renewed Same"]);
    assert_eq!(rig.pass(10 * SECOND), ["closing 4401 expired", "sent close 4401 expired"]);
}

#[test]
fn a_renewal_for_another_user_closes() {
    let mut rig = Rig::live();
    assert_eq!(
        rig.say(&auth(&token("bob", START, 3_600, &[]))),
        ["closing 4401 subject_changed", "sent close 4401 subject_changed"]
    );
    assert_eq!(rig.gate.subject(), "alice");
}

#[test]
fn a_bad_renewal_closes() {
    let mut rig = Rig::live();
    assert_eq!(rig.say(&auth("abc")), ["closing 4401 invalid", "sent close 4401 invalid"]);
}

#[test]
fn a_renewal_changes_the_scopes() {
    let mut rig = Rig::live();
    let write = crate::support::action("write", START.as_millis(), "");
    assert!(rig.say(&write)[0].starts_with("action 1"));
    assert_eq!(rig.say(&auth(&token("alice", START, 3_600, &[]))), ["renewed Narrowed"]);
    assert_eq!(rig.say(&write), ["refused forbidden id None"]);
}

/// Each costs a signature check, so that they have a bucket of their own.
#[test]
fn renewals_have_a_bucket() {
    let mut rig = Rig::live();
    for _ in 0..4 {
        assert_eq!(rig.say(&auth(&alice())), ["renewed Same"]);
    }
    assert_eq!(rig.say(&auth(&alice())), ["refused rate_limited id None"]);
    rig.oversleep(SECOND);
    assert_eq!(rig.say(&auth(&alice())), ["renewed Same"]);
}

#[test]
fn a_connection_does_not_outlive_its_life() {
    let mut rig = Rig::new(verified(&token("alice", START, 1_000_000, &[])), false);
    let life = POLICY.limits().life;
    rig.oversleep(life - SECOND);
    // The peer shows signs of life, so that the engine has no complaint of its own.
    assert!(rig.chat_now()[0].starts_with("action 0"));
    let said = rig.pass(SECOND);
    assert_eq!(said, ["closing 1001 lifetime", "sent close 1001 lifetime"]);
}

/// A closing gate has one deadline left: the engine's, for the peer's answer.
#[test]
fn a_peer_that_does_not_answer_the_close_is_dropped() {
    let mut rig = Rig::fresh();
    assert_eq!(rig.pass(5 * SECOND)[0], "closing 4408 auth_timeout");
    assert_eq!(rig.pass(5 * SECOND), ["closed false"]);
    assert!(rig.gate.is_closed());
    assert_eq!(rig.gate.poll_timeout(), None);
}

/// Once a connection has failed, the gate has nothing to wait for.
#[test]
fn a_failed_connection_has_no_deadline() {
    let mut rig = Rig::fresh();
    let said = rig.feed(&[0x83, 0x80, 0, 0, 0, 0]);
    assert_eq!(said, ["failed 1002 reserved_opcode", "sent close 1002 "]);
    assert_eq!(rig.gate.poll_timeout(), None);
    assert_eq!(rig.pass(10 * SECOND), [""; 0]);
}

/// A peer that is gone is told once, and its lease is nobody's business any more.
#[test]
fn a_lost_connection_has_no_deadline() {
    let mut rig = Rig::live();
    let said = rig.pass(2 * HOUR);
    assert_eq!(said.first().unwrap(), "sent ping");
    assert_eq!(said.iter().filter(|line| line.starts_with("closed")).count(), 1, "{said:?}");
    assert!(said.iter().all(|line| !line.starts_with("closing")), "{said:?}");
    assert_eq!(rig.gate.poll_timeout(), None);
}

#[test]
fn a_connection_that_the_peer_closed_has_no_lease() {
    let mut rig = Rig::live();
    let close = crate::support::frame(portcullis_proto::wire::Opcode::Close, true, &[]);
    assert_eq!(rig.feed(&close)[0], "close received None");
    let said = rig.pass(2 * HOUR);
    assert!(said.iter().all(|line| !line.starts_with("closing")), "{said:?}");
    assert_eq!(rig.gate.poll_timeout(), None);
}
