//! The session cookie.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};
use shared::origin::Cookie;

use crate::secret::{Secret, SecretKind, kind_of};

/// How long a session lasts.
pub(crate) const SESSION_LIFE: Duration = Duration::from_hours(14 * 24);
/// Session cookies of one request that are looked at. A page on another port of the same host can
/// add some of its own, which must not hide the right one.
const MOST: usize = 8;

fn cookie(value: &str, seconds: u64, https: bool) -> HeaderValue {
    let secure = if https { "; Secure" } else { "" };
    let name = Cookie::Session.name(https);
    let text =
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    let mut value = HeaderValue::try_from(text).expect("a secret is plain ASCII");
    value.set_sensitive(true);
    value
}

/// The `Set-Cookie` that starts a session.
pub(crate) fn session_cookie(secret: &Secret, https: bool) -> HeaderValue {
    cookie(secret.expose(), SESSION_LIFE.as_secs(), https)
}

/// The `Set-Cookie` that ends one.
pub(crate) fn clear_cookie(https: bool) -> HeaderValue {
    cookie("", 0, https)
}

/// The well-formed session secrets a request carries, each once.
pub(crate) fn session_secrets(headers: &HeaderMap, https: bool) -> Vec<String> {
    let name = Cookie::Session.name(https);
    let pairs = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let mut secrets: Vec<String> = Vec::new();
    for (key, value) in pairs {
        let wanted = key == name && kind_of(value) == Some(SecretKind::Session);
        if wanted && secrets.len() < MOST && !secrets.iter().any(|known| known == value) {
            secrets.push(value.to_owned());
        }
    }
    secrets
}
