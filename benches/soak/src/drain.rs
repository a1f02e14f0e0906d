//! SIGTERM under many clients: each comes back in a slot of its own, and misses nothing.

use alloc::sync::Arc;
use core::{sync::atomic::Ordering, time::Duration};
use std::sync::{Mutex, PoisonError};

use portcullis_server::clock;
use tokio::time::{Instant, sleep};

use crate::{
    Failure,
    fleet::{Book, Member, Orders, Return, lock},
    kills::{await_count, verdict},
    server::Server,
};

/// Clients that come in at the same time.
const BATCH: usize = 200;
/// So many publish, each to a channel of its own.
const PUBLISHERS: usize = 100;
const CHANNEL_LEN: usize = 50;
/// The parts of the spread in which arrivals are counted.
const BINS: usize = 10;

pub(crate) async fn run(
    mut server: Server,
    count: usize,
    spread: Duration,
    even: f64,
) -> Result<(), Failure> {
    let (orders, book) = (Arc::new(Orders::default()), Book::default());
    let returns = Arc::new(Mutex::new(Vec::new()));
    let channels = count.div_ceil(CHANNEL_LEN).max(1);
    let channel = |number: usize| format!("drain:{}", number % channels);
    let readers: Vec<(usize, String)> = (0..count).map(|number| (number, channel(number))).collect();
    server.start().await?;
    for number in 0..count {
        let every = (number < PUBLISHERS).then_some(Duration::from_millis(500));
        let member = Member {
            number,
            url: server.url.clone(),
            token: server.token(&format!("user-{number}"))?,
            channel: channel(number),
            every,
            orders: orders.clone(),
            book: book.clone(),
            returns: Some(returns.clone()),
        };
        tokio::spawn(member.run());
        if number % BATCH == BATCH - 1 {
            await_count("clients that receive their channel", number + 1, || {
                orders.ready.load(Ordering::Relaxed)
            })
            .await?;
        }
    }
    await_count("clients that receive their channel", count, || orders.ready.load(Ordering::Relaxed)).await?;
    println!("{count} clients on {channels} channels, {} of them publish", PUBLISHERS.min(count));
    orders.go.store(true, Ordering::Relaxed);
    sleep(Duration::from_secs(2)).await;

    let begun = clock::now();
    server.terminate().await?;
    if !server.wait().await? {
        return Err("the server failed".into());
    }
    let ended = clock::now().saturating_duration_since(begun);
    server.start().await?;
    sleep(spread + Duration::from_secs(3)).await;
    orders.stop.store(true, Ordering::Relaxed);
    await_count("clients whose messages are answered", count, || orders.settled.load(Ordering::Relaxed))
        .await?;
    let deadline = Instant::now() + Duration::from_secs(60);
    while !lock(&book).is_complete(&readers) && Instant::now() < deadline {
        sleep(Duration::from_millis(100)).await;
    }
    println!("the server ended {:.2} s after SIGTERM, with success", ended.as_secs_f64());
    let returns = returns.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let is_uniform = arrivals(&returns, count, spread, begun).and_then(|worst| {
        if worst <= even { Ok(()) } else { Err(format!("arrivals are {worst:.1} % from even").into()) }
    });
    verdict(&book, &readers)?;
    orders.quit.store(true, Ordering::Relaxed);
    is_uniform
}

/// How evenly the clients came back, between the first and the last of them: how far the worst tenth is from even, in
/// percent.
fn arrivals(
    returns: &[Return],
    count: usize,
    spread: Duration,
    begun: portcullis_time::Instant,
) -> Result<f64, Failure> {
    let others: Vec<u16> = returns.iter().map(|tried| tried.code).filter(|code| *code != 1012).collect();
    let after = |tried: &Return| tried.tried_at.saturating_duration_since(begun);
    let first = returns.iter().map(after).min().unwrap_or_default();
    let last = returns.iter().map(after).max().unwrap_or_default();
    let range = last.saturating_sub(first).as_secs_f64().max(1e-9);
    let mut bins = [0_usize; BINS];
    for tried in returns {
        let share = after(tried).saturating_sub(first).as_secs_f64() / range;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of a bin")]
        let bin = ((share * BINS as f64) as usize).min(BINS - 1);
        if let Some(bin) = bins.get_mut(bin) {
            *bin += 1;
        }
    }
    let mean = count as f64 / BINS as f64;
    let worst = bins.iter().map(|bin| (*bin as f64 / mean - 1.0).abs() * 100.0).fold(0.0, f64::max);
    println!("{} closed with 1012, {} otherwise {others:?}", returns.len() - others.len(), others.len());
    println!(
        "first attempts from {:.2} s to {:.2} s after SIGTERM (spread {} s), in tenths of that: {bins:?}; at most {worst:.1} % from even",
        first.as_secs_f64(),
        last.as_secs_f64(),
        spread.as_secs()
    );
    if returns.len() != count || !others.is_empty() {
        return Err("not every client was sent away with a slot".into());
    }
    if last > spread + Duration::from_secs(2) {
        return Err("the last came long after the spread".into());
    }
    Ok(worst)
}
