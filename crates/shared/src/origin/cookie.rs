//! The session's cookie. It counts on the admin origin only, and no script ever sees or sets it.

use http::header::{COOKIE, HeaderMap, HeaderValue};

/// The cookies of a signed-in person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookie {
    /// The session.
    Session,
}

impl Cookie {
    const ALL: [Self; 1] = [Self::Session];

    /// Its name. `__Host-` binds it to one host, which browsers grant over TLS only.
    pub const fn name(self, https: bool) -> &'static str {
        match (self, https) {
            (Self::Session, true) => "__Host-picloud_session",
            (Self::Session, false) => "picloud_session",
        }
    }
}

/// Whether one cookie of a `Cookie` or `Set-Cookie` header is, or could be taken for, one of the
/// platform's. Readers of cookies disagree about quotes, blanks, case and nameless cookies, so
/// whatever mentions the name is meant.
pub fn mentions_session(pair: &[u8]) -> bool {
    Cookie::ALL.iter().any(|cookie| {
        let name = cookie.name(false).as_bytes();
        pair.windows(name.len())
            .any(|part| part.eq_ignore_ascii_case(name))
    })
}

/// Takes the platform's cookies out of a request's headers.
pub fn without_session(headers: &mut HeaderMap) {
    let mentioned = |value: &HeaderValue| mentions_session(value.as_bytes());
    if !headers.get_all(COOKIE).iter().any(mentioned) {
        return;
    }
    let kept: Vec<HeaderValue> = headers.get_all(COOKIE).iter().filter_map(rest_of).collect();
    headers.remove(COOKIE);
    for value in kept {
        headers.append(COOKIE, value);
    }
}

/// A `Cookie` header without the platform's; `None` when nothing is left. A semicolon ends a cookie
/// also between quotes (RFC 6265 5.4).
fn rest_of(value: &HeaderValue) -> Option<HeaderValue> {
    if !mentions_session(value.as_bytes()) {
        return Some(value.clone());
    }
    let pairs = value.as_bytes().split(|byte| *byte == b';');
    let kept: Vec<&[u8]> = pairs
        .map(<[u8]>::trim_ascii)
        .filter(|pair| !pair.is_empty() && !mentions_session(pair))
        .collect();
    let kept = kept.join(&b"; "[..]);
    // Parts of a header's value are one, so this does not fail.
    HeaderValue::from_bytes(&kept)
        .ok()
        .filter(|v| !v.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_form_it_has_it_is_taken_out_and_the_rest_stays() {
        for (sent, left) in [
            (&["a=1"][..], &["a=1"][..]),
            (&["picloud_session=s"], &[]),
            (&["__Host-picloud_session=s"], &[]),
            (&["a=1; picloud_session=s; b=2"], &["a=1; b=2"]),
            (&["picloud_session=s;a=1"], &["a=1"]),
            (&["a=1;;  PiCloud_Session = \"s\" ;b=2"], &["a=1; b=2"]),
            (&["a=\"x; picloud_session=s; y\""], &["a=\"x; y\""]),
            (&["picloud_session=s; picloud_session=t"], &[]),
            (&["=picloud_session=s; a=1"], &["a=1"]),
            (&["a=1, picloud_session=s"], &[]),
            (&["__Secure-picloud_session=s; a=1"], &["a=1"]),
            (&["a=1", "__HOST-PICLOUD_SESSION=s", "b=2"], &["a=1", "b=2"]),
            (
                &["$Version=1; picloud_session=s; $Path=/"],
                &["$Version=1; $Path=/"],
            ),
            (&["picloud=1; session=2"], &["picloud=1; session=2"]),
        ] {
            let mut headers = HeaderMap::new();
            for value in sent {
                headers.append(COOKIE, HeaderValue::from_str(value).unwrap());
            }
            without_session(&mut headers);
            let found: Vec<&str> = headers
                .get_all(COOKIE)
                .iter()
                .map(|value| value.to_str().unwrap())
                .collect();
            assert_eq!(found, left, "{sent:?}");
        }
    }
}
