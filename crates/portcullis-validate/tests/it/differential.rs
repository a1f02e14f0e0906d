//! Laws against other readers: serde_json for what is JSON, jsonschema for what a schema admits.

use portcullis_validate::{Keyword, Options, Validator};
use proptest::{collection::vec, prelude::*};
use serde_json::{Map, Number, Value, json};

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..12).prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|value| Number::from_f64(value).map_or(Value::Null, Value::Number)),
        (-8_i32..40).prop_map(|quarters| json!(f64::from(quarters) / 4.0)),
        "[a-c]{0,4}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-d]", 1 => any::<String>(), 1 => "[a-d]{6,12}"]
}

fn instance() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 40, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((name(), inner), 0..5).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn keywords(inner: impl Strategy<Value = Value> + Clone + 'static) -> impl Strategy<Value = (String, Value)> {
    let types = proptest::sample::subsequence(
        vec!["null", "boolean", "integer", "number", "string", "array", "object"],
        1..=4,
    );
    let names = proptest::sample::subsequence(vec!["a", "b", "c", "d"], 0..=2);
    let limit =
        prop_oneof![(-3_i64..12).prop_map(Value::from), (-8_i32..40).prop_map(|q| json!(f64::from(q) / 4.0))];
    let limit_name =
        proptest::sample::select(vec!["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]);
    let count_name = proptest::sample::select(vec![
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "minProperties",
        "maxProperties",
    ]);
    let properties = vec((name(), inner.clone()), 0..4)
        .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>()));
    prop_oneof![
        types.prop_map(|types| ("type".to_owned(), json!(types))),
        vec(scalar(), 1..4).prop_map(|values| ("enum".to_owned(), Value::from(values))),
        scalar().prop_map(|value| ("const".to_owned(), value)),
        (limit_name, limit).prop_map(|(name, value)| (name.to_owned(), value)),
        (count_name, 0..5_u32).prop_map(|(name, value)| (name.to_owned(), value.into())),
        properties.prop_map(|value| ("properties".to_owned(), value)),
        names.prop_map(|names| ("required".to_owned(), json!(names))),
        inner.clone().prop_map(|value| ("additionalProperties".to_owned(), value)),
        inner.clone().prop_map(|value| ("items".to_owned(), value)),
        vec(inner, 1..3).prop_map(|values| ("prefixItems".to_owned(), Value::from(values))),
    ]
}

fn schema() -> impl Strategy<Value = Value> {
    any::<bool>().prop_map(Value::from).prop_recursive(3, 24, 4, |inner| {
        vec(keywords(inner), 0..5).prop_map(|members| Value::Object(members.into_iter().collect()))
    })
}

/// Whether serde_json reads it; it keeps the last of duplicates and stops at depth 128.
fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<Value>(text).is_ok()
}

fn agree(text: &[u8]) -> Result<(), TestCaseError> {
    let validator = Validator::compile("true", &Options::default().with_depth_max(127)).unwrap();
    match validator.check(text).map_err(|invalid| invalid.keyword()) {
        Ok(_) => prop_assert!(is_json(text)),
        Err(Keyword::DuplicateKey | Keyword::KeysMax) => {}
        Err(keyword) => prop_assert!(!is_json(text), "refused: {keyword}"),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_serde_json_writes_is_accepted(value in instance()) {
        let validator = Validator::compile("true", &Options::default()).unwrap();
        prop_assert!(validator.check(value.to_string().as_bytes()).is_ok());
        prop_assert!(validator.check(serde_json::to_string_pretty(&value).unwrap().as_bytes()).is_ok());
    }

    #[test]
    fn mutated_json_is_judged_as_serde_json_does(
        value in instance(),
        edits in vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..4),
    ) {
        let mut text = value.to_string().into_bytes();
        for (place, byte, kind) in edits {
            let at = place.index(text.len() + 1);
            match kind {
                0 => text.insert(at, byte),
                1 => text.insert(at, b"{}[]:,\"\\0-.eE+u tfn"[usize::from(byte) % 19]),
                2 if at < text.len() => { text.remove(at); }
                _ => text.truncate(at.max(1)),
            }
        }
        agree(&text)?;
    }

    #[test]
    fn tokens_in_any_order_are_judged_as_serde_json_does(
        tokens in vec(proptest::sample::select(vec![
            "{", "}", "[", "]", ":", ",", "\"a\"", "\"\\u0062\"", "\"\\ud800\"", "0", "-1", "1.5", "1e5", "01", "-",
            "1e309", "true", "false", "null", " ", "\n", "\"", "\\", "1e-400", "[[", "]]", "{\"k\":", "1,",
        ]), 0..14),
    ) {
        agree(tokens.concat().as_bytes())?;
    }

    #[test]
    fn a_schema_admits_what_jsonschema_admits(
        schema in schema(),
        instances in vec(instance(), 1..6),
    ) {
        let ours = Validator::compile(&schema.to_string(), &Options::default().with_closed(false));
        let ours = match ours {
            Ok(ours) => ours,
            Err(error) => return Err(TestCaseError::fail(format!("{schema}: {error}"))),
        };
        let theirs = jsonschema::draft202012::new(&schema).unwrap();
        for instance in instances {
            let verdict = ours.check(instance.to_string().as_bytes()).map(|_| ());
            prop_assert_eq!(verdict.is_ok(), theirs.is_valid(&instance), "{} {} {:?}", schema, instance, verdict);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(text in vec(any::<u8>(), 0..200), depth in 0..4_usize) {
        let validator = Validator::compile("true", &Options::default().with_depth_max(depth)).unwrap();
        let _ = validator.check(&text);
        let _ = Validator::compile(&String::from_utf8_lossy(&text), &Options::default());
    }
}
