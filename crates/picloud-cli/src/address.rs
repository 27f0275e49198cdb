//! The address of a server, and when two addresses are the same server.

use std::fmt;
use std::str::FromStr;

use ureq::http::Uri;

/// `http://host:port`, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    scheme: String,
    host: String,
    port: u16,
}

impl Address {
    /// Whether the host is this machine by name or number.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.host.trim_matches(['[', ']']);
        host == "localhost"
            || host.ends_with(".localhost")
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback())
    }

    /// Whether it is reached by TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.scheme == "https"
    }

    /// Whether both are on one host, whatever the ports.
    pub(crate) fn same_host(&self, other: &Self) -> bool {
        self.host == other.host || (self.is_loopback() && other.is_loopback())
    }

    /// The same port of this machine: `localhost` and `127.0.0.1`.
    pub(crate) fn same_local(&self, other: &Self) -> bool {
        self.scheme == other.scheme
            && self.port == other.port
            && self.is_loopback()
            && other.is_loopback()
    }

    /// Host and port as people write them; the default name of a profile.
    pub(crate) fn authority(&self) -> String {
        let default = if self.scheme == "https" { 443 } else { 80 };
        if self.port == default {
            self.host.clone()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority())
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = |why: &str| {
            let shown: String = text.chars().take(80).flat_map(char::escape_debug).collect();
            let shown = if shown.contains('@') { "…" } else { &shown };
            format!("`{shown}` {why}; write it like http://pi.local:8080")
        };
        let uri: Uri = text
            .trim()
            .parse()
            .map_err(|_bad_uri| bad("is not the address of a server"))?;
        let scheme = uri.scheme_str().unwrap_or_default().to_ascii_lowercase();
        let default = match scheme.as_str() {
            "http" => 80,
            "https" => 443,
            _ => return Err(bad("does not start with http:// or https://")),
        };
        let authority = uri
            .authority()
            .ok_or_else(|| bad("is not the address of a server"))?;
        if authority.as_str().contains('@') {
            return Err(bad(
                "holds a user name or password, which PiCloud does not use",
            ));
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(bad("has a path; only the host counts"));
        }
        if authority.host().is_empty() {
            return Err(bad("has no host"));
        }
        Ok(Self {
            scheme,
            host: authority.host().to_ascii_lowercase(),
            port: authority.port_u16().unwrap_or(default),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_by_scheme_host_and_port() {
        let address = |text: &str| text.parse::<Address>().unwrap();
        assert_eq!(address("http://Pi.local:80/"), address("http://pi.local"));
        assert_ne!(address("http://pi.local"), address("https://pi.local"));
        assert_ne!(address("http://pi.local"), address("http://pi.local:8080"));
        assert!(address("http://localhost:8080").same_local(&address("http://127.0.0.1:8080")));
        assert!(!address("http://localhost:8080").same_local(&address("http://127.0.0.1:8081")));
        assert!(!address("http://a.example").same_local(&address("http://a.example")));
    }

    #[test]
    fn what_is_not_an_address_is_refused_and_a_password_is_not_repeated() {
        for bad in [
            "",
            "pi.local",
            "ftp://x",
            "http://",
            "http://a/b",
            "http://a?b",
            "http://a b",
        ] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
        let error = "http://ada:secret@a".parse::<Address>().unwrap_err();
        assert!(!error.contains("secret"), "{error}");
    }
}
