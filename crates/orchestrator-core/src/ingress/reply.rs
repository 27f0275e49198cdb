//! What goes back to the client.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method as HttpMethod, Response, StatusCode};
use http_body::Frame;
use shared::error::{Error, Kind, Problem};
use shared::id::RequestId;
use shared::invocation::{Outcome, ResponseBody, StreamItem};
use shared::memory::NoRoom;
use shared::origin::{Origin, mentions_session};
use shared::routing::Method;
use shared::script_error::ScriptError;
use shared::seam::Execution;

use super::streams;
use crate::body::{Body, BoxBody, BoxError};
use crate::runs::{Run, Streaming};

/// Headers that belong to the connection, not to a script.
const NOT_THE_SCRIPTS: [HeaderName; 9] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::CONTENT_LENGTH,
    header::UPGRADE,
    header::TRAILER,
    header::TE,
    header::DATE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];
/// Most bytes of an answer that is not counted: what a connection has besides is more.
const SMALL_ANSWER: usize = 16 << 10;
/// The same over HTTP/2, where a client that does not read may have hundreds of them.
const SMALL_ANSWER_OF_STREAM: usize = 1 << 10;
/// Types of most answers, which have no other header.
const COMMON: [&str; 2] = ["text/plain; charset=utf-8", "application/json"];

/// Bytes of an id: prefix, underscore, 32 digits.
const ID_BYTES: usize = RequestId::PREFIX.len() + 33;

pub(super) fn id_value(id: &RequestId) -> HeaderValue {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'_'; ID_BYTES];
    text[..RequestId::PREFIX.len()].copy_from_slice(RequestId::PREFIX.as_bytes());
    for (pair, byte) in text[RequestId::PREFIX.len() + 1..]
        .chunks_exact_mut(2)
        .zip(id.as_bytes())
    {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    HeaderValue::from_bytes(&text).expect("an id is plain ASCII")
}

/// Whether an answer with this status may go out before the request's body was read.
pub(super) fn leaves_bytes_unread(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::SERVICE_UNAVAILABLE
    )
}

/// 414: the path and query are too long.
pub(super) fn url_too_long(most: usize, id: RequestId) -> Response<Body> {
    let detail = format!("the path and query are longer than {most} bytes");
    let error = Error::new(Kind::InvalidInput, "url_too_long", detail);
    problem_with(&error, StatusCode::URI_TOO_LONG, id)
}

/// An error as `application/problem+json`.
pub(super) fn problem(error: &Error, id: RequestId) -> Response<Body> {
    let status = match error.code {
        "body_too_slow" => StatusCode::REQUEST_TIMEOUT,
        _ => error.kind.status(),
    };
    problem_with(error, status, id)
}

/// An error whose status says more than its kind.
pub(super) fn problem_with(error: &Error, status: StatusCode, id: RequestId) -> Response<Body> {
    let mut problem = Problem::of(error, Some(id.to_string()));
    problem.status = status.as_u16();
    let mut response = as_json(problem, status);
    let headers = response.headers_mut();
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

/// A problem on its way to the client. It is written at last: its `type` leads to the admin origin,
/// and only the request knows where its client finds that.
#[derive(Clone)]
struct Untold(Problem);

fn as_json(problem: Problem, status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(Problem::MEDIA_TYPE);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response.extensions_mut().insert(Untold(problem));
    response
}

/// Writes the answer's problem, if it is one.
pub(super) fn tell(response: &mut Response<Body>, admin: impl FnOnce() -> Origin) {
    if let Some(Untold(problem)) = response.extensions_mut().remove() {
        let text = problem.explained_at(&admin()).to_json();
        response.body_mut().fill(Bytes::from(text));
    }
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
    let error = Error::new(Kind::InvalidInput, "method_not_allowed", detail);
    let mut response = problem_with(&error, StatusCode::METHOD_NOT_ALLOWED, id);
    if let Ok(value) = HeaderValue::try_from(names) {
        response.headers_mut().insert(header::ALLOW, value);
    }
    response
}

/// Statuses whose answers have no content (RFC 9110, 15.3.5, 15.3.6 and 15.4.5).
fn has_no_content(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
    )
}

/// Takes the content from an answer that may have none: to HEAD, or with a status that has none.
/// HTTP/2 clients take it for an error of the protocol.
pub(super) fn drop_forbidden_content(response: &mut Response<Body>, head: bool) {
    if has_no_content(response.status()) {
        response.body_mut().empty();
        response.headers_mut().remove(header::CONTENT_LENGTH);
    } else if head {
        let length = response.body_mut().empty();
        // What was empty before may have been emptied for HEAD already.
        if let Some(length) = length.filter(|length| *length > 0) {
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_LENGTH, length.into());
        }
    }
}

/// A script's outcome as an answer; records the run when it has ended.
pub(super) fn of_outcome(outcome: Outcome, run: &mut Run<dyn Execution>) -> Response<Body> {
    let mut response = answer_of(outcome, run);
    response.body_mut().of_script = true;
    response
}

fn answer_of(outcome: Outcome, run: &mut Run<dyn Execution>) -> Response<Body> {
    let id = run.request();
    let id = id.expect("the run was only just started and has not ended");
    let status = Error::status_of(&outcome);
    let script = outcome.response.filter(|r| r.status == status);
    let Some(script) = script else {
        let response = match &outcome.completion.error {
            Some(ScriptError {
                public: Some(public),
                ..
            }) => as_json(Problem::thrown(public, Some(id.to_string())), status),
            Some(error) => problem(&Error::of_script(error), id),
            None => problem(&script_failed(), id),
        };
        run.answered(status.as_u16());
        run.ended(outcome.completion);
        return response;
    };
    let body = match script.body {
        ResponseBody::Full(bytes) => {
            let Ok(bytes) = counted(bytes, run) else {
                let detail = "the server has no memory left for the answer; try again";
                let response = problem(&Error::new(Kind::Unavailable, "overloaded", detail), id);
                run.answered(response.status().as_u16());
                run.ended(outcome.completion);
                return response;
            };
            run.answered(script.status.as_u16());
            run.ended(outcome.completion);
            Body::from(bytes)
        }
        ResponseBody::Stream(pieces) => {
            run.answered(script.status.as_u16());
            Body::from(BoxBody::new(Streamed(run.streams(pieces))))
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = script.status;
    *response.headers_mut() = clean(script.headers);
    response
}

/// An answer that is counted as long as any of it is in memory, if it is worth that.
fn counted(answer: Bytes, run: &Run<dyn Execution>) -> Result<Bytes, NoRoom> {
    let least = if streams::is_one() {
        SMALL_ANSWER_OF_STREAM
    } else {
        SMALL_ANSWER
    };
    if answer.len() <= least {
        return Ok(answer);
    }
    run.hold_answer(answer)
}

/// A script's headers without those that would break the connection or pass for the platform's.
fn clean(mut headers: HeaderMap) -> HeaderMap {
    let kind = headers.get(header::CONTENT_TYPE);
    if headers.len() == 1 && kind.is_some_and(|kind| COMMON.iter().any(|common| kind == common)) {
        return headers;
    }
    for name in &NOT_THE_SCRIPTS {
        headers.remove(name);
    }
    let platforms = |cookie: &HeaderValue| {
        let pair = cookie.as_bytes().split(|byte| *byte == b';').next();
        pair.is_some_and(mentions_session)
    };
    if headers.get_all(header::SET_COOKIE).iter().any(platforms) {
        tracing::warn!("a script tried to set the platform's cookie; it was removed");
        let all = headers.get_all(header::SET_COOKIE).iter();
        let kept: Vec<HeaderValue> = all.filter(|cookie| !platforms(cookie)).cloned().collect();
        headers.remove(header::SET_COOKIE);
        for cookie in kept {
            headers.append(header::SET_COOKIE, cookie);
        }
    }
    headers
}

fn script_failed() -> Error {
    let detail = "the script failed; its owner finds the reason under this request's id";
    Error::new(Kind::Internal, "script_failed", detail)
}

/// A streamed body.
struct Streamed(Streaming);

impl http_body::Body for Streamed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let completion = match ready!(self.0.poll(context)) {
            None => return Poll::Ready(None),
            Some(StreamItem::Chunk(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Some(StreamItem::End(completion)) => *completion,
        };
        // A body cut short must look cut short to the client; the reason is in the record.
        let failed = completion.error.is_some();
        self.0.ended(completion);
        Poll::Ready(failed.then(|| Err("the script failed in the middle of its answer".into())))
    }
}
