//! Bounds: depth, remembered names, and time linear in the bytes.

use portcullis_validate::{DEPTH_LIMIT, KEYS_MAX, Keyword, Options, Validator};

fn keyword(validator: &Validator, message: &str) -> Option<Keyword> {
    validator.check(message.as_bytes()).err().map(|invalid| invalid.keyword())
}

fn nested(depth: usize) -> String {
    format!("{}{}", "[".repeat(depth), "]".repeat(depth))
}

#[test]
fn depth_is_capped() {
    for depth_max in [1, 32, 33, DEPTH_LIMIT, 1000] {
        let validator = Validator::compile("true", &Options::default().with_depth_max(depth_max)).unwrap();
        let depth_max = depth_max.min(DEPTH_LIMIT);
        assert_eq!(keyword(&validator, &nested(depth_max)), None);
        assert_eq!(keyword(&validator, &nested(depth_max + 1)), Some(Keyword::Depth));
        assert_eq!(keyword(&validator, &"[".repeat(1_000_000)), Some(Keyword::Depth));
        assert_eq!(keyword(&validator, &"{\"a\":".repeat(100_000)), Some(Keyword::Depth));
    }
}

fn members(names: impl Iterator<Item = usize>) -> String {
    let members: Vec<String> = names.map(|name| format!("\"{name}\":0")).collect();
    format!("{{{}}}", members.join(","))
}

#[test]
fn undeclared_names_are_remembered_up_to_a_bound() {
    let validator = Validator::compile("true", &Options::default()).unwrap();
    assert_eq!(keyword(&validator, &members(0..KEYS_MAX)), None);
    assert_eq!(keyword(&validator, &members(0..KEYS_MAX + 1)), Some(Keyword::KeysMax));
    for twice in [0, 1, 100, KEYS_MAX - 2] {
        let names = (0..KEYS_MAX - 1).chain([twice]);
        assert_eq!(keyword(&validator, &members(names)), Some(Keyword::DuplicateKey));
    }
    // An object that has ended is forgotten, and names repeat freely between objects.
    let many = vec![members(0..KEYS_MAX); 10].join(",");
    assert_eq!(keyword(&validator, &format!("[{many}]")), None);
    assert_eq!(keyword(&validator, r#"{"a":{"a":{"a":1},"b":1},"b":1,"c":{"a":1}}"#), None);
    assert_eq!(keyword(&validator, r#"{"a":{"a":1,"b":2},"b":1,"a":0}"#), Some(Keyword::DuplicateKey));
}

#[test]
fn names_equal_after_their_escapes_are_undone_are_duplicates() {
    let validator = Validator::compile("true", &Options::default().with_key_seed(7)).unwrap();
    let escape = |name: &str| name.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect::<String>();
    for name in ["", "a", "eightbyt", "ninebytes", "é", "😀 and more than eight"] {
        let escaped = escape(name);
        for (one, two) in [(name, escaped.as_str()), (escaped.as_str(), name), (name, name)] {
            let message = format!("{{\"{one}\":1,\"{two}\":1}}");
            assert_eq!(keyword(&validator, &message), Some(Keyword::DuplicateKey), "{message}");
        }
    }
    assert_eq!(keyword(&validator, r#"{"a":1,"a\u0000":1,"":1,"\u0000":1}"#), None);
}

#[test]
fn hostile_shapes_end() {
    let validator = Validator::compile("true", &Options::default()).unwrap();
    let digits = "9".repeat(1_000_000);
    assert_eq!(keyword(&validator, &digits), Some(Keyword::NumberRange));
    assert_eq!(keyword(&validator, &format!("0.{digits}")), None);
    assert_eq!(keyword(&validator, &format!("1e-{digits}")), None);
    assert_eq!(keyword(&validator, &format!("1e{digits}")), Some(Keyword::NumberRange));
    assert_eq!(keyword(&validator, &format!("\"{}", "\\\\".repeat(500_000))), Some(Keyword::Syntax));
    assert_eq!(keyword(&validator, &" ".repeat(1_000_000)), Some(Keyword::Syntax));
    let exact = Validator::compile(r#"{"multipleOf": 0.01, "maximum": 1e300}"#, &Options::default()).unwrap();
    assert_eq!(keyword(&exact, &format!("{}.25", "9".repeat(300))), None);
    assert_eq!(keyword(&exact, &format!("{}.255", "9".repeat(300))), Some(Keyword::MultipleOf));
    assert_eq!(keyword(&exact, &format!("1{}1", "0".repeat(299))), Some(Keyword::Maximum));
}
