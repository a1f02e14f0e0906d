//! The frames that a client receives.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    portcullis_fuzz::receive(portcullis_proto::Config::client(), data);
});
