//! A walk over JSON text that a check has passed.

use crate::string::Decoded;

/// A value in a schema's text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'t> {
    /// The whole document.
    document: &'t [u8],
    start: usize,
    end: usize,
}

impl<'t> Value<'t> {
    pub(crate) fn root(document: &'t [u8]) -> Self {
        let start = document.len() - document.trim_ascii_start().len();
        Self { document, start, end: document.trim_ascii_end().len() }
    }

    pub(crate) fn text(&self) -> &'t [u8] {
        self.document.get(self.start..self.end).unwrap_or_default()
    }

    pub(crate) const fn offset(&self) -> usize {
        self.start
    }

    pub(crate) fn is_object(&self) -> bool {
        self.text().first() == Some(&b'{')
    }

    pub(crate) fn is_array(&self) -> bool {
        self.text().first() == Some(&b'[')
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        match self.text() {
            b"true" => Some(true),
            b"false" => Some(false),
            _ => None,
        }
    }

    /// The string's inside, escapes kept.
    pub(crate) fn string(&self) -> Option<&'t [u8]> {
        self.text().strip_prefix(b"\"")?.strip_suffix(b"\"")
    }

    /// Whether it is the string `text`.
    pub(crate) fn is(&self, text: &str) -> bool {
        self.string().is_some_and(|inside| Decoded::new(inside).eq(text.bytes()))
    }

    /// The items of an array; nothing when it is none.
    pub(crate) fn items(&self) -> Items<'t> {
        Items { document: self.document, at: self.start, end: self.end }
    }

    /// The members of an object; nothing when it is none.
    pub(crate) fn members(&self) -> impl Iterator<Item = (Self, Self)> + use<'t> {
        let mut values = self.items();
        core::iter::from_fn(move || Some((values.next()?, values.next()?)))
    }
}

/// The values between a container's brackets.
#[derive(Clone, Debug)]
pub(crate) struct Items<'t> {
    document: &'t [u8],
    at: usize,
    end: usize,
}

impl<'t> Iterator for Items<'t> {
    type Item = Value<'t>;

    fn next(&mut self) -> Option<Value<'t>> {
        // From the opening bracket or behind the last value: on to the next one.
        let rest = self.document.get(self.at..self.end)?;
        let opens = matches!(rest.first(), Some(b'[' | b'{'));
        let rest = if opens { rest.get(1..)? } else { rest };
        let gap = rest.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':'))?;
        let rest = rest.get(gap..)?;
        if matches!(rest.first(), Some(b']' | b'}')) {
            return None;
        }
        let start = self.at + usize::from(opens) + gap;
        let end = start + len_of(rest);
        self.at = end;
        Some(Value { document: self.document, start, end })
    }
}

/// The length of the value that `text` starts with.
fn len_of(text: &[u8]) -> usize {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (at, &byte) in text.iter().enumerate() {
        if in_string {
            match byte {
                b'"' if !escaped => {
                    in_string = false;
                    if depth == 0 {
                        return at + 1;
                    }
                }
                _ => {}
            }
            escaped = byte == b'\\' && !escaped;
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 1 => return at + 1,
            b'}' | b']' | b',' | b' ' | b'\t' | b'\n' | b'\r' if depth == 0 => return at,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}
