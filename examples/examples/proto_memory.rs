//! What a connection holds at the most, by configuration: the table on the page of `portcullis-proto`.
//!
//! `cargo run --release -p portcullis-examples --example proto_memory`
#![allow(clippy::unwrap_used, reason = "an example")]

use portcullis_proto::{
    Config, Connection, HeaplessStorage, Side, SliceStorage, VecStorage,
    deflate::{self, Agreed, CompressorMode, DeflateConfig, WindowBits},
    handshake::{ClientRequest, RequestHead},
    worst_case_bytes,
};

fn main() {
    println!("| configuration | idle | at the most |");
    println!("| --- | --- | --- |");
    let row = |name: &str, idle: usize, most: usize| println!("| {name} | {idle} B | {most} B |");
    let slice = size_of::<Connection<SliceStorage<'_>>>();
    row("`SliceStorage`, 4 KiB of the caller's", slice + 4_096, slice + 4_096);
    let inline = size_of::<Connection<HeaplessStorage<4_096>>>();
    row("`HeaplessStorage<4096>`", inline, inline);
    let idle = size_of::<Connection<VecStorage>>();
    for kib in [4, 64, 1_024] {
        let config = Config::server().with_message_len_max(kib * 1_024);
        row(&format!("`VecStorage`, messages of {kib} KiB"), idle, worst_case_bytes(&config));
    }
    let config = Config::server().with_streaming(true).with_message_len_max(0);
    row("`VecStorage`, streaming", idle, worst_case_bytes(&config));
    let config = Config::server();
    for (name, bits, mode, takeover) in [
        ("shared compressor, no takeover by the client", 15, CompressorMode::Shared, false),
        ("shared compressor, windows of 32 KiB", 15, CompressorMode::Shared, true),
        ("shared compressor, windows of 1 KiB", 10, CompressorMode::Shared, true),
        ("own compressor, windows of 32 KiB", 15, CompressorMode::Own, true),
    ] {
        let bits = WindowBits::new(bits).unwrap();
        let wanted = DeflateConfig::server()
            .with_compressor(mode)
            .with_server_max_window_bits(bits)
            .with_client_max_window_bits(bits)
            .with_client_no_context_takeover(!takeover);
        let agreed = agreed(&wanted);
        let more = deflate::worst_case_bytes(&agreed, &wanted, Side::Server, 64 * 1_024);
        let kept = if takeover { idle + more } else { idle };
        row(&format!("64 KiB, compressed: {name}"), kept, worst_case_bytes(&config) + more);
    }
}

fn agreed(wanted: &DeflateConfig) -> Agreed {
    let (offer, mut head) = (DeflateConfig::client().offer(), [0; 512]);
    let request = ClientRequest { extensions: Some(&offer), ..ClientRequest::new("example.com", "/") };
    let len = request.emit([7; 16], &mut head).unwrap();
    wanted.accept(RequestHead::parse(&head[..len]).unwrap().upgrade().unwrap().extensions()).unwrap()
}
