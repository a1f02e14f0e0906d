//! The frames that a server receives.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    portcullis_fuzz::receive(portcullis_proto::Config::server(), data);
});
