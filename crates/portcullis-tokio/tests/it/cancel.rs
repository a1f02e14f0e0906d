//! Futures that are dropped wherever they wait, and the two halves of a split stream.

use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use futures_util::{FutureExt as _, SinkExt, StreamExt as _};
use portcullis_tokio::{CloseCode, Error, Message, Options, WebSocketStream, accept_async, proto::SendError};
use tokio::time::timeout;

use crate::support::{REQUEST, Stutter, pair, pair_with};

/// What a client sends: a text in two fragments with a ping between them, a binary, a close frame; the mask is zero.
const FRAMES: &[u8] =
    b"\x01\x82\0\0\0\0he\x89\x81\0\0\0\0p\x80\x83\0\0\0\0llo\x82\x81\0\0\0\0\x07\x88\x82\0\0\0\0\x03\xe8";

async fn opened() -> (Stutter, WebSocketStream<Stutter>) {
    let transport = Stutter::default();
    transport.incoming.lock().unwrap().extend(REQUEST);
    let socket = accept_async(transport.clone()).await.unwrap();
    transport.outgoing.lock().unwrap().clear();
    (transport, socket)
}

#[tokio::test]
async fn a_reader_that_is_dropped_at_every_await_loses_nothing() {
    let (transport, mut socket) = opened().await;
    transport.incoming.lock().unwrap().extend(FRAMES);
    let mut told = Vec::new();
    let mut drops = 0;
    loop {
        // One poll, then the future is gone.
        match socket.next().now_or_never() {
            Some(Some(message)) => told.push(message.unwrap()),
            Some(None) => break,
            None => drops += 1,
        }
        assert!(drops < 10_000, "no progress");
    }
    assert_eq!(told, [Message::from("hello"), Message::from(vec![7])]);
    assert!(drops > 10, "{drops}");
    // The pong, and the answer to the close frame.
    assert_eq!(*transport.outgoing.lock().unwrap(), b"\x8a\x01p\x88\x02\x03\xe8");
}

#[tokio::test]
async fn a_writer_that_is_dropped_at_every_await_tears_no_frame() {
    let (transport, mut socket) = opened().await;
    // Taken at the first poll, written by later ones.
    assert!(socket.send(Message::from("one")).now_or_never().is_none());
    assert!(SinkExt::send(&mut socket, Message::from("two")).now_or_never().is_none());
    let mut polls = 0;
    while socket.flush().now_or_never().is_none() {
        polls += 1;
        assert!(polls < 100, "no progress");
    }
    assert!(polls > 8, "{polls}");
    assert_eq!(*transport.outgoing.lock().unwrap(), b"\x81\x03one\x81\x03two");
}

#[tokio::test]
async fn a_full_sink_takes_nothing_of_a_message() {
    let (mut client, mut server) =
        pair_with(64, &Options::client(), &Options::server().with_write_buffer_len_max(256)).await;
    let text = "x".repeat(100);
    let mut taken = 0;
    while server.feed(Message::from(text.as_str())).now_or_never().is_some() {
        taken += 1;
        assert!(taken < 10, "the sink has no bound");
    }
    // 64 bytes in the transport, 256 and one message here.
    assert!((3..=4).contains(&taken), "{taken}");
    assert!(server.send(Message::from("more")).now_or_never().is_none());
    server.feed(Message::from(text.as_str())).now_or_never();
    let (told, flushed) = tokio::join!(
        async {
            let mut told = 0;
            while told < taken {
                assert_eq!(client.next().await.unwrap().unwrap(), Message::from(text.as_str()));
                told += 1;
            }
            told
        },
        server.flush(),
    );
    flushed.unwrap();
    assert_eq!(told, taken);
    assert!(client.next().now_or_never().is_none(), "a message came that was not taken");
}

#[tokio::test]
async fn pings_do_not_grow_the_buffer_of_a_server_that_cannot_write() {
    let (transport, mut socket) = opened().await;
    let ping = [b"\x89\xfd\0\0\0\0".as_slice(), &[b'p'; 125]].concat();
    {
        let mut incoming = transport.incoming.lock().unwrap();
        for _ in 0..2_000 {
            incoming.extend(&ping);
        }
    }
    // Reading is as slow as writing here, so that some pongs are left out and none pile up.
    while !transport.incoming.lock().unwrap().is_empty() {
        assert!(socket.next().now_or_never().is_none());
    }
    let mut context = Context::from_waker(Waker::noop());
    while pin!(socket.flush()).poll(&mut context).is_pending() {}
    assert!(transport.outgoing.lock().unwrap().len() <= 2_000 * 127);
}

#[tokio::test]
async fn halves_in_two_tasks_wake_each_other() {
    let (client, mut server) = pair(8).await;
    let (mut sink, mut stream) = client.split();
    let reader = tokio::spawn(async move {
        let mut told = Vec::new();
        while let Some(message) = stream.next().await {
            told.push(message.unwrap());
        }
        told
    });
    let echo = tokio::spawn(async move {
        while let Some(message) = server.recv().await {
            server.send(message.unwrap()).await.unwrap();
        }
        server.peer_close().cloned()
    });
    let messages: Vec<_> = (0..20).map(|len| Message::from("y".repeat(len))).collect();
    for message in &messages {
        sink.send(message.clone()).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    timeout(Duration::from_secs(5), sink.close()).await.unwrap().unwrap();
    let told = timeout(Duration::from_secs(5), reader).await.unwrap().unwrap();
    assert_eq!(told, messages);
    assert_eq!(echo.await.unwrap().unwrap().code, Some(CloseCode::NORMAL));
    let error = sink.send(Message::from("late")).await.unwrap_err();
    assert!(matches!(error, Error::Send(SendError::Closing)), "{error:?}");
}

#[tokio::test]
async fn transports_of_one_byte_carry_everything() {
    let (mut client, mut server) = pair(1).await;
    let text = "grüße ".repeat(50);
    let ((), ()) = tokio::join!(
        async {
            client.send(Message::from(text.as_str())).await.unwrap();
            assert_eq!(client.recv().await.unwrap().unwrap(), Message::from(text.as_str()));
            client.ping(b"p").await.unwrap();
            client.close_with(CloseCode::GOING_AWAY, "bye").await.unwrap();
        },
        async {
            while let Some(message) = server.recv().await {
                server.send(message.unwrap()).await.unwrap();
            }
        },
    );
    let close = server.peer_close().unwrap();
    assert_eq!((close.code, close.reason.as_str()), (Some(CloseCode::GOING_AWAY), "bye"));
}

#[test]
fn a_poll_needs_no_more_than_a_context() {
    // The stream is a plain value: it can be moved between polls and to other threads.
    fn is_send<T: Send + Unpin>() {}
    is_send::<WebSocketStream<tokio::io::DuplexStream>>();
    let _: Poll<()> = Poll::Pending;
}
