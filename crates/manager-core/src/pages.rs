//! Documents of the admin origin for people: they need no script and no sign-in.

use std::fmt::Write as _;

use axum::Router;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use http::{HeaderValue, header};

use crate::dashboard;
use crate::error_pages::{self, ERROR_PAGES};

const DOCS: &str = include_str!("pages/docs.html");
const STYLE: &str = include_str!("pages/style.css");
/// What stands for the list of error codes in `docs.html`.
const LIST: &str = "<!-- errors -->";
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// The documents as routes; every other path is the dashboard's.
pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/style.css", get(style))
        .route("/docs", get(docs))
        .route("/docs/errors/{code}", get(error_pages::page))
        .fallback(dashboard::serve)
}

fn html(text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    (headers, text).into_response()
}

async fn style() -> Response {
    let kind = HeaderValue::from_static("text/css; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], STYLE).into_response()
}

async fn docs() -> Response {
    let mut list = String::new();
    for (code, _) in ERROR_PAGES {
        writeln!(
            list,
            "<li><a href=\"/docs/errors/{code}\"><code>{code}</code></a></li>"
        )
        .expect("writing to a string does not fail");
    }
    html(DOCS.replace(LIST, &list))
}
