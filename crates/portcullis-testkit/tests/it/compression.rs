//! Compression holds no more memory than it publishes, and gives it back.

use portcullis_proto::{
    Config, Connection, Event, Message, Side, VecStorage,
    deflate::{Agreed, Compressor, CompressorMode, DeflateConfig, Level, WindowBits, worst_case_bytes},
    handshake::{ClientRequest, RequestHead},
};
use portcullis_testkit::allocations;
use portcullis_time::Instant;

const NOW: Instant = Instant::ORIGIN;

fn agreed(server: &DeflateConfig, client: &DeflateConfig) -> Agreed {
    let (offer, mut head) = (client.offer(), [0; 1_024]);
    let request = ClientRequest { extensions: Some(&offer), ..ClientRequest::new("example.com", "/") };
    let len = request.emit([7; 16], &mut head).unwrap();
    let head = RequestHead::parse(&head[..len]).unwrap();
    server.accept(head.upgrade().unwrap().extensions()).unwrap()
}

fn connection(config: Config, agreed: Agreed, deflate: &DeflateConfig) -> Connection<VecStorage> {
    let storage = VecStorage::new(1 << 20);
    Connection::new(config.with_inflate_ratio_max(u32::MAX), NOW, [7; 32], storage)
        .with_deflate(agreed, deflate)
}

/// Messages that make a compressor use everything that it has.
fn hard_messages() -> Vec<Vec<u8>> {
    let mut prng = portcullis_testkit::Prng::new(7);
    let mut messages: Vec<Vec<u8>> = Vec::new();
    for len in [100, 1_000, 30_000, 60_000] {
        messages.push((0..len).map(|_| prng.next_u64().to_le_bytes()[0]).collect());
        messages.push((0..len).map(|_| b'a' + (prng.next_u64() % 4) as u8).collect());
        messages.push(vec![b'x'; len]);
    }
    messages
}

#[test]
fn both_halves_stay_below_what_is_published() {
    for bits in 8..=15 {
        let bits = WindowBits::new(bits).unwrap();
        let server = DeflateConfig::server()
            .with_server_max_window_bits(bits)
            .with_client_no_context_takeover(false)
            .with_threshold(0);
        let client = DeflateConfig::client().with_client_max_window_bits(bits).with_threshold(0);
        let agreed = agreed(&server, &client);
        let messages = hard_messages();
        let (mut sent, mut out) = (Vec::new(), vec![0; 70_000]);
        let counted = allocations(|| {
            let mut engine = connection(Config::client(), agreed, &client);
            for message in &messages {
                let len = engine.send(NOW, Message::Binary(message), &mut out).unwrap();
                // Counted too, and taken off below.
                sent.extend_from_slice(&out[..len]);
            }
        });
        let of_test = 2 * sent.capacity() as u64;
        let bound = worst_case_bytes(&agreed, &client, Side::Client, 60_000) as u64;
        assert!(counted.bytes_max <= bound + of_test, "{bits:?}: {} > {bound}", counted.bytes_max);
        assert!(counted.bytes_max > bound / 2, "{bits:?}: the bound is worth something");

        let mut received = 0;
        let counted = allocations(|| {
            let mut engine = connection(Config::server(), agreed, &server);
            let mut rest = sent.as_mut_slice();
            while !rest.is_empty() {
                let step = engine.handle_input(NOW, rest).unwrap();
                received += usize::from(matches!(step.event, Some(Event::Message { .. })));
                let consumed = step.consumed;
                rest = &mut rest[consumed..];
            }
        });
        assert_eq!(received, messages.len());
        let shared = server.with_compressor(CompressorMode::Shared);
        let bound = worst_case_bytes(&agreed, &shared, Side::Server, 0) as u64;
        // Storage of 64 KiB, and the half of it that is there while it grows, as the connection's own bound says.
        assert!(counted.bytes_max <= bound + 96 * 1_024, "{bits:?}: {} > {bound}", counted.bytes_max);
    }
}

#[test]
fn a_connection_without_takeover_holds_nothing_between_messages() {
    let (server, client) = (DeflateConfig::server(), DeflateConfig::client());
    let agreed = agreed(&server, &client);
    let mut compressor = Compressor::new(WindowBits::MAX, Level::Fast);
    let mut sender = connection(Config::client(), agreed, &client);
    let mut out = vec![0; 10_000];
    let text = "again and again ".repeat(500);
    let len = sender.send_shared(NOW, Message::Text(&text), &mut compressor, &mut out).unwrap();
    let mut engine = connection(Config::server(), agreed, &server);
    let counted = allocations(|| {
        let step = engine.handle_input(NOW, &mut out[..len]).unwrap();
        assert!(matches!(step.event, Some(Event::Message { .. })));
        assert_eq!(engine.poll_transmit(&mut []), 0);
    });
    assert!(counted.bytes_max > 40_000);
    assert_eq!(counted.bytes_kept, 0);
    // With a compressor that is there already nothing at all is allocated to send.
    assert_eq!(
        allocations(|| {
            for _ in 0..100 {
                sender.send_shared(NOW, Message::Text(&text), &mut compressor, &mut out).unwrap();
            }
        })
        .count,
        0
    );
}
