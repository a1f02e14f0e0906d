//! A route of axum that speaks WebSocket: `cargo run -p portcullis-tokio --example axum_echo`, then connect to
//! `ws://127.0.0.1:9003/echo`.
//!
//! axum has read the request; the checks and the answer are ours, and so is what follows.

use axum::{
    Router,
    body::Body,
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
    response::Response,
    routing::get,
};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use portcullis_tokio::{
    Agreement, Error, Options, WebSocketStream, answer,
    proto::handshake::{HEAD_LEN_MAX, ResponseHead},
};

/// What a handler speaks over.
pub type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Extracts a valid upgrade; [`serve`](Self::serve) is the handler's response.
#[derive(Debug)]
pub struct Upgrade {
    upgrade: OnUpgrade,
    response: Response,
    agreement: Agreement,
    options: Options,
}

impl Upgrade {
    /// The response; `handle` runs on a task of its own once it was sent.
    pub fn serve<F>(self, handle: impl FnOnce(Socket) -> F + Send + 'static) -> Response
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Self { upgrade, response, agreement, options } = self;
        tokio::spawn(async move {
            if let Ok(upgraded) = upgrade.await {
                handle(WebSocketStream::from_upgraded(TokioIo::new(upgraded), agreement, &options)).await;
            }
        });
        response
    }
}

impl<S: Sync> FromRequestParts<S> for Upgrade {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let options = Options::server();
        let head = head_of(parts).ok_or_else(|| status(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE))?;
        let (response, agreement) = answer(&head, &options, None);
        let response = response_of(&response).ok_or_else(|| status(StatusCode::BAD_REQUEST))?;
        match (agreement, parts.extensions.remove::<OnUpgrade>()) {
            (Ok(agreement), Some(upgrade)) => Ok(Self { upgrade, response, agreement, options }),
            (Ok(_), None) => Err(status(StatusCode::UPGRADE_REQUIRED)),
            (Err(_), _) => Err(response),
        }
    }
}

/// The head as it stood on the wire, as far as the checks can tell. `None` when it is longer than they would read.
fn head_of(parts: &Parts) -> Option<Vec<u8>> {
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let mut head = format!("{} {target} {:?}\r\n", parts.method, parts.version).into_bytes();
    for (name, value) in &parts.headers {
        head.extend(name.as_str().bytes());
        head.extend(b": ");
        head.extend(value.as_bytes());
        head.extend(b"\r\n");
    }
    head.extend(b"\r\n");
    (head.len() <= HEAD_LEN_MAX).then_some(head)
}

/// What [`answer`] wrote, in axum's words.
fn response_of(bytes: &[u8]) -> Option<Response> {
    let end = bytes.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
    let head = ResponseHead::parse(bytes.get(..end)?).ok()?;
    let mut response = Response::builder().status(head.status());
    for (name, value) in head.fields() {
        response = response.header(name, value);
    }
    response.body(Body::from(bytes.get(end..)?.to_vec())).ok()
}

fn status(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

async fn echo(upgrade: Upgrade) -> Response {
    upgrade.serve(async |mut socket| {
        if let Err(error) = echo_all(&mut socket).await {
            eprintln!("{error}");
        }
    })
}

async fn echo_all(socket: &mut Socket) -> Result<(), Error> {
    while let Some(message) = socket.recv().await {
        socket.send(message?).await?;
    }
    Ok(())
}

/// The routes.
pub fn app() -> Router {
    Router::new().route("/", get(async || "connect to /echo")).route("/echo", get(echo))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    axum::serve(tokio::net::TcpListener::bind("127.0.0.1:9003").await?, app()).await
}
