//! The example for axum, as it stands.

#[path = "../../examples/axum_echo.rs"]
#[allow(dead_code, unreachable_pub, reason = "the example has a main of its own")]
mod axum_echo;

use futures_util::{SinkExt as _, StreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;

async fn serve() -> core::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, axum_echo::app()).await });
    address
}

#[tokio::test]
async fn a_route_of_axum_echoes() {
    let address = serve().await;
    let (mut socket, response) =
        tokio_tungstenite::connect_async(format!("ws://{address}/echo?who=me")).await.unwrap();
    assert_eq!(response.status(), 101);
    for text in ["hello", &"long ".repeat(5_000)] {
        socket.send(Message::Text(text.into())).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::Text(text.into()));
    }
    socket.close(None).await.unwrap();
    while let Some(Ok(_)) = socket.next().await {}
}

#[tokio::test]
async fn a_plain_request_to_it_is_refused_and_the_page_is_served() {
    let address = serve().await;
    for (path, status) in [("/echo", "400"), ("/", "200")] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{response}");
    }
}
