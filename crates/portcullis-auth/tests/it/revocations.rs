//! Revocations: nothing is forgotten before its time.
use core::time::Duration;

use portcullis_auth::{AuthError, Remembered, Revocation, Revocations};
use portcullis_time::UnixTime;
use proptest::prelude::*;

use super::support::NOW;

const LATER: UnixTime = UnixTime::from_secs(NOW.as_secs() + 3_600);

fn at(seconds: i64) -> UnixTime {
    UnixTime::from_secs(NOW.as_secs().saturating_add_signed(seconds))
}

fn check(
    revocations: &Revocations,
    now: UnixTime,
    (subject, id, session): (&str, Option<&str>, Option<&str>),
    issued: Option<UnixTime>,
) -> bool {
    match revocations.check_principal(now, subject, id, issued, session) {
        Ok(()) => false,
        Err(error) => {
            assert_eq!(error, AuthError::Revoked);
            assert_eq!((error.close_code(), error.reason()), (4401, "revoked"));
            true
        }
    }
}

#[test]
fn each_kind_means_what_it_says() {
    let alice = ("alice", Some("token-1"), Some("session-1"));
    let bob = ("bob", Some("token-2"), Some("session-2"));
    for revocation in
        [Revocation::User("alice"), Revocation::Token("token-1"), Revocation::Session("session-1")]
    {
        let mut revocations = Revocations::new(8);
        assert!(!check(&revocations, NOW, alice, Some(at(-60))));
        assert_eq!(revocations.revoke(NOW, revocation, NOW, LATER), Remembered::Exactly);
        assert!(check(&revocations, NOW, alice, Some(at(-60))), "{revocation:?}");
        assert!(!check(&revocations, NOW, bob, Some(at(-60))), "{revocation:?}");
    }
    let mut revocations = Revocations::new(8);
    revocations.revoke(NOW, Revocation::All, NOW, LATER);
    assert!(check(&revocations, NOW, alice, Some(at(-60))) && check(&revocations, NOW, bob, Some(at(-1))));
    assert!(!check(&revocations, NOW, bob, Some(NOW)));
}

#[test]
fn what_is_issued_since_is_good_again_for_a_user_but_not_for_a_token_or_a_session() {
    let mut revocations = Revocations::new(8);
    revocations.revoke(NOW, Revocation::User("alice"), NOW, LATER);
    assert!(!check(&revocations, at(1), ("alice", None, None), Some(NOW)));
    // A credential that does not say when it was issued could be of any time.
    assert!(check(&revocations, at(1), ("alice", None, None), None));
    revocations.revoke(NOW, Revocation::Token("t"), NOW, LATER);
    revocations.revoke(NOW, Revocation::Session("s"), NOW, LATER);
    assert!(check(&revocations, at(1), ("bob", Some("t"), None), Some(at(1))));
    assert!(check(&revocations, at(1), ("bob", None, Some("s")), Some(at(1))));
}

#[test]
fn a_second_revocation_takes_nothing_back() {
    let mut revocations = Revocations::new(8);
    revocations.revoke(NOW, Revocation::User("alice"), at(10), LATER);
    revocations.revoke(NOW, Revocation::User("alice"), at(-10), at(1));
    assert!(check(&revocations, at(2), ("alice", None, None), Some(at(5))));
    revocations.revoke(NOW, Revocation::All, at(10), LATER);
    revocations.revoke(NOW, Revocation::All, at(-10), LATER);
    assert_eq!(revocations.all_before(), at(10));
}

#[test]
fn a_full_set_revokes_more_and_says_so() {
    let mut revocations = Revocations::new(3);
    revocations.revoke(NOW, Revocation::User("a"), at(-50), LATER);
    revocations.revoke(NOW, Revocation::Token("t"), at(-50), LATER);
    revocations.revoke(NOW, Revocation::Session("s"), at(-50), LATER);
    assert_eq!(revocations.revoke(NOW, Revocation::User("c"), at(-40), LATER), Remembered::Widened);
    for (user, token) in [("a", None), ("c", None), ("d", None), ("d", Some("t"))] {
        assert!(check(&revocations, NOW, (user, token, None), Some(NOW)), "{user}");
        assert!(!check(&revocations, NOW, (user, token, None), Some(at(1))), "{user}");
    }
    // A session is over for younger credentials too.
    assert!(check(&revocations, NOW, ("d", None, Some("s")), Some(at(1))));
    for session in ["s1", "s2", "s3"] {
        revocations.revoke(NOW, Revocation::Session(session), at(-50), LATER);
        assert!(revocations.len() <= 3);
    }
}

#[test]
fn room_is_made_of_what_is_past() {
    let mut revocations = Revocations::new(1);
    revocations.revoke(NOW, Revocation::User("a"), NOW, at(10));
    assert!(!check(&revocations, at(10), ("a", None, None), Some(at(-1))), "its time is over");
    assert_eq!(revocations.revoke(at(10), Revocation::User("b"), NOW, at(20)), Remembered::Exactly);
    assert_eq!(revocations.len(), 1);
}

fn names() -> impl Strategy<Value = (u8, usize, i64, i64)> {
    (0_u8..4, 0_usize..5, -100_i64..100, 1_i64..200)
}

proptest! {
    /// Against a list that forgets nothing: who is revoked there is revoked here, whatever the room.
    #[test]
    fn nothing_is_forgotten(steps in prop::collection::vec(names(), 1..40), capacity in 0_usize..6) {
        let subjects = ["a", "b", "c", "d", "e"];
        let mut revocations = Revocations::new(capacity);
        let mut list = Vec::new();
        let mut now = NOW;
        for (kind, name, before, until) in steps {
            now = now.saturating_add(Duration::from_secs(3));
            let name = subjects[name];
            let revocation = match kind {
                0 => Revocation::User(name),
                1 => Revocation::Session(name),
                2 => Revocation::Token(name),
                _ => Revocation::All,
            };
            revocations.revoke(now, revocation, at(before), at(until));
            prop_assert!(revocations.len() <= capacity);
            list.push((revocation, at(before), at(until), now));
            for subject in subjects {
                for issued in [at(-101), at(before - 1), at(before)] {
                    let is_meant = list.iter().any(|&(revocation, before, until, _)| {
                        let of_user = revocation == Revocation::User(subject) && now < until;
                        issued < before && (of_user || revocation == Revocation::All)
                    });
                    let told = check(&revocations, now, (subject, None, None), Some(issued));
                    prop_assert!(told || !is_meant);
                    // A token exists before it is revoked.
                    let token = Revocation::Token(subject);
                    let is_meant =
                        list.iter().any(|&(kind, _, until, at)| kind == token && now < until && issued <= at);
                    let told = check(&revocations, now, ("x", Some(subject), None), Some(issued));
                    prop_assert!(told || !is_meant);
                }
            }
        }
    }
}
