//! Around every operation: the request's id, panics, and errors as problems.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::HttpBody as _;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use shared::error::{Error, Kind, Problem, code};
use shared::id::{ContentHash, RequestId};
use shared::origin::Origin;

use crate::error::{ApiError, status_of};
use crate::manager::{Manager, PeerInfo};

/// What every answer says to browsers: no page of another origin may use it, show it in a frame or
/// keep a handle of its window.
const GUARDS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
];
/// The policy of answers that are not pages.
const NOT_A_PAGE: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; \
                          frame-ancestors 'none'; sandbox";

/// Marks an answer that is a script's own: it goes out as it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verbatim;

/// The outermost layer.
pub(crate) async fn outer(
    State(manager): State<Arc<Manager>>,
    mut request: Request,
    next: Next,
) -> Response {
    let known = request.extensions().get::<RequestId>().copied();
    let id = known.unwrap_or_else(|| RequestId::new(manager.clock().now()));
    request.extensions_mut().insert(id);
    let peer = request.extensions().get::<PeerInfo>();
    let origin = peer.map_or(&manager.config().admin_url, |peer| &peer.origin);
    let origin = origin.clone();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let known_tags = IfNoneMatch::of(&request);
    let mut response = match CatchUnwind(Box::pin(next.run(request))).await {
        Ok(response) => response,
        Err(panic) => {
            tracing::error!(%id, %method, path, panic = message(&*panic), "an operation panicked");
            ApiError::internal().into_response()
        }
    };
    if method == Method::GET {
        response = tagged(response).await;
    }
    let error = response.extensions_mut().remove::<Error>();
    let unnamed = || match response.status() {
        StatusCode::NOT_FOUND => Some(nothing_here(&path)),
        StatusCode::METHOD_NOT_ALLOWED => Some(other_methods(&response, &method)),
        _ => None,
    };
    let own = response.extensions().get::<Verbatim>().is_some();
    let bare = !own && !response.headers().contains_key(header::CONTENT_TYPE);
    if let Some(error) = error.or_else(|| bare.then(unnamed).flatten()) {
        response = as_problem(response, &error, &origin, id);
    }
    if known_tags.is_about(&response) {
        response = unchanged(response);
    }
    let headers = response.headers_mut();
    for (name, value) in &GUARDS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(NOT_A_PAGE));
    let text = HeaderValue::try_from(id.to_string()).expect("an id is plain ASCII");
    headers.insert("x-request-id", text);
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    tracing::debug!(%id, %method, path, status = response.status().as_u16(), "answered");
    response
}

/// `If-None-Match` of a request that only reads: the states its client has.
struct IfNoneMatch(Vec<HeaderValue>);

impl IfNoneMatch {
    fn of(request: &Request) -> Self {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        let values = request.headers().get_all(header::IF_NONE_MATCH);
        Self(values.iter().filter(|_| reads).cloned().collect())
    }

    /// Whether the client has what is answered. Weak tags are compared like others (RFC 9110).
    fn is_about(&self, response: &Response) -> bool {
        let tag = response.headers().get(header::ETAG);
        let Some(tag) = tag.and_then(|tag| tag.to_str().ok()) else {
            return false;
        };
        let values = self.0.iter().filter_map(|value| value.to_str().ok());
        let mut tags = values.flat_map(|value| value.split(',')).map(str::trim);
        let tag = tag.trim_start_matches("W/");
        let is_it = |known: &str| known == "*" || known.trim_start_matches("W/") == tag;
        response.status() == StatusCode::OK && tags.any(is_it)
    }
}

/// Most bytes of an answer that is looked at for a tag; one that comes in pieces is not.
const TAGGED_BYTES: u64 = 1 << 20;

/// An answer with a tag of its bytes, where its operation knows no number of its state. The tag is
/// weak: nothing can be changed on the condition that it still holds.
async fn tagged(response: Response) -> Response {
    if !needs_tag(&response) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, TAGGED_BYTES as usize).await else {
        return ApiError::internal().into_response();
    };
    let hash = ContentHash::of(&bytes).to_string();
    if let Ok(tag) = HeaderValue::try_from(format!("W/\"{}\"", &hash[..32])) {
        parts.headers.insert(header::ETAG, tag);
    }
    Response::from_parts(parts, bytes.into())
}

fn needs_tag(response: &Response) -> bool {
    let has = |name| response.headers().contains_key(name);
    let length = response.body().size_hint().exact();
    response.status() == StatusCode::OK
        && response.extensions().get::<Verbatim>().is_none()
        && has(header::CONTENT_TYPE)
        && !has(header::ETAG)
        && length.is_some_and(|length| length <= TAGGED_BYTES)
}

/// The answer without what the client has.
fn unchanged(response: Response) -> Response {
    let (mut parts, _) = response.into_parts();
    parts.status = StatusCode::NOT_MODIFIED;
    for name in [header::CONTENT_LENGTH, header::CONTENT_TYPE] {
        parts.headers.remove(name);
    }
    Response::from_parts(parts, axum::body::Body::empty())
}

fn as_problem(response: Response, error: &Error, origin: &Origin, id: RequestId) -> Response {
    let status = status_of(error);
    let problem = Problem {
        status: status.as_u16(),
        ..Problem::of(error, Some(id.to_string())).explained_at(origin)
    };
    let (mut parts, _) = response.into_parts();
    parts.status = status;
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(Problem::MEDIA_TYPE),
    );
    Response::from_parts(parts, problem.to_json().into())
}

fn nothing_here(path: &str) -> Error {
    let shown: String = path.chars().take(200).collect();
    let detail = format!("nothing answers on `{shown}`; /api/v1/openapi.json lists what does");
    Error::new(Kind::NotFound, code::NOT_FOUND, detail)
}

fn other_methods(response: &Response, method: &Method) -> Error {
    let allow = response.headers().get(header::ALLOW);
    let allow = allow.and_then(|v| v.to_str().ok()).unwrap_or("no method");
    let detail = format!("this path answers {allow}, not {method}");
    Error::new(Kind::InvalidInput, code::METHOD_NOT_ALLOWED, detail)
}

/// The text of a panic, for the log only.
fn message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

/// Turns a panic of the inner future into an error.
struct CatchUnwind<F>(Pin<Box<F>>);

impl<F: Future> Future for CatchUnwind<F> {
    type Output = Result<F::Output, Box<dyn Any + Send>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}
