//! What holds for all tokens.
use core::time::Duration;

use portcullis_auth::{
    AuthError, Verify,
    jwt::{Algorithm, KeyError, Mint},
};
use portcullis_time::UnixTime;
use proptest::prelude::*;

use crate::support::{HS256, NOW, SECRET, claims_with, encode, forge, key, signer, verifier};

fn mint() -> impl Strategy<Value = Mint> {
    let scope = "[!#-\\[\\]-~]{1,20}";
    (
        "\\PC{1,32}",
        prop::collection::vec(scope, 0..8),
        0_u64..4_000_000_000,
        1_u64..4_000_000_000,
        prop::option::of("[a-z0-9-]{1,40}"),
    )
        .prop_map(|(subject, scopes, issued_at, ttl, id)| {
            let mint = Mint::new(&subject, UnixTime::from_secs(issued_at), Duration::from_secs(ttl))
                .with_scopes(scopes.iter().map(String::as_str));
            if let Some(id) = id { mint.with_id(&id) } else { mint }
        })
}

proptest! {
    #[test]
    fn what_is_minted_is_accepted_and_says_the_same(mint in mint()) {
        let token = signer(Algorithm::HS256).mint(&mint);
        prop_assume!(token != Err(KeyError::Claims));
        let verified = HS256.verify(mint.issued_at, token.unwrap().as_bytes()).unwrap();
        prop_assert_eq!(verified.subject(), &mint.subject);
        prop_assert_eq!(verified.id(), mint.id.as_deref());
        prop_assert_eq!(verified.issued_at(), Some(mint.issued_at));
        prop_assert_eq!(verified.expires_at(), mint.issued_at.saturating_add(mint.ttl));
        let mut scopes = mint.scopes.clone();
        scopes.sort();
        scopes.dedup();
        prop_assert_eq!(verified.scopes().iter().collect::<Vec<_>>(), scopes);
    }

    #[test]
    fn no_bytes_make_it_panic_or_pass(token in any::<Vec<u8>>()) {
        prop_assert!(HS256.verify(NOW, &token).is_err());
    }

    #[test]
    fn no_text_like_a_token_makes_it_panic_or_pass(header in "\\PC{0,40}", claims in "\\PC{0,80}", signature: Vec<u8>) {
        let token = format!("{}.{}.{}", encode(header), encode(claims), encode(signature));
        prop_assert!(HS256.verify(NOW, token.as_bytes()).is_err());
    }

    /// Well-signed nonsense is still a verdict.
    #[test]
    fn no_well_signed_text_makes_it_panic(header in "\\PC{0,40}", claims in "\\PC{0,80}") {
        prop_assert!(HS256.verify(NOW, forge(&header, &claims, SECRET).as_bytes()).is_err());
    }

    #[test]
    fn a_byte_that_changes_anywhere_is_refused(index: prop::sample::Index, byte: u8) {
        let token = forge(r#"{"alg":"HS256"}"#, &claims_with("", None), SECRET).into_bytes();
        prop_assert!(HS256.verify(NOW, &token).is_ok());
        let mut other = token.clone();
        let index = index.index(token.len());
        other[index] = byte;
        prop_assume!(other != token);
        prop_assert!(HS256.verify(NOW, &other).is_err());
    }

    #[test]
    fn a_cut_token_is_refused(len: prop::sample::Index) {
        let token = forge(r#"{"alg":"HS256"}"#, &claims_with("", None), SECRET);
        prop_assert!(HS256.verify(NOW, &token.as_bytes()[..len.index(token.len())]).is_err());
    }

    /// The times are compared like numbers of unbounded size, here within three seconds of where the verdict changes.
    #[test]
    fn times_pass_exactly_within_the_leeway(
        now in 1_u64 << 31..1 << 50, leeway in 0_u64..=1 << 30, after in 0_u64..6, early in 0_u64..6,
    ) {
        let (exp, nbf) = (now - leeway + after - 3, now + leeway + early - 3);
        let verifier = verifier(vec![key(Algorithm::HS256)]).with_leeway(Duration::from_secs(leeway));
        let claims = claims_with("exp", Some(&exp.to_string()));
        let claims = format!("{},\"nbf\":{nbf}}}", claims.trim_end_matches('}'));
        let token = forge(r#"{"alg":"HS256"}"#, &claims, SECRET);
        let expected = if now >= exp + leeway {
            Err(AuthError::Expired)
        } else if nbf > now + leeway {
            Err(AuthError::NotYetValid)
        } else {
            Ok(())
        };
        prop_assert_eq!(verifier.verify(UnixTime::from_secs(now), token.as_bytes()).map(|_| ()), expected);
    }
}

#[test]
fn what_would_not_be_accepted_is_not_minted() {
    let signer = signer(Algorithm::HS256);
    let minute = Duration::from_secs(60);
    for mint in [
        Mint::new("", NOW, minute),
        Mint::new(&"a".repeat(129), NOW, minute),
        Mint::new("a\nb", NOW, minute),
        Mint::new("a", NOW, minute).with_id(""),
        Mint::new("a", NOW, minute).with_scopes(["two words"]),
        Mint::new("a", NOW, minute).with_scopes([""]),
        Mint::new("a", UnixTime::from_secs((1 << 53) - 59), minute),
    ] {
        assert_eq!(signer.mint(&mint), Err(KeyError::Claims), "{mint:?}");
    }
    let long: Vec<_> = (0..40).map(|index| format!("{index}{}", "a".repeat(100))).collect();
    let mint = Mint::new("a", NOW, minute).with_scopes(long.iter().map(String::as_str));
    assert_eq!(signer.mint(&mint), Err(KeyError::Claims), "the token would be too long");
}
