//! Any text as a schema: it is compiled or refused, and what is compiled judges without a panic.
#![no_main]

use portcullis_validate::{Options, Validator};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let (schema, message) = data.split_at(data.iter().position(|byte| *byte == 0).unwrap_or(data.len()));
    let Ok(schema) = core::str::from_utf8(schema) else { return };
    for closed in [false, true] {
        match Validator::compile(schema, &Options::new().with_closed(closed)) {
            Ok(validator) => {
                let _ = validator.check(message.get(1..).unwrap_or_default());
                assert!(validator.cost().schemas >= 2);
            }
            Err(error) => assert!(!error.to_string().is_empty() && error.offset() <= schema.len()),
        }
    }
});
