//! `portcullis-validate` in axum: a body is judged from its bytes before anything is made of it, and a refusal says where.
//!
//! `cargo run -p portcullis-tokio --example validate_axum`, then
//! `curl -i http://127.0.0.1:9006/orders -d '{"item":"tea","count":0}'`.

#![allow(clippy::std_instead_of_core, clippy::std_instead_of_alloc, reason = "an example")]

use std::sync::LazyLock;

use axum::{
    Router,
    body::Bytes,
    extract::FromRequest,
    extract::Request,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::post,
};
use portcullis_validate::{Invalid, Options, Validator};

const ORDER: &str = r#"{
    "type": "object",
    "properties": {"item": {"enum": ["tea", "coffee"]}, "count": {"type": "integer", "minimum": 1}},
    "required": ["item", "count"]
}"#;

static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
    let options = Options::default().with_captures(&["item"]);
    Validator::compile(ORDER, &options).unwrap_or_else(|error| panic!("the schema: {error}"))
});

/// A body that met the schema.
struct Order(Bytes);

/// Why one did not, as the client sees it.
struct Refused(StatusCode, String);

impl From<Invalid> for Refused {
    fn from(invalid: Invalid) -> Self {
        // A pointer can hold any text that stands in the message, and so is written as a JSON string.
        let pointer: String = invalid.pointer().as_str().escape_default().collect();
        let (keyword, offset) = (invalid.keyword().as_str(), invalid.offset());
        let body = format!(
            "{{\"error\":\"invalid\",\"pointer\":\"{pointer}\",\"keyword\":\"{keyword}\",\"offset\":{offset}}}\n"
        );
        Self(StatusCode::UNPROCESSABLE_ENTITY, body)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, [(CONTENT_TYPE, "application/json")], self.1).into_response()
    }
}

impl<S: Send + Sync> FromRequest<S> for Order {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(|error| Refused(error.status(), String::from("{\"error\":\"body\"}\n")))?;
        VALIDATOR.check(&body)?;
        Ok(Self(body))
    }
}

async fn order(Order(body): Order) -> Response {
    // Checked once more only to tell the item, which a program would keep beside the body.
    match VALIDATOR.check(&body) {
        Ok(valid) => {
            let item = valid.capture(0).unwrap_or_default();
            format!("ordered {}\n", String::from_utf8_lossy(item)).into_response()
        }
        Err(invalid) => Refused::from(invalid).into_response(),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let app = Router::new().route("/orders", post(order));
    axum::serve(tokio::net::TcpListener::bind("127.0.0.1:9006").await?, app).await?;
    Ok(())
}
