//! What is compiled with the program judges as what is compiled while it runs.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use portcullis_validate::{Options, StaticValidator, Validator};
use portcullis_validate_macros::{schema, schema_file};
use proptest::prelude::*;

macro_rules! both {
    ($($name:ident: $schema:literal;)*) => {
        /// Each schema, compiled in both ways.
        fn schemas() -> Vec<(&'static str, StaticValidator, Validator)> {
            vec![$((stringify!($name), schema!($schema), Validator::compile($schema, &Options::default()).unwrap())),*]
        }
    };
}

both! {
    anything: "true";
    nothing: "false";
    types: r#"{"type": ["string", "null"]}"#;
    numbers: r#"{"type": "number", "minimum": -1.5, "exclusiveMaximum": 1e30, "multipleOf": 0.25}"#;
    huge: r#"{"type": "integer", "maximum": 123456789012345678901234567890}"#;
    choices: r#"{"enum": [null, true, 7, -0.5, "a\"b\\c\u00fc", "x"]}"#;
    constant: r#"{"const": "yes"}"#;
    texts: r#"{"type": "string", "minLength": 2, "maxLength": 4}"#;
    arrays: r#"{"type": "array", "prefixItems": [{"type": "integer"}], "items": {"type": "string"}, "minItems": 1, "maxItems": 3}"#;
    objects: r#"{"type": "object", "properties": {"a": {"type": "integer"}, "a longer name": {"items": {"type": "null"}}, "ü\"": true}, "required": ["a"], "maxProperties": 2}"#;
    open: r#"{"properties": {"a": {"type": "integer"}}, "additionalProperties": {"type": "boolean"}}"#;
    nested: r#"{"properties": {"a": {"properties": {"b": {"properties": {"c": {"const": 1}}}}}}}"#;
}

#[track_caller]
fn same(message: &[u8]) {
    for (name, fixed, validator) in schemas() {
        let (told, expected) = (fixed.check(message), validator.check(message));
        let shown = String::from_utf8_lossy(message);
        match (told, expected) {
            (Ok(_), Ok(_)) => {}
            (Err(told), Err(expected)) => assert_eq!(told, expected, "{name}: {shown}"),
            (told, expected) => panic!("{name}: {shown}: {told:?} is not {expected:?}"),
        }
    }
}

#[test]
fn the_verdicts_are_the_same() {
    for message in [
        "null",
        "true",
        "7",
        "7.0",
        "-0.5",
        "1e29",
        "1e30",
        "0.3",
        "-1.5",
        "-1.75",
        "\"yes\"",
        "\"x\"",
        "\"a\\\"b\\\\cü\"",
        "\"ab\"",
        "\"abcde\"",
        "[]",
        "[1]",
        "[1,\"a\",\"b\",\"c\"]",
        "[\"a\"]",
        "{}",
        "{\"a\":1}",
        "{\"a\":1,\"b\":true}",
        "{\"a\":1,\"b\":2}",
        "{\"a longer name\":[null],\"a\":2}",
        "{\"\\u0061\":1}",
        "{\"ü\\\"\":0,\"a\":0}",
        "{\"a\":{\"b\":{\"c\":1}}}",
        "{\"a\":{\"b\":{\"c\":2}}}",
        "123456789012345678901234567890",
        "123456789012345678901234567891",
        "{\"a\":1,\"a\":1}",
        "",
        "[",
        "nul",
        "\"\\ud800\"",
    ] {
        same(message.as_bytes());
    }
}

#[test]
fn options_and_files() {
    static LED: StaticValidator = schema_file!("tests/led.json", captures = ["led"], depth_max = 2);
    assert_eq!(LED.check(br#"{"led":false}"#).unwrap().capture(0), Some(&b"false"[..]));
    assert!(LED.check(br#"{"led":false,"x":1}"#).is_err(), "closed");
    const OPEN: StaticValidator =
        schema!(r#"{"properties":{"led":{"type":"boolean"}}}"#, closed = false,).with_key_seed(7);
    assert!(OPEN.check(br#"{"led":false,"x":1,"y":[]}"#).is_ok());
    let shallow = schema!("true", depth_max = 1);
    assert!(shallow.check(b"[1]").is_ok() && shallow.check(b"[[1]]").is_err());
}

/// What the compiler of a program says at the schema.
#[test]
fn errors_name_the_keyword_and_its_place() {
    let error =
        |schema: &str| portcullis_validate::program::rust_source(schema, &Options::new()).unwrap_err();
    let told = error(r#"{"properties": {"count": {"minimum": "zero"}}}"#);
    assert!(told.contains("`minimum`") && told.contains("/properties/count/minimum"), "{told}");
    assert!(!told.contains("Validator::compile"), "{told}");
    let told = error(r#"{"properties": {"name": {"pattern": "^a"}}}"#);
    assert!(told.contains("`pattern`") && told.contains("whether `Validator::compile` can"), "{told}");
    assert!(error(r#"{"type": "strin"}"#).contains("`type`"));
    assert!(error("{").contains("JSON"), "{}", error("{"));
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".into()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        (-2.0..2.0).prop_map(|value: f64| format!("{value:.2}")),
        "[a-cü]{0,5}".prop_map(|text| format!("\"{text}\"")),
        Just("\"yes\"".into()),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(
                (prop::sample::select(vec!["a", "b", "c", "a longer name", "ü\\\""]), inner),
                0..3
            )
            .prop_map(|members| {
                let members: Vec<_> =
                    members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn the_verdicts_are_the_same_for_any_message(message in json()) {
        same(message.as_bytes());
    }
}
