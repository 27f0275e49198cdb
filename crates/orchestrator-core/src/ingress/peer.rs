//! Who asks and which host: what a request's head says, as far as it is believed.

use std::net::{IpAddr, SocketAddr};

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
        let Some(next) = forwarded(value.trim()) else {
            break;
        };
        ip = next;
        if !trusted(&ip) {
            break;
        }
    }
    (ip, https)
}

/// One entry of `X-Forwarded-For`: an address, which some proxies write with the client's port.
fn forwarded(entry: &str) -> Option<IpAddr> {
    let bare = entry
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if let Some(bare) = bare {
        return bare.parse().ok().filter(IpAddr::is_ipv6);
    }
    let with_port = || entry.parse::<SocketAddr>().ok();
    let alone = entry.parse().ok();
    alone.or_else(|| with_port().map(|address| address.ip()))
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

#[cfg(test)]
mod tests {
    use super::forwarded;

    #[test]
    fn an_entry_is_an_address_with_or_without_a_port() {
        for (entry, address) in [
            ("203.0.113.9", Some("203.0.113.9")),
            ("203.0.113.9:51234", Some("203.0.113.9")),
            ("2001:db8::7", Some("2001:db8::7")),
            ("[2001:db8::7]", Some("2001:db8::7")),
            ("[2001:db8::7]:443", Some("2001:db8::7")),
            ("::ffff:203.0.113.9", Some("::ffff:203.0.113.9")),
            ("203.0.113.9:", None),
            ("203.0.113.9:x", None),
            ("203.0.113.9:65536", None),
            ("[203.0.113.9]", None),
            ("[2001:db8::7", None),
            ("[]", None),
            ("[]:80", None),
            ("unknown", None),
            ("_hidden", None),
            ("", None),
        ] {
            let address = address.map(|address| address.parse().unwrap());
            assert_eq!(forwarded(entry), address, "{entry}");
        }
    }
}
