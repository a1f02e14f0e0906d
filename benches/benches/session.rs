//! The session model in memory: what a publication, a subscription and a return cost.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use core::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use portcullis_session::{
    Backend, Caller, Command, Completion, Config, ConnectionId, MemoryBackend, NodeId, Position, Resume,
    ResumeToken, SessionId, Target,
};
use portcullis_time::Instant;

const NODE: NodeId = NodeId::new(0);
const NOW: Instant = Instant::from_millis(1_000);

fn token(number: u64) -> ResumeToken {
    ResumeToken::from_bytes(u128::from(number).to_be_bytes())
}

fn open(backend: &mut MemoryBackend, node: NodeId, number: u64, resume: Option<Resume>) -> Caller {
    let (connection, session) =
        (ConnectionId::new(number), SessionId::from_bytes(u128::from(number).to_be_bytes()));
    let (user, token) = (format!("user{}", number % 10_000), token(number));
    backend.submit(NOW, node, Command::Open { connection, user: &user, session, token, resume, since: None });
    let mut caller = None;
    while let Some((_, completion)) = backend.poll_completion() {
        if let Completion::Opened { session, fencing, .. } = completion {
            caller = Some(Caller { connection, session, fencing });
        }
    }
    caller.unwrap()
}

fn drain(backend: &mut MemoryBackend) -> usize {
    core::iter::from_fn(|| backend.poll_completion()).count()
}

fn subscribe(
    backend: &mut MemoryBackend,
    node: NodeId,
    caller: Caller,
    channel: &str,
    since: Option<Position>,
) {
    backend.submit(NOW, node, Command::Subscribe { caller, channel, since });
    drain(backend);
}

/// One event of 128 bytes to a channel, its completions read; the log is full, so that each event forgets another.
fn publish(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("session/publish 128 B");
    for (name, nodes, channels) in
        [("1 node", 1, 1), ("8 nodes", 8, 1), ("1 node, 128 channels held", 1, 128)]
    {
        let mut backend = MemoryBackend::new(Config::default(), [7; 32]);
        let mut caller = None;
        for node in 0..nodes {
            let node = NodeId::new(node);
            let by = open(&mut backend, node, u64::from(node.get()), None);
            for number in 0..channels {
                subscribe(&mut backend, node, by, &format!("chat:channel-{number}"), None);
            }
            caller = caller.or(Some(by));
        }
        let (caller, data) = (caller.unwrap(), [7; 128]);
        let channel = format!("chat:channel-{}", channels - 1);
        let mut id = 0;
        group.throughput(Throughput::Elements(1));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                id += 1;
                let target = Target::Channel(black_box(&channel));
                backend.submit(NOW, NODE, Command::Publish { caller, id: Some(id), target, data: &data });
                drain(&mut backend)
            });
        });
    }
    group.finish();
}

/// Subscribing to a channel that others hold, and letting it go.
fn membership(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("session/subscribe and unsubscribe");
    for members in [1_u64, 1_000, 10_000] {
        let mut backend = MemoryBackend::new(Config::default(), [7; 32]);
        for number in 1..members {
            let by = open(&mut backend, NODE, number, None);
            subscribe(&mut backend, NODE, by, "chat:lobby", None);
        }
        let caller = open(&mut backend, NODE, 0, None);
        // The members are told of first: what is measured is one who comes and goes.
        backend.handle_timeout(Instant::from_millis(2_000));
        drain(&mut backend);
        group.bench_function(format!("{members} members"), |bencher| {
            bencher.iter(|| {
                subscribe(&mut backend, NODE, caller, black_box("chat:lobby"), None);
                backend.submit(NOW, NODE, Command::Unsubscribe { caller, channel: "chat:lobby" });
                drain(&mut backend)
            });
        });
    }
    group.finish();
}

/// A takeover, and one channel with 100 missed events.
fn resume(criterion: &mut Criterion) {
    criterion.bench_function("session/resume with 100 missed events", |bencher| {
        let mut backend = MemoryBackend::new(Config::default(), [7; 32]);
        let mut caller = open(&mut backend, NODE, 0, None);
        backend.submit(NOW, NODE, Command::Subscribe { caller, channel: "c", since: None });
        let mut since = None;
        while let Some((_, completion)) = backend.poll_completion() {
            if let Completion::Subscribed { position, .. } = completion {
                since = Some(position);
            }
        }
        for _ in 0..100 {
            let target = Target::Channel("c");
            backend.submit(NOW, NODE, Command::Publish { caller, id: None, target, data: &[7; 128] });
        }
        drain(&mut backend);
        let mut number = 0;
        bencher.iter_batched(
            || (),
            |()| {
                let claim = Resume { session: caller.session, token: token(number) };
                number += 10_000;
                caller = open(&mut backend, NODE, number, Some(claim));
                subscribe(&mut backend, NODE, caller, "c", since);
            },
            BatchSize::SmallInput,
        );
        assert_eq!(backend.session_count(), 1);
    });
}

criterion_group!(benches, publish, membership, resume);
criterion_main!(benches);
