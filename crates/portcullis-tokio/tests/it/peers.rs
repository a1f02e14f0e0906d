//! Against another implementation.

use futures_util::{SinkExt as _, StreamExt as _};
use portcullis_tokio::{
    Answer, ClientRequest, CloseCode, Error, Message, Options, Refusal, accept_async, accept_async_with,
    client_async, connect_async,
    proto::{ProtocolError, handshake::HandshakeError},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::{Message as Theirs, protocol::frame::coding::CloseCode as TheirCode};

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/chat", listener.local_addr().unwrap());
    (listener, url)
}

#[tokio::test]
async fn a_server_serves_tokio_tungstenite() {
    let (listener, url) = listener().await;
    let server = tokio::spawn(async move {
        let mut socket = accept_async(listener.accept().await.unwrap().0).await.unwrap();
        while let Some(message) = socket.next().await {
            socket.send(message.unwrap()).await.unwrap();
        }
        socket.peer_close().unwrap().clone()
    });
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    for len in [0, 1, 125, 126, 4_096, 60_000] {
        let message = Theirs::Binary(vec![9; len].into());
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), message);
    }
    socket.send(Theirs::Ping("are you there".into())).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Theirs::Pong("are you there".into()));
    socket.send(Theirs::Text("grüße".into())).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Theirs::Text("grüße".into()));
    socket.close(None).await.unwrap();
    while let Some(Ok(_)) = socket.next().await {}
    assert_eq!(server.await.unwrap().code, None);
}

#[tokio::test]
async fn a_client_talks_to_tokio_tungstenite() {
    let (listener, url) = listener().await;
    let server = tokio::spawn(async move {
        let stream = listener.accept().await.unwrap().0;
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        let mut close = None;
        while let Some(Ok(message)) = socket.next().await {
            match message {
                Theirs::Close(frame) => close = frame,
                Theirs::Text(_) | Theirs::Binary(_) => socket.send(message).await.unwrap(),
                Theirs::Ping(_) | Theirs::Pong(_) | Theirs::Frame(_) => {}
            }
        }
        close
    });
    let mut socket = connect_async(&url).await.unwrap();
    for text in ["", "hello", &"long ".repeat(10_000)] {
        socket.send(Message::from(text)).await.unwrap();
        assert_eq!(socket.recv().await.unwrap().unwrap(), Message::from(text));
    }
    socket.close_with(CloseCode::NORMAL, "done").await.unwrap();
    assert!(socket.recv().await.is_none());
    let close = server.await.unwrap().unwrap();
    assert_eq!((close.code, close.reason.as_str()), (TheirCode::Normal, "done"));
}

#[tokio::test]
async fn a_close_of_the_server_ends_the_client() {
    let (listener, url) = listener().await;
    let server = tokio::spawn(async move {
        let mut socket = accept_async(listener.accept().await.unwrap().0).await.unwrap();
        socket.close_with(CloseCode::RESTART, "later").await
    });
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let Theirs::Close(Some(frame)) = socket.next().await.unwrap().unwrap() else { panic!("no close frame") };
    assert_eq!((frame.code, frame.reason.as_str()), (TheirCode::Restart, "later"));
    assert!(socket.next().await.is_none());
    server.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_decision_answers_or_refuses() {
    for (path, expected) in [("/chat", Ok(Some("v2".to_owned()))), ("/other", Err(404))] {
        let (listener, url) = listener().await;
        let server = tokio::spawn(async move {
            let stream = listener.accept().await.unwrap().0;
            let decide = |request: &portcullis_tokio::proto::handshake::UpgradeRequest<'_>| {
                if request.head().path() == "/chat" {
                    Ok(Answer::default().with_subprotocol("v2"))
                } else {
                    Err(Refusal::new(404))
                }
            };
            accept_async_with(stream, &Options::server(), Some(Box::new(decide))).await.map(drop)
        });
        let address = url.strip_prefix("ws://").unwrap().split('/').next().unwrap();
        let stream = TcpStream::connect(address).await.unwrap();
        let request = ClientRequest { subprotocols: &["v1", "v2"], ..ClientRequest::new(address, path) };
        let told = match client_async(stream, &request).await {
            Ok(socket) => Ok(socket.subprotocol().map(str::to_owned)),
            Err(Error::Handshake(HandshakeError::Refused { status })) => Err(status),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(told, expected);
        assert_eq!(server.await.unwrap().is_ok(), expected.is_ok());
    }
}

#[tokio::test]
async fn a_peer_that_breaks_the_protocol_ends_the_stream() {
    let (listener, url) = listener().await;
    let server = tokio::spawn(async move {
        let mut socket = accept_async(listener.accept().await.unwrap().0).await.unwrap();
        let error = socket.next().await.unwrap().unwrap_err();
        assert!(socket.next().await.is_none());
        error
    });
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    socket.send(Theirs::Binary(vec![0; 70_000].into())).await.unwrap();
    let error = server.await.unwrap();
    assert!(matches!(error, Error::Protocol(ProtocolError::FrameTooBig { len: 70_000, .. })), "{error:?}");
}

#[cfg(feature = "deflate")]
#[tokio::test]
async fn compression_is_agreed_on_and_used() {
    use portcullis_tokio::proto::deflate::DeflateConfig;

    let client = Options::client().with_deflate(Some(DeflateConfig::client()));
    let server = Options::server().with_deflate(Some(DeflateConfig::server()));
    // The transport holds less than the text: it arrives only if it was compressed.
    let (mut client, mut server) = crate::support::pair_with(512, &client, &server).await;
    let text = "again and again ".repeat(200);
    server.send(Message::from(text.as_str())).await.unwrap();
    assert_eq!(client.recv().await.unwrap().unwrap(), Message::from(text.as_str()));
    assert!(client.endpoint().connection().agreed().is_some());
}
