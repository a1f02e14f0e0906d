//! The rows on origins of the abuse list, and the usual tutorial's mistakes 8 and 10.
//!
//! Not here: revoked sessions that live on (CVE-2026-9162) and blocked users that resume come with revocation; guessable
//! session ids (CVE-2017-16031) are the session crate's; there is no cache of verdicts, so that there is no key for one
//! (CVE-2026-39972); passwords (CVE-2021-33880) are not taken at all, and HMACs are compared by the cryptography library.
use core::time::Duration;

use portcullis_auth::{Lease, OriginError, check_same_host};
use portcullis_time::{Instant, UnixTime};

fn is_foreign(origin: &str) -> bool {
    check_same_host(Some(origin.as_bytes()), b"example.com", true) == Err(OriginError::Foreign)
}

/// GHSA-f53g-frr2-jhpf (Gitpod): a page of another site takes over a session.
#[test]
fn ghsa_f53g_frr2_jhpf_a_foreign_page_does_not_connect() {
    for origin in [
        "https://evil.example",
        "null",
        "https://evil-example.com",
        "https://example.com.evil.example",
        "https://sub.example.com",
        "http://example.com",
        "https://example.com:444",
    ] {
        assert!(is_foreign(origin), "{origin}");
    }
    assert_eq!(check_same_host(None, b"example.com", true), Ok(()), "no page at all");
}

/// NATS, March 2026, and coder#536: the scheme was not compared.
#[test]
fn nats_2026_the_scheme_counts() {
    assert!(is_foreign("http://example.com"));
    assert!(is_foreign("http://example.com:443"));
    assert_eq!(
        check_same_host(Some(b"https://example.com"), b"example.com", false),
        Err(OriginError::Foreign)
    );
}

/// CVE-2026-14631 (webpack-dev-server): an origin or a host that is none throws.
#[test]
fn cve_2026_14631_malformed_origins_and_hosts_are_a_verdict() {
    for byte in 0..=u8::MAX {
        for at in 0..20 {
            let mut origin = *b"https://example.com:";
            origin[at] = byte;
            let _ = check_same_host(Some(&origin), b"example.com", true);
            let _ = check_same_host(Some(b"https://example.com"), &origin[8..], true);
        }
    }
}

/// CVE-2026-42544 (Granian): a byte that is not ASCII in a header ends the process.
#[test]
fn cve_2026_42544_bytes_above_ascii_are_a_verdict() {
    for byte in 0x80..=u8::MAX {
        let verdict = check_same_host(
            Some(&[b"https://example.com".as_slice(), &[byte]].concat()),
            b"example.com",
            true,
        );
        assert_eq!(verdict, Err(OriginError::Malformed));
        assert!(portcullis_auth::credential::from_authorization(&[b'B', byte]).is_err());
        assert!(
            portcullis_auth::credential::from_authorization(&[b"Bearer a".as_slice(), &[byte]].concat())
                .is_err()
        );
    }
}

#[cfg(feature = "alloc")]
mod listed {
    use portcullis_auth::{OriginError, OriginPolicy};

    /// CVE-2020-28481 (socket.io): everyone may connect unless told otherwise.
    #[test]
    fn cve_2020_28481_the_default_denies() {
        let policy = OriginPolicy::default();
        assert_eq!(
            policy.check(Some(b"https://evil.example"), b"a.example", true),
            Err(OriginError::Foreign)
        );
        assert!(OriginPolicy::allow_list(["*"]).is_err(), "there is no entry for everyone");
    }

    /// CVE-2022-42975 (Phoenix): `*.example.com` also meant `xexample.com`.
    #[test]
    fn cve_2022_42975_a_wildcard_begins_at_a_label() {
        let policy = OriginPolicy::allow_list(["https://*.example.com"]).unwrap();
        let check = |origin: &[u8]| policy.check(Some(origin), b"a.example", true);
        assert_eq!(check(b"https://xexample.com"), Err(OriginError::Foreign));
        assert_eq!(check(b"https://example.com"), Err(OriginError::Foreign));
        assert_eq!(check(b"https://x.example.com"), Ok(()));
    }

    #[test]
    fn mistake_10_a_page_is_asked_where_it_comes_from() {
        let policy = OriginPolicy::same_host();
        assert_eq!(
            policy.check(Some(b"https://evil.example"), b"a.example", true),
            Err(OriginError::Foreign)
        );
        assert_eq!(policy.check(Some(b"https://a.example"), b"a.example", true), Ok(()));
    }
}

#[test]
fn mistake_8_a_connection_does_not_outlive_its_token() {
    let (now, unix) = (Instant::from_millis(1), UnixTime::from_secs(1_753_000_000));
    let lease = Lease::until(UnixTime::from_secs(1_753_000_900), now, unix);
    assert_eq!(lease.deadline(), now + Duration::from_secs(900));
    assert!(lease.expired(lease.deadline()));
}
