//! A walk over the members of a JSON object that the validator has already passed.
//!
//! It trusts nothing: on text that is not valid JSON it ends early, never panics, and does work linear in the bytes.

/// The members of an object as raw JSON text: `(key without its quotes, value)`, in document order.
#[derive(Clone, Debug)]
pub(crate) struct Members<'m> {
    rest: &'m [u8],
}

impl<'m> Members<'m> {
    /// Over the object whose text is `object`, braces included.
    pub(crate) fn of(object: &'m [u8]) -> Self {
        let inner = object.trim_ascii().strip_prefix(b"{").unwrap_or(b"");
        Self { rest: inner }
    }
}

impl<'m> Iterator for Members<'m> {
    type Item = (&'m [u8], &'m [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let key_on = self.rest.trim_ascii_start().strip_prefix(b"\"")?;
        let key_len = string_len(key_on)?;
        let (key, after_key) = key_on.split_at_checked(key_len)?;
        let value_on = after_key.strip_prefix(b"\"")?.trim_ascii_start().strip_prefix(b":")?;
        let (value, after_value) = value_on.split_at_checked(value_len(value_on))?;
        self.rest = after_value.strip_prefix(b",").unwrap_or(b"");
        Some((key, value.trim_ascii()))
    }
}

/// The length of a string's inside, up to its closing quote.
fn string_len(inside: &[u8]) -> Option<usize> {
    let mut escaped = false;
    inside.iter().position(|&byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

/// The length of the value that `text` starts with, up to the `,` or `}` that ends it.
fn value_len(text: &[u8]) -> usize {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            b'"' if !escaped => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' | b',' if !in_string && depth == 0 => return at,
            b'}' | b']' if !in_string => depth -= 1,
            _ => {}
        }
        escaped = in_string && byte == b'\\' && !escaped;
    }
    text.len()
}

#[cfg(test)]
mod tests;
