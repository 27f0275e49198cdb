//! What a script's result means over HTTP.
//!
//! An answer outlives its run, so it is made of the platform's memory, not the script's.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use rhai::{Array, Blob, Dynamic, EvalAltResult, ImmutableString, Map};
use shared::script_error::LimitKind;

use super::encoding::of_base64;
use super::response::{Content, HEADERS, Response, checked_header, checked_status};
use super::writer::Writer;
use crate::language::cost::charge_bytes;
use crate::language::error::{Result, wrong};
use crate::language::json::{EncodeError, encode_whole};
use crate::language::overrides::render::shown;
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

/// Headers that say nothing when they say two things.
const ONE_VALUE: [&str; 2] = ["content-type", "location"];

/// A header a script gave.
struct Line<'h> {
    name: &'h str,
    value: &'h str,
    place: Place,
}

/// What becomes of earlier lines of the same name.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// It takes their place.
    Only,
    /// It goes out beside them.
    Further,
}

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
    let headers = header_map(response.headers.iter().map(|(name, value)| Line {
        name,
        value,
        place: Place::Only,
    }))?;
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

fn too_many_headers() -> Box<EvalAltResult> {
    wrong("a response can have at most 100 headers, of 32 KiB together")
}

/// Headers a script gave; of several with one name the last counts, but for cookies.
fn header_map<'h>(lines: impl Iterator<Item = Line<'h>>) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let mut bytes = 0;
    for Line { name, value, place } in lines {
        checked_header(name, value)?;
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
            if name == header::SET_COOKIE || place == Place::Further {
                headers.append(name, value);
            } else {
                headers.insert(name, value);
            }
        });
    }
    Ok(headers)
}

/// The form cloud functions of other platforms return: `#{statusCode: 201, headers: #{}, body: …}`,
/// with `multiValueHeaders`, `cookies` and `isBase64Encoded`.
fn of_status_map(status: i64, map: &Map) -> Result<Answer> {
    let status = status_code(status)?;
    let lines = status_map_lines(map)?;
    let headers = header_map(lines.iter().map(|(name, value, place)| Line {
        name,
        value,
        place: *place,
    }))?;
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
fn status_map_lines(map: &Map) -> Result<Vec<(String, String, Place)>> {
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

/// A list is a line of the header for each of its values.
fn push_lines(lines: &mut Vec<(String, String, Place)>, name: &str, value: &Dynamic) -> Result<()> {
    let Some(list) = value.read_lock::<Array>() else {
        lines.push((name.to_owned(), header_text(name, value)?, Place::Only));
        return Ok(());
    };
    if list.len() > 1 && ONE_VALUE.iter().any(|own| name.eq_ignore_ascii_case(own)) {
        return Err(wrong(format!(
            "the header `{name}` has one value, not a list"
        )));
    }
    if list.len() > HEADERS {
        return Err(too_many_headers());
    }
    for (number, value) in list.iter().enumerate() {
        let place = if number == 0 {
            Place::Only
        } else {
            Place::Further
        };
        lines.push((name.to_owned(), header_text(name, value)?, place));
    }
    Ok(())
}

fn header_text(name: &str, value: &Dynamic) -> Result<String> {
    let plain = value.is_string()
        || value.is_char()
        || value.is_int()
        || value.is_float()
        || value.is_bool();
    if plain {
        return Ok(shown(value));
    }
    let kind = value.type_name();
    Err(wrong(format!(
        "the header `{name}` is a text, a number, true, false or a list of them, not {kind}"
    )))
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
