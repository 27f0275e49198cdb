//! Where the instance and its apps answer.

use shared::name::DomainName;
use store::apps::AppRow;

/// Where the instance answers, as its operator says.
#[derive(Clone, Debug)]
pub(crate) struct BaseUrl {
    scheme: String,
    host: String,
    port: String,
}

impl BaseUrl {
    /// Reads `http://localhost:8080`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let uri: http::Uri = text.parse().ok()?;
        Some(Self {
            scheme: uri.scheme_str()?.to_owned(),
            host: uri.host()?.to_owned(),
            port: uri
                .port()
                .map_or_else(String::new, |port| format!(":{port}")),
        })
    }

    /// Whether browsers reach it by TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.scheme == "https"
    }

    /// The URL of a host on the instance's port, without a slash at the end.
    fn on(&self, host: &str) -> String {
        format!("{}://{host}{}", self.scheme, self.port)
    }

    /// Where an app answers: on its first exact domain, on the instance's own host when it is the
    /// default, else on its name below `localhost`.
    pub(crate) fn of_app(&self, app: &AppRow, domains: &[DomainName]) -> String {
        let exact = domains.iter().find(|d| !d.as_str().starts_with("*."));
        match exact {
            Some(domain) => self.on(domain.as_str()),
            None if app.is_default => self.on(&self.host),
            None => self.on(&format!("{}.localhost", app.slug)),
        }
    }
}
