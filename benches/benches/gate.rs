//! One action of a client, from its frame to the verdict: the whole gate beside tungstenite, serde_json and jsonschema.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

use core::{hint::black_box, time::Duration};
use std::io::{self, Read, Write};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use portcullis_gate::{ActionRule, Context, Credential, Event, Gate, Limits, Policy, Protocol, Route};
use portcullis_proto::{
    Config, Connection, VecStorage,
    wire::{HEADER_LEN_MAX, Opcode, encode_frame},
};
use portcullis_testkit::Tungstenite;
use portcullis_time::{Instant, UnixTime};
use tungstenite::{WebSocket, protocol::Role};

const UNIX: UnixTime = UnixTime::from_millis(1_753_000_000_000);
const PAYLOAD: &str = r#"{"type":"object","properties":{"text":{"type":"string","minLength":1,"maxLength":5000}},"required":["text"],"additionalProperties":false}"#;
/// The gate's envelope around [`PAYLOAD`], as one schema.
const WHOLE: &str = r#"{
    "type": "object",
    "properties": {
        "action": {"const": "chat"},
        "payload": {"type":"object","properties":{"text":{"type":"string","minLength":1,"maxLength":5000}},"required":["text"],"additionalProperties":false},
        "timestamp": {"type": "integer", "minimum": 0, "maximum": 9007199254740991},
        "channel": {"type": "string", "minLength": 1, "maxLength": 128},
        "id": {"type": "integer", "minimum": 1, "maximum": 9007199254740991}
    },
    "required": ["action", "payload", "timestamp"],
    "additionalProperties": false
}"#;

/// A `chat` of 150 bytes, and its masked frame.
fn chat() -> (String, Vec<u8>) {
    let with = |text: &str| {
        format!(
            r#"{{"action":"chat","payload":{{"text":"{text}"}},"timestamp":1753000000000,"channel":"chat:lobby","id":7}}"#
        )
    };
    let room = 150 - with("").len();
    let message = with(&"a line of chat that is as long as it must be".repeat(2)[..room]);
    let mut frame = vec![0; message.len() + HEADER_LEN_MAX];
    let mask = Some([0x37, 0xFA, 0x21, 0x3D]);
    let len = encode_frame(Opcode::Text, true, message.as_bytes(), mask, &mut frame).unwrap();
    frame.truncate(len);
    (message, frame)
}

/// One frame through the whole gate: byte bucket, frame, UTF-8, message bucket, schema, scope, timestamp.
fn judge<P: Protocol>(gate: &mut Gate<P>, now: &mut Instant, policy: &Policy, bytes: &mut [u8]) -> usize {
    // A client at 50 messages a second, so that no bucket ever refuses.
    *now = *now + Duration::from_millis(20);
    let context = Context { now: *now, unix: UNIX, policy, verifier: None };
    let allowance = gate.read_allowance(*now, policy).unwrap();
    assert!(allowance >= bytes.len());
    gate.charge_read(*now, policy, bytes.len());
    match gate.handle_input(&context, bytes).unwrap().event {
        Some(Event::Action(action)) => action.payload().len(),
        other => panic!("{other:?}"),
    }
}

fn bench_gate(criterion: &mut Criterion) {
    let rule = ActionRule {
        name: "chat".into(),
        schema: PAYLOAD.into(),
        route: Route::Channel,
        cost: 1,
        scope: None,
    };
    let mut limits = Limits::default();
    limits.life = Duration::from_secs(1_000_000_000);
    let policy = Policy::new(limits, vec![rule]).unwrap();
    let start = Instant::from_millis(1_000);
    let context = Context { now: start, unix: UNIX, policy: &policy, verifier: None };
    let (message, frame) = chat();

    let mut group = criterion.benchmark_group(format!("gate/{} B action", message.len()));
    group.throughput(Throughput::Elements(1));

    let engine = Connection::new(Config::server(), start, [1; 32], VecStorage::new(65_536));
    let mut gate = Gate::new(engine, &context, Credential::NotNeeded, false);
    let mut now = start;
    group.bench_function("portcullis", |bencher| {
        bencher.iter_batched_ref(
            || frame.clone(),
            |bytes| judge(&mut gate, &mut now, &policy, black_box(bytes)),
            BatchSize::SmallInput,
        );
    });

    let mut gate = Gate::new(Tungstenite::new(&Config::server()), &context, Credential::NotNeeded, false);
    let mut now = start;
    group.bench_function("portcullis over tungstenite", |bencher| {
        bencher.iter_batched_ref(
            || frame.clone(),
            |bytes| judge(&mut gate, &mut now, &policy, black_box(bytes)),
            BatchSize::SmallInput,
        );
    });

    let schema: serde_json::Value = serde_json::from_str(WHOLE).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let mut socket = WebSocket::from_raw_socket(Pipe::default(), Role::Server, None);
    group.bench_function("tungstenite + Value + jsonschema", |bencher| {
        bencher.iter(|| {
            socket.get_mut().refill(black_box(&frame));
            let message = socket.read().unwrap();
            let value: serde_json::Value = serde_json::from_str(message.to_text().unwrap()).unwrap();
            assert!(schema.is_valid(&value));
            value["payload"]["text"].as_str().map(str::len)
        });
    });
    group.finish();
}

/// A transport that has one frame to read.
#[derive(Default)]
struct Pipe {
    inbound: Vec<u8>,
    read: usize,
}

impl Pipe {
    fn refill(&mut self, frame: &[u8]) {
        self.inbound.clear();
        self.inbound.extend_from_slice(frame);
        self.read = 0;
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = &self.inbound[self.read..];
        if rest.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let len = rest.len().min(buffer.len());
        buffer[..len].copy_from_slice(&rest[..len]);
        self.read += len;
        Ok(len)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

criterion_group!(benches, bench_gate);
criterion_main!(benches);
