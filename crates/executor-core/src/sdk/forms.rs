//! Reading the parts of a request: query strings, forms, cookies, percent encoding. Pure.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Pairs read of one query string, form or cookie header; more are ignored.
const PAIRS: usize = 1_000;

/// What stays as it is in an encoded part.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Decodes `%41` and, if asked, `+` as a space. A `%` without two digits stays as it is. `None`
/// when the result is not UTF-8.
pub(crate) fn percent_decode(text: &str, plus_is_space: bool) -> Option<String> {
    let spaced = if plus_is_space && text.contains('+') {
        Cow::Owned(text.replace('+', " "))
    } else {
        Cow::Borrowed(text)
    };
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

/// Encodes everything but letters, digits and `-._~`.
pub(crate) fn percent_encode(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// The pairs of a query string or a form. What is not UTF-8 when decoded stays encoded.
pub(crate) fn form_pairs(text: &str) -> Vec<(String, String)> {
    let decoded = |part: &str| percent_decode(part, true).unwrap_or_else(|| part.to_owned());
    let parts = text.split('&').filter(|part| !part.is_empty()).take(PAIRS);
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            (decoded(name), decoded(value))
        })
        .collect()
}

/// The cookies of one `Cookie` header.
pub(crate) fn cookie_pairs(header: &str) -> Vec<(String, String)> {
    let parts = header.split(';').take(PAIRS);
    parts
        .filter_map(|part| {
            let (name, value) = part.trim().split_once('=')?;
            let value = value
                .strip_prefix('"')
                .and_then(|v| v.strip_suffix('"'))
                .unwrap_or(value);
            let value = percent_decode(value, false).unwrap_or_else(|| value.to_owned());
            (!name.is_empty()).then(|| (name.to_owned(), value))
        })
        .collect()
}

/// A body as text; what is not UTF-8 becomes the replacement character.
pub(crate) fn text(body: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn forms_and_queries_are_read_as_browsers_write_them() {
        for (text, expected) in [
            ("", vec![]),
            ("a=1&b=2", vec![("a", "1"), ("b", "2")]),
            ("a", vec![("a", "")]),
            ("a=b=c&&=x", vec![("a", "b=c"), ("", "x")]),
            ("q=a+b%20c%2B", vec![("q", "a b c+")]),
            ("q=%E4%B8%AD", vec![("q", "中")]),
            (
                "q=%ff&r=%4&s=%zz&t=%",
                vec![("q", "%ff"), ("r", "%4"), ("s", "%zz"), ("t", "%")],
            ),
        ] {
            assert_eq!(form_pairs(text), pairs(&expected), "{text}");
        }
    }

    #[test]
    fn cookies_are_read_and_what_is_not_one_is_skipped() {
        let header = "sid=abc; theme=\"dark\"; =x; broken; n=a%3Bb";
        let expected = pairs(&[("sid", "abc"), ("theme", "dark"), ("n", "a;b")]);
        assert_eq!(cookie_pairs(header), expected);
    }

    #[test]
    fn encoding_comes_back_decoded() {
        for text in ["", "a b&c=d/ü?#%", "~-._", "\u{0}\n"] {
            assert_eq!(
                percent_decode(&percent_encode(text), false).as_deref(),
                Some(text)
            );
        }
        assert_eq!(percent_encode("a b/ü"), "a%20b%2F%C3%BC");
    }
}
