//! Who asks and which host: what a request's head says, as far as it is believed.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, Request, header};
use shared::error::{Error, Kind, code};

use super::network::Network;

static X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
static X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// The client's address and whether it speaks TLS, as far as trusted proxies tell.
pub(super) fn client_of(trusted: &[Network], headers: &HeaderMap, peer: IpAddr) -> (IpAddr, bool) {
    let trusted = |ip: &IpAddr| trusted.iter().any(|n| n.contains(*ip));
    // Names are compared before they are hashed: most requests have neither header.
    let told = |name: &HeaderName| name.as_str().starts_with("x-forwarded-");
    if !trusted(&peer) || !headers.keys().any(told) {
        return (peer, false);
    }
    let https = headers
        .get(&X_FORWARDED_PROTO)
        .is_some_and(|v| v.as_bytes() == b"https");
    let mut ip = peer;
    // From the right: the first address that is not a trusted proxy is the client.
    let values: Vec<&str> = headers
        .get_all(&X_FORWARDED_FOR)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    for value in values.iter().rev() {
        let Ok(next) = value.trim().parse() else {
            break;
        };
        ip = next;
        if !trusted(&ip) {
            break;
        }
    }
    (ip, https)
}

fn no_host(detail: &'static str) -> Error {
    Error::new(Kind::InvalidInput, code::BAD_HOST, detail)
}

pub(super) fn bad_host() -> Error {
    no_host("the Host header is not a host name")
}

/// The host of a request as it was sent. Exactly one; HTTP/2 sends it as `:authority`.
pub(super) fn authority_of<B>(request: &Request<B>) -> Result<&str, Error> {
    let mut values = request.headers().get_all(header::HOST).iter();
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    match (values.next(), values.next(), authority) {
        (_, Some(_), _) => Err(no_host("the request has more than one Host header")),
        (_, None, Some(authority)) => Ok(authority),
        (Some(value), None, None) => value.to_str().map_err(|_not_text| bad_host()),
        (None, None, None) => Err(no_host("the request has no Host header")),
    }
}
