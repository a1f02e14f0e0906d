//! JSON in pieces against schemas that need a graph: every cut comes to the same, and what passes is JSON.
#![no_main]

use std::sync::LazyLock;

use portcullis_validate::{Checker, Invalid, Options, Validator};

static SCHEMAS: LazyLock<Vec<Validator>> = LazyLock::new(|| {
    let schemas = [
        "true",
        r##"{"$defs": {"n": {"anyOf": [{"type": "integer"}, {"items": {"$ref": "#/$defs/n"}}]}}, "$ref": "#/$defs/n"}"##,
        r#"{"oneOf": [{"required": ["a"]}, {"required": ["b"]}], "unevaluatedProperties": {"type": "string"},
            "properties": {"a": {"multipleOf": 0.1}}, "patternProperties": {"^b": {"maxLength": 3}}}"#,
        r#"{"uniqueItems": true, "contains": {"const": [1]}, "maxContains": 2, "prefixItems": [{"not": {"type": "null"}}]}"#,
        r#"{"if": {"type": "object"}, "then": {"propertyNames": {"pattern": "^[a-c]+$"}, "minProperties": 1},
            "else": {"enum": [1, "x", null, {"a": [true]}]}}"#,
        r#"{"properties": {"a": {"type": "array", "items": {"type": "integer", "maximum": 9}}, "b": {"maxLength": 2}}}"#,
    ];
    let options = Options::new().with_formats(true).with_depth_max(12);
    let compile = |schema| Validator::compile(schema, &options).expect("a schema of ours");
    schemas.into_iter().map(compile).collect()
});

fn verdict<'t>(checker: &mut Checker<'_>, pieces: impl IntoIterator<Item = &'t [u8]>) -> Result<(), Invalid> {
    pieces.into_iter().for_each(|piece| {
        let _ = checker.push(piece);
    });
    checker.finish().map(|_| ())
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let [choice, cut, text @ ..] = data else { return };
    let validator = &SCHEMAS[usize::from(*choice) % SCHEMAS.len()];
    let mut checker = validator.checker().expect("none of them is a switch");
    let whole = verdict(&mut checker, [text]);
    let (left, right) = text.split_at(usize::from(*cut).min(text.len()));
    assert_eq!(verdict(&mut checker, [left, right]), whole);
    assert_eq!(verdict(&mut checker, text.chunks(1)), whole);
    assert_eq!(validator.check(text).is_ok(), whole.is_ok());
    if whole.is_ok() {
        serde_json::from_slice::<serde_json::Value>(text).expect("serde_json refuses it");
    }
});
