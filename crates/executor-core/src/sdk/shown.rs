//! `req`, `event` and `ctx` as text: for `print`, log lines, and texts in backticks.

use rhai::Map;
use rhai::plugin::{Dynamic, ImmutableString, export_module};
use shared::event::request::{REDACTED, SECRET_HEADERS};

use super::ctx::{self, Ctx};
use super::event::{self, Event};
use super::req::{self, Headers, Req};
use crate::language::error::Result;
use crate::language::overrides::render;

/// Letters of a body that are shown.
const BODY: usize = 2_000;

/// The text of any value, as `print` has it.
pub(super) fn shown(value: &Dynamic) -> Result<String> {
    let map = if value.is::<Req>() {
        request()?
    } else if value.is::<Headers>() {
        headers()
    } else if value.is::<Ctx>() {
        run()
    } else if let Some(event) = value.read_lock::<Event>() {
        event::functions::to_map(&mut event.clone())?
    } else {
        return Ok(render::shown(value));
    };
    Ok(render::shown(&Dynamic::from_map(map)))
}

fn text(value: impl Into<Dynamic>) -> Result<ImmutableString> {
    Ok(shown(&value.into())?.into())
}

/// The headers, but for what their sender signs in with: log lines are read by others.
fn headers() -> Map {
    let mut headers = req::header_functions::to_map(&mut Headers);
    for name in SECRET_HEADERS {
        if let Some(value) = headers.get_mut(name) {
            *value = REDACTED.into();
        }
    }
    headers
}

fn request() -> Result<Map> {
    let req = &mut Req;
    let body = req::functions::body_text(req)?.into_immutable_string();
    let body = body.unwrap_or_default();
    let mut shown: String = body.chars().take(BODY).collect();
    if shown.len() < body.len() {
        shown.push('…');
    }
    let fields: [(&str, Dynamic); 7] = [
        ("method", req::functions::method(req).into()),
        ("url", req::functions::url(req).into()),
        ("ip", req::functions::ip(req).into()),
        ("params", req::functions::params(req)?),
        ("query", req::functions::query(req)?),
        ("headers", headers().into()),
        ("text", shown.into()),
    ];
    Ok(fields.map(|(name, value)| (name.into(), value)).into())
}

fn run() -> Map {
    let ctx = &mut Ctx;
    let fields: [(&str, Dynamic); 7] = [
        ("app", ctx::functions::app(ctx).into()),
        ("script", ctx::functions::script(ctx).into()),
        ("version", ctx::functions::version(ctx).into()),
        ("execution_id", ctx::functions::execution_id(ctx).into()),
        ("request_id", ctx::functions::request_id(ctx).into()),
        ("trigger", ctx::functions::trigger(ctx).into()),
        ("attempt", ctx::functions::attempt(ctx).into()),
    ];
    fields.map(|(name, value)| (name.into(), value)).into()
}

#[export_module(root = "crate::language::placed")]
pub(super) mod functions {
    /// The request as text, without what its sender signs in with.
    #[rhai_fn(
        name = "to_string",
        name = "to_debug",
        name = "print",
        name = "debug",
        return_raw,
        pure
    )]
    pub fn request_text(req: &mut Req) -> Result<ImmutableString> {
        text(Dynamic::from(*req))
    }

    /// The headers as text, without what their sender signs in with.
    #[rhai_fn(
        name = "to_string",
        name = "to_debug",
        name = "print",
        name = "debug",
        return_raw,
        pure
    )]
    pub fn headers_text(headers: &mut Headers) -> Result<ImmutableString> {
        text(Dynamic::from(*headers))
    }

    /// The event as text.
    #[rhai_fn(
        name = "to_string",
        name = "to_debug",
        name = "print",
        name = "debug",
        return_raw,
        pure
    )]
    pub fn event_text(event: &mut Event) -> Result<ImmutableString> {
        text(Dynamic::from(event.clone()))
    }

    /// What the run knows about itself, as text.
    #[rhai_fn(
        name = "to_string",
        name = "to_debug",
        name = "print",
        name = "debug",
        return_raw,
        pure
    )]
    pub fn ctx_text(ctx: &mut Ctx) -> Result<ImmutableString> {
        text(Dynamic::from(*ctx))
    }

    /// The text followed by the request as text.
    #[rhai_fn(name = "+", return_raw)]
    pub fn text_and_request(text: ImmutableString, req: Req) -> Result<ImmutableString> {
        Ok(text + super::text(Dynamic::from(req))?.as_str())
    }

    /// The text followed by the event as text.
    #[rhai_fn(name = "+", return_raw)]
    pub fn text_and_event(text: ImmutableString, event: Event) -> Result<ImmutableString> {
        Ok(text + super::text(Dynamic::from(event))?.as_str())
    }
}
