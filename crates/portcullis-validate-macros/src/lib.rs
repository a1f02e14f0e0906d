#![doc = include_str!("../README.md")]

use std::{env, fs, path::PathBuf};

use portcullis_validate::{Options, program};
use proc_macro::TokenStream;
use proc_macro2::{Span, TokenStream as Tokens};
use quote::quote;
use syn::{
    Error, Ident, LitBool, LitInt, LitStr, Token, bracketed,
    parse::{Parse, ParseStream},
    parse_macro_input,
    punctuated::Punctuated,
};

/// A `StaticValidator` for the schema in a string literal.
///
/// Behind the schema there may be `depth_max = 8`, `closed = false`, `captures = ["action", "id"]`, as in
/// `portcullis_validate::Options`.
///
/// ```
/// use portcullis_validate::StaticValidator;
/// use portcullis_validate_macros::schema;
///
/// static LED: StaticValidator = schema!(r#"{"properties": {"led": {"type": "boolean"}}, "required": ["led"]}"#);
/// assert!(LED.check(br#"{"led": true}"#).is_ok());
/// assert!(LED.check(br#"{"led": "on"}"#).is_err());
/// ```
///
/// A schema that cannot be compiled is an error of the program that names the keyword and its place:
///
/// ```compile_fail
/// portcullis_validate_macros::schema!(r#"{"properties": {"n": {"minimum": "zero"}}}"#);
/// ```
#[proc_macro]
pub fn schema(input: TokenStream) -> TokenStream {
    expand(&parse_macro_input!(input as Input), None)
}

/// The same for a schema in a file, whose path is relative to the manifest of the package.
///
/// ```
/// use portcullis_validate::StaticValidator;
/// use portcullis_validate_macros::schema_file;
///
/// static LED: StaticValidator = schema_file!("tests/led.json", captures = ["led"]);
/// assert_eq!(LED.check(br#"{"led": true}"#).unwrap().capture(0), Some(&b"true"[..]));
/// ```
#[proc_macro]
pub fn schema_file(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as Input);
    let folder = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    let path = folder.join(input.schema.value());
    match fs::read_to_string(&path) {
        Ok(text) => expand(&input, Some((&path.display().to_string(), &text))),
        Err(error) => fail(input.schema.span(), &format!("cannot read {}: {error}", path.display())),
    }
}

/// What stands between the parentheses.
struct Input {
    schema: LitStr,
    depth_max: Option<usize>,
    closed: Option<bool>,
    captures: Vec<String>,
}

impl Parse for Input {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut parsed = Self { schema: input.parse()?, depth_max: None, closed: None, captures: Vec::new() };
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if input.is_empty() {
                break;
            }
            let name = input.parse::<Ident>()?;
            input.parse::<Token![=]>()?;
            match name.to_string().as_str() {
                "depth_max" => parsed.depth_max = Some(input.parse::<LitInt>()?.base10_parse()?),
                "closed" => parsed.closed = Some(input.parse::<LitBool>()?.value),
                "captures" => {
                    let list;
                    bracketed!(list in input);
                    let names = Punctuated::<LitStr, Token![,]>::parse_terminated(&list)?;
                    parsed.captures = names.iter().map(LitStr::value).collect();
                }
                _ => return Err(Error::new(name.span(), "one of depth_max, closed and captures")),
            }
        }
        Ok(parsed)
    }
}

/// The validator as an expression, or the error at the schema. `file` is where the schema stands, and its text.
fn expand(input: &Input, file: Option<(&str, &str)>) -> TokenStream {
    let inline = input.schema.value();
    let schema = file.map_or(&inline[..], |(_, text)| text);
    let captures: Vec<&str> = input.captures.iter().map(String::as_str).collect();
    let mut options = Options::new().with_captures(&captures);
    if let Some(depth_max) = input.depth_max {
        options = options.with_depth_max(depth_max);
    }
    if let Some(closed) = input.closed {
        options = options.with_closed(closed);
    }
    let source = match program::rust_source(schema, &options) {
        Ok(source) => source,
        Err(error) => return fail(input.schema.span(), &error),
    };
    let Ok(program) = source.parse::<Tokens>() else {
        return fail(input.schema.span(), "the program of this schema cannot be written as Rust");
    };
    // The file is named, so that the program is built again when it changes.
    let depends = file.map(|(path, _)| {
        quote!(
            const _: &[u8] = include_bytes!(#path);
        )
    });
    quote!({
        #depends
        const VALIDATOR: ::portcullis_validate::StaticValidator = {
            use ::portcullis_validate::program::*;
            ::portcullis_validate::StaticValidator::of(#program)
        };
        VALIDATOR
    })
    .into()
}

fn fail(at: Span, message: &str) -> TokenStream {
    Error::new(at, message).to_compile_error().into()
}
