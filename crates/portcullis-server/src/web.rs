//! The demo page and the browser client, as they stand in `web/`.

/// One file, ready to be sent.
#[derive(Clone, Copy)]
pub(crate) struct Asset {
    pub(crate) status: u16,
    pub(crate) fields: &'static [(&'static str, &'static str)],
    pub(crate) body: &'static [u8],
}

/// Nothing from elsewhere, no inline script, no frame, no referrer.
const POLICY: &str =
    "default-src 'self'; connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'none'";

macro_rules! asset {
    ($file:literal, $content_type:literal) => {
        Asset {
            status: 200,
            fields: &[
                ("content-type", $content_type),
                ("content-security-policy", POLICY),
                ("x-content-type-options", "nosniff"),
                ("referrer-policy", "no-referrer"),
                ("cross-origin-opener-policy", "same-origin"),
                ("cache-control", "no-cache"),
            ],
            body: include_bytes!(concat!("../web/", $file)),
        }
    };
}

/// The file at `path`, for `GET`.
pub(crate) fn asset(method: &str, path: &str) -> Option<Asset> {
    if method != "GET" {
        return None;
    }
    Some(match path {
        "/" | "/index.html" => asset!("index.html", "text/html; charset=utf-8"),
        "/app.js" => asset!("app.js", "text/javascript; charset=utf-8"),
        "/portcullis.js" => asset!("portcullis.js", "text/javascript; charset=utf-8"),
        "/seal.js" => asset!("seal.js", "text/javascript; charset=utf-8"),
        "/style.css" => asset!("style.css", "text/css; charset=utf-8"),
        "/favicon.svg" => asset!("favicon.svg", "image/svg+xml"),
        _ => return None,
    })
}
