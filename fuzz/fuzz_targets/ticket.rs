//! Tickets as they come, tickets that were given and changed, and whatever order they are used in.
#![no_main]

use core::time::Duration;
use std::{collections::BTreeMap, sync::LazyLock};

use portcullis_auth::{ChannelRule, ChannelRules, Scopes, Tickets, Verified, certificate, credential};
use portcullis_time::{Instant, UnixTime};

const LIFETIME: Duration = Duration::from_secs(30);
const NOW: UnixTime = UnixTime::from_secs(1_753_000_000);

static ALICE: LazyLock<Verified> = LazyLock::new(|| {
    let found = certificate::Certificate {
        name: "alice",
        id: None,
        not_before: NOW,
        not_after: NOW.saturating_add(LIFETIME),
    };
    certificate::verified(NOW, &found, Scopes::default()).expect("a plain name")
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut tickets = Tickets::new(4, LIFETIME);
    let (mut now, mut given, mut number) =
        (Instant::from_millis(5_000), BTreeMap::<u8, (Instant, Vec<u8>)>::new(), 0_u8);
    for step in data.chunks(4) {
        let &[what, which, by, at] = step else { break };
        now = now + Duration::from_secs(u64::from(what >> 4));
        if what & 1 == 0 {
            number = number.wrapping_add(1);
            let mut random = [number; 24];
            random[8..].fill(which);
            let origin = (by & 1 == 1).then_some(&b"https://a.example"[..]);
            if let Ok(ticket) = tickets.issue(now, random, ALICE.clone(), origin) {
                given.insert(number, (now + LIFETIME, ticket.as_str().into()));
            }
        } else if let Some((&key, _)) = given.range(which..).next() {
            let (end, mut text) = given.remove(&key).expect("it was just seen");
            let place = usize::from(at) % text.len();
            text[place] ^= by;
            let taken = tickets.redeem(now, &text, Some(b"https://a.example"));
            assert!(taken.is_err() || (by == 0 && now < end), "a changed or late ticket passes");
            text[place] ^= by;
            let again = tickets.redeem(now, &text, Some(b"https://a.example"));
            assert!(again.is_err() || (taken.is_err() && now < end), "a ticket passes twice");
        }
        assert!(tickets.len() <= 4);
    }
    // The same bytes as a ticket, a cookie and a pattern.
    assert!(tickets.redeem(now, data, None).is_err() || !given.is_empty());
    if let Some(Ok(token)) = credential::from_cookie(data, "a") {
        assert!(token.len() <= credential::TOKEN_LEN_MAX && token.iter().all(u8::is_ascii_graphic));
    }
    if let Ok(text) = core::str::from_utf8(data) {
        let (pattern, channel) = text.split_once('\n').unwrap_or((text, ""));
        let rule = ChannelRule { pattern: pattern.into(), read: Some("read".into()), ..Default::default() };
        if let Ok(rules) = ChannelRules::new([rule]) {
            let open = rules.check(&Scopes::default(), channel, portcullis_auth::Access::Read).is_ok();
            assert!(!open, "no scope, no channel");
        }
    }
});
