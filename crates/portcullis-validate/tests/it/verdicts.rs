//! Verdicts, where they point, and what a valid message tells.

use portcullis_validate::{
    FixedValidator, Invalid, Keyword, Options, SchemaReason, Validator, number, string,
};

fn compile(schema: &str) -> Validator {
    Validator::compile(schema, &Options::default()).unwrap()
}

fn refuse(validator: &Validator, message: &str) -> (Keyword, String, usize) {
    let invalid = validator.check(message.as_bytes()).map(|_| ()).unwrap_err();
    (invalid.keyword(), invalid.pointer().to_string(), invalid.offset())
}

const CHAT: &str = r#"{
    "type": "object",
    "properties": {
        "to": {"type": ["string", "null"]},
        "lines": {"type": "array", "maxItems": 2, "items": {"type": "string", "minLength": 1, "maxLength": 3}},
        "n": {"type": "integer", "minimum": 0, "exclusiveMaximum": 9007199254740993},
        "kind": {"enum": ["a", 1, null]}
    },
    "required": ["lines"]
}"#;

#[test]
fn each_violation_is_told_with_pointer_keyword_and_offset() {
    let validator = compile(CHAT);
    for (message, keyword, pointer, offset) in [
        (r#"{"lines":["abcd"]}"#, Keyword::MaxLength, "/lines/0", 10),
        (r#"{"lines":["a",""]}"#, Keyword::MinLength, "/lines/1", 14),
        (r#"{"lines":["a","b","c"]}"#, Keyword::MaxItems, "/lines", 18),
        (r#"{"lines":[1]}"#, Keyword::Type, "/lines/0", 10),
        (r#"{"lines":[],"extra":1}"#, Keyword::AdditionalProperties, "/extra", 12),
        (r#"{"lines":[],"a/~b":1}"#, Keyword::AdditionalProperties, "/a~1~0b", 12),
        (r#"{"to":null}"#, Keyword::Required, "/lines", 10),
        (r#"{"n":-1}"#, Keyword::Minimum, "/n", 5),
        (r#"{"n":9007199254740993}"#, Keyword::ExclusiveMaximum, "/n", 5),
        (r#"{"n":1.5}"#, Keyword::Type, "/n", 5),
        (r#"{"n":1e400}"#, Keyword::NumberRange, "/n", 5),
        (r#"{"kind":"b"}"#, Keyword::Enum, "/kind", 8),
        (r#"{"kind":1,"kind":1}"#, Keyword::DuplicateKey, "/kind", 10),
        (r#"{"kind":1,"k\u0069nd":1}"#, Keyword::DuplicateKey, "/kind", 10),
        (r#"{"to":"\ud800"}"#, Keyword::Surrogate, "/to", 7),
        (r#"{"to":"a"#, Keyword::Syntax, "/to", 8),
        (r#"["lines"]"#, Keyword::Type, "", 0),
        ("{\"to\":\"a\nb\"}", Keyword::Syntax, "/to", 8),
    ] {
        assert_eq!(refuse(&validator, message), (keyword, pointer.to_owned(), offset), "{message}");
    }
}

#[test]
fn whole_numbers_are_integers_however_they_are_written() {
    let validator = compile(CHAT);
    for message in [
        r#"{"lines":[],"n":7.0}"#,
        r#"{"lines":[],"n":70e-1}"#,
        r#"{"lines":[],"n":9007199254740992}"#,
        r#"{"lines":[],"n":-0}"#,
        r#"{"lines":[],"n":-0.0e0,"kind":1.0}"#,
        r#"{"lines":["\ud83d\ude00€é"],"to":null,"kind":"\u0061"}"#,
    ] {
        assert!(validator.check(message.as_bytes()).is_ok(), "{message}: {:?}", refuse(&validator, message));
    }
}

#[test]
fn bytes_that_are_not_utf8_are_refused_where_they_stand() {
    let validator = compile("true");
    let invalid = validator.check(b"\"ab\xff\"").unwrap_err();
    assert_eq!((invalid.keyword(), invalid.offset()), (Keyword::Utf8, 3));
    assert_eq!((invalid.close_code(), invalid.code()), (4400, "invalid_message"));
}

#[test]
fn declared_objects_are_closed_unless_they_say_otherwise() {
    let schema = r#"{"properties": {"a": true}}"#;
    assert!(compile(schema).check(br#"{"b":1}"#).is_err());
    let open = Validator::compile(schema, &Options::default().with_closed(false)).unwrap();
    assert!(open.check(br#"{"b":1}"#).is_ok());
    let typed = compile(r#"{"properties": {"a": true}, "additionalProperties": {"type": "integer"}}"#);
    assert!(typed.check(br#"{"a":"x","b":1}"#).is_ok());
    assert_eq!(refuse(&typed, r#"{"b":"x"}"#), (Keyword::Type, "/b".to_owned(), 5));
}

#[test]
fn names_match_whatever_their_length_and_spelling() {
    let names = [
        "",
        "a",
        "sevenby",
        "eightbyt",
        "ninebytes",
        "ninebytez",
        "a\"b",
        "a\\b",
        "tab\t",
        "é",
        "長い名前です",
    ];
    let properties: Vec<String> =
        names.iter().map(|name| format!("{}:{{\"const\":{}}}", quote(name), quote(name))).collect();
    let validator = compile(&format!("{{\"properties\":{{{}}}}}", properties.join(",")));
    for name in names {
        let escaped: String = name.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        for spelling in [quote(name), format!("\"{escaped}\"")] {
            let message = format!("{{{spelling}:{}}}", quote(name));
            assert!(validator.check(message.as_bytes()).is_ok(), "{message}");
        }
        for other in [format!("{name}x"), format!("x{name}")] {
            let message = format!("{{{}:1}}", quote(&other));
            assert_eq!(refuse(&validator, &message).0, Keyword::AdditionalProperties, "{message}");
        }
    }
    // A raw quote, backslash or control character ends or breaks the name, even when a schema's name has it.
    assert_eq!(refuse(&validator, "{\"tab\t\":\"tab\"}").0, Keyword::Syntax);
    assert_eq!(refuse(&validator, "{\"a\"b\":1}").0, Keyword::Syntax);
}

fn quote(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

const ENVELOPE: &str = r#"{
    "type": "object",
    "properties": {"action": {"type": "string"}, "payload": true, "id": {"type": "integer"}},
    "required": ["action", "payload"]
}"#;
const CASES: [(&str, &str); 3] = [
    ("chat", r#"{"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}"#),
    ("roll", r#"{"type": "integer", "maximum": 6}"#),
    ("ping", "true"),
];

fn switch() -> Validator {
    let options = Options::default().with_captures(&["payload", "id"]);
    Validator::compile_switch(ENVELOPE, "action", "payload", &CASES, &options).unwrap()
}

#[test]
fn a_switch_judges_its_target_in_either_order() {
    let validator = switch();
    for message in [
        r#"{"action":"chat","payload":{"text":"hi"},"id":7}"#,
        r#"{"payload":{"text":"hi"},"id":7,"action":"chat"}"#,
        r#"{"id":7, "payload" : {"text":"hi"} , "\u0061ction" : "ch\u0061t" }"#,
    ] {
        let valid = validator.check(message.as_bytes()).unwrap();
        assert_eq!(valid.case(), Some(0), "{message}");
        assert_eq!(valid.capture(0), Some(&br#"{"text":"hi"}"#[..]), "{message}");
        assert_eq!(valid.capture(1), Some(&b"7"[..]), "{message}");
        assert_eq!(&message.as_bytes()[valid.capture_range(1).unwrap()], b"7");
        assert_eq!((valid.capture(2), valid.bytes()), (None, message.as_bytes()));
    }
    assert_eq!(validator.check(br#"{"payload":[{"a":1},2],"action":"ping"}"#).unwrap().case(), Some(2));
}

#[test]
fn a_switch_points_at_what_its_case_refuses() {
    let validator = switch();
    for (message, keyword, pointer, offset) in [
        (r#"{"action":"roll","payload":7}"#, Keyword::Maximum, "/payload", 27),
        (r#"{"payload":7,"action":"roll"}"#, Keyword::Maximum, "/payload", 11),
        (r#"{"payload":{"text":1},"id":1,"action":"chat"}"#, Keyword::Type, "/payload/text", 19),
        (r#"{"payload":{"x":1},"action":"chat"}"#, Keyword::AdditionalProperties, "/payload/x", 12),
        (r#"{"action":"dance","payload":7}"#, Keyword::Enum, "/action", 10),
        (r#"{"payload":7,"action":"dance"}"#, Keyword::Enum, "/action", 22),
        (r#"{"payload":7}"#, Keyword::Required, "/action", 12),
        (r#"{"action":"ping"}"#, Keyword::Required, "/payload", 16),
        (r#"{"payload":7,"action":"roll","x":1}"#, Keyword::Maximum, "/payload", 11),
        (r#"{"payload":6,"action":"roll","payload":1}"#, Keyword::DuplicateKey, "/payload", 29),
        (r#"{"payload":6,"action":"roll","x":1}"#, Keyword::AdditionalProperties, "/x", 29),
        (r#"{"payload":{"a":1,"a":2},"action":"ping"}"#, Keyword::DuplicateKey, "/payload/a", 18),
    ] {
        assert_eq!(refuse(&validator, message), (keyword, pointer.to_owned(), offset), "{message}");
    }
}

#[test]
fn a_switch_whose_selector_is_optional_still_needs_it() {
    let envelope = r#"{"properties": {"action": true, "payload": true}}"#;
    let validator =
        Validator::compile_switch(envelope, "action", "payload", &CASES, &Options::default()).unwrap();
    assert_eq!(refuse(&validator, r#"{"payload":1}"#), (Keyword::Required, "/action".to_owned(), 12));
    assert_eq!(refuse(&validator, r#"{"action":1}"#), (Keyword::Enum, "/action".to_owned(), 10));
    // The envelope says no type, but what is no object has no selector.
    assert_eq!(validator.check(b"3").map(|_| ()).unwrap_err().keyword(), Keyword::Type);
}

#[test]
fn an_unknown_keyword_is_an_error_of_the_schema() {
    for (schema, pointer, reason) in [
        (r#"{"$vocabulary": {}}"#, "/$vocabulary", SchemaReason::UnsupportedKeyword),
        (r#"{"pattern": "(a)\\1"}"#, "/pattern", SchemaReason::UnsupportedPattern),
        (r#"{"pattern": "(?=a)"}"#, "/pattern", SchemaReason::UnsupportedPattern),
        (r#"{"pattern": "[a-z]{1,900}{1,900}"}"#, "/pattern", SchemaReason::UnsupportedPattern),
        (r##"{"$ref": "#/$defs/a"}"##, "/$ref", SchemaReason::UnresolvedReference),
        (r#"{"$ref": "https://example.com/other"}"#, "/$ref", SchemaReason::UnresolvedReference),
        (r##"{"$ref": "#"}"##, "", SchemaReason::ReferenceCycle),
        (r##"{"allOf": [{"anyOf": [{"$ref": "#/allOf/0"}]}]}"##, "", SchemaReason::ReferenceCycle),
        (r#"{"properties": {"a": {"typo": 1}}}"#, "/properties/a/typo", SchemaReason::UnsupportedKeyword),
        (r#"{"typ\u0065": "string"}"#, "/type", SchemaReason::UnsupportedKeyword),
        (r#"{"anyOf": []}"#, "/anyOf", SchemaReason::InvalidValue),
        (r#"{"not": 3}"#, "/not", SchemaReason::InvalidValue),
        (r#"{"type": "strin"}"#, "/type", SchemaReason::InvalidValue),
        (r#"{"type": []}"#, "/type", SchemaReason::InvalidValue),
        (r#"{"minLength": -1}"#, "/minLength", SchemaReason::InvalidValue),
        (r#"{"maximum": "1"}"#, "/maximum", SchemaReason::InvalidValue),
        (r#"{"items": 3}"#, "/items", SchemaReason::InvalidValue),
        (
            r#"{"$schema": "http://json-schema.org/draft-07/schema#"}"#,
            "/$schema",
            SchemaReason::UnknownDialect,
        ),
        (r#"{"properties": {}, "required": ["a"]}"#, "/required", SchemaReason::RequiredUndeclared),
        (r#"{"type": "null", "type": "null"}"#, "/type", SchemaReason::Json(Keyword::DuplicateKey)),
        (r#"{"#, "", SchemaReason::Json(Keyword::Syntax)),
        ("7", "", SchemaReason::InvalidValue),
    ] {
        let error = Validator::compile(schema, &Options::default()).unwrap_err();
        assert_eq!((error.pointer().as_str(), error.reason()), (pointer, reason), "{schema}: {error}");
    }
    let error = Validator::compile(r#"{"items": {"typo": "a"}}"#, &Options::default()).unwrap_err();
    assert_eq!(error.to_string(), "the keyword `typo` is not supported at \"/items/typo\" (byte 19)");
}

#[test]
fn a_switch_or_capture_that_cannot_work_is_an_error_of_the_schema() {
    let options = Options::default();
    let compile = |on, target, cases| {
        Validator::compile_switch(ENVELOPE, on, target, cases, &options).map(|_| ()).unwrap_err().reason()
    };
    assert_eq!(compile("kind", "payload", &CASES), SchemaReason::SwitchUndeclared);
    assert_eq!(compile("action", "id", &CASES), SchemaReason::SwitchUndeclared);
    assert_eq!(compile("action", "payload", &[]), SchemaReason::SwitchCases);
    assert_eq!(compile("action", "payload", &[("a", "true"), ("a", "true")]), SchemaReason::SwitchCases);
    let captured = Validator::compile(CHAT, &options.with_captures(&["nobody"])).map(|_| ());
    assert_eq!(captured.unwrap_err().reason(), SchemaReason::CaptureUndeclared);
    let open = Validator::compile("true", &options.with_captures(&["who"])).unwrap();
    assert_eq!(open.check(br#"{"x":1,"who":[2]}"#).unwrap().capture(0), Some(&b"[2]"[..]));
}

#[test]
fn a_validator_without_a_heap_judges_alike() {
    let options = Options::default().with_captures(&["payload", "id"]);
    let fixed =
        FixedValidator::<16, 256>::compile_switch(ENVELOPE, "action", "payload", &CASES, &options).unwrap();
    let heap = switch();
    for message in [
        r#"{"payload":7,"action":"roll"}"#,
        r#"{"payload":6,"action":"roll"}"#,
        r#"{"action":"chat","payload":{"text":"hi"},"id":7}"#,
    ] {
        let spans = |valid: portcullis_validate::Valid<'_>| (valid.case(), valid.capture_range(0));
        let judge = |verdict: Result<_, Invalid>| verdict.map(spans);
        assert_eq!(judge(fixed.check(message.as_bytes())), judge(heap.check(message.as_bytes())));
    }
    let full = FixedValidator::<2, 8>::compile(ENVELOPE, &Options::default()).map(|_| ()).unwrap_err();
    assert_eq!(full.reason(), SchemaReason::Full);
}

#[test]
fn long_pointers_are_cut_and_control_characters_replaced() {
    let validator = compile(r#"{"additionalProperties": false}"#);
    let message = format!("{{{}:1}}", quote(&format!("\u{1}{}", "é".repeat(100))));
    let invalid = validator.check(message.as_bytes()).map(|_| ()).unwrap_err();
    assert!(invalid.pointer().is_truncated());
    assert!(invalid.pointer().as_str().starts_with("/\u{fffd}é"));
    assert!(invalid.pointer().to_string().ends_with("é…"));
    assert_eq!(invalid.depth(), 1);
}

#[test]
fn spans_can_be_read() {
    assert_eq!(number::parse_u64(b"18446744073709551615"), Some(u64::MAX));
    for raw in [&b"18446744073709551616"[..], b"", b"-1", b"1.0", b"\"1\""] {
        assert_eq!(number::parse_u64(raw), None);
    }
    let mut buffer = [0; 12];
    assert_eq!(string::unescape_into(br#""\ud83d\ude00\n\u0000""#, &mut buffer), Ok("😀\n\0"));
    assert_eq!(string::raw_str(br#""a b""#), Some("a b"));
    for raw in [&br#""a"#[..], b"7", br#""\x""#, br#""\ud800""#, br#""a"b""#] {
        assert_eq!(string::unescape_into(raw, &mut buffer), Err(string::UnescapeError::Malformed));
    }
    let small = string::unescape_into(br#""abc""#, &mut buffer[..2]);
    assert_eq!(small, Err(string::UnescapeError::BufferTooSmall { len_max: 2 }));
}
