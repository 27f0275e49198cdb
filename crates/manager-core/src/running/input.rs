//! The `req` of a run.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use shared::api::RunHttp;
use shared::invocation::HttpInput;
use shared::limits::fixed;
use shared::name::ScriptName;
use shared::origin::Origin;
use shared::routing::Method;
use store::apps::AppRow;

use crate::error::{ApiError, ApiResult};
use crate::manager::PeerInfo;

/// Headers of one described request, as many as ingress takes.
const HEADERS: usize = 100;

/// `GET /`.
pub(super) fn plain() -> RunHttp {
    RunHttp {
        method: None,
        path: None,
        headers: BTreeMap::new(),
        params: BTreeMap::new(),
        body: None,
        body_base64: None,
    }
}

/// Where an app answers by its name: its scheme and its `Host`, with the port where it is needed, so
/// that links a script makes lead to the app and not to the control plane.
fn answers(app: &AppRow, public: &Origin) -> ApiResult<(&'static str, HeaderValue)> {
    let origin = public.on(&format!("{}.localhost", app.slug));
    let scheme = if origin.is_https() { "https" } else { "http" };
    let text = origin.to_string();
    let host = text.split_once("://").map_or("", |(_, host)| host);
    let host = HeaderValue::from_str(host).map_err(|_never| ApiError::internal())?;
    Ok((scheme, host))
}

/// The request a caller describes.
pub(super) fn described(
    request: RunHttp,
    app: &AppRow,
    peer: &PeerInfo,
    public: &Origin,
) -> ApiResult<HttpInput> {
    let method = match request.method.unwrap_or(Method::Get) {
        Method::Any => {
            return Err(ApiError::invalid(
                "`method` is a method of a request; ANY is not one",
            ));
        }
        method => http::Method::from_bytes(method.as_str().as_bytes()),
    };
    let body = body_of(request.body, request.body_base64)?;
    if body.len() > fixed::BODY_BYTES {
        let detail = format!("`body` is larger than {} bytes", fixed::BODY_BYTES);
        return Err(ApiError::invalid(detail));
    }
    let (scheme, host) = answers(app, public)?;
    let mut headers = headers(&request.headers)?;
    if !headers.contains_key(header::HOST) {
        headers.insert(header::HOST, host);
    }
    Ok(HttpInput {
        method: method.map_err(|_never| ApiError::internal())?,
        uri: uri(request.path.as_deref().unwrap_or("/"))?,
        scheme,
        host: format!("{}.localhost", app.slug).into(),
        headers: headers.into(),
        params: request.params.into_iter().collect(),
        ip: peer.address,
        body: body.into(),
    })
}

/// A body as it is described: as text, or as base64.
fn body_of(text: Option<String>, base64: Option<String>) -> ApiResult<Vec<u8>> {
    match (text, base64) {
        (Some(_), Some(_)) => Err(ApiError::invalid(
            "`body` and `body_base64` are two bodies; send one of them",
        )),
        (None, Some(base64)) => STANDARD
            .decode(base64)
            .map_err(|error| ApiError::invalid(format!("`body_base64` is not base64: {error}"))),
        (text, None) => Ok(text.unwrap_or_default().into_bytes()),
    }
}

fn uri(path: &str) -> ApiResult<Uri> {
    let bad = || ApiError::invalid("`path` is a path with an optional query, like /orders?page=2");
    if !path.starts_with('/') {
        return Err(bad());
    }
    path.parse().map_err(|_bad_uri| bad())
}

fn headers(described: &BTreeMap<String, String>) -> ApiResult<HeaderMap> {
    if described.len() > HEADERS {
        return Err(ApiError::invalid(format!(
            "`headers` has more than {HEADERS} items"
        )));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in described {
        let shown: String = name.chars().take(60).collect();
        let bad = || ApiError::invalid(format!("header `{shown}` cannot be sent over HTTP"));
        let name: HeaderName = name.parse().map_err(|_bad_name| bad())?;
        let value = HeaderValue::from_str(value).map_err(|_bad_value| bad())?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// The caller's own request, without what is meant for the control plane only.
pub(super) fn forwarded(
    (parts, body): (Parts, Bytes),
    script: &ScriptName,
    app: &AppRow,
    peer: &PeerInfo,
    public: &Origin,
) -> ApiResult<HttpInput> {
    let (scheme, host) = answers(app, public)?;
    let mut headers = parts.headers;
    headers.insert(header::HOST, host);
    // The script must never see the credential that called it.
    headers.remove(header::AUTHORIZATION);
    headers.remove(header::COOKIE);
    let query = parts
        .uri
        .query()
        .map_or_else(String::new, |query| format!("?{query}"));
    let uri = format!("/{script}{query}").parse();
    Ok(HttpInput {
        method: parts.method,
        uri: uri.map_err(|_bad_uri| ApiError::invalid("the query cannot be read"))?,
        scheme,
        host: format!("{}.localhost", app.slug).into(),
        headers: headers.into(),
        params: Vec::new(),
        ip: peer.address,
        body,
    })
}
