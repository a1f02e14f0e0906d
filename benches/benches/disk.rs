//! The session model on disk: what an acknowledged publication costs, in batches of what came while the disk was busy.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use core::time::Duration;
use std::sync::mpsc::channel;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use portcullis_disk::{DiskBackend, Durability, Options};
use portcullis_session::{
    Backend, Caller, Command, Completion, Config, ConnectionId, MemoryBackend, NodeId, ResumeToken,
    SessionId, Target,
};
use portcullis_time::{Instant, UnixTime};

const NODE: NodeId = NodeId::new(0);
const NOW: Instant = Instant::from_millis(3_600_000);

fn open(session: u8) -> Command<'static> {
    Command::Open {
        connection: ConnectionId::new(session.into()),
        user: "alice",
        session: SessionId::from_bytes([session; 16]),
        token: ResumeToken::from_bytes([session; 16]),
        resume: None,
        since: None,
    }
}

/// Submits `count` publications of 128 bytes with ids, and waits until all are acknowledged.
fn round(backend: &mut impl Backend, caller: Caller, id: &mut u64, count: usize, mut wait: impl FnMut()) {
    for _ in 0..count {
        *id += 1;
        let target = Target::Channel("c");
        backend.submit(NOW, NODE, Command::Publish { caller, id: Some(*id), target, data: &[7; 128] });
    }
    let mut acknowledged = 0;
    loop {
        while let Some((_, completion)) = backend.poll_completion() {
            acknowledged += usize::from(matches!(completion, Completion::Published { .. }));
        }
        if acknowledged >= count {
            return;
        }
        wait();
    }
}

fn caller(backend: &mut impl Backend, mut wait: impl FnMut()) -> Caller {
    backend.submit(NOW, NODE, open(1));
    let caller = loop {
        match backend.poll_completion() {
            Some((_, Completion::Opened { connection, session, fencing, .. })) => {
                break Caller { connection, session, fencing };
            }
            Some(_) => {}
            None => wait(),
        }
    };
    backend.submit(NOW, NODE, Command::Subscribe { caller, channel: "c", since: None });
    caller
}

fn publish(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("disk/publish 128 B, acknowledged");
    group.measurement_time(Duration::from_secs(4));
    let folder = std::env::temp_dir().join(format!("portcullis-bench-disk-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for count in [1, 64, 1_024] {
        group.throughput(Throughput::Elements(u64::try_from(count).unwrap()));
        let mut memory = MemoryBackend::new(Config::default(), [7; 32]);
        let by = caller(&mut memory, || {});
        let mut id = 0;
        group.bench_function(format!("{count} at once, memory"), |bencher| {
            bencher.iter(|| round(&mut memory, by, &mut id, count, || {}));
        });
        for (name, durability) in [("process", Durability::Process), ("machine", Durability::Machine)] {
            let path = folder.join(format!("{name}-{count}"));
            let unix = UnixTime::from_secs(1_753_000_000);
            let options = Options { config: Config::default(), seed: [7; 32], durability, now: NOW, unix };
            let (ready, waiting) = channel();
            let (mut disk, _) = DiskBackend::open(&path, &options, move |outcome| {
                let _ = ready.send(outcome);
            })
            .unwrap();
            let wait = || waiting.recv().unwrap().unwrap();
            let by = caller(&mut disk, wait);
            let mut id = 0;
            group.bench_function(format!("{count} at once, {name}"), |bencher| {
                bencher.iter(|| round(&mut disk, by, &mut id, count, wait));
            });
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
    group.finish();
}

criterion_group!(benches, publish);
criterion_main!(benches);
