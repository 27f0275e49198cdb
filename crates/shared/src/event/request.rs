//! A request on its way through the outbox: it is answered before it is handled. How it is stored,
//! and how people see it: without what its caller signs in with.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::invocation::HttpInput;

/// Headers whose values only the handler sees.
pub const SECRET_HEADERS: [&str; 4] = [
    "authorization",
    "cookie",
    "proxy-authorization",
    "x-api-key",
];
/// What stands in their place.
pub const REDACTED: &str = "[redacted]";

/// A request as it is stored.
#[derive(Serialize, Deserialize)]
pub struct StoredRequest {
    method: String,
    uri: String,
    scheme: String,
    host: String,
    /// Values in base64: they may be any bytes.
    headers: Vec<(String, String)>,
    params: Vec<(String, String)>,
    ip: std::net::IpAddr,
    /// In base64.
    body: String,
}

impl StoredRequest {
    /// The request as stored.
    pub fn encode(http: &HttpInput) -> Bytes {
        let headers = http
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), STANDARD.encode(value)));
        let stored = Self {
            method: http.method.to_string(),
            uri: http.uri.to_string(),
            scheme: http.scheme.to_owned(),
            host: http.host.to_string(),
            headers: headers.collect(),
            params: http
                .params
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            ip: http.ip,
            body: STANDARD.encode(&http.body),
        };
        serde_json::to_vec(&stored)
            .expect("a struct of texts is always JSON")
            .into()
    }

    /// The request read back; `None` when it is not one.
    pub fn decode(stored: &[u8]) -> Option<HttpInput> {
        let stored: Self = serde_json::from_slice(stored).ok()?;
        let mut headers = HeaderMap::new();
        for (name, value) in &stored.headers {
            let value = HeaderValue::from_bytes(&STANDARD.decode(value).ok()?).ok()?;
            headers.append(name.parse::<HeaderName>().ok()?, value);
        }
        Some(HttpInput {
            method: stored.method.parse().ok()?,
            uri: stored.uri.parse().ok()?,
            scheme: if stored.scheme == "https" {
                "https"
            } else {
                "http"
            },
            host: Arc::from(stored.host),
            headers: headers.into(),
            params: stored.params,
            ip: stored.ip,
            body: STANDARD.decode(&stored.body).ok()?.into(),
        })
    }
}

/// A stored request as people see it: `{method, path, headers, body}`. A body that is no text is
/// `body_base64`. The query is left out: it may hold tokens. `None` when it is not a request.
pub fn shown(stored: &[u8]) -> Option<Value> {
    let http = StoredRequest::decode(stored)?;
    let (body, body_base64) = match std::str::from_utf8(&http.body) {
        Ok(text) => (Some(text), None),
        Err(_not_text) => (None, Some(STANDARD.encode(&http.body))),
    };
    let shown = Shown {
        method: http.method.as_str(),
        path: http.uri.path(),
        headers: headers_shown(&http.headers),
        body,
        body_base64,
    };
    serde_json::to_value(shown).ok()
}

#[derive(Serialize)]
struct Shown<'a> {
    method: &'a str,
    path: &'a str,
    headers: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

fn headers_shown(headers: &HeaderMap) -> Map<String, Value> {
    let mut shown = Map::new();
    for name in headers.keys() {
        let text = |value: &HeaderValue| {
            if SECRET_HEADERS.contains(&name.as_str()) {
                REDACTED.to_owned()
            } else {
                String::from_utf8_lossy(value.as_bytes()).into_owned()
            }
        };
        let mut values: Vec<Value> = headers
            .get_all(name)
            .iter()
            .map(|value| Value::String(text(value)))
            .collect();
        let value = match values.len() {
            1 => values.remove(0),
            _ => Value::Array(values),
        };
        shown.insert(name.as_str().to_owned(), value);
    }
    shown
}

/// A stored request with another body or other headers, given in the form of [`shown`]. A header
/// given as [`REDACTED`] keeps its value, one given as null is taken out. What is not given stays. The
/// error says what is wrong.
pub fn edited(stored: &[u8], given: &Map<String, Value>) -> Result<Bytes, String> {
    let mut http = StoredRequest::decode(stored).ok_or("the stored request is damaged")?;
    for (field, value) in given {
        match field.as_str() {
            "method" if value == http.method.as_str() => {}
            "path" if value == http.uri.path() => {}
            "method" | "path" => {
                return Err(format!(
                    "`{field}` cannot be changed: the event is a request to {} {}",
                    http.method,
                    http.uri.path()
                ));
            }
            "headers" => http.headers = headers_edited(&http.headers, value)?.into(),
            "body" => {
                let text = value.as_str().ok_or("`body` is a text")?;
                http.body = text.to_owned().into();
            }
            "body_base64" => {
                let bytes = value.as_str().and_then(|text| STANDARD.decode(text).ok());
                http.body = bytes.ok_or("`body_base64` is a text in base64")?.into();
            }
            other => {
                return Err(format!(
                    "the event is a request; it has `headers` and `body` or `body_base64`, not `{other}`"
                ));
            }
        }
    }
    if given.contains_key("body") && given.contains_key("body_base64") {
        return Err("give `body` or `body_base64`, not both".to_owned());
    }
    Ok(StoredRequest::encode(&http))
}

fn headers_edited(stored: &HeaderMap, given: &Value) -> Result<HeaderMap, String> {
    let given = given.as_object().ok_or("`headers` is an object")?;
    let mut headers = stored.clone();
    for (name, value) in given {
        let parsed: HeaderName = name
            .parse()
            .map_err(|_invalid| format!("`{name}` is not the name of a header"))?;
        let redacted = |value: &Value| value == REDACTED;
        if redacted(value) || value.as_array().is_some_and(|all| all.iter().all(redacted)) {
            continue;
        }
        headers.remove(&parsed);
        if value.is_null() {
            continue;
        }
        let values = match value {
            Value::Array(values) => values.as_slice(),
            one => std::slice::from_ref(one),
        };
        for value in values {
            let text = value.as_str().filter(|text| *text != REDACTED);
            let value = text.and_then(|text| HeaderValue::from_str(text).ok());
            let value = value.ok_or_else(|| format!("the header `{name}` is not a plain text"))?;
            headers.append(parsed.clone(), value);
        }
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn stored() -> Bytes {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer pic_secret"),
            ("cookie", "sid=secret"),
            ("cookie", "other=secret"),
            ("proxy-authorization", "secret"),
            ("x-api-key", "secret"),
            ("x-kind", "order"),
        ] {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_static(value));
        }
        StoredRequest::encode(&HttpInput {
            method: http::Method::POST,
            uri: "/orders?token=secret".parse().unwrap(),
            scheme: "https",
            host: Arc::from("shop.localhost"),
            headers: headers.into(),
            params: Vec::new(),
            ip: [127, 0, 0, 1].into(),
            body: Bytes::from_static(b"{\"n\":1}"),
        })
    }

    #[test]
    fn people_see_a_request_without_what_its_caller_signs_in_with() {
        let view = shown(&stored()).unwrap();
        assert_eq!(view["method"], "POST");
        assert_eq!(view["path"], "/orders");
        assert_eq!(view["body"], "{\"n\":1}");
        assert_eq!(view["headers"]["x-kind"], "order");
        assert_eq!(view["headers"]["cookie"], json!([REDACTED, REDACTED]));
        assert!(!view.to_string().contains("secret"), "{view}");
        assert_eq!(shown(b"{\"n\":1}"), None);
    }

    #[test]
    fn what_is_shown_can_be_given_back_and_edited() {
        let before = stored();
        let Value::Object(mut view) = shown(&before).unwrap() else {
            panic!("an object");
        };
        assert_eq!(edited(&before, &view).unwrap(), before);
        view.insert("body".to_owned(), json!("other"));
        let after = StoredRequest::decode(&edited(&before, &view).unwrap()).unwrap();
        assert_eq!(after.body, "other");
        assert_eq!(after.headers["authorization"], "Bearer pic_secret");
        assert_eq!(after.headers.get_all("cookie").iter().count(), 2);
        assert_eq!(after.uri, "/orders?token=secret");
        let given = json!({"headers": {"x-new": "1", "x-kind": null}});
        let after = edited(&before, given.as_object().unwrap()).unwrap();
        let after = StoredRequest::decode(&after).unwrap();
        assert_eq!(after.headers["authorization"], "Bearer pic_secret");
        assert_eq!(after.headers["x-new"], "1");
        assert!(!after.headers.contains_key("x-kind"));
        assert_eq!(after.body, "{\"n\":1}");
        for (field, value, says) in [
            ("path", json!("/x"), "cannot be changed"),
            ("name", json!("x"), "not `name`"),
            ("body", json!({}), "is a text"),
            ("headers", json!({"a b": "c"}), "not the name"),
            ("headers", json!({"a": 7}), "plain text"),
            ("body_base64", json!("%"), "base64"),
        ] {
            let given = Map::from_iter([(field.to_owned(), value)]);
            let refused = edited(&before, &given).unwrap_err();
            assert!(refused.contains(says), "{refused}");
        }
    }
}
