//! Requests that another site makes a signed-in browser send.

use http::{HeaderMap, HeaderValue, header};
use shared::error::{Kind, code};

use crate::error::{ApiError, ApiResult};

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).map(HeaderValue::to_str)?.ok()
}

fn refused(detail: &'static str) -> ApiError {
    ApiError::new(Kind::Forbidden, code::CROSS_SITE, detail)
}

/// Refuses a request with a session cookie unless its own headers prove that it comes from the
/// same origin.
pub(super) fn require_same_origin(headers: &HeaderMap) -> ApiResult<()> {
    match text(headers, "sec-fetch-site") {
        Some("same-origin" | "none") => return Ok(()),
        Some(_) => return Err(refused("the request comes from another site")),
        None => {}
    }
    let origin = text(headers, header::ORIGIN.as_str());
    let host = text(headers, header::HOST.as_str());
    let same = origin
        .and_then(|origin| origin.split_once("://"))
        .is_some_and(|(_, from)| host.is_some_and(|host| host.eq_ignore_ascii_case(from)));
    if same {
        Ok(())
    } else {
        Err(refused(
            "a request with a session cookie needs `Sec-Fetch-Site: same-origin` or an `Origin` \
             that is this host; programs use an API token instead",
        ))
    }
}

/// Refuses a request without credentials that says of itself that another site caused it, so
/// that nobody is signed in to an account that is not theirs.
pub(super) fn refuse_cross_site(headers: &HeaderMap) -> ApiResult<()> {
    match text(headers, "sec-fetch-site") {
        Some("cross-site" | "same-site") => Err(refused("the request comes from another site")),
        _ => Ok(()),
    }
}
