use alloc::{string::String, vec::Vec};
use std::format;

use proptest::prelude::*;
use serde_json::Value;

use super::Members;

fn pairs(text: &str) -> Vec<(&str, &str)> {
    let as_text = |bytes| core::str::from_utf8(bytes).unwrap();
    Members::of(text.as_bytes()).map(|(key, value)| (as_text(key), as_text(value))).collect()
}

#[test]
fn members_are_raw_and_in_order() {
    assert_eq!(pairs("{}"), []);
    assert_eq!(
        pairs(r#" { "a" : 1 , "b":{"c":[1,{"d":"},"}]} ,"\"e\\":"\\\"" , "":null } "#),
        [("a", "1"), ("b", r#"{"c":[1,{"d":"},"}]}"#), (r#"\"e\\"#, r#""\\\"""#), ("", "null")]
    );
}

#[test]
fn what_is_no_object_has_no_members() {
    for text in ["", "null", "[1]", "7", "{", "{\"", "{\"a", "{\"a\"", "{a:1}", "\"{\""] {
        assert_eq!(pairs(text), [], "{text}");
    }
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        r#"["\\{}\[\],: a]{0,6}"#.prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            object(inner).prop_map(Value::Object),
        ]
    })
}

fn object(value: impl Strategy<Value = Value>) -> impl Strategy<Value = serde_json::Map<String, Value>> {
    let key = prop_oneof![any::<String>(), r#"["\\{}\[\],: a]{0,6}"#];
    prop::collection::vec((key, value), 0..4).prop_map(|pairs| pairs.into_iter().collect())
}

proptest! {
    #[test]
    fn any_bytes_are_walked_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let walked: usize = Members::of(&bytes).map(|(key, value)| key.len() + value.len()).sum();
        prop_assert!(walked <= bytes.len());
    }

    #[test]
    fn anything_like_json_is_walked_without_a_panic(text in r#"\{["\\{}\[\],:a1 ]{0,40}"#) {
        let walked: usize = Members::of(text.as_bytes()).map(|(key, value)| key.len() + value.len()).sum();
        prop_assert!(walked <= text.len());
    }

    /// A valid object is walked as a JSON parser reads it, however it is spaced.
    #[test]
    fn a_valid_object_is_read_as_serde_json_reads_it(object in object(json()), pretty: bool) {
        let value = Value::Object(object.clone());
        let text = if pretty { format!("{value:#}") } else { format!("{value}") };
        let mut walked = serde_json::Map::new();
        for (key, value) in Members::of(text.as_bytes()) {
            let key = [b"\"", key, b"\""].concat();
            walked.insert(serde_json::from_slice(&key).unwrap(), serde_json::from_slice(value).unwrap());
        }
        prop_assert_eq!(walked, object);
    }
}
