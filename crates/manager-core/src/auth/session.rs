//! The session cookie.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header};

use crate::secret::{Secret, SecretKind, kind_of};

/// How long a session lasts.
pub(crate) const SESSION_LIFE: Duration = Duration::from_hours(14 * 24);

/// The cookie's name. `__Host-` binds it to this very host, which browsers grant over TLS only.
const fn name(https: bool) -> &'static str {
    if https {
        "__Host-picloud_session"
    } else {
        "picloud_session"
    }
}

fn cookie(value: &str, seconds: u64, https: bool) -> HeaderValue {
    let secure = if https { "; Secure" } else { "" };
    let name = name(https);
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
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

/// The well-formed session secret a request carries.
pub(crate) fn session_secret(headers: &HeaderMap, https: bool) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, value)| *key == name(https) && kind_of(value) == Some(SecretKind::Session))
        .map(|(_, value)| value.to_owned())
}
