//! `portcullis-limit` as middleware of axum: each address may ask ten times at once and five times a second more.
//!
//! `cargo run -p portcullis-tokio --example limit_axum`, then `curl -i http://127.0.0.1:9005/`.

#![allow(clippy::std_instead_of_core, clippy::std_instead_of_alloc, reason = "an example")]

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant as Clock;

use axum::{
    Router,
    extract::{ConnectInfo, Request, State},
    http::{StatusCode, header::RETRY_AFTER},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use portcullis_limit::{Keyed, Limited, Quota, SeededHash, WhenFull};
use portcullis_time::Instant;

const REQUESTS: Quota = Quota::per_second_const::<5, 10>();

/// What all requests share.
struct Limits {
    start: Clock,
    addresses: Mutex<Keyed<u64>>,
}

impl Limits {
    #[allow(clippy::disallowed_methods, reason = "a program of its own")]
    fn new(seed: [u64; 2]) -> Self {
        let addresses = Keyed::with_hasher(REQUESTS, 1 << 16, SeededHash::new(seed), WhenFull::Share);
        Self { start: Clock::now(), addresses: Mutex::new(addresses) }
    }

    /// Charges one request; a refusal says in how many whole seconds to come back.
    fn check(&self, address: IpAddr) -> Result<(), u64> {
        let now = Instant::ORIGIN + self.start.elapsed();
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        addresses.check(subscriber(address), now, 1).map_err(|Limited { retry_at }| {
            let wait = retry_at.saturating_duration_since(now);
            wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
        })
    }
}

/// An IPv4 address, or the 64 bits of an IPv6 address that one subscriber owns.
fn subscriber(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(address) => u64::from(address.to_bits()),
        IpAddr::V6(address) => u64::try_from(address.to_bits() >> 64).unwrap_or(0),
    }
}

async fn limit(
    State(limits): State<Arc<Limits>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    match limits.check(peer.ip()) {
        Ok(()) => next.run(request).await,
        Err(wait) => (StatusCode::TOO_MANY_REQUESTS, [(RETRY_AFTER, wait.to_string())]).into_response(),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let limits = Arc::new(Limits::new([getrandom::u64()?, getrandom::u64()?]));
    let app = Router::new()
        .route("/", get(|| async { "hello\n" }))
        .layer(middleware::from_fn_with_state(limits, limit))
        .into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(tokio::net::TcpListener::bind("127.0.0.1:9005").await?, app).await?;
    Ok(())
}
