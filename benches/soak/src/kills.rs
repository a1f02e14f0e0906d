//! `kill -9` at random moments under clients of both kinds.

use alloc::sync::Arc;
use core::{sync::atomic::Ordering, time::Duration};
use std::path::PathBuf;

use tokio::time::{Instant, sleep};

use crate::{
    Failure,
    fleet::{Book, Member, Orders, lock},
    node::{self, Node},
    server::Server,
};

/// Members of one channel.
const CHANNEL_LEN: usize = 10;
/// The mean time between two messages of one client.
const EVERY: Duration = Duration::from_secs(1);
/// Between two kills, in milliseconds.
const KILL_MS: core::ops::Range<u64> = 500..4_000;

pub(crate) struct Plan {
    pub(crate) time: Duration,
    pub(crate) rust: usize,
    pub(crate) js: usize,
    pub(crate) modules: PathBuf,
    pub(crate) seed: u64,
}

pub(crate) async fn run(mut server: Server, plan: &Plan) -> Result<(), Failure> {
    let (orders, book) = (Arc::new(Orders::default()), Book::default());
    let count = plan.rust + plan.js;
    // Both kinds on each channel.
    let channels = count.div_ceil(CHANNEL_LEN).max(1);
    let channel = |number: usize| format!("soak:{}", number % channels);
    let readers: Vec<(usize, String)> = (0..count).map(|number| (number, channel(number))).collect();
    server.start().await?;
    for number in 0..plan.rust {
        let member = Member {
            number,
            url: server.url.clone(),
            token: server.token(&format!("user-{number}"))?,
            channel: channel(number),
            every: Some(EVERY),
            orders: orders.clone(),
            book: book.clone(),
            returns: None,
        };
        tokio::spawn(member.run());
    }
    let members = (plan.rust..count).map(|number| {
        let token = server.token(&format!("user-{number}"))?;
        Ok(node::Member { number, token, channel: channel(number) })
    });
    let members = members.collect::<Result<Vec<_>, Failure>>()?;
    let mut node = match plan.js {
        0 => None,
        _ => {
            Some(Node::start(&server.url_text, &plan.modules, &members, orders.clone(), book.clone()).await?)
        }
    };
    await_count("clients that receive their channel", count, || orders.ready.load(Ordering::Relaxed)).await?;
    println!(
        "{} clients in Rust and {} in JavaScript on {channels} channels, seed {}",
        plan.rust, plan.js, plan.seed
    );
    orders.go.store(true, Ordering::Relaxed);
    if let Some(node) = &mut node {
        node.order("go").await?;
    }
    let (kills, down) = kill_for(&mut server, plan).await?;
    orders.stop.store(true, Ordering::Relaxed);
    if let Some(node) = &mut node {
        node.order("stop").await?;
    }
    await_count("clients whose messages are answered", count, || orders.settled.load(Ordering::Relaxed))
        .await?;
    let deadline = Instant::now() + Duration::from_secs(60);
    while !lock(&book).is_complete(&readers) && Instant::now() < deadline {
        sleep(Duration::from_millis(100)).await;
    }
    orders.quit.store(true, Ordering::Relaxed);
    if let Some(node) = node {
        node.quit().await?;
    }
    println!(
        "{kills} kills in {} s, the server down for {:.1} s of them; store of {} KiB",
        plan.time.as_secs(),
        down.as_secs_f64(),
        server.store_len() / 1_024
    );
    verdict(&book, &readers)
}

/// Kills and restarts until the time is over. Returns how often, and how long nobody listened.
async fn kill_for(server: &mut Server, plan: &Plan) -> Result<(usize, Duration), Failure> {
    let end = Instant::now() + plan.time;
    let (mut kills, mut down, mut chance) =
        (0, Duration::ZERO, plan.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    loop {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        let wait = KILL_MS.start + chance % (KILL_MS.end - KILL_MS.start);
        let next = Instant::now() + Duration::from_millis(wait);
        if next >= end {
            tokio::time::sleep_until(end).await;
            return Ok((kills, down));
        }
        tokio::time::sleep_until(next).await;
        let before = Instant::now();
        server.kill().await?;
        server.start().await?;
        down += before.elapsed();
        kills += 1;
    }
}

pub(crate) async fn await_count(what: &str, wanted: usize, count: impl Fn() -> usize) -> Result<(), Failure> {
    let deadline = Instant::now() + Duration::from_secs(120);
    while count() < wanted {
        if Instant::now() > deadline {
            return Err(format!("{} of {wanted} {what}", count()).into());
        }
        sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// Says what was kept, and fails when something was not.
pub(crate) fn verdict(book: &Book, readers: &[(usize, String)]) -> Result<(), Failure> {
    let mut ledger = lock(book);
    ledger.close(readers);
    let faults = &ledger.faults;
    println!(
        "{} messages acknowledged, {} refused, {} events received; lost {}, twice {}, out of order {}, gaps told {}, gaps untold {}",
        ledger.acknowledged_count(),
        ledger.refused,
        ledger.events,
        faults.lost,
        faults.doubled,
        faults.reordered,
        ledger.gaps,
        faults.silent_holes
    );
    for fault in &faults.first {
        println!("  {fault}");
    }
    if faults.count() > 0 {
        return Err(format!("{} faults", faults.count()).into());
    }
    if ledger.gaps > 0 {
        return Err(format!("{} gaps, though the store has everything", ledger.gaps).into());
    }
    Ok(())
}
