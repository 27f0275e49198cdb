//! What a script's result means over HTTP.
//!
//! An answer outlives its run, so it is made of the platform's memory, not the script's.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use rhai::{Blob, Dynamic, EvalAltResult, FnPtr, ImmutableString, Map};
use shared::script_error::LimitKind;

use super::response::{Content, HEADERS, Response, checked_header, checked_status};
use crate::language::cost::charge_bytes;
use crate::language::error::{Result, wrong};
use crate::language::json::{EncodeError, encode};
use crate::language::overrides::render::shown;
use crate::sandbox::context;
use crate::sandbox::meter::unmetered;
use crate::sandbox::signal::StopReason;

/// An answer in plain data, but for a streaming function.
pub(crate) enum Answer {
    /// All of it.
    Whole(Head, Bytes),
    /// Head, and the function that writes the body.
    Stream(Head, FnPtr),
}

/// Bytes of all headers' names and values: what clients and proxies take.
const HEADER_BYTES: usize = 32 << 10;

/// Status and headers of an answer.
#[derive(Default)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
}

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// A body and what it is; no type when there is none.
type Body = (Option<HeaderValue>, Bytes);

/// The answer a result stands for.
pub(crate) fn answer_of(value: &Dynamic) -> Result<Answer> {
    if let Some(response) = value.read_lock::<Response>() {
        return of_response(&response);
    }
    if let Some(map) = value.read_lock::<Map>()
        && let Some(status) = map
            .get("statusCode")
            .and_then(|status| status.as_int().ok())
    {
        return of_status_map(status, &map);
    }
    let body = body_of(value)?;
    let status = if body.0.is_some() {
        StatusCode::OK
    } else {
        StatusCode::NO_CONTENT
    };
    Ok(whole(
        Head {
            status,
            headers: HeaderMap::new(),
        },
        body,
    ))
}

/// The value of a script that another script called, exactly, as JSON. A response has no value: it
/// is nothing here, which the platform refuses to a script that waits for a value and takes from
/// one that nobody waits for.
pub(crate) fn returned(value: &Dynamic) -> Result<Answer> {
    if value.is::<Response>() {
        return Ok(nothing());
    }
    Ok(whole(Head::default(), (Some(JSON), json_bytes(value)?)))
}

/// The answer to an event: nobody reads it, so the value is not looked at.
pub(crate) fn nothing() -> Answer {
    let head = Head {
        status: StatusCode::NO_CONTENT,
        headers: HeaderMap::new(),
    };
    Answer::Whole(head, Bytes::new())
}

fn whole(mut head: Head, (kind, bytes): Body) -> Answer {
    if let Some(kind) = kind {
        unmetered(|| head.headers.entry(header::CONTENT_TYPE).or_insert(kind));
    }
    Answer::Whole(head, bytes)
}

/// The body a plain value stands for.
fn body_of(value: &Dynamic) -> Result<Body> {
    if value.is_unit() {
        return Ok((None, Bytes::new()));
    }
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return Ok((Some(TEXT), copied(text.as_bytes())?));
    }
    if let Some(blob) = value.read_lock::<Blob>() {
        return Ok((Some(BYTES), copied(&blob)?));
    }
    if let Ok(letter) = value.as_char() {
        return Ok((
            Some(TEXT),
            copied(letter.encode_utf8(&mut [0; 4]).as_bytes())?,
        ));
    }
    Ok((Some(JSON), json_bytes(value)?))
}

fn stopped(limit: LimitKind) -> Box<EvalAltResult> {
    context::stop(StopReason::Limit(limit)).into()
}

fn copied(bytes: &[u8]) -> Result<Bytes> {
    if bytes.len() as u64 > context::with(|c| c.budget.limits.response) {
        return Err(stopped(LimitKind::Response));
    }
    charge_bytes(bytes.len())?;
    Ok(unmetered(|| Bytes::copy_from_slice(bytes)))
}

/// The JSON of a result, within the response limit.
fn json_bytes(value: &Dynamic) -> Result<Bytes> {
    let limit = usize::try_from(context::with(|c| c.budget.limits.response)).unwrap_or(usize::MAX);
    let encoded = unmetered(|| encode(value, limit).map(Bytes::from));
    let bytes = encoded.map_err(|error| match error {
        EncodeError::TooLarge(_) => stopped(LimitKind::Response),
        EncodeError::TooDeep => stopped(LimitKind::Nesting),
        EncodeError::NotData { .. } => wrong(format!("the result has no JSON form: {error}")),
    })?;
    charge_bytes(bytes.len())?;
    Ok(bytes)
}

fn status_code(status: i64) -> Result<StatusCode> {
    let status = checked_status(status)? as u16;
    StatusCode::from_u16(status).map_err(|_never| wrong("not an HTTP status"))
}

fn of_response(response: &Response) -> Result<Answer> {
    let headers = header_map(
        response
            .headers
            .iter()
            .map(|(name, value)| (&**name, &**value)),
    )?;
    let mut head = Head {
        status: status_code(response.status)?,
        headers,
    };
    let body = match &*response.content {
        Content::Empty => (None, Bytes::new()),
        Content::Text(text, kind) => (
            Some(HeaderValue::from_static(kind)),
            copied(text.as_bytes())?,
        ),
        Content::Json(text) => (Some(JSON), copied(text)?),
        Content::Bytes(bytes, kind) => {
            let kind = unmetered(|| HeaderValue::from_str(kind));
            (Some(kind.unwrap_or(BYTES)), copied(bytes)?)
        }
        Content::Stream(writer) => {
            unmetered(|| head.headers.entry(header::CONTENT_TYPE).or_insert(BYTES));
            return Ok(Answer::Stream(head, writer.clone()));
        }
    };
    Ok(whole(head, body))
}

/// Headers a script gave; of several with one name the last counts, but for cookies.
fn header_map<'h>(pairs: impl Iterator<Item = (&'h str, &'h str)>) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let mut bytes = 0;
    for (name, value) in pairs {
        checked_header(name, value)?;
        bytes += name.len() + value.len();
        if bytes > HEADER_BYTES || headers.len() == HEADERS {
            return Err(wrong(
                "a response can have at most 100 headers, of 32 KiB together",
            ));
        }
        let framing = [
            "connection",
            "content-length",
            "transfer-encoding",
            "upgrade",
        ];
        if framing.iter().any(|own| name.eq_ignore_ascii_case(own)) {
            return Err(wrong(format!(
                "the platform sets the header `{name}` itself"
            )));
        }
        unmetered(|| {
            let (Ok(name), Ok(value)) = (
                HeaderName::from_bytes(name.as_bytes()),
                HeaderValue::from_str(value),
            ) else {
                return;
            };
            if name == header::SET_COOKIE {
                headers.append(name, value);
            } else {
                headers.insert(name, value);
            }
        });
    }
    Ok(headers)
}

/// The form cloud functions of other platforms return: `#{statusCode: 201, headers: #{}, body: …}`.
fn of_status_map(status: i64, map: &Map) -> Result<Answer> {
    let status = status_code(status)?;
    let mut pairs = Vec::new();
    if let Some(given) = map.get("headers").and_then(Dynamic::read_lock::<Map>) {
        pairs.extend(
            given
                .iter()
                .map(|(name, value)| (name.to_string(), shown(value))),
        );
    }
    let headers = header_map(pairs.iter().map(|(name, value)| (&**name, &**value)))?;
    let body = body_of(map.get("body").unwrap_or(&Dynamic::UNIT))?;
    Ok(whole(Head { status, headers }, body))
}
