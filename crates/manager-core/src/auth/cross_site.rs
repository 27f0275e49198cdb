//! Requests that another page makes a signed-in browser send. Pages of apps can be on the same site
//! (another port of this host), so the origin counts and not the site.

use http::{HeaderMap, HeaderValue, header};
use shared::error::{Kind, code};
use shared::origin::Origin;

use crate::error::{ApiError, ApiResult};

/// What a request's own headers say about the page that sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    /// A page of this origin.
    Own,
    /// Another page, or one without an origin.
    Other,
    /// A person, by an address they typed or a bookmark.
    Nobody,
    /// It is not said.
    Unknown,
}

fn fetch_site(headers: &HeaderMap) -> Sender {
    match headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        None => Sender::Unknown,
        Some(b"same-origin") => Sender::Own,
        Some(b"none") => Sender::Nobody,
        Some(_) => Sender::Other,
    }
}

fn origin(headers: &HeaderMap, own: &Origin) -> Sender {
    let mut sent = headers.get_all(header::ORIGIN).iter();
    match (sent.next(), sent.next()) {
        (None, _) => Sender::Unknown,
        (Some(sent), None) if sent.as_bytes() == own.to_string().as_bytes() => Sender::Own,
        _ => Sender::Other,
    }
}

fn refused(detail: &'static str) -> ApiError {
    ApiError::new(Kind::Forbidden, code::CROSS_SITE, detail)
}

/// Refuses a request with a session cookie unless its own headers prove that a page of this origin
/// sent it. `effects` says that it changes something; `safe`, that its method should not.
pub(super) fn require_same_origin(
    headers: &HeaderMap,
    own: &Origin,
    safe: bool,
    effects: bool,
) -> ApiResult<()> {
    let proven = match (fetch_site(headers), origin(headers, own)) {
        (Sender::Other, _) | (_, Sender::Other) => false,
        // Browsers send no `Origin` with a GET of the same origin.
        (site, sender) if safe && effects => site == Sender::Own || sender == Sender::Own,
        _ if safe => true,
        (site, sender) => sender == Sender::Own && site != Sender::Nobody,
    };
    if proven {
        return Ok(());
    }
    Err(refused(
        "a request with a session cookie needs the `Origin` of the control plane, which is this \
         host, and `Sec-Fetch-Site: same-origin` where it is sent; programs use an API token \
         instead. Behind a proxy for TLS, set `admin_url`",
    ))
}

/// Refuses a request without credentials that says of itself that another page caused it, so
/// that nobody is signed in to an account that is not theirs.
pub(super) fn refuse_cross_site(headers: &HeaderMap, own: &Origin) -> ApiResult<()> {
    if fetch_site(headers) == Sender::Other || origin(headers, own) == Sender::Other {
        return Err(refused("the request comes from a page of another origin"));
    }
    Ok(())
}
