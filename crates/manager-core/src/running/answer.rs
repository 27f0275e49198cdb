//! From a run's outcome to the answer.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use shared::api::{LogEntry, RunResponse, RunResult};
use shared::error::{Error, Problem};
use shared::invocation::{BodyStream, Completion, LogLine, Outcome, ResponseBody, StreamItem};
use shared::name::ScriptName;
use shared::script_error::{ScriptError, ScriptErrorKind};
use shared::seam::DirectOutcome;
use tokio_stream::{Stream, StreamExt as _};

use crate::error::ApiError;
use crate::layer::Verbatim;
use crate::model::time;

/// Most bytes of a streamed answer shown in the result of a run.
const COLLECTED: usize = 8 << 20;

/// Headers a script may not set on the control plane's own host: those of the connection, and
/// those that reach beyond the answer.
const REFUSED: [HeaderName; 13] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::CONTENT_LENGTH,
    header::UPGRADE,
    header::TRAILER,
    header::SET_COOKIE,
    header::STRICT_TRANSPORT_SECURITY,
    HeaderName::from_static("clear-site-data"),
    HeaderName::from_static("service-worker-allowed"),
    HeaderName::from_static("alt-svc"),
    HeaderName::from_static("nel"),
    HeaderName::from_static("report-to"),
    HeaderName::from_static("reporting-endpoints"),
];

/// The whole answer as data: for editors and test panels.
pub(super) async fn whole(script: &ScriptName, ran: DirectOutcome) -> RunResult {
    let execution = ran.execution;
    let Outcome {
        response,
        mut completion,
    } = ran.outcome;
    let response = match response {
        Some(response) => {
            let body = match response.body {
                ResponseBody::Full(bytes) => bytes,
                ResponseBody::Stream(stream) => {
                    let (bytes, end) = collect(stream).await;
                    completion = end;
                    bytes
                }
            };
            Some(view(response.status, &response.headers, body))
        }
        None => None,
    };
    let usage = completion.usage;
    let line = |line: LogLine| LogEntry {
        at: time(line.at),
        level: line.level,
        script: script.clone(),
        execution,
        message: line.message,
        fields: line
            .fields
            .as_deref()
            .and_then(|text| serde_json::from_str(text).ok()),
    };
    RunResult {
        execution,
        response,
        error: completion.error,
        logs: completion.logs.into_iter().map(line).collect(),
        duration_ms: usage.wall.as_secs_f64() * 1_000.0,
        cpu_ms: usage.cpu.as_secs_f64() * 1_000.0,
        operations: usage.operations,
        memory_peak: usage.memory_peak,
        host_calls: usage.host_calls,
    }
}

async fn collect(mut stream: BodyStream) -> (Bytes, Completion) {
    let mut all = BytesMut::new();
    while let Some(item) = stream.next().await {
        match item {
            StreamItem::Chunk(bytes) if all.len() + bytes.len() <= COLLECTED => {
                all.extend_from_slice(&bytes);
            }
            StreamItem::Chunk(_) => {
                let message = format!("the answer is longer than {COLLECTED} bytes and was cut");
                let error = ScriptError::new(ScriptErrorKind::Cancelled, message);
                return (all.freeze(), Outcome::failed(error).completion);
            }
            StreamItem::End(completion) => return (all.freeze(), *completion),
        }
    }
    (all.freeze(), Completion::default())
}

fn view(status: StatusCode, headers: &HeaderMap, body: Bytes) -> RunResponse {
    let mut shown: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        let between = if name == header::SET_COOKIE {
            "\n"
        } else {
            ", "
        };
        shown
            .entry(name.to_string())
            .and_modify(|known| *known = format!("{known}{between}{value}"))
            .or_insert_with(|| value.into_owned());
    }
    let text = std::str::from_utf8(&body).ok().map(str::to_owned);
    let body_base64 = text.is_none().then(|| STANDARD.encode(&body));
    RunResponse {
        status: status.as_u16(),
        headers: shown,
        body: text,
        body_base64,
    }
}

/// The script's answer as the answer of the request.
pub(super) fn streamed(outcome: Outcome) -> Response {
    let status = Error::status_of(&outcome);
    let Some(script) = outcome.response.filter(|r| r.status == status) else {
        return match outcome.completion.error {
            Some(ScriptError {
                public: Some(public),
                ..
            }) => {
                let kind = HeaderValue::from_static(Problem::MEDIA_TYPE);
                let problem = Problem::thrown(&public, None).to_json();
                (status, [(header::CONTENT_TYPE, kind)], problem).into_response()
            }
            Some(error) => ApiError::from(Error::of_script(&error)).into_response(),
            None => ApiError::internal().into_response(),
        };
    };
    let body = match script.body {
        ResponseBody::Full(bytes) => Body::from(bytes),
        ResponseBody::Stream(stream) => Body::from_stream(Streamed(stream)),
    };
    let mut response = Response::new(body);
    *response.status_mut() = script.status;
    *response.headers_mut() = clean(script.headers);
    response.extensions_mut().insert(Verbatim);
    response
}

fn clean(mut headers: HeaderMap) -> HeaderMap {
    for name in &REFUSED {
        headers.remove(name);
    }
    // Shown in a browser, a script's page must not share an origin with the session.
    headers.append(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("sandbox"),
    );
    headers
}

/// A streamed body.
struct Streamed(BodyStream);

impl Stream for Streamed {
    type Item = Result<Bytes, axum::BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match ready!(self.0.as_mut().poll_next(context)) {
            Some(StreamItem::Chunk(bytes)) => Poll::Ready(Some(Ok(bytes))),
            // A body cut short must look cut short to the client.
            Some(StreamItem::End(completion)) => {
                let failed = completion.error.map(|error| error.message);
                Poll::Ready(failed.map(|message| Err(message.into())))
            }
            None => Poll::Ready(None),
        }
    }
}
