//! Where references lead: `$id`, `$anchor` and `$ref` (JSON Schema core §8.2), within one document.

use alloc::{borrow::ToOwned as _, collections::BTreeMap, format, string::String, vec::Vec};

use crate::{
    compile::{Place, json::Value},
    string::Decoded,
};

/// What a document names.
#[derive(Debug)]
pub(super) struct Names<'t> {
    /// Base URIs, by the offset of each schema.
    bases: BTreeMap<usize, String>,
    resources: Vec<(String, Place<'t>)>,
    anchors: Vec<(String, String, Place<'t>)>,
    dynamic: Vec<String>,
}

/// Keywords whose value is a schema, …
const SINGLE: [&str; 13] = [
    "additionalProperties",
    "items",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
    "not",
    "if",
    "then",
    "else",
    "contentSchema",
    "additionalItems",
    "unevaluated",
];
/// … a list of schemas, …
const LISTS: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
/// … or schemas by name.
const MAPS: [&str; 4] = ["properties", "patternProperties", "dependentSchemas", "$defs"];

/// A string of the schema, escapes undone.
pub(super) fn text_of(value: &Value<'_>) -> Option<String> {
    String::from_utf8(Decoded::new(value.string()?).collect()).ok()
}

impl<'t> Names<'t> {
    pub(super) fn of(root: &Place<'t>) -> Self {
        let mut names =
            Self { bases: BTreeMap::new(), resources: Vec::new(), anchors: Vec::new(), dynamic: Vec::new() };
        names.resources.push((String::new(), *root));
        names.walk(root, "");
        names
    }

    /// Recursion ends with the depth of the schema's text, which is bounded.
    fn walk(&mut self, place: &Place<'t>, base: &str) {
        if !place.value.is_object() {
            return;
        }
        let mut own = base.to_owned();
        let member = |name: &str| place.value.members().find(|(key, _)| key.is(name)).map(|(_, value)| value);
        if let Some(id) = member("$id").as_ref().and_then(text_of) {
            own = resolve(base, &id).0;
            self.resources.push((own.clone(), *place));
        }
        for (keyword, is_dynamic) in [("$anchor", false), ("$dynamicAnchor", true)] {
            if let Some(name) = member(keyword).as_ref().and_then(text_of) {
                if is_dynamic {
                    self.dynamic.push(name.clone());
                }
                self.anchors.push((own.clone(), name, *place));
            }
        }
        self.bases.insert(place.value.offset(), own.clone());
        for (key, value) in place.value.members() {
            let inside = place.member(&key, value);
            let is = |list: &[&str]| list.iter().any(|name| key.is(name));
            if is(&SINGLE) {
                self.walk(&inside, &own);
            } else if is(&LISTS) && value.is_array() {
                for (index, item) in (0..).zip(value.items()) {
                    self.walk(&inside.item(index, item), &own);
                }
            } else if is(&MAPS) && value.is_object() {
                for (name, schema) in value.members() {
                    self.walk(&inside.member(&name, schema), &own);
                }
            }
        }
    }

    /// The schema that `reference` names, from a schema at `offset`.
    pub(super) fn find(&self, offset: usize, reference: &str) -> Option<Place<'t>> {
        let base = self.bases.get(&offset).map_or("", String::as_str);
        let (uri, fragment) = resolve(base, reference);
        let (_, resource) = self.resources.iter().find(|(known, _)| *known == uri)?;
        if fragment.is_empty() {
            return Some(*resource);
        }
        if fragment.starts_with('/') {
            return walk_pointer(resource, &fragment);
        }
        let is_it = |(base, name, _): &&(String, String, Place<'t>)| *base == uri && *name == fragment;
        self.anchors.iter().find(is_it).map(|(.., place)| *place)
    }

    /// Gives the schema at the end of a pointer, which may stand where none is looked for, its base.
    pub(super) fn adopt(&mut self, place: &Place<'t>, from: usize) {
        if !self.bases.contains_key(&place.value.offset()) {
            let base = self.bases.get(&from).cloned().unwrap_or_default();
            self.walk(place, &base);
        }
    }

    /// Whether a dynamic reference can lead to one place only.
    pub(super) fn is_static(&self, reference: &str) -> bool {
        let name = reference.rsplit('#').next().unwrap_or_default();
        self.dynamic.iter().filter(|known| *known == name).count() <= 1
    }
}

fn walk_pointer<'t>(resource: &Place<'t>, pointer: &str) -> Option<Place<'t>> {
    let pointer = percent_decoded(pointer)?;
    pointer.split('/').skip(1).try_fold(*resource, |place, step| {
        let step = step.replace("~1", "/").replace("~0", "~");
        if place.value.is_array() {
            let index = step.parse::<u32>().ok()?;
            let item = place.value.items().nth(usize::try_from(index).ok()?)?;
            return Some(place.item(index, item));
        }
        let (key, value) = place.value.members().find(|(key, _)| key.is(&step))?;
        Some(place.member(&key, value))
    })
}

fn percent_decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                u8::try_from(high << 4 | low).ok()?
            }
            plain => plain,
        });
    }
    String::from_utf8(bytes).ok()
}

/// RFC 3986 §5.2, as far as schemas need it: the URI without its fragment, and the fragment.
fn resolve(base: &str, reference: &str) -> (String, String) {
    let (path, fragment) = reference.split_once('#').unwrap_or((reference, ""));
    let has_scheme = path.split_once(':').is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    });
    let uri = if path.is_empty() {
        base.to_owned()
    } else if has_scheme {
        path.to_owned()
    } else {
        let start = base.find("://").map_or(0, |at| at + 3);
        let authority = base.get(start..).and_then(|rest| rest.find('/')).map_or(base.len(), |at| start + at);
        let (host, old) = base.split_at_checked(authority).unwrap_or((base, ""));
        if path.starts_with('/') {
            format!("{host}{path}")
        } else {
            let folder = old.rfind('/').and_then(|at| old.get(..=at)).unwrap_or(if host.is_empty() {
                ""
            } else {
                "/"
            });
            format!("{host}{}", without_dots(&format!("{folder}{path}")))
        }
    };
    (uri, fragment.to_owned())
}

/// RFC 3986 §5.2.4.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for step in path.split('/') {
        match step {
            "." => {}
            ".." => {
                kept.pop();
            }
            step => kept.push(step),
        }
    }
    kept.join("/")
}
