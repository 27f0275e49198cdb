//! Inputs of operations: strict, bounded, and with problems as rejections.

use std::time::Duration;

use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::error::{Error, Kind, code};
use shared::limits::fixed;

use crate::error::{ApiError, ApiResult};
use crate::strict::{from_json, in_words_of_json};

/// Most bytes of a [`Small`] body.
const SMALL_BYTES: usize = 4 << 10;
/// How long a client may take to send a body.
const PATIENCE: Duration = Duration::from_mins(1);

/// A JSON body: at most [`fixed::ADMIN_BODY_BYTES`], unknown fields refused by its type.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> ApiResult<Self> {
        check_form(request.headers())?;
        let bytes = read_body(request.into_body(), fixed::ADMIN_BODY_BYTES).await?;
        parsed(&bytes).map(Self)
    }
}

/// A small JSON body, for operations that everybody may call.
#[derive(Debug)]
pub(crate) struct Small<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Small<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> ApiResult<Self> {
        check_form(request.headers())?;
        let bytes = read_body(request.into_body(), SMALL_BYTES).await?;
        parsed(&bytes).map(Self)
    }
}

/// Whether a body is in a form that is taken. A cross-site form cannot send this type without a
/// preflight.
fn check_form(headers: &HeaderMap) -> ApiResult<()> {
    let refused = |detail: &'static str| {
        ApiError::new(Kind::InvalidInput, code::UNSUPPORTED_MEDIA_TYPE, detail)
    };
    let encoding = headers.get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(refused(
            "send the body as it is, without `Content-Encoding`",
        ));
    }
    if !is_json(headers) {
        return Err(refused(
            "send the body with `Content-Type: application/json`",
        ));
    }
    Ok(())
}

/// A JSON body of this type.
fn parsed<T: DeserializeOwned>(bytes: &[u8]) -> ApiResult<T> {
    let refused = |detail: String| ApiError::new(Kind::InvalidInput, code::INVALID_JSON, detail);
    if bytes.trim_ascii_start().first().is_some_and(|b| *b != b'{') {
        return Err(refused("the body is not a JSON object".into()));
    }
    from_json(bytes).map_err(|error| {
        let text: String = error.chars().take(500).collect();
        refused(format!("the body is not what the operation takes: {text}"))
    })
}

/// A JSON body that may be absent: then everything in it is.
#[derive(Debug)]
pub(crate) struct OptionalJson<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> ApiResult<Self> {
        let form = check_form(request.headers());
        let bytes = read_body(request.into_body(), fixed::ADMIN_BODY_BYTES).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        form?;
        parsed(&bytes).map(Self)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let kind = kind.unwrap_or_default().split(|b| *b == b';').next();
    kind.unwrap_or_default()
        .trim_ascii()
        .eq_ignore_ascii_case(b"application/json")
}

/// All of a body of at most `limit` bytes.
pub(crate) async fn read_body(body: Body, limit: usize) -> ApiResult<Bytes> {
    let too_large = || {
        let detail = format!("the body is larger than {limit} bytes");
        ApiError::new(Kind::TooLarge, code::BODY_TOO_LARGE, detail)
    };
    // It may say so before it comes.
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let read = tokio::time::timeout(PATIENCE, Limited::new(body, limit).collect()).await;
    let Ok(read) = read else {
        let detail = "the body did not arrive in time";
        return Err(ApiError::new(Kind::Timeout, code::BODY_TOO_SLOW, detail));
    };
    read.map(http_body_util::Collected::to_bytes)
        .map_err(|error| {
            if error.is::<LengthLimitError>() {
                too_large()
            } else if let Some(known) = known_cause(&*error) {
                known.into()
            } else {
                let detail = "the body broke off; send the request again";
                ApiError::new(Kind::InvalidInput, code::BODY_BROKEN, detail)
            }
        })
}

/// What whoever passes the body on says of its end.
fn known_cause(error: &(dyn std::error::Error + 'static)) -> Option<Error> {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    causes.find_map(|error| error.downcast_ref::<Error>().cloned())
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(text) => {
                let kind = HeaderValue::from_static("application/json");
                ([(header::CONTENT_TYPE, kind)], text).into_response()
            }
            Err(error) => {
                tracing::error!(%error, "an answer cannot be written");
                ApiError::internal().into_response()
            }
        }
    }
}

/// `201 Created` with the new thing and where it is.
#[derive(Debug)]
pub(crate) struct Created<T>(pub(crate) String, pub(crate) T);

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = (StatusCode::CREATED, Json(self.1)).into_response();
        if let Ok(location) = HeaderValue::try_from(self.0) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}

/// An answer with the tag of the state it shows.
#[derive(Debug)]
pub(crate) struct Tagged<T>(pub(crate) String, pub(crate) T);

impl<T: IntoResponse> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let mut response = self.1.into_response();
        if let Ok(tag) = HeaderValue::try_from(format!("\"{}\"", self.0)) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

/// Query parameters. Unknown ones are refused for all operations where they are registered.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        #[expect(
            clippy::disallowed_types,
            reason = "this is the wrapper to use instead"
        )]
        let parsed = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        parsed.map(|query| Self(query.0)).map_err(|rejection| {
            let text = in_words_of_query(&rejection.body_text());
            ApiError::new(Kind::InvalidInput, code::INVALID_QUERY, text)
        })
    }
}

/// What is wrong with a query, without names of types.
fn in_words_of_query(rejection: &str) -> String {
    let text = rejection.trim_start_matches("Failed to deserialize query string: ");
    let text = text.replace("invalid digit found in string", "expected an integer");
    let text = text.replace(
        "number too large to fit in target type",
        "the number is too large",
    );
    let text = text.replace(
        "cannot parse integer from empty string",
        "expected an integer, not an empty text",
    );
    let text: String = text.chars().take(300).collect();
    format!(
        "a parameter of the query is wrong: {}",
        in_words_of_json(&text)
    )
}

/// The parameters of the path, decoded.
#[derive(Debug)]
pub(crate) struct PathParams(Vec<(String, String)>);

impl PathParams {
    /// A parameter as text.
    pub(crate) fn text(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    /// A parameter that names something: a text that cannot name one names nothing.
    pub(crate) fn get<T: std::str::FromStr>(&self, name: &str) -> ApiResult<T>
    where
        T::Err: std::fmt::Display,
    {
        let parsed = self.text(name).parse();
        parsed.map_err(|error: T::Err| ApiError::not_found(error.to_string()))
    }
}

impl PathParams {
    /// A parameter that is a number; `what` it counts.
    pub(crate) fn number(&self, name: &str, what: &str) -> ApiResult<i64> {
        let text = self.text(name);
        text.parse().map_err(|_none| {
            let shown: String = text.chars().take(50).collect();
            ApiError::not_found(format!("there is no {what} `{shown}`: it is a number"))
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathParams {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let raw = RawPathParams::from_request_parts(parts, state).await;
        let raw = raw.map_err(|_not_utf8| ApiError::invalid("the path is not UTF-8"))?;
        let own = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        Ok(Self(raw.iter().map(own).collect()))
    }
}

/// `If-Match`: carry out only when the state is still the one the client saw.
#[derive(Clone, Debug)]
pub(crate) struct IfMatch(Option<String>);

impl IfMatch {
    /// Refuses when the header names another state than `current`.
    pub(crate) fn check(&self, current: &str, what: &str) -> ApiResult<()> {
        let Some(wanted) = &self.0 else { return Ok(()) };
        let holds = wanted.split(',').map(str::trim).any(|tag| {
            let bare = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
            tag == "*" || bare == Some(current)
        });
        if holds {
            return Ok(());
        }
        let shown: String = wanted.chars().take(100).collect();
        let detail =
            format!("{what} is now \"{current}\", not {shown}; look at it again and retry");
        Err(ApiError::new(
            Kind::PreconditionFailed,
            code::PRECONDITION_FAILED,
            detail,
        ))
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let values: Vec<String> = parts
            .headers
            .get_all(header::IF_MATCH)
            .iter()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        Ok(Self((!values.is_empty()).then(|| values.join(","))))
    }
}

/// Characters of a description.
pub(crate) const DESCRIPTION: usize = 1_000;

/// A text people write: bounded, without characters that would disturb a terminal.
pub(crate) fn check_text(what: &str, text: &str, most: usize) -> ApiResult<()> {
    if text.chars().count() > most {
        return Err(ApiError::invalid(format!(
            "{what} is longer than {most} characters"
        )));
    }
    let bad = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if text.chars().any(bad) {
        return Err(ApiError::invalid(format!(
            "{what} holds a control character; remove it"
        )));
    }
    Ok(())
}
