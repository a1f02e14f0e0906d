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

/// Everything that needs a graph.
fn more_keywords(
    inner: impl Strategy<Value = Value> + Clone + 'static,
) -> impl Strategy<Value = (String, Value)> {
    let list_name = proptest::sample::select(vec!["allOf", "anyOf", "oneOf", "prefixItems"]);
    let one_name = proptest::sample::select(vec![
        "not",
        "if",
        "then",
        "else",
        "contains",
        "unevaluatedProperties",
        "unevaluatedItems",
        "additionalProperties",
        "items",
    ]);
    let map = |names: Vec<&'static str>, inner: BoxedStrategy<Value>| {
        vec((proptest::sample::select(names), inner), 0..3).prop_map(|members| {
            Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
        })
    };
    let names = || proptest::sample::subsequence(vec!["a", "b", "c", "d"], 0..=2);
    let inner = inner.boxed();
    prop_oneof![
        6 => keywords(inner.clone()),
        2 => (list_name, vec(inner.clone(), 1..3)).prop_map(|(name, list)| (name.to_owned(), Value::from(list))),
        3 => (one_name, inner.clone()).prop_map(|(name, value)| (name.to_owned(), value)),
        1 => (proptest::sample::select(vec!["minContains", "maxContains"]), 0..4_u32)
            .prop_map(|(name, value)| (name.to_owned(), value.into())),
        1 => Just(("uniqueItems".to_owned(), Value::from(true))),
        1 => proptest::sample::select(vec!["^a", "b$", "[ac]{2}", "a|bc", "^$"])
            .prop_map(|pattern| ("pattern".to_owned(), Value::from(pattern))),
        1 => map(vec!["^a", "b", "."], inner.clone()).prop_map(|map| ("patternProperties".to_owned(), map)),
        1 => map(vec!["a", "b", "c"], inner.clone()).prop_map(|map| ("dependentSchemas".to_owned(), map)),
        1 => vec((proptest::sample::select(vec!["a", "b"]), names()), 0..3).prop_map(|members| {
            let members = members.into_iter().map(|(name, others)| (name.to_owned(), json!(others)));
            ("dependentRequired".to_owned(), Value::Object(members.collect()))
        }),
        1 => proptest::sample::select(vec![json!({"maxLength": 1}), json!({"pattern": "[ab]"}), json!(false)])
            .prop_map(|names| ("propertyNames".to_owned(), names)),
        1 => vec(json_value(), 1..4).prop_map(|values| ("enum".to_owned(), Value::from(values))),
        1 => json_value().prop_map(|value| ("const".to_owned(), value)),
        1 => Just(("$ref".to_owned(), Value::from("#/$defs/x"))),
    ]
}

fn json_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        scalar(),
        vec(-1_i64..3, 0..3).prop_map(|list| json!(list)),
        vec(("[ab]", 0_i64..2), 0..3).prop_map(|members| Value::Object(
            members.into_iter().map(|(name, n)| (name, json!(n))).collect()
        )),
    ]
}

/// Any schema, with one that can be referred to; references inside it would be circles.
fn any_schema() -> impl Strategy<Value = Value> {
    let tree = any::<bool>().prop_map(Value::from).prop_recursive(4, 32, 4, |inner| {
        vec(more_keywords(inner), 0..5).prop_map(|members| Value::Object(members.into_iter().collect()))
    });
    (tree, schema()).prop_map(|(mut tree, definition)| {
        if let Value::Object(members) = &mut tree {
            members.insert("$defs".to_owned(), json!({ "x": definition }));
        }
        tree
    })
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
    fn any_schema_admits_what_jsonschema_admits_at_any_cut(
        schema in any_schema(),
        instances in vec(instance(), 1..6),
        cut: prop::sample::Index,
    ) {
        // A reference that leads nowhere is an error of the schema on both sides.
        let Ok(ours) = Validator::compile(&schema.to_string(), &Options::default().with_closed(false)) else {
            prop_assert!(schema.is_boolean() || !schema.to_string().contains("$defs"), "{}", schema);
            return Ok(());
        };
        let theirs = jsonschema::draft202012::new(&schema).unwrap();
        for instance in instances {
            let text = instance.to_string();
            let verdict = ours.check(text.as_bytes()).map(|_| ());
            if verdict.is_err_and(|invalid| invalid.keyword() == Keyword::Budget) {
                continue;
            }
            prop_assert_eq!(verdict.is_ok(), theirs.is_valid(&instance), "{} {} {:?}", schema, instance, verdict);
            let (left, right) = text.as_bytes().split_at(cut.index(text.len()));
            let mut checker = ours.checker().unwrap();
            let pieces = checker.push(left).and_then(|()| checker.push(right));
            let pieces = pieces.and_then(|()| checker.finish().map(|_| ()));
            prop_assert_eq!(pieces.is_ok(), verdict.is_ok(), "{} {}", schema, instance);
        }
    }

    #[test]
    fn the_two_ways_through_a_plain_schema_tell_the_same(
        schema in schema(),
        instances in vec(instance(), 1..6),
        closed: bool,
    ) {
        let Ok(ours) = Validator::compile(&schema.to_string(), &Options::default().with_closed(closed)) else {
            return Ok(());
        };
        prop_assert!(ours.cost().is_plain);
        for instance in instances {
            let text = instance.to_string();
            let fast = ours.check(text.as_bytes()).map(|_| ()).map_err(|invalid| invalid.keyword());
            let mut checker = ours.checker().unwrap();
            let pieces = checker.push(text.as_bytes()).and_then(|()| checker.finish().map(|_| ()));
            prop_assert_eq!(pieces.map_err(|invalid| invalid.keyword()).is_ok(), fast.is_ok(), "{} {}", schema, instance);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(text in vec(any::<u8>(), 0..200), depth in 0..4_usize) {
        let validator = Validator::compile("true", &Options::default().with_depth_max(depth)).unwrap();
        let _ = validator.check(&text);
        let _ = Validator::compile(&String::from_utf8_lossy(&text), &Options::default());
    }
}
