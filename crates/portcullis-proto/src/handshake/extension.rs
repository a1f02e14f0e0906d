//! The grammar of `Sec-WebSocket-Extensions`, RFC 6455 §9.1. One pass, nothing copied.

use core::{iter::FusedIterator, str};

use super::{EXTENSIONS_MAX, HandshakeError, field::FieldsNamed, grammar};

/// One extension with its parameters: an offer of a client, or the answer of a server.
#[derive(Clone, Debug)]
pub struct ExtensionOffer<'h> {
    name: &'h str,
    params: ExtensionParams<'h>,
}

impl<'h> ExtensionOffer<'h> {
    /// The extension's name, a token, such as `permessage-deflate`.
    #[must_use]
    pub const fn name(&self) -> &'h str {
        self.name
    }

    /// Its parameters in their order. A name can come more than once: what that means is for the extension to say.
    #[must_use]
    pub fn params(&self) -> ExtensionParams<'h> {
        self.params.clone()
    }
}

/// The parameters of one extension.
#[derive(Clone, Debug)]
pub struct ExtensionParams<'h> {
    rest: Cursor<'h>,
}

impl<'h> Iterator for ExtensionParams<'h> {
    type Item = ExtensionParam<'h>;

    fn next(&mut self) -> Option<ExtensionParam<'h>> {
        self.rest.param().ok().flatten()
    }
}

impl FusedIterator for ExtensionParams<'_> {}

/// One parameter of an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtensionParam<'h> {
    name: &'h str,
    value: Option<ParamValue<'h>>,
}

impl<'h> ExtensionParam<'h> {
    /// The parameter's name, a token, such as `client_max_window_bits`.
    #[must_use]
    pub const fn name(&self) -> &'h str {
        self.name
    }

    /// Its value, if it has one.
    #[must_use]
    pub const fn value(&self) -> Option<ParamValue<'h>> {
        self.value
    }
}

/// The value of a parameter: a token, perhaps written between quotes.
#[derive(Clone, Copy, Debug, Eq)]
pub struct ParamValue<'h> {
    /// What stands between the quotes, still with its backslashes; or the plain token.
    raw: &'h str,
}

impl<'h> ParamValue<'h> {
    /// The value's bytes, backslashes taken off. They make a token.
    pub fn bytes(&self) -> impl Iterator<Item = u8> + 'h {
        let mut rest = self.raw.bytes();
        core::iter::from_fn(move || match rest.next() {
            Some(b'\\') => rest.next(),
            byte => byte,
        })
    }

    /// The value as a whole number in plain decimal (no sign, no leading zero), if it is one of at most 255.
    ///
    /// RFC 7692 §7.1.2.1: "a decimal integer value without leading zeroes"
    #[must_use]
    pub fn to_number(&self) -> Option<u8> {
        let mut number = None;
        for byte in self.bytes() {
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                _ => return None,
            };
            number = match number {
                None => Some(digit),
                Some(0) => return None,
                Some(number) => Some(u8::checked_add(u8::checked_mul(number, 10)?, digit)?),
            };
        }
        number
    }
}

impl PartialEq for ParamValue<'_> {
    /// Quotes and backslashes make no difference.
    fn eq(&self, other: &Self) -> bool {
        self.bytes().eq(other.bytes())
    }
}

impl PartialEq<str> for ParamValue<'_> {
    fn eq(&self, other: &str) -> bool {
        self.bytes().eq(other.bytes())
    }
}

/// The extensions of a checked head, best first.
#[derive(Clone, Debug)]
pub struct ExtensionOffers<'h> {
    values: Option<FieldsNamed<'h, 'static>>,
    rest: Cursor<'h>,
}

impl<'h> ExtensionOffers<'h> {
    pub(super) const fn of_fields(values: FieldsNamed<'h, 'static>) -> Self {
        Self { values: Some(values), rest: Cursor::new(b"") }
    }

    /// The extensions of one field value of ours.
    pub(super) const fn of_value(value: &'h [u8]) -> Self {
        Self { values: None, rest: Cursor::new(value) }
    }
}

impl<'h> Iterator for ExtensionOffers<'h> {
    type Item = ExtensionOffer<'h>;

    fn next(&mut self) -> Option<ExtensionOffer<'h>> {
        if self.rest.is_empty() {
            self.rest = Cursor::new(self.values.as_mut()?.next()?);
        }
        let name = self.rest.token().ok()?;
        let params = ExtensionParams { rest: self.rest.clone() };
        while self.rest.param().ok()?.is_some() {}
        self.rest.next_element().ok()?;
        Some(ExtensionOffer { name, params })
    }
}

impl FusedIterator for ExtensionOffers<'_> {}

/// Checks the grammar of all values, and the limits.
pub(super) fn check(values: FieldsNamed<'_, '_>) -> Result<(), HandshakeError> {
    let mut extensions = 0;
    for value in values {
        check_value(value, &mut extensions)?;
    }
    Ok(())
}

/// Checks one value; `extensions` counts those of the whole head.
pub(super) fn check_value(value: &[u8], extensions: &mut usize) -> Result<(), HandshakeError> {
    let too_many = HandshakeError::TooManyExtensions { extensions_max: EXTENSIONS_MAX };
    let mut rest = Cursor::new(value);
    loop {
        *extensions += 1;
        if *extensions > EXTENSIONS_MAX {
            return Err(too_many);
        }
        rest.token().map_err(Wrong::into_error)?;
        let mut params = 0;
        while rest.param().map_err(Wrong::into_error)?.is_some() {
            params += 1;
            if params > EXTENSIONS_MAX {
                return Err(too_many);
            }
        }
        if !rest.next_element().map_err(Wrong::into_error)? {
            return Ok(());
        }
    }
}

/// The grammar is broken here.
struct Wrong;

impl Wrong {
    fn into_error(self) -> HandshakeError {
        HandshakeError::ExtensionsInvalid
    }
}

/// What is left of a value. Each byte is passed once.
#[derive(Clone, Debug)]
struct Cursor<'h> {
    rest: &'h [u8],
}

impl<'h> Cursor<'h> {
    const fn new(rest: &'h [u8]) -> Self {
        Self { rest }
    }

    const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    const fn skip_space(&mut self) {
        while let [b' ' | b'\t', tail @ ..] = self.rest {
            self.rest = tail;
        }
    }

    /// Takes `byte` if it comes next, and the white space around it.
    fn eat(&mut self, byte: u8) -> bool {
        self.skip_space();
        let Some((first, tail)) = self.rest.split_first() else { return false };
        let found = *first == byte;
        if found {
            self.rest = tail;
            self.skip_space();
        }
        found
    }

    fn token(&mut self) -> Result<&'h str, Wrong> {
        let is_end = |byte: &u8| !grammar::is_token_byte(*byte);
        let len = self.rest.iter().position(is_end).unwrap_or(self.rest.len());
        let (token, tail) = self.rest.split_at_checked(len).ok_or(Wrong)?;
        self.rest = tail;
        grammar::token(token).ok_or(Wrong)
    }

    /// `extension-param = token [ "=" (token | quoted-string) ]`, behind its semicolon.
    fn param(&mut self) -> Result<Option<ExtensionParam<'h>>, Wrong> {
        if !self.eat(b';') {
            return Ok(None);
        }
        let name = self.token()?;
        if !self.eat(b'=') {
            return Ok(Some(ExtensionParam { name, value: None }));
        }
        let raw = if self.rest.first() == Some(&b'"') { self.quoted()? } else { self.token()? };
        Ok(Some(ExtensionParam { name, value: Some(ParamValue { raw }) }))
    }

    /// RFC 6455 §9.1: "When using the quoted-string syntax variant, the value after quoted-string unescaping MUST
    /// conform to the 'token' ABNF."
    fn quoted(&mut self) -> Result<&'h str, Wrong> {
        let text = self.rest.get(1..).ok_or(Wrong)?;
        let mut escaped = false;
        for (index, &byte) in text.iter().enumerate() {
            match byte {
                b'"' if !escaped && index > 0 => {
                    let (raw, tail) = text.split_at_checked(index).ok_or(Wrong)?;
                    self.rest = tail.get(1..).ok_or(Wrong)?;
                    return str::from_utf8(raw).map_err(|_| Wrong);
                }
                b'\\' if !escaped => escaped = true,
                _ if grammar::is_token_byte(byte) => escaped = false,
                _ => return Err(Wrong),
            }
        }
        Err(Wrong)
    }

    /// Goes to the next element of the list; `false` at its end.
    fn next_element(&mut self) -> Result<bool, Wrong> {
        if self.eat(b',') {
            return Ok(true);
        }
        if self.is_empty() { Ok(false) } else { Err(Wrong) }
    }
}
