//! JSON against a schema, beside serde_json.
#![no_main]

use std::{collections::BTreeMap, sync::LazyLock};

use portcullis_validate::{Keyword, Options, Validator};

/// Anything at all, so that only the grammar is judged.
static ANY: LazyLock<Validator> =
    LazyLock::new(|| Validator::compile("true", &Options::new()).expect("a schema of ours"));

/// A message of the kind that the gate checks.
static MESSAGE: LazyLock<Validator> = LazyLock::new(|| {
    let envelope = r#"{"type": "object", "required": ["action", "payload"], "properties": {
        "action": {"type": "string"}, "payload": true, "timestamp": {"type": "integer", "minimum": 0}}}"#;
    let chat = r#"{"type": "object", "required": ["text"], "properties": {
        "text": {"type": "string", "minLength": 1, "maxLength": 8},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 2}}}"#;
    let cases = [("chat", chat), ("roll", r#"{"type": "number", "maximum": 6}"#)];
    let options = Options::new().with_captures(&["payload"]);
    Validator::compile_switch(envelope, "action", "payload", &cases, &options).expect("a schema of ours")
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // Both refuse numbers that are too big for f64, lone surrogates and what is no UTF-8. Duplicate names, deep nesting and
    // very many open names are refused here alone.
    let theirs = serde_json::from_slice::<serde_json::Value>(data);
    match ANY.check(data).map_err(|invalid| invalid.keyword()) {
        Ok(_) => assert!(theirs.is_ok(), "serde_json refuses it"),
        Err(Keyword::DuplicateKey | Keyword::Depth | Keyword::KeysMax) => {}
        Err(keyword) => assert!(theirs.is_err(), "serde_json accepts it; {keyword}"),
    }
    match MESSAGE.check(data) {
        Ok(valid) => {
            let members: BTreeMap<String, serde_json::Value> =
                serde_json::from_slice(data).expect("serde_json refuses it");
            let payload = valid.capture(0).expect("it is required");
            let payload: serde_json::Value = serde_json::from_slice(payload).expect("the capture is no JSON");
            assert_eq!(members["payload"], payload);
            match valid.case() {
                Some(0) => {
                    assert_eq!(members["action"], "chat");
                    let len = payload["text"].as_str().expect("it is required").chars().count();
                    assert!((1..=8).contains(&len));
                }
                Some(1) => {
                    assert_eq!(members["action"], "roll");
                    assert!(payload.as_f64().expect("it is a number") <= 6.0);
                }
                other => panic!("there is no case {other:?}"),
            }
        }
        Err(invalid) => {
            assert!(invalid.offset() <= data.len());
            let _ = format!("{invalid:?}");
        }
    }
});
