//! The validator that needs no heap.

use portcullis_validate::{FixedValidator, Keyword, Options, SchemaReason};

const SCHEMA: &str = r#"{
    "properties": {"led": {"type": "boolean"}, "level": {"type": "integer", "maximum": 255}},
    "required": ["led"]
}"#;

#[test]
fn it_judges_within_its_own_memory() {
    let options = Options::default().with_captures(&["level"]);
    let validator = FixedValidator::<8, 64>::compile(SCHEMA, &options).unwrap();
    assert_eq!(validator.check(br#"{"level":7,"led":true}"#).unwrap().capture(0), Some(&b"7"[..]));
    let invalid = validator.check(br#"{"led":true,"level":256}"#).unwrap_err();
    assert_eq!((invalid.keyword(), invalid.pointer().as_str()), (Keyword::Maximum, "/level"));
}

#[test]
fn a_program_that_does_not_fit_is_an_error() {
    let items = FixedValidator::<3, 64>::compile(SCHEMA, &Options::default()).unwrap_err();
    let bytes = FixedValidator::<8, 4>::compile(SCHEMA, &Options::default()).unwrap_err();
    assert_eq!((items.reason(), bytes.reason()), (SchemaReason::Full, SchemaReason::Full));
}
