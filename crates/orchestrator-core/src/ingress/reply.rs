//! What goes back to the client.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method as HttpMethod, Response, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use shared::error::{Error, Kind, Problem};
use shared::id::RequestId;
use shared::invocation::{BodyStream, Outcome, ResponseBody, StreamItem};
use shared::routing::Method;
use shared::script_error::{LimitKind, PublicError, ScriptError, ScriptErrorKind};

use super::{PendingRecord, abandoned};
use crate::body::{Body, BoxBody, BoxError};

/// Headers that belong to the connection, not to a script.
const NOT_THE_SCRIPTS: [HeaderName; 5] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::CONTENT_LENGTH,
    header::UPGRADE,
    header::TRAILER,
];
/// Lets pages with scripts work without sharing an origin with the control plane's session.
const SANDBOX: &str = "sandbox allow-forms allow-scripts allow-popups";
/// What the control plane's cookies start with; scripts on a shared host may not set them.
const PLATFORM_COOKIES: [&str; 2] = ["__Host-picloud", "picloud_"];

pub(super) fn id_value(id: &RequestId) -> HeaderValue {
    HeaderValue::try_from(id.to_string()).expect("an id is plain ASCII")
}

pub(super) fn boxed_errors(body: Incoming) -> impl http_body::Body<Data = Bytes, Error = BoxError> {
    body.map_err(Into::into)
}

pub(super) fn status_only(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    response
}

/// An error as `application/problem+json`.
pub(super) fn problem(error: &Error, id: RequestId) -> Response<Body> {
    let problem = Problem::of(error, Some(id.to_string()));
    let mut response = Response::new(Body::from(Bytes::from(problem.to_json())));
    *response.status_mut() = match error.code {
        "body_too_slow" => StatusCode::REQUEST_TIMEOUT,
        _ => error.kind.status(),
    };
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(Problem::MEDIA_TYPE),
    );
    match error.kind {
        Kind::TooManyRequests | Kind::Unavailable => {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        Kind::Unauthenticated => {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        _ => {}
    }
    response
}

/// 404 for a path without routes, else 405 with the methods it has.
pub(super) fn not_allowed(allow: &[Method], method: &HttpMethod, id: RequestId) -> Response<Body> {
    if allow.is_empty() {
        let detail = "no route for this path";
        return problem(&Error::new(Kind::NotFound, "no_route", detail), id);
    }
    let names: Vec<&str> = allow.iter().map(|m| m.as_str()).collect();
    let names = names.join(", ");
    let detail = format!("this path answers {names}, not {method}");
    let mut response = problem(
        &Error::new(Kind::InvalidInput, "method_not_allowed", detail),
        id,
    );
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    if let Ok(value) = HeaderValue::try_from(names) {
        response.headers_mut().insert(header::ALLOW, value);
    }
    response
}

/// The same answer for HEAD: the headers of a GET, no body.
pub(super) fn drop_body(response: &mut Response<Body>) {
    let body = std::mem::replace(response.body_mut(), Body::Empty);
    if let Some(length) = http_body::Body::size_hint(&body).exact() {
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, length.into());
    }
}

/// A script's outcome as an answer; records the run when it has ended.
pub(super) fn of_outcome(outcome: Outcome, record: PendingRecord, own: bool) -> Response<Body> {
    let Some(script) = outcome.response else {
        let id = record.request();
        let response = match &outcome.completion.error {
            Some(ScriptError {
                public: Some(public),
                ..
            }) => thrown(public, id),
            Some(error) => problem(&public_error(error), id),
            None => problem(&internal(), id),
        };
        record.observe(response.status().as_u16());
        record.finish(response.status().as_u16(), outcome.completion);
        return response;
    };
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = script.status;
    *response.headers_mut() = clean(script.headers, own);
    let status = script.status.as_u16();
    record.observe(status);
    match script.body {
        ResponseBody::Full(bytes) => {
            *response.body_mut() = bytes.into();
            record.finish(status, outcome.completion);
        }
        ResponseBody::Stream(stream) => {
            let body = Streamed {
                stream,
                record: Some(record),
                status,
            };
            *response.body_mut() = Body::Boxed(BoxBody::new(body));
        }
    }
    response
}

/// A script's headers without those that would break the connection or reach the platform.
fn clean(mut headers: HeaderMap, own: bool) -> HeaderMap {
    for name in &NOT_THE_SCRIPTS {
        headers.remove(name);
    }
    if own {
        return headers;
    }
    let active = headers.get(header::CONTENT_TYPE).is_some_and(|kind| {
        let kind = kind.as_bytes();
        kind.starts_with(b"text/html") || kind.starts_with(b"image/svg") || xml(kind)
    });
    if active {
        headers.append(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(SANDBOX),
        );
    }
    let platform = |cookie: &HeaderValue| {
        PLATFORM_COOKIES
            .iter()
            .any(|name| cookie.as_bytes().starts_with(name.as_bytes()))
    };
    if headers.get_all(header::SET_COOKIE).iter().any(platform) {
        tracing::warn!("a script tried to set the platform's cookie; it was removed");
        let kept: Vec<HeaderValue> = headers
            .get_all(header::SET_COOKIE)
            .iter()
            .filter(|cookie| !platform(cookie))
            .cloned()
            .collect();
        headers.remove(header::SET_COOKIE);
        for cookie in kept {
            headers.append(header::SET_COOKIE, cookie);
        }
    }
    headers
}

fn xml(kind: &[u8]) -> bool {
    kind.windows(3).any(|window| window == b"xml")
}

fn internal() -> Error {
    Error::new(
        Kind::Internal,
        "internal",
        "the platform failed; the server's log has the details",
    )
}

/// `throw #{status: 404, message: "no such order"}`: exactly that, as a problem.
fn thrown(public: &PublicError, id: RequestId) -> Response<Body> {
    let status = StatusCode::from_u16(public.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let problem = Problem {
        type_: "about:blank".to_owned(),
        title: status.canonical_reason().unwrap_or("Error").to_owned(),
        status: status.as_u16(),
        code: "thrown".to_owned(),
        detail: public.message.clone(),
        request_id: Some(id.to_string()),
        diagnostics: Vec::new(),
    };
    let mut response = Response::new(Body::from(Bytes::from(problem.to_json())));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(Problem::MEDIA_TYPE);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// What a client may know about a failed script.
fn public_error(error: &ScriptError) -> Error {
    match error.kind {
        ScriptErrorKind::Limit(LimitKind::Wall) => Error::new(
            Kind::Timeout,
            "script_timeout",
            "the script took longer than its time limit",
        ),
        ScriptErrorKind::Limit(limit) => Error::new(
            Kind::Internal,
            "script_limit",
            format!("the script exceeded its limit `{}`", limit.as_str()),
        ),
        ScriptErrorKind::Internal => internal(),
        _ => Error::new(
            Kind::Internal,
            "script_failed",
            "the script failed; its owner finds the reason under this request's id",
        ),
    }
}

/// A streamed body that records its run at the end, however it ends.
struct Streamed {
    stream: BodyStream,
    record: Option<PendingRecord>,
    status: u16,
}

impl http_body::Body for Streamed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.stream.as_mut().poll_next(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(StreamItem::Chunk(bytes))) => {
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Poll::Ready(Some(StreamItem::End(completion))) => {
                // A body cut short must look cut short to the client.
                let failed = completion.error.as_ref().map(|error| error.message.clone());
                let status = self.status;
                if let Some(record) = self.record.take() {
                    record.finish(status, *completion);
                }
                Poll::Ready(failed.map(|message| Err(message.into())))
            }
            Poll::Ready(None) => Poll::Ready(None),
        }
    }
}

impl Drop for Streamed {
    fn drop(&mut self) {
        if let Some(record) = self.record.take() {
            record.finish(self.status, abandoned());
        }
    }
}
