//! Tickets: once, soon, from the same page.
use core::time::Duration;

use portcullis_auth::{AuthError, TICKET_LEN, TicketError, Tickets, Verified, Verify as _, jwt::Mint};
use portcullis_time::Instant;
use proptest::prelude::*;

use super::support::{HS256, NOW, signer};

const START: Instant = Instant::from_millis(5_000);
const LIFETIME: Duration = Duration::from_secs(30);
const PAGE: Option<&[u8]> = Some(b"https://a.example");

fn verified(subject: &str) -> Verified {
    let mint = Mint::new(subject, NOW, Duration::from_secs(900));
    let token = signer(portcullis_auth::jwt::Algorithm::HS256).mint(&mint).unwrap();
    HS256.verify(NOW, token.as_bytes()).unwrap()
}

fn random(number: u8) -> [u8; TICKET_LEN] {
    let mut random = [number.wrapping_mul(7); TICKET_LEN];
    random[..8].fill(number);
    random
}

#[test]
fn a_ticket_is_good_once() {
    let mut tickets = Tickets::new(8, LIFETIME);
    let ticket = tickets.issue(START, random(1), verified("alice"), PAGE).unwrap();
    assert_eq!(ticket.as_str().len(), 32);
    assert!(ticket.as_str().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
    assert!(!format!("{ticket:?} {tickets:?}").contains(ticket.as_str()));
    let taken = tickets.redeem(START, ticket.as_str().as_bytes(), PAGE).unwrap();
    assert_eq!(taken.subject(), "alice");
    assert_eq!(tickets.redeem(START, ticket.as_str().as_bytes(), PAGE), Err(AuthError::Ticket));
}

#[test]
fn a_ticket_ends_with_its_lifetime() {
    let mut tickets = Tickets::new(8, LIFETIME);
    let early = tickets.issue(START, random(1), verified("alice"), PAGE).unwrap();
    let late = tickets.issue(START, random(2), verified("alice"), PAGE).unwrap();
    let end = START + LIFETIME;
    let before = end.saturating_sub(Duration::from_nanos(1));
    assert!(tickets.redeem(before, early.as_str().as_bytes(), PAGE).is_ok());
    assert_eq!(tickets.redeem(end, late.as_str().as_bytes(), PAGE), Err(AuthError::Ticket));
}

#[test]
fn a_ticket_is_of_the_page_that_asked_for_it() {
    let mut tickets = Tickets::new(8, LIFETIME);
    for (number, origin) in
        [None, Some(&b"https://b.example"[..]), Some(b"https://a.example:444"), Some(b"null")]
            .into_iter()
            .enumerate()
    {
        let random = random(u8::try_from(number).unwrap());
        let ticket = tickets.issue(START, random, verified("alice"), PAGE).unwrap();
        let text = ticket.as_str().as_bytes();
        assert_eq!(tickets.redeem(START, text, origin), Err(AuthError::Ticket), "{origin:?}");
        // Whoever names it has used it up.
        assert_eq!(tickets.redeem(START, text, PAGE), Err(AuthError::Ticket));
    }
    // One that no page asked for is of no page.
    let ticket = tickets.issue(START, random(9), verified("alice"), None).unwrap();
    assert!(tickets.redeem(START, ticket.as_str().as_bytes(), PAGE).is_ok());
}

#[test]
fn a_wrong_secret_uses_the_ticket_up() {
    let mut tickets = Tickets::new(8, LIFETIME);
    let ticket = tickets.issue(START, random(1), verified("alice"), PAGE).unwrap();
    let mut forged = ticket.as_str().as_bytes().to_vec();
    let last = forged.last_mut().unwrap();
    *last = if *last == b'A' { b'B' } else { b'A' };
    assert_eq!(tickets.redeem(START, &forged, PAGE), Err(AuthError::Ticket));
    assert_eq!(tickets.redeem(START, ticket.as_str().as_bytes(), PAGE), Err(AuthError::Ticket));
}

#[test]
fn what_is_no_ticket_is_refused() {
    let mut tickets = Tickets::new(8, LIFETIME);
    for text in [&b""[..], b"a", &[b'A'; 31], &[b'A'; 33], &[b'='; 32], &[0xFF; 32], &[b'A'; 4_096]] {
        assert_eq!(tickets.redeem(START, text, PAGE), Err(AuthError::Malformed));
    }
    assert_eq!(tickets.redeem(START, &[b'A'; 32], PAGE), Err(AuthError::Ticket));
}

#[test]
fn a_full_store_keeps_the_live_ones() {
    let mut tickets = Tickets::new(2, LIFETIME);
    let first = tickets.issue(START, random(1), verified("alice"), None).unwrap();
    tickets.issue(START, random(2), verified("alice"), None).unwrap();
    let full = tickets.issue(START, random(3), verified("alice"), None);
    assert_eq!(full.unwrap_err(), TicketError::Full { tickets_max: 2 });
    assert!(tickets.redeem(START, first.as_str().as_bytes(), None).is_ok());
    // Time makes room.
    tickets.issue(START + LIFETIME, random(3), verified("alice"), None).unwrap();
    assert_eq!(tickets.len(), 1);
}

#[test]
fn used_tickets_take_no_place() {
    let mut tickets = Tickets::new(2, LIFETIME);
    for number in 0..200 {
        let ticket = tickets.issue(START, random(number), verified("alice"), None).unwrap();
        assert!(tickets.redeem(START, ticket.as_str().as_bytes(), None).is_ok());
    }
    assert!(tickets.is_empty());
}

proptest! {
    /// Whatever is issued and redeemed in whatever order: a ticket is good at most once, for whom it was given, and
    /// never after its time.
    #[test]
    fn tickets_follow_their_model(steps in prop::collection::vec((0_u8..6, any::<bool>(), 0_u64..12), 1..60)) {
        let users: Vec<Verified> = (0..6).map(|user| verified(&format!("user-{user}"))).collect();
        let mut tickets = Tickets::new(4, LIFETIME);
        let mut now = START;
        let mut live = [const { None::<(Instant, String)> }; 6];
        for (user, issues, seconds) in steps {
            now = now + Duration::from_secs(seconds);
            let slot = &mut live[usize::from(user)];
            if issues && slot.is_none() {
                let issued = tickets.issue(now, random(user), users[usize::from(user)].clone(), PAGE);
                if let Ok(ticket) = issued {
                    *slot = Some((now + LIFETIME, ticket.as_str().into()));
                }
            } else if let Some((end, text)) = slot.take() {
                let taken = tickets.redeem(now, text.as_bytes(), PAGE);
                if now < end {
                    let subject = taken.map(|verified| verified.subject().to_owned());
                    prop_assert_eq!(subject, Ok(format!("user-{user}")));
                } else {
                    prop_assert_eq!(taken, Err(AuthError::Ticket));
                }
                prop_assert_eq!(tickets.redeem(now, text.as_bytes(), PAGE), Err(AuthError::Ticket));
            }
            prop_assert!(tickets.len() <= 4);
        }
    }
}
