//! JSON messages judged from their bytes: ours beside engines that build a tree first, and beside parsers that validate
//! nothing. With Node and npm at hand, ajv runs in the same run (`benches/ajv.mjs`).
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark")]

#[path = "validate/ajv.rs"]
mod ajv;

use core::hint::black_box;

use ajv::Ajv;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use portcullis_validate::{Options, Validator};

/// One document with its schema.
struct Case {
    name: &'static str,
    schema: &'static str,
    message: String,
}

const CHAT: &str = r#"{
    "type": "object",
    "properties": {
        "action": {"enum": ["chat", "status", "ping"]},
        "payload": {
            "type": "object",
            "properties": {"text": {"type": "string", "minLength": 1, "maxLength": 5000}},
            "required": ["text"],
            "additionalProperties": false
        },
        "timestamp": {"type": "integer", "minimum": 0},
        "channel": {"type": "string", "maxLength": 128},
        "id": {"type": "integer", "minimum": 1}
    },
    "required": ["action", "payload", "timestamp"],
    "additionalProperties": false
}"#;

const OBJECTS: &str = r#"{
    "type": "array",
    "maxItems": 1000,
    "items": {
        "type": "object",
        "properties": {
            "id": {"type": "integer", "minimum": 0},
            "x": {"type": "number"},
            "y": {"type": "number"},
            "on": {"type": "boolean"},
            "tag": {"type": "string", "maxLength": 16}
        },
        "required": ["id", "x", "y", "on", "tag"],
        "additionalProperties": false
    }
}"#;

fn chat(len: usize) -> String {
    let text = "the quick brown fox jumps over the lazy dog, and then again. ";
    let with = |text: &str| {
        format!(
            r#"{{"action":"chat","payload":{{"text":"{text}"}},"timestamp":1753000000000,"channel":"chat:lobby","id":7}}"#
        )
    };
    let room = len - with("").len();
    with(&text.chars().cycle().take(room).collect::<String>())
}

fn objects(len: usize) -> String {
    let mut message = String::from("[");
    let mut id = 0;
    loop {
        let object = format!(r#"{{"id":{id},"x":{id}.25,"y":-{id}.5,"on":{},"tag":"t{id}"}}"#, id % 2 == 0);
        if message.len() + object.len() + 1 > len {
            break;
        }
        if id > 0 {
            message.push(',');
        }
        message.push_str(&object);
        id += 1;
    }
    message.push(']');
    message
}

fn validate(criterion: &mut Criterion) {
    let cases = [
        Case { name: "200 B", schema: CHAT, message: chat(200) },
        Case { name: "4 KiB small objects", schema: OBJECTS, message: objects(4096) },
        Case { name: "4 KiB text", schema: CHAT, message: chat(4096) },
    ];
    let schemas: Vec<&str> = cases.iter().map(|case| case.schema).collect();
    let messages: Vec<&str> = cases.iter().map(|case| &*case.message).collect();
    let mut ajv = Ajv::start(&schemas, &messages);
    for (number, case) in cases.iter().enumerate() {
        let bytes = case.message.as_bytes();
        let ours = Validator::compile(case.schema, &Options::default()).unwrap();
        let schema: serde_json::Value = serde_json::from_str(case.schema).unwrap();
        let theirs = jsonschema::validator_for(&schema).unwrap();
        assert!(ours.check(bytes).is_ok());
        assert!(theirs.is_valid(&serde_json::from_slice(bytes).unwrap()));

        let mut group = criterion.benchmark_group(format!("validate/{}", case.name));
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("portcullis", |bencher| bencher.iter(|| ours.check(black_box(bytes)).is_ok()));
        group.bench_function("jsonschema + Value", |bencher| {
            bencher.iter(|| {
                let value: serde_json::Value = serde_json::from_slice(black_box(bytes)).unwrap();
                theirs.is_valid(&value)
            });
        });
        group.bench_function("serde_json IgnoredAny", |bencher| {
            bencher.iter(|| serde_json::from_slice::<serde::de::IgnoredAny>(black_box(bytes)).is_ok());
        });
        group.bench_function("sonic-rs IgnoredAny", |bencher| {
            bencher.iter(|| sonic_rs::from_slice::<serde::de::IgnoredAny>(black_box(bytes)).is_ok());
        });
        group.bench_function("sonic-rs Value", |bencher| {
            bencher.iter(|| sonic_rs::from_slice::<sonic_rs::Value>(black_box(bytes)).is_ok());
        });
        group.bench_function("simd-json, borrowed value", |bencher| {
            // It writes into its input, so that each message has to be copied for it, as it has to be from a socket.
            let mut copy = bytes.to_vec();
            bencher.iter(|| {
                copy.clear();
                copy.extend_from_slice(black_box(bytes));
                simd_json::to_borrowed_value(&mut copy).is_ok()
            });
        });
        if let Some(ajv) = &mut ajv {
            group.bench_function("ajv, JSON.parse before it", |bencher| {
                bencher.iter_custom(|iterations| ajv.run(number, iterations));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, validate);
criterion_main!(benches);
