//! Scheme, host and port.

use std::fmt;
use std::net::Ipv6Addr;
use std::num::ParseIntError;
use std::str::FromStr;
use std::sync::Arc;

/// Where something answers, as browsers tell places apart.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Origin {
    https: bool,
    /// Lower case, without a dot at its end; an IPv6 address in brackets.
    host: Arc<str>,
    port: u16,
}

/// A text that is not an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write a URL without a path, like https://cloud.example.com")]
pub struct OriginError;

impl Origin {
    /// This host, as [`split_authority`] gives it, by this scheme; without a port the scheme's.
    pub fn new(https: bool, host: Arc<str>, port: Option<u16>) -> Self {
        let port = port.unwrap_or(default_port(https));
        Self { https, host, port }
    }

    /// Whether it is reached by TLS.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// The host, lower case, without port.
    pub fn host(&self) -> &Arc<str> {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Another host on the same port by the same scheme.
    #[must_use]
    pub fn on(&self, host: &str) -> Self {
        Self {
            host: host.into(),
            ..self.clone()
        }
    }
}

const fn default_port(https: bool) -> u16 {
    if https { 443 } else { 80 }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.https { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.host)?;
        if self.port == default_port(self.https) {
            return Ok(());
        }
        write!(f, ":{}", self.port)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let (scheme, rest) = text.split_once("://").ok_or(OriginError)?;
        let https = match scheme {
            _ if scheme.eq_ignore_ascii_case("http") => false,
            _ if scheme.eq_ignore_ascii_case("https") => true,
            _ => return Err(OriginError),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = split_authority(authority).ok_or(OriginError)?;
        if port == Some(0) {
            return Err(OriginError);
        }
        Ok(Self::new(https, host, port))
    }
}

/// Longest host name (RFC 1035), without a dot at its end.
const HOST_BYTES: usize = 253;

/// The host of a request without its port, lower case, and the port; `None` when it is not a host.
pub fn split_authority(authority: &str) -> Option<(Arc<str>, Option<u16>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, after) = rest.split_once(']')?;
        let port = match after {
            "" => None,
            after => port(after.strip_prefix(':')?).ok()?,
        };
        let address: Ipv6Addr = address.parse().ok()?;
        return Some((format!("[{address}]").into(), port));
    }
    let mut lower = [0; HOST_BYTES + 1];
    let (mut length, mut at) = (0, None);
    for byte in authority.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'A'..=b'Z' => {}
            b':' => {
                at = port(&authority[length + 1..]).ok()?;
                break;
            }
            _ => return None,
        }
        *lower.get_mut(length)? = byte.to_ascii_lowercase();
        length += 1;
    }
    let host = &lower[..length];
    let host = std::str::from_utf8(host.strip_suffix(b".").unwrap_or(host)).ok()?;
    (!host.is_empty() && host.len() <= HOST_BYTES).then(|| (host.into(), at))
}

/// What follows a colon: nothing, or a port.
fn port(text: &str) -> Result<Option<u16>, ParseIntError> {
    match text {
        "" => Ok(None),
        text => text.parse().map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_told_apart_as_browsers_do() {
        let origin = |text: &str| text.parse::<Origin>().unwrap();
        for (text, shown) in [
            ("http://Pi.Local.:80/", "http://pi.local"),
            ("https://pi.local:443", "https://pi.local"),
            ("HTTP://pi.local:8081", "http://pi.local:8081"),
            ("http://[::0:1]:8081", "http://[::1]:8081"),
        ] {
            assert_eq!(origin(text).to_string(), shown);
        }
        assert_ne!(origin("http://a"), origin("https://a"));
        assert_ne!(origin("http://a"), origin("http://a:81"));
        assert_eq!(
            origin("https://a:81").on("b.c").to_string(),
            "https://b.c:81"
        );
        for bad in [
            "",
            "a",
            "ftp://a",
            "http://",
            "http://a/b",
            "http://a?b",
            "http://u@a",
            "http://a b",
            "http://a:0",
            "http://a:x",
            "http://a:99999",
            "http://é",
            "http://[::1",
        ] {
            assert!(bad.parse::<Origin>().is_err(), "{bad}");
        }
    }

    #[test]
    fn hosts_lose_case_port_and_trailing_dot() {
        for (raw, want) in [
            ("Shop.Localhost:8080", Some(("shop.localhost", Some(8080)))),
            ("example.com.", Some(("example.com", None))),
            ("127.0.0.1:80", Some(("127.0.0.1", Some(80)))),
            ("[::1]:80", Some(("[::1]", Some(80)))),
            ("a:", Some(("a", None))),
            ("", None),
            ("a b", None),
            ("a:b", None),
            ("a:99999", None),
            ("[::1", None),
            ("[::1]80", None),
            ("user@host", None),
            ("a/b", None),
            ("é.com", None),
        ] {
            let found = split_authority(raw);
            let found = found.as_ref().map(|(host, port)| (&**host, *port));
            assert_eq!(found, want, "{raw}");
        }
    }
}
