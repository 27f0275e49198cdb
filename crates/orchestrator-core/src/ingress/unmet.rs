//! Heads that ask for what is not there.

use http::{HeaderMap, Response, StatusCode, header};
use shared::error::{Error, Kind, code};
use shared::id::RequestId;

use super::reply;
use crate::body::Body;

/// The answer to a head that asks for what the server does not do.
pub(super) fn refused(headers: &HeaderMap, id: RequestId) -> Option<Response<Body>> {
    // Names are compared before they are hashed: most requests have neither.
    let asks =
        |name: &header::HeaderName| matches!(*name, header::TRANSFER_ENCODING | header::EXPECT);
    if !headers.keys().any(asks) {
        return None;
    }
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).iter();
    let plain = codings.next().is_none_or(|coding| {
        coding
            .as_bytes()
            .trim_ascii()
            .eq_ignore_ascii_case(b"chunked")
            && codings.next().is_none()
    });
    if !plain {
        let detail = "a body comes with `Transfer-Encoding: chunked` alone, or with its length";
        let error = Error::new(Kind::InvalidInput, code::TRANSFER_ENCODING_UNKNOWN, detail);
        return Some(reply::problem_with(&error, StatusCode::NOT_IMPLEMENTED, id));
    }
    let mut expected = headers.get_all(header::EXPECT).iter();
    let known = expected.all(|it| it.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    (!known).then(|| {
        let detail = "the only expectation there is, is `100-continue`";
        let error = Error::new(Kind::InvalidInput, code::EXPECTATION_FAILED, detail);
        reply::problem_with(&error, StatusCode::EXPECTATION_FAILED, id)
    })
}
