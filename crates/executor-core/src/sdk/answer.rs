//! What a script's result means over HTTP.
//!
//! An answer outlives its run, so it is made of the platform's memory, not the script's.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use rhai::{Blob, Dynamic, EvalAltResult, ImmutableString, Map};
use shared::script_error::LimitKind;

use super::encoding::of_base64;
use super::header_lines::{HEADERS, Line, Place, push_lines, too_many_headers};
use super::response::{Content, Response, checked_status};
use super::writer::Writer;
use crate::language::cost::charge_bytes;
use crate::language::error::{Result, wrong};
use crate::language::json::{EncodeError, encode_whole};
use crate::sandbox::asks::answers;
use crate::sandbox::context;
use crate::sandbox::meter::unmetered;
use crate::sandbox::signal::StopReason;

/// An answer in plain data, but for a streaming function.
pub(crate) enum Answer {
    /// All of it.
    Whole(Head, Bytes),
    /// Head, and the function that writes the body.
    Stream(Head, Writer),
}

/// Bytes of all headers' names and values: what clients and proxies take.
const HEADER_BYTES: usize = 32 << 10;

/// Room of an answer that is not used and is not worth giving back.
const SLACK: usize = 16 << 10;

/// Headers of the connection, which no script sets.
const THE_PLATFORMS: [&str; 9] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

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
    answers(bytes.len())?;
    charge_bytes(bytes.len())?;
    Ok(unmetered(|| Bytes::copy_from_slice(bytes)))
}

/// The JSON of a result, within the response limit.
fn json_bytes(value: &Dynamic) -> Result<Bytes> {
    let limit = usize::try_from(context::with(|c| c.budget.limits.response)).unwrap_or(usize::MAX);
    let encoded = unmetered(|| encode_whole(value, limit).map(without_slack));
    let bytes = encoded.map_err(|error| match error {
        EncodeError::TooLarge(_) => stopped(LimitKind::Response),
        EncodeError::TooDeep => stopped(LimitKind::Nesting),
        EncodeError::NotData { .. } | EncodeError::Stopped => {
            wrong(format!("the result has no JSON form: {error}"))
        }
    })?;
    answers(bytes.len())?;
    charge_bytes(bytes.len())?;
    Ok(bytes)
}

/// A text that grew by doubling has up to twice the room it needs. Moving a small one costs more.
fn without_slack(mut text: Vec<u8>) -> Bytes {
    if text.capacity() - text.len() > SLACK {
        text.shrink_to_fit();
    }
    text.into()
}

fn status_code(status: i64) -> Result<StatusCode> {
    let status = checked_status(status)? as u16;
    StatusCode::from_u16(status).map_err(|_never| wrong("not an HTTP status"))
}

fn of_response(response: &Response) -> Result<Answer> {
    let headers = header_map(&response.headers)?;
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
fn header_map(lines: &[Line]) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let mut bytes = 0;
    for Line { name, value, place } in lines {
        bytes += name.len() + value.len();
        if bytes > HEADER_BYTES || headers.len() == HEADERS {
            return Err(too_many_headers());
        }
        if THE_PLATFORMS
            .iter()
            .any(|own| name.eq_ignore_ascii_case(own))
        {
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
                set_cookie(&mut headers, value);
            } else if *place == Place::Further {
                headers.append(name, value);
            } else {
                headers.insert(name, value);
            }
        });
    }
    Ok(headers)
}

/// Adds a cookie, in the place of an earlier one of its name: clients differ in which of two they
/// take (RFC 6265, 4.1.1).
fn set_cookie(headers: &mut HeaderMap, cookie: HeaderValue) {
    let name_of = |cookie: &HeaderValue| {
        let name = cookie.as_bytes().split(|byte| *byte == b'=').next();
        name.unwrap_or_default().to_vec()
    };
    let name = name_of(&cookie);
    let others: Vec<HeaderValue> = headers
        .get_all(header::SET_COOKIE)
        .iter()
        .filter(|other| name_of(other) != name)
        .cloned()
        .collect();
    headers.remove(header::SET_COOKIE);
    for cookie in others.into_iter().chain([cookie]) {
        headers.append(header::SET_COOKIE, cookie);
    }
}

/// The form cloud functions of other platforms return: `#{statusCode: 201, headers: #{}, body: …}`,
/// with `multiValueHeaders`, `cookies` and `isBase64Encoded`.
fn of_status_map(status: i64, map: &Map) -> Result<Answer> {
    let status = status_code(status)?;
    let headers = header_map(&status_map_lines(map)?)?;
    let given = map.get("body").unwrap_or(&Dynamic::UNIT);
    let encoded = map.get("isBase64Encoded").map(Dynamic::as_bool);
    let body = match encoded {
        None | Some(Ok(false)) => body_of(given)?,
        Some(Ok(true)) => body_of_base64(given)?,
        Some(Err(_kind)) => return Err(wrong("`isBase64Encoded` is true or false")),
    };
    Ok(whole(Head { status, headers }, body))
}

/// The headers such a map names in any of its fields.
fn status_map_lines(map: &Map) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for field in ["headers", "multiValueHeaders"] {
        let Some(given) = map.get(field).filter(|given| !given.is_unit()) else {
            continue;
        };
        let Some(given) = given.read_lock::<Map>() else {
            return Err(wrong(format!("`{field}` is a map of names and values")));
        };
        for (name, value) in given.iter() {
            push_lines(&mut lines, name, value)?;
        }
    }
    if let Some(cookies) = map.get("cookies").filter(|given| !given.is_unit()) {
        push_lines(&mut lines, "set-cookie", cookies)?;
    }
    Ok(lines)
}

fn body_of_base64(value: &Dynamic) -> Result<Body> {
    if value.is_unit() {
        return body_of(value);
    }
    let Some(text) = value.read_lock::<ImmutableString>() else {
        return Err(wrong("with `isBase64Encoded` the body is a text in base64"));
    };
    let bytes = of_base64(&text)?;
    Ok((Some(BYTES), copied(&bytes)?))
}
