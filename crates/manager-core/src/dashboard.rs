//! The dashboard: files that `dashboard/` was built to, part of the program. They are served on the admin origin only.

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

/// A built file; `brotli` and `gzip` are empty where it has no compressed form.
#[derive(Debug)]
struct File {
    path: &'static str,
    plain: &'static [u8],
    brotli: &'static [u8],
    gzip: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/dashboard.rs"));

/// The page that finds out by its address what it shows.
const PAGE: &str = "/200.html";
/// Names below it have the hash of what they hold.
const IMMUTABLE: &str = "/_app/immutable/";
/// Where no page is, so that what is missing there is not answered by one.
const NOT_PAGES: [&str; 4] = ["/api/", "/docs/", "/_app/", "/.well-known/"];
/// What the pages may not use; a page's own policy cannot say it.
const PERMISSIONS: &str = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";

/// Everything on the admin origin that is no operation and no document: files, and the page for the
/// addresses that a browser opens.
pub(crate) async fn serve(request: Request) -> Response {
    let path = request.uri().path();
    let Some(file) = find(path).or_else(|| page_for(path, request.headers())) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let allow = [(header::ALLOW, HeaderValue::from_static("GET, HEAD"))];
        return (StatusCode::METHOD_NOT_ALLOWED, allow).into_response();
    }
    answer(file, request.headers())
}

fn find(path: &str) -> Option<&'static File> {
    FILES.iter().find(|file| file.path == path)
}

/// The page, if the client is a browser that opens an address. Programs that mistype one get an error.
fn page_for(path: &str, headers: &HeaderMap) -> Option<&'static File> {
    let mut accepted = headers.get_all(header::ACCEPT).iter();
    let opened = accepted.any(|value| value.as_bytes().windows(9).any(|part| part == b"text/html"));
    let page = opened && !NOT_PAGES.iter().any(|place| path.starts_with(place));
    (page || matches!(path, "/" | "/setup"))
        .then(|| find(PAGE))
        .flatten()
}

fn answer(file: &File, headers: &HeaderMap) -> Response {
    let (encoding, bytes) = encoded(file, headers);
    let hash = blake3::hash(bytes).to_hex();
    let tag = format!("\"{}\"", &hash[..32]);
    let keep = if file.path.starts_with(IMMUTABLE) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let mut response = Response::new(Body::from(Bytes::from_static(bytes)));
    let mut set = |name: HeaderName, value: &'static str| {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    };
    set(header::CONTENT_TYPE, kind_of(file.path));
    set(header::CACHE_CONTROL, keep);
    set(header::VARY, "accept-encoding");
    if let Some(encoding) = encoding {
        set(header::CONTENT_ENCODING, encoding);
    }
    if file.path == PAGE {
        set(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
        set(HeaderName::from_static("permissions-policy"), PERMISSIONS);
    }
    let tag = HeaderValue::try_from(tag).expect("hexadecimal digits");
    response.headers_mut().insert(header::ETAG, tag);
    response
}

/// The smallest form that the client takes.
fn encoded(file: &File, headers: &HeaderMap) -> (Option<&'static str>, &'static [u8]) {
    let forms = [("br", file.brotli), ("gzip", file.gzip)];
    let found = forms
        .into_iter()
        .find(|(name, bytes)| is_smaller(bytes, file.plain) && accepts(headers, name));
    found.map_or((None, file.plain), |(name, bytes)| (Some(name), bytes))
}

/// What is tiny grows by compressing it.
fn is_smaller(compressed: &[u8], plain: &[u8]) -> bool {
    !compressed.is_empty() && compressed.len() < plain.len()
}

/// Whether a client takes an encoding by its name (RFC 9110, 12.5.3).
fn accepts(headers: &HeaderMap, wanted: &str) -> bool {
    let values = headers.get_all(header::ACCEPT_ENCODING).iter();
    let values = values.filter_map(|value| value.to_str().ok());
    let mut parts = values.flat_map(|value| value.split(','));
    parts.any(|part| {
        let mut words = part.split(';').map(str::trim);
        let named = words
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(wanted));
        let weight = words.find_map(|word| word.strip_prefix("q="));
        named && weight.is_none_or(|weight| weight.parse().unwrap_or(0.0_f32) > 0.0)
    })
}

fn kind_of(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests;
