//! Messages in pieces: every cut comes to the same.

use portcullis_validate::{Checker, Invalid, Keyword, Options, Validator};

/// The verdict on `text`, the same at every cut, byte by byte and as a whole.
pub(crate) fn every_cut(validator: &Validator, text: &[u8]) -> Result<(), Invalid> {
    let mut checker = validator.checker().unwrap();
    let whole = in_pieces(&mut checker, [text]);
    assert_eq!(in_pieces(&mut checker, text.chunks(1)), whole, "byte by byte");
    for cut in 0..text.len() {
        let (left, right) = text.split_at(cut);
        assert_eq!(in_pieces(&mut checker, [left, right]), whole, "cut at {cut}");
    }
    whole
}

fn in_pieces<'t>(
    checker: &mut Checker<'_>,
    pieces: impl IntoIterator<Item = &'t [u8]>,
) -> Result<(), Invalid> {
    let mut told = Ok(());
    for piece in pieces {
        told = checker.push(piece);
    }
    let finished = checker.finish().map(|_| ());
    if told.is_err() {
        assert_eq!(told, finished, "an error is sticky until the end of its message");
    }
    finished
}

fn fault(schema: &str, text: &str) -> String {
    let validator = Validator::compile(schema, &Options::default()).unwrap();
    let told = every_cut(&validator, text.as_bytes()).unwrap_err();
    assert_eq!(validator.check(text.as_bytes()).unwrap_err().keyword(), told.keyword());
    told.to_string()
}

#[test]
fn the_first_offending_byte_ends_it() {
    let schema = r#"{"properties": {"a": {"type": "array", "items": {"type": "integer", "maximum": 9}}}}"#;
    let validator = Validator::compile(schema, &Options::default()).unwrap();
    let mut checker = validator.checker().unwrap();
    checker.push(br#"{"a": [1, 2, 1"#).unwrap();
    checker.push(b"0").unwrap();
    let told = checker.push(b",").unwrap_err();
    assert_eq!(told.to_string(), "maximum at \"/a/2\" (byte 13)");
    assert_eq!(checker.push(b" 3]}").unwrap_err(), told);
    assert_eq!(checker.finish().unwrap_err(), told);
    assert!(checker.push(br#"{"a": []}"#).and_then(|()| checker.finish()).is_ok(), "the next message");
}

#[test]
fn a_message_that_stops_is_refused_where_it_stops() {
    let validator = Validator::compile("true", &Options::default()).unwrap();
    for text in ["", "[", "{", "[1", "{\"a\"", "{\"a\":", "\"abc", "tru", "-", "1e", "\"\\u00", "  "] {
        let told = every_cut(&validator, text.as_bytes()).unwrap_err();
        assert_eq!(told.keyword(), Keyword::Syntax, "{text}");
    }
}

#[test]
fn faults_are_told_with_their_place() {
    for (schema, text, told) in [
        (r#"{"anyOf": [{"type": "string"}, {"minimum": 5}]}"#, "3", "anyOf at \"\" (byte 0)"),
        (r#"{"items": {"pattern": "^a+$"}}"#, r#"["aa", "ab"]"#, "pattern at \"/1\" (byte 7)"),
        (
            r#"{"properties": {"x": {"contains": {"const": 1}}}}"#,
            r#"{"x": [2, 3]}"#,
            "contains at \"/x\" (byte 11)",
        ),
        (
            r#"{"uniqueItems": true}"#,
            r#"[{"a": 1, "b": 2}, {"b": 2.0, "a": 1}]"#,
            "uniqueItems at \"\" (byte 37)",
        ),
        (r#"{"dependentRequired": {"a": ["b"]}}"#, r#"{"a": 1}"#, "dependentRequired at \"/b\" (byte 7)"),
        (r#"{"propertyNames": {"maxLength": 2}}"#, r#"{"abc": 1}"#, "propertyNames at \"/abc\" (byte 1)"),
        (
            r#"{"allOf": [{"properties": {"a": true}}, {"properties": {"b": true}}]}"#,
            r#"{"a": 1, "b": 2, "c": 3}"#,
            "additionalProperties at \"\" (byte 23)",
        ),
        (
            r##"{"$defs": {"n": {"items": {"$ref": "#/$defs/n"}, "maxItems": 1}}, "$ref": "#/$defs/n"}"##,
            "[[[[], []]]]",
            "maxItems at \"/0/0\" (byte 5)",
        ),
        (
            r#"{"if": {"required": ["a"]}, "then": {"required": ["b"]}}"#,
            r#"{"a": 1}"#,
            "then at \"\" (byte 7)",
        ),
    ] {
        assert_eq!(fault(schema, text), told, "{schema}");
    }
}

#[test]
fn captures_are_told_in_pieces_too() {
    let options = Options::default().with_captures(&["id", "text"]);
    let schema =
        r#"{"properties": {"id": {"type": "integer"}, "text": true, "x": {"properties": {"id": true}}}}"#;
    let validator = Validator::compile(schema, &options).unwrap();
    let text = br#" { "x": {"id": 5}, "text" : [1, 2] , "id":77 } "#;
    let whole = validator.check(text).unwrap();
    for cut in 0..text.len() {
        let mut checker = validator.checker().unwrap();
        checker.push(&text[..cut]).unwrap();
        checker.push(&text[cut..]).unwrap();
        let checked = checker.finish().unwrap();
        assert_eq!(
            (checked.capture_range(0), checked.capture_range(1)),
            (whole.capture_range(0), whole.capture_range(1))
        );
    }
    assert_eq!(whole.capture(0), Some(&b"77"[..]));
    assert_eq!(whole.capture(1), Some(&b"[1, 2]"[..]));
}

#[test]
fn work_is_bounded_by_the_bytes() {
    // Each level doubles the schemas beside each other.
    let schema = r##"{"$defs": {"n": {"anyOf": [{"items": {"$ref": "#/$defs/n"}}, {"items": {"$ref": "#/$defs/n"}, "maxItems": 9}]}}, "$ref": "#/$defs/n"}"##;
    let validator = Validator::compile(schema, &Options::default()).unwrap();
    assert!(validator.check(b"[[[[]]]]").is_ok());
    let deep = [&b"[".repeat(30)[..], &b"]".repeat(30)].concat();
    assert_eq!(validator.check(&deep).unwrap_err().keyword(), Keyword::Budget);
    let many: Vec<String> = (0..600).map(|n| n.to_string()).collect();
    let unique = Validator::compile(r#"{"uniqueItems": true}"#, &Options::default()).unwrap();
    assert_eq!(
        unique.check(format!("[{}]", many.join(",")).as_bytes()).unwrap_err().keyword(),
        Keyword::Budget
    );
    assert!(unique.check(format!("[{}]", many[..400].join(",")).as_bytes()).is_ok());
}

#[test]
fn a_switch_judges_its_target_by_any_schema() {
    let envelope =
        r#"{"properties": {"action": {"type": "string"}, "payload": true}, "required": ["action"]}"#;
    let cases = [
        ("plain", r#"{"type": "integer"}"#),
        (
            "either",
            r#"{"oneOf": [{"type": "string", "pattern": "^[a-z]+$"}, {"properties": {"n": {"multipleOf": 3}}, "type": "object"}]}"#,
        ),
    ];
    let validator =
        Validator::compile_switch(envelope, "action", "payload", &cases, &Options::default()).unwrap();
    assert!(validator.checker().is_none());
    for (text, told) in [
        (r#"{"action": "plain", "payload": 3}"#, None),
        (r#"{"action": "either", "payload": "abc"}"#, None),
        (r#"{"payload": {"n": 9}, "action": "either"}"#, None),
        (r#"{"action": "either", "payload": {"n": 8}}"#, Some("oneOf at \"/payload\" (byte 39)")),
        (
            r#"{"action": "either", "payload": {"n": 9, "m": 1}}"#,
            Some("additionalProperties at \"/payload\" (byte 47)"),
        ),
        (r#"{"action": "plain", "payload": "x"}"#, Some("type at \"/payload\" (byte 31)")),
    ] {
        let verdict = validator.check(text.as_bytes());
        assert_eq!(verdict.map_err(|invalid| invalid.to_string()).err().as_deref(), told, "{text}");
    }
    let wrong = [("a", r#"{"pattern": "(?=a)"}"#)];
    let error =
        Validator::compile_switch(envelope, "action", "payload", &wrong, &Options::default()).unwrap_err();
    assert_eq!(error.pointer().as_str(), "/a/pattern");
}

#[test]
fn patterns_are_those_of_ecma_262() {
    for (pattern, yes, no) in [
        (r"^\\d{3}$", "123", "١٢٣"),
        (r"^\\w+$", "a_Z9", "é"),
        (r"^\\s$", "\u{2003}", "x"),
        (r"^.$", "é", "\\u2028"),
        (r"a|b", "xxbxx", "xxcxx"),
        (r"^[a\\d&&b]+$", "a1&b", "c"),
        (r"\\bfoo\\b", "a foo b", "afoob"),
        (r"^\\u00e9\\x41\\cA?$", "éA", "eA"),
        (r"^\\p{Letter}+$", "héllo", "h1"),
        (r"^[^]x$", "", ""),
    ] {
        let schema = format!(r#"{{"pattern": "{pattern}"}}"#);
        let Ok(validator) = Validator::compile(&schema, &Options::default()) else {
            assert_eq!(yes, no, "{pattern} is not supported");
            continue;
        };
        assert!(every_cut(&validator, format!("\"{yes}\"").as_bytes()).is_ok(), "{pattern} {yes}");
        assert!(every_cut(&validator, format!("\"{no}\"").as_bytes()).is_err(), "{pattern} {no}");
    }
}

#[test]
fn formats_refuse_where_they_are_asked_to() {
    let options = Options::default().with_formats(true);
    for (format, yes, no) in [
        ("date-time", "2026-02-28T23:59:60Z", "2026-02-30T00:00:00Z"),
        ("date", "2024-02-29", "2023-02-29"),
        ("time", "08:30:06.283185+00:20", "08:30:06"),
        ("duration", "P4DT12H30M5S", "P1D2H"),
        ("email", "joe.bloggs@example.com", "joe@@example.com"),
        ("hostname", "www.example.com", "-a-host"),
        ("ipv4", "192.168.0.1", "256.1.1.1"),
        ("ipv6", "::ffff:192.168.0.1", "12345::"),
        ("uri", "http://foo.bar/?baz=qux#quux", "//foo.bar"),
        ("uuid", "2eb8aa08-aa98-11ea-b4aa-73b441d16380", "2eb8aa08aa98-11ea-b4aa73b44-1d16380"),
        ("json-pointer", "/foo/bar~0/baz~1/%a", "/foo/bar~"),
    ] {
        let schema = format!(r#"{{"format": "{format}"}}"#);
        let validator = Validator::compile(&schema, &options).unwrap();
        assert!(every_cut(&validator, format!("\"{yes}\"").as_bytes()).is_ok(), "{format} {yes}");
        let told = every_cut(&validator, format!("\"{no}\"").as_bytes()).unwrap_err();
        assert_eq!(told.keyword(), Keyword::Format, "{format} {no}");
        assert!(
            Validator::compile(&schema, &Options::default())
                .unwrap()
                .check(format!("\"{no}\"").as_bytes())
                .is_ok()
        );
    }
    assert!(Validator::compile(r#"{"format": "idn-email"}"#, &options).is_err());
}

#[test]
fn a_chain_of_schemas_that_is_too_long_is_an_error_of_the_schema() {
    use portcullis_validate::SchemaReason;
    let chain = |links: usize, link: &str| {
        let links: Vec<String> =
            (0..links).map(|n| format!("\"{n}\": {}", link.replace("NEXT", &(n + 1).to_string()))).collect();
        let count = links.len();
        format!("{{\"$defs\": {{{}, \"{count}\": true}}, \"$ref\": \"#/$defs/0\"}}", links.join(","))
    };
    let beside = r##"{"$ref": "#/$defs/NEXT"}"##;
    let inside = r##"{"items": {"$ref": "#/$defs/NEXT"}}"##;
    assert!(Validator::compile(&chain(50, beside), &Options::default()).is_ok());
    assert!(Validator::compile(&chain(100, inside), &Options::default()).is_ok());
    assert!(Validator::compile(&chain(600, inside), &Options::default()).is_ok());
    for schema in [chain(70, beside), chain(600, beside)] {
        let error = Validator::compile(&schema, &Options::default()).unwrap_err();
        assert_eq!(error.reason(), SchemaReason::TooDeep);
    }
}
