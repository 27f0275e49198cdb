//! `req`: the request, nothing of it parsed before a script asks, and nothing twice.

use std::collections::BTreeMap;

use rhai::plugin::{Dynamic, ImmutableString, RhaiResult, export_module};
use rhai::{Array, Blob, EvalAltResult, Map, Position};
use shared::invocation::HttpInput;

use super::forms::{cookie_pairs, form_pairs, text};
use super::state::{self, Parsed, Slot};
use crate::language::cost::charge_bytes;
use crate::language::error::Result;
use crate::language::json::{Failure, decode_metered};
use crate::sandbox::context;
use crate::sandbox::meter::{Unmetered, unmetered};

/// The value of `req`; everything is read from the run itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Req;

/// The value of `req.headers`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Headers;

/// Reads the request of the run. `req` exists only in runs that have one.
fn input<R: Default>(read: impl FnOnce(&HttpInput) -> R) -> R {
    context::with(|c| c.invocation.http().map_or_else(R::default, read))
}

fn map_of(pairs: impl IntoIterator<Item = (String, String)>) -> Dynamic {
    let pairs = pairs.into_iter();
    let map: Map = pairs
        .map(|(name, value)| (name.into(), Dynamic::from(value)))
        .collect();
    Dynamic::from_map(map)
}

/// All values of each name, in their order.
fn lists_of(pairs: impl IntoIterator<Item = (String, String)>) -> Dynamic {
    let mut lists: BTreeMap<String, Array> = BTreeMap::new();
    for (name, value) in pairs {
        lists.entry(name).or_default().push(value.into());
    }
    let lists = lists.into_iter();
    let map: Map = lists
        .map(|(name, values)| (name.into(), Dynamic::from_array(values)))
        .collect();
    Dynamic::from_map(map)
}

fn query_pairs() -> Result<Vec<(String, String)>> {
    let text = input(|http| http.uri.query().unwrap_or("").to_owned());
    charge_bytes(text.len())?;
    Ok(form_pairs(&text))
}

/// The fields of a form in the body; none for another content type.
fn body_pairs() -> Result<Vec<(String, String)>> {
    let kind = header("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or("").trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Ok(Vec::new());
    }
    room_for_body()?;
    Ok(input(|http| form_pairs(&text(&http.body))))
}

/// The value kept in `slot`, made when it is first asked for. Nothing is borrowed meanwhile: making
/// it may let others have a turn.
fn once(slot: fn(&mut Parsed) -> &mut Slot, make: impl FnOnce() -> RhaiResult) -> RhaiResult {
    let kept = state::with(|state| slot(state.parsed.as_mut()?).clone());
    if let Some(value) = kept {
        return Ok(value);
    }
    let value = make()?;
    let copy = value.clone();
    state::with(|state| *slot(state.parsed.get_or_insert_default()) = Some(copy));
    Ok(value)
}

/// All values of a header, joined as HTTP allows.
fn header(name: &str) -> Option<String> {
    input(|http| {
        let values: Vec<_> = http
            .headers
            .get_all(name)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        let between = if name.eq_ignore_ascii_case("cookie") {
            "; "
        } else {
            ", "
        };
        (!values.is_empty()).then(|| values.join(between))
    })
}

/// The port the client asked for, if its scheme does not say it.
fn port_of(http: &HttpInput) -> Option<u16> {
    let host = http.headers.get("host")?.to_str().ok()?;
    // The last colon of an IPv6 address stands before its bracket.
    let port = host.rsplit_once(':')?.1.parse().ok()?;
    let own = if http.scheme == "https" { 443 } else { 80 };
    (port != own).then_some(port)
}

fn body_length() -> usize {
    input(|http| http.body.len())
}

fn room_for_body() -> Result<()> {
    let length = body_length();
    context::reserve(length as u64)?;
    charge_bytes(length)
}

/// The error a client gets whose body is not what the script asked for.
fn bad_request(message: String) -> Box<EvalAltResult> {
    let mut map = Map::new();
    map.insert("status".into(), Dynamic::from_int(400));
    map.insert("message".into(), message.into());
    EvalAltResult::ErrorRuntime(Dynamic::from_map(map), Position::NONE).into()
}

#[export_module(root = "crate::language::placed")]
pub(super) mod functions {
    /// The method, like `GET`.
    #[rhai_fn(get = "method", pure)]
    pub fn method(_req: &mut Req) -> ImmutableString {
        input(|http| http.method.as_str().into())
    }

    /// The path as it was sent, without the query.
    #[rhai_fn(get = "path", pure)]
    pub fn path(_req: &mut Req) -> ImmutableString {
        input(|http| http.uri.path().into())
    }

    /// The whole address as the client asked for it, with a port that is not the scheme's own.
    #[rhai_fn(get = "url", pure)]
    pub fn url(_req: &mut Req) -> ImmutableString {
        input(|http| {
            let path = http.uri.path_and_query().map_or("/", |path| path.as_str());
            let port = port_of(http).map_or_else(String::new, |port| format!(":{port}"));
            format!("{}://{}{port}{path}", http.scheme, http.host).into()
        })
    }

    /// The host, without a port.
    #[rhai_fn(get = "host", pure)]
    pub fn host(_req: &mut Req) -> ImmutableString {
        input(|http| http.host.as_ref().into())
    }

    /// The client's address.
    #[rhai_fn(get = "ip", pure)]
    pub fn ip(_req: &mut Req) -> ImmutableString {
        context::with(|c| {
            c.invocation
                .http()
                .map(|http| http.ip.to_string())
                .unwrap_or_default()
                .into()
        })
    }

    /// The path's parameters.
    #[rhai_fn(get = "params", pure, return_raw)]
    pub fn params(_req: &mut Req) -> RhaiResult {
        once(
            |parsed| &mut parsed.params,
            || Ok(map_of(input(|http| http.params.clone()))),
        )
    }

    /// The query's parameters; the last of several with one name.
    #[rhai_fn(get = "query", pure, return_raw)]
    pub fn query(_req: &mut Req) -> RhaiResult {
        once(|parsed| &mut parsed.query, || Ok(map_of(query_pairs()?)))
    }

    /// The query's parameters, each with the list of its values.
    #[rhai_fn(get = "query_all", pure, return_raw)]
    pub fn query_all(_req: &mut Req) -> RhaiResult {
        once(
            |parsed| &mut parsed.query_all,
            || Ok(lists_of(query_pairs()?)),
        )
    }

    /// The headers; names in any case.
    #[rhai_fn(get = "headers", pure)]
    pub fn headers(_req: &mut Req) -> Headers {
        Headers
    }

    /// The cookies.
    #[rhai_fn(get = "cookies", pure, return_raw)]
    pub fn cookies(_req: &mut Req) -> RhaiResult {
        once(
            |parsed| &mut parsed.cookies,
            || {
                let text = header("cookie").unwrap_or_default();
                charge_bytes(text.len())?;
                Ok(map_of(cookie_pairs(&text)))
            },
        )
    }

    /// The body as bytes.
    #[rhai_fn(get = "body", pure, return_raw)]
    pub fn body(_req: &mut Req) -> Result<Blob> {
        room_for_body()?;
        Ok(input(|http| http.body.to_vec()))
    }

    /// The body as text; what is not UTF-8 becomes the replacement character.
    #[rhai_fn(get = "text", pure, return_raw)]
    pub fn body_text(_req: &mut Req) -> RhaiResult {
        once(
            |parsed| &mut parsed.text,
            || {
                room_for_body()?;
                Ok(input(|http| text(&http.body).into_owned().into()))
            },
        )
    }

    /// The body's JSON. A body that is not JSON answers the client with 400 unless it is caught.
    #[rhai_fn(get = "json", pure, return_raw)]
    pub fn json(_req: &mut Req) -> RhaiResult {
        once(
            |parsed| &mut parsed.json,
            || {
                context::reserve(body_length() as u64)?;
                // A copy may make what all copies share, which the first of them keeps.
                let body = Unmetered::new(unmetered(|| input(|http| http.body.clone())));
                decode_metered(&body).map_err(|failure| match failure {
                    Failure::Stopped(stopped) => stopped.into(),
                    Failure::Wrong(error) => {
                        bad_request(format!("the request's body is not valid JSON: {error}"))
                    }
                })
            },
        )
    }

    /// The fields of a form in the body (`application/x-www-form-urlencoded`); the last of several
    /// with one name.
    #[rhai_fn(get = "form", pure, return_raw)]
    pub fn form(_req: &mut Req) -> RhaiResult {
        once(|parsed| &mut parsed.form, || Ok(map_of(body_pairs()?)))
    }

    /// The same fields, each with the list of its values.
    #[rhai_fn(get = "form_all", pure, return_raw)]
    pub fn form_all(_req: &mut Req) -> RhaiResult {
        once(
            |parsed| &mut parsed.form_all,
            || Ok(lists_of(body_pairs()?)),
        )
    }
}

#[export_module(root = "crate::language::placed")]
pub(super) mod header_functions {
    /// The value of a header, its name in any case; `()` when it is absent.
    #[rhai_fn(name = "get", index_get, pure)]
    pub fn get(_headers: &mut Headers, name: ImmutableString) -> Dynamic {
        header(&name).map_or(Dynamic::UNIT, Dynamic::from)
    }

    /// Whether there is a header with this name.
    #[rhai_fn(pure)]
    pub fn contains(_headers: &mut Headers, name: ImmutableString) -> bool {
        input(|http| http.headers.contains_key(name.as_str()))
    }

    /// The names of all headers, in lower case.
    #[rhai_fn(pure)]
    pub fn keys(_headers: &mut Headers) -> Array {
        input(|http| {
            http.headers
                .keys()
                .map(|name| Dynamic::from(name.to_string()))
                .collect()
        })
    }

    /// All headers as a map with names in lower case.
    #[rhai_fn(pure)]
    pub fn to_map(_headers: &mut Headers) -> Map {
        let names: Vec<String> =
            input(|http| http.headers.keys().map(ToString::to_string).collect());
        let values = names
            .into_iter()
            .filter_map(|name| Some((header(&name)?, name)));
        values
            .map(|(value, name)| (name.into(), Dynamic::from(value)))
            .collect()
    }
}
