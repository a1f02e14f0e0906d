//! Any schema of the keywords that are supported, and any instance: the verdict of jsonschema, whole and at any cut.
#![no_main]

use portcullis_validate::{Keyword, Options, Validator};
use serde_json::{Map, Value, json};

/// Bytes as choices.
struct Choices<'d>(&'d [u8]);

impl Choices<'_> {
    fn next(&mut self) -> usize {
        let Some((&first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        usize::from(first)
    }

    fn one_of<'o, T: ?Sized>(&mut self, of: &[&'o T]) -> &'o T {
        of[self.next() % of.len()]
    }

    fn number(&mut self) -> Value {
        match self.next() % 4 {
            0 => json!(self.next() as i64 - 8),
            1 => json!((self.next() as f64 - 32.0) / 4.0),
            2 => json!(i64::MAX - self.next() as i64),
            _ => json!(self.next() % 4),
        }
    }

    fn name(&mut self) -> String {
        self.one_of(&["a", "b", "c", "d", "abcdefgh", "\u{fc}", "a\"b", ""]).into()
    }

    fn scalar(&mut self) -> Value {
        match self.next() % 6 {
            0 => Value::Null,
            1 => json!(self.next() % 2 == 0),
            2 | 3 => self.number(),
            4 => json!(self.name()),
            _ => json!(self.one_of(&["", "ab", "abc", "\u{1f600}x", "aaaaaaaaaaaaaaaaaaaa"])),
        }
    }

    fn instance(&mut self, depth: usize) -> Value {
        match self.next() % 6 {
            0 if depth > 0 => (0..self.next() % 4).map(|_| self.instance(depth - 1)).collect(),
            1 | 2 if depth > 0 => {
                let members = (0..self.next() % 4).map(|_| (self.name(), self.instance(depth - 1)));
                Value::Object(members.collect())
            }
            _ => self.scalar(),
        }
    }

    fn list(&mut self, depth: usize) -> Value {
        (0..1 + self.next() % 3).map(|_| self.schema(depth)).collect()
    }

    fn map(&mut self, names: &[&str], depth: usize) -> Value {
        let members = (0..self.next() % 3).map(|_| (self.one_of(names).to_owned(), self.schema(depth)));
        Value::Object(members.collect())
    }

    fn schema(&mut self, depth: usize) -> Value {
        if depth == 0 || self.next() % 8 == 0 {
            return match self.next() % 4 {
                0 => json!(false),
                1 => json!({"$ref": "#/$defs/x"}),
                _ => json!(true),
            };
        }
        let mut schema = Map::new();
        for _ in 0..self.next() % 5 {
            let (name, value) = self.keyword(depth - 1);
            schema.insert(name.into(), value);
        }
        Value::Object(schema)
    }

    fn keyword(&mut self, depth: usize) -> (&'static str, Value) {
        const TYPES: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];
        match self.next() % 22 {
            0 => ("type", json!(self.one_of(&TYPES))),
            1 => ("enum", (0..1 + self.next() % 3).map(|_| self.instance(1)).collect()),
            2 => ("const", self.instance(1)),
            3 => {
                (self.one_of(&["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"]), self.number())
            }
            4 => (
                self.one_of(&[
                    "minLength",
                    "maxLength",
                    "minItems",
                    "maxItems",
                    "minProperties",
                    "maxProperties",
                ]),
                json!(self.next() % 4),
            ),
            5 => ("properties", self.map(&["a", "b", "c", "abcdefgh"], depth)),
            6 => ("required", json!([self.one_of(&["a", "b", "c"])])),
            7 => ("additionalProperties", self.schema(depth)),
            8 => ("items", self.schema(depth)),
            9 => ("prefixItems", self.list(depth)),
            10 => (self.one_of(&["allOf", "anyOf", "oneOf"]), self.list(depth)),
            11 => (self.one_of(&["not", "if", "then", "else"]), self.schema(depth)),
            12 => ("contains", self.schema(depth)),
            13 => (self.one_of(&["minContains", "maxContains"]), json!(self.next() % 3)),
            14 => ("uniqueItems", json!(true)),
            15 => ("pattern", json!(self.one_of(&["^a", "b$", "[ac]{2}", "a|bc", "^$"]))),
            16 => ("patternProperties", self.map(&["^a", "b", "."], depth)),
            17 => (
                "propertyNames",
                self.one_of(&[&json!({"maxLength": 1}), &json!({"pattern": "[ab]"}), &json!(false)]).clone(),
            ),
            18 => ("dependentSchemas", self.map(&["a", "b"], depth)),
            19 => ("dependentRequired", json!({self.one_of(&["a", "b"]): [self.one_of(&["c", "d"])]})),
            20 => (self.one_of(&["unevaluatedProperties", "unevaluatedItems"]), self.schema(depth)),
            _ => ("multipleOf", json!([0.25, 1.0, 3.0][self.next() % 3])),
        }
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let mut schema = choices.schema(4);
    if let Value::Object(members) = &mut schema {
        // What is referred to refers to nothing, or the two would go in circles.
        members.insert(
            "$defs".into(),
            json!({"x": {"type": ["integer", "string"], "maximum": 3, "maxLength": 2}}),
        );
    }
    let text = schema.to_string();
    let Ok(ours) = Validator::compile(&text, &Options::new().with_closed(false)) else { return };
    let Ok(theirs) = jsonschema::draft202012::new(&schema) else { return };
    for _ in 0..4 {
        let instance = choices.instance(4);
        let message = instance.to_string();
        let verdict = ours.check(message.as_bytes()).map(|_| ());
        if verdict.is_err_and(|invalid| invalid.keyword() == Keyword::Budget) {
            continue;
        }
        assert_eq!(verdict.is_ok(), theirs.is_valid(&instance), "{text} {message} {verdict:?}");
        let mut checker = ours.checker().expect("no switch");
        let (left, right) = message.as_bytes().split_at(choices.next() % (message.len() + 1));
        let pieces =
            checker.push(left).and_then(|()| checker.push(right)).and_then(|()| checker.finish().map(|_| ()));
        assert_eq!(pieces.is_ok(), verdict.is_ok(), "{text} {message} cut at {}", left.len());
    }
});
