//! A planted fault. A run that does not find it proves nothing about the other targets either.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    assert!(!data.starts_with(b"gate"), "the planted fault");
});
