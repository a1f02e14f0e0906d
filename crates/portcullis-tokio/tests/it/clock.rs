//! Deadlines, on a clock that stands until everybody waits.

use core::time::Duration;

use portcullis_tokio::{
    CloseCode, Error, Options, accept_async, accept_async_with,
    proto::{Config, ProtocolError, handshake::HandshakeError},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio::time::Instant;

use crate::support::{REQUEST, pair};

#[tokio::test(start_paused = true)]
async fn a_live_peer_is_kept_and_measured() {
    let (mut client, mut server) = pair(1_024).await;
    let serve = async { server.recv().await.is_none() };
    let live = tokio::time::timeout(Duration::from_secs(300), async { tokio::join!(client.recv(), serve) });
    assert!(live.await.is_err(), "nothing comes, and nobody is given up");
    // Whoever pings first spares the other one its ping.
    assert!(client.last_round_trip().or(server.last_round_trip()).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_pinged_and_given_up() {
    let (mut client, server) = duplex(1_024);
    client.write_all(REQUEST).await.unwrap();
    let started = Instant::now();
    let mut server = accept_async(server).await.unwrap();
    let error = server.recv().await.unwrap().unwrap_err();
    assert!(matches!(error, Error::Protocol(ProtocolError::PongTimeout)), "{error:?}");
    assert!(server.recv().await.is_none());
    let waited = started.elapsed();
    assert!((Duration::from_secs(31)..Duration::from_secs(36)).contains(&waited), "{waited:?}");
    drop(server);
    let mut told = Vec::new();
    client.read_to_end(&mut told).await.unwrap();
    let frames = &told[told.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4..];
    assert_eq!((frames[0], frames[1], &frames[10..]), (0x89, 8, b"\x88\x02\x03\xe9".as_slice()));
}

#[tokio::test(start_paused = true)]
async fn a_closing_handshake_without_an_answer_ends() {
    let (mut client, server) = duplex(1_024);
    client.write_all(REQUEST).await.unwrap();
    let config = Config::server().with_close_timeout(Duration::from_secs(3));
    let mut server = accept_async_with(server, &Options::server().with_config(config), None).await.unwrap();
    let started = Instant::now();
    let error = server.close_with(CloseCode::NORMAL, "").await.unwrap_err();
    assert!(matches!(error, Error::Unclean), "{error:?}");
    assert!(started.elapsed() >= Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn an_opening_handshake_that_drips_is_answered_with_408() {
    let (mut client, server) = duplex(1_024);
    let drip = async {
        for byte in REQUEST {
            if client.write_all(&[*byte]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        let mut response = String::new();
        client.read_to_string(&mut response).await.unwrap();
        response
    };
    let (response, result) = tokio::join!(tokio::time::timeout(Duration::from_secs(600), drip), async {
        let result = accept_async(server).await;
        result.map(drop)
    });
    assert!(matches!(result, Err(Error::Handshake(HandshakeError::Timeout))), "{result:?}");
    assert!(response.unwrap().starts_with("HTTP/1.1 408 "));
}
