//! Tokens by algorithm, and origins.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use core::{hint::black_box, time::Duration};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rsa,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair},
};
use base64ct::{Base64, Encoding};
use criterion::{Criterion, criterion_group, criterion_main};
use jsonwebtoken::{DecodingKey, Validation};
use portcullis_auth::{
    OriginPolicy, Verify,
    jwt::{Algorithm, Issuer, Key, Mint, Signer, SigningKey, Verifier},
};
use portcullis_time::UnixTime;
use serde::Deserialize;

/// What a verdict needs of a token, as a user of jsonwebtoken would say it.
#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "it is read, and that is all")]
struct Claims {
    sub: String,
    exp: u64,
    iat: Option<u64>,
    nbf: Option<u64>,
    jti: Option<String>,
    scope: Option<String>,
}

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "portcullis";
const NOW: UnixTime = UnixTime::from_secs(1_753_000_000);
const SECRET: [u8; 32] = [7; 32];

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", Base64::encode_string(der))
}

/// A key pair in PEM, made for this run; none for HMAC.
fn pair(algorithm: Algorithm) -> Option<[String; 2]> {
    // Several types hold DER; what is common to them is that they are bytes.
    let (private, public) = match algorithm.name() {
        "RS256" => {
            let key = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
            let private = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).unwrap();
            (private.as_ref().to_vec(), AsDer::<PublicKeyX509Der<'_>>::as_der(key.public_key()).unwrap())
        }
        "ES256" => {
            let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
            let private = key.to_pkcs8v1().unwrap();
            (private.as_ref().to_vec(), AsDer::<PublicKeyX509Der<'_>>::as_der(key.public_key()).unwrap())
        }
        "EdDSA" => {
            let key = Ed25519KeyPair::generate().unwrap();
            let private = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).unwrap();
            (private.as_ref().to_vec(), AsDer::<PublicKeyX509Der<'_>>::as_der(key.public_key()).unwrap())
        }
        _ => return None,
    };
    Some([pem("PRIVATE KEY", &private), pem("PUBLIC KEY", public.as_ref())])
}

fn tokens(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("auth/verify");
    for algorithm in [Algorithm::HS256, Algorithm::ES256, Algorithm::RS256, Algorithm::EdDSA] {
        let (signing, key, bare) = match pair(algorithm) {
            None => (
                SigningKey::hmac(algorithm, &SECRET).unwrap(),
                Key::hmac(algorithm, &SECRET).unwrap(),
                DecodingKey::from_secret(&SECRET),
            ),
            Some([private, public]) => (
                SigningKey::private_pem(algorithm, private.as_bytes()).unwrap(),
                Key::public_pem(algorithm, public.as_bytes()).unwrap(),
                match algorithm.name() {
                    "RS256" => DecodingKey::from_rsa_pem(public.as_bytes()),
                    "ES256" => DecodingKey::from_ec_pem(public.as_bytes()),
                    _ => DecodingKey::from_ed_pem(public.as_bytes()),
                }
                .unwrap(),
            ),
        };
        let mint = Mint::new("alice", NOW, Duration::from_secs(900)).with_scopes(["chat:write", "status"]);
        let token = Signer::new(signing, ISSUER, AUDIENCE).mint(&mint).unwrap();
        let verifier = Verifier::new(AUDIENCE, vec![Issuer { name: ISSUER.into(), keys: vec![key] }]);
        group.bench_function(algorithm.name(), |bencher| {
            bencher.iter(|| verifier.verify(NOW, black_box(token.as_bytes())).unwrap());
        });
        let mut validation = Validation::new(algorithm.name().parse().unwrap());
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        // It reads the clock by itself, and these tokens are not of today.
        validation.validate_exp = false;
        group.bench_function(format!("jsonwebtoken, {}", algorithm.name()), |bencher| {
            bencher.iter(|| {
                jsonwebtoken::decode::<Claims>(black_box(token.as_bytes()), &bare, &validation).unwrap()
            });
        });
    }
    let key = Key::hmac(Algorithm::HS256, &SECRET).unwrap();
    let verifier = Verifier::new(AUDIENCE, vec![Issuer { name: ISSUER.into(), keys: vec![key] }]);
    let garbage = "a".repeat(4_096);
    group.bench_function("4 KiB of garbage", |bencher| {
        bencher.iter(|| verifier.verify(NOW, black_box(garbage.as_bytes())).unwrap_err());
    });
    group.finish();
}

fn origins(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("auth/origin");
    let own = OriginPolicy::same_host();
    group.bench_function("same host", |bencher| {
        bencher.iter(|| own.check(black_box(Some(b"https://app.example.com")), b"app.example.com", true));
    });
    let listed =
        OriginPolicy::allow_list(["https://a.example", "https://b.example", "https://*.example.com"]);
    let listed = listed.unwrap();
    group.bench_function("third of a list", |bencher| {
        bencher.iter(|| listed.check(black_box(Some(b"https://app.example.com")), b"ws.example", true));
    });
    group.finish();
}

criterion_group!(benches, tokens, origins);
criterion_main!(benches);
