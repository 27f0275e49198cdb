//! `response`: answers with a status, headers and cookies.

use std::sync::Arc;

use bytes::Bytes;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use rhai::plugin::{Dynamic, ImmutableString, NativeCallContext, export_module};
use rhai::{Blob, FnPtr, Map};
use shared::script_error::LimitKind;

use super::bytes::{byte_length, with_bytes};
use super::header_lines::{Line, Place, checked_header, push_line, push_lines};
use super::time;
use super::transaction;
use super::writer::{StreamOut, Writer};
use crate::language::cost::charge_bytes;
use crate::language::error::{Result, wrong};
use crate::language::json::{EncodeError, Failure, encode_metered};
use crate::language::overrides::render::shown;
use crate::sandbox::meter::unmetered;
use crate::sandbox::signal::StopReason;
use crate::sandbox::{context, wait};

/// What an address in a header may not hold as it is, beside everything that is not ASCII.
const INVISIBLE: &AsciiSet = &CONTROLS.add(b' ');
/// What the value of a cookie may not hold as it is.
const NOT_IN_COOKIES: &AsciiSet = &INVISIBLE.add(b'"').add(b',').add(b';').add(b'\\').add(b'%');

/// What an answer's body is made of.
#[derive(Debug)]
pub(crate) enum Content {
    /// No body.
    Empty,
    /// Text of a media type.
    Text(ImmutableString, &'static str),
    /// The JSON of a value.
    Json(Vec<u8>),
    /// Bytes of a media type.
    Bytes(Blob, ImmutableString),
    /// What the function writes.
    Stream(Writer),
}

/// An answer under construction. Copies share their content.
#[derive(Clone, Debug)]
pub(crate) struct Response {
    /// Status, checked.
    pub(crate) status: i64,
    /// Headers, checked.
    pub(crate) headers: Vec<Line>,
    /// Body.
    pub(crate) content: Arc<Content>,
}

impl Response {
    fn new(content: Content) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            content: Arc::new(content),
        }
    }
}

/// The JSON of a value, within the response limit.
fn json_text(value: &Dynamic) -> Result<Vec<u8>> {
    let stopped = |limit| context::stop(StopReason::Limit(limit)).into();
    let limit = context::with(|c| c.budget.limits.response);
    encode_metered(value, false, limit).map_err(|failure| match failure {
        Failure::Stopped(error) => error.into(),
        Failure::Wrong(EncodeError::TooLarge(_)) => stopped(LimitKind::Response),
        Failure::Wrong(EncodeError::TooDeep) => stopped(LimitKind::Nesting),
        Failure::Wrong(error) => wrong(format!("the answer has no JSON form: {error}")),
    })
}

/// The status as a script gave it, if it is one.
pub(crate) fn checked_status(status: i64) -> Result<i64> {
    if (200..600).contains(&status) {
        return Ok(status);
    }
    Err(wrong(format!(
        "{status} is not an HTTP status from 200 to 599"
    )))
}

/// Only addresses that stay on the web: `http`, `https`, or relative to this request.
fn location(url: &str) -> Result<String> {
    let refused = |why: &str| Err(wrong(format!("cannot redirect there: {why}")));
    if url.is_empty()
        || url
            .chars()
            .any(|letter| letter.is_control() || letter == '\\')
    {
        return refused("the address is empty, or has control characters or backslashes");
    }
    if url.starts_with("//") {
        return refused("write https:// or http:// before another host's name");
    }
    let scheme_end = url
        .find([':', '/', '?', '#'])
        .filter(|at| url.as_bytes()[*at] == b':');
    if let Some(end) = scheme_end {
        let scheme = url[..end].to_ascii_lowercase();
        let rest = &url[end..];
        if !(scheme == "http" || scheme == "https") || !rest.starts_with("://") {
            return refused("only http, https and relative addresses are allowed");
        }
    }
    Ok(utf8_percent_encode(url, INVISIBLE).to_string())
}

fn redirect_to(url: &str, status: i64) -> Result<Response> {
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return Err(wrong("a redirect's status is 301, 302, 303, 307 or 308"));
    }
    let mut response = Response {
        status,
        ..Response::new(Content::Empty)
    };
    push_line(
        &mut response.headers,
        "location",
        location(url)?,
        Place::Only,
    )?;
    Ok(response)
}

/// RFC 6265: a cookie's name is a token.
fn cookie_start(name: &str, value: &str) -> Result<String> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(wrong(
            "a cookie's name is made of letters, digits and !#$%&'*+-.^_`|~",
        ));
    }
    let value = utf8_percent_encode(value, NOT_IN_COOKIES);
    Ok(format!("{name}={value}"))
}

/// Text of an option that goes into the header as it is.
fn plain_option(name: &str, value: &Dynamic) -> Result<ImmutableString> {
    let text = value
        .read_lock::<ImmutableString>()
        .map(|text| text.clone());
    text.filter(|text| {
        text.bytes()
            .all(|byte| (0x20..0x7F).contains(&byte) && byte != b';')
    })
    .ok_or_else(|| wrong(format!("the cookie option {name} is a text without ;")))
}

fn flag(name: &str, value: &Dynamic) -> Result<bool> {
    value
        .as_bool()
        .map_err(|_kind| wrong(format!("the cookie option {name} is true or false")))
}

fn same_site(value: &Dynamic) -> Result<&'static str> {
    let text = value
        .read_lock::<ImmutableString>()
        .map(|text| text.to_ascii_lowercase());
    match text.as_deref() {
        Some("lax") => Ok("Lax"),
        Some("strict") => Ok("Strict"),
        Some("none") => Ok("None"),
        _ => Err(wrong(
            "the cookie option same_site is \"lax\", \"strict\" or \"none\"",
        )),
    }
}

fn cookie_text(name: &str, value: &str, options: &Map) -> Result<String> {
    let mut out = cookie_start(name, value)?;
    let https = context::with(|c| c.invocation.http().is_some_and(|h| h.scheme == "https"));
    let (mut path, mut http_only, mut secure) = (ImmutableString::from("/"), true, https);
    let mut site = "Lax";
    for (key, option) in options {
        match key.as_str() {
            "path" => path = plain_option("path", option)?,
            "domain" => {
                let domain = plain_option("domain", option)?;
                out.push_str(&format!("; Domain={domain}"));
            }
            "max_age" => {
                let seconds = time::duration(option, "the cookie option max_age")?.as_secs();
                out.push_str(&format!("; Max-Age={seconds}"));
            }
            "http_only" => http_only = flag("http_only", option)?,
            "secure" => secure = flag("secure", option)?,
            "same_site" => site = same_site(option)?,
            other => {
                return Err(wrong(format!(
                    "a cookie has no option `{other}`; there are path, domain, max_age, \
                     http_only, secure and same_site"
                )));
            }
        }
    }
    out.push_str(&format!("; Path={path}; SameSite={site}"));
    out.push_str(if http_only { "; HttpOnly" } else { "" });
    // Browsers refuse SameSite=None without Secure.
    out.push_str(if secure || site == "None" {
        "; Secure"
    } else {
        ""
    });
    Ok(out)
}

#[export_module(root = "crate::language::placed")]
pub(super) mod functions {
    /// A value as JSON.
    #[rhai_fn(return_raw)]
    pub fn json(value: Dynamic) -> Result<Response> {
        json_text(&value).map(|text| Response::new(Content::Json(text)))
    }

    /// Plain text.
    pub fn text(value: Dynamic) -> Response {
        Response::new(Content::Text(
            shown(&value).into(),
            "text/plain; charset=utf-8",
        ))
    }

    /// A page.
    pub fn html(text: ImmutableString) -> Response {
        Response::new(Content::Text(text, "text/html; charset=utf-8"))
    }

    /// Bytes.
    pub fn blob(bytes: Blob) -> Response {
        Response::new(Content::Bytes(bytes, "application/octet-stream".into()))
    }

    /// Bytes of a media type, like `image/png`.
    #[rhai_fn(name = "blob", return_raw)]
    pub fn blob_of(bytes: Blob, media_type: ImmutableString) -> Result<Response> {
        checked_header("content-type", &media_type)?;
        Ok(Response::new(Content::Bytes(bytes, media_type)))
    }

    /// A status without a body.
    #[rhai_fn(return_raw)]
    pub fn status(status: i64) -> Result<Response> {
        Ok(Response {
            status: checked_status(status)?,
            ..Response::new(Content::Empty)
        })
    }

    /// Sends the client to another address (302).
    #[rhai_fn(return_raw)]
    pub fn redirect(url: ImmutableString) -> Result<Response> {
        redirect_to(&url, 302)
    }

    /// Sends the client to another address with 301, 302, 303, 307 or 308.
    #[rhai_fn(name = "redirect", return_raw)]
    pub fn redirect_with(url: ImmutableString, status: i64) -> Result<Response> {
        redirect_to(&url, status)
    }

    /// A body the function writes piece by piece: `response::stream(|out| out.write("…"))`.
    pub fn stream(context: NativeCallContext<'_>, writer: FnPtr) -> Response {
        Response::new(Content::Stream(Writer::new(&context, writer)))
    }
}

#[export_module(root = "crate::language::placed")]
pub(super) mod methods {
    /// Sets the status.
    #[rhai_fn(name = "status", return_raw)]
    pub fn set_status(response: &mut Response, status: i64) -> Result<Response> {
        response.status = checked_status(status)?;
        Ok(response.clone())
    }

    /// Sets a header; the last value counts. A list is a line for each of its values.
    #[rhai_fn(name = "header", return_raw)]
    pub fn set_header(
        response: &mut Response,
        name: ImmutableString,
        value: Dynamic,
    ) -> Result<Response> {
        push_lines(&mut response.headers, &name, &value)?;
        Ok(response.clone())
    }

    /// Sets a cookie: not readable by scripts in the page, sent to this site only.
    #[rhai_fn(name = "cookie", return_raw)]
    pub fn set_cookie(
        response: &mut Response,
        name: ImmutableString,
        value: ImmutableString,
    ) -> Result<Response> {
        set_cookie_with(response, name, value, Map::new())
    }

    /// Sets a cookie with options: path, domain, max_age, http_only, secure, same_site.
    #[rhai_fn(name = "cookie", return_raw)]
    pub fn set_cookie_with(
        response: &mut Response,
        name: ImmutableString,
        value: ImmutableString,
        options: Map,
    ) -> Result<Response> {
        let text = cookie_text(&name, &value, &options)?;
        push_line(&mut response.headers, "set-cookie", text, Place::Further)?;
        Ok(response.clone())
    }

    /// Sends a piece of a streamed body: text or a blob. Waits while the client is slow.
    #[rhai_fn(return_raw)]
    pub fn write(out: &mut StreamOut, piece: Dynamic) -> Result<()> {
        transaction::refuse_inside("write of a streamed body", "write after it")?;
        let length = byte_length(&piece) as u64;
        if out.with(length) > context::with(|c| c.budget.limits.response) {
            return Err(context::stop(StopReason::Limit(LimitKind::Response)).into());
        }
        charge_bytes(length as usize)?;
        // The piece outlives the script's hold on it, so it is not the script's memory.
        let bytes = with_bytes(&piece, "write", |bytes| {
            unmetered(|| Bytes::copy_from_slice(bytes))
        })?;
        drop(piece);
        Ok(wait::stream_chunk(bytes)?)
    }
}
