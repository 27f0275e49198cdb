//! From failures to answers. A handler returns [`ApiError`]; the outermost layer turns it into
//! `application/problem+json` with the request's id.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use shared::error::{Code, Error, Kind, code};
use store::StoreError;

/// What a handler answers.
pub(crate) type ApiResult<T> = Result<T, ApiError>;

/// A failure on its way to the client.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    pub(crate) error: Error,
    /// Seconds after which trying again makes sense.
    pub(crate) retry_after: Option<u64>,
}

impl ApiError {
    pub(crate) fn new(kind: Kind, code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Error::new(kind, code, detail).into()
    }

    /// A value that breaks its rule.
    pub(crate) fn invalid(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::InvalidInput, code::INVALID_VALUE, detail)
    }

    /// A thing that is not there, or must look as if it were not.
    pub(crate) fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::NotFound, code::NOT_FOUND, detail)
    }

    pub(crate) fn unauthenticated(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Kind::Unauthenticated, code::UNAUTHENTICATED, detail)
    }

    pub(crate) fn internal() -> Self {
        Error::internal().into()
    }

    #[must_use]
    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let retry_after = match error.kind {
            Kind::TooManyRequests | Kind::Unavailable => Some(1),
            _ => None,
        };
        Self { error, retry_after }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NulInText => {
                Self::invalid("a text in the request holds the character U+0000; remove it")
            }
            StoreError::NoSuchApp | StoreError::OwnerGone(_) => {
                Self::not_found("the app was deleted meanwhile")
            }
            StoreError::StorageFull => Self::new(
                Kind::NoSpace,
                code::STORAGE_FULL,
                "the app keeps as much as it may; delete something, or raise its limit: \
                 `pic apps storage` and GET /apps/{app}/storage show it",
            ),
            StoreError::DiskFull(_) => {
                tracing::error!(%error, "the disk is full");
                Self::new(
                    Kind::NoSpace,
                    code::DISK_FULL,
                    "the server's disk is nearly full; make room on it, or delete something",
                )
            }
            StoreError::Unavailable(_) | StoreError::DiskFailed(_) => {
                tracing::error!(%error, "the database is away");
                Self::new(
                    Kind::Unavailable,
                    code::DATABASE_AWAY,
                    "the database is away; try again",
                )
            }
            _ => {
                tracing::error!(%error, "the database refused a statement");
                Self::internal()
            }
        }
    }
}

/// A query parameter that cannot be right.
pub(crate) fn invalid_query(detail: impl Into<Cow<'static, str>>) -> ApiError {
    ApiError::new(Kind::InvalidInput, code::INVALID_QUERY, detail)
}

/// Turns a refused unique key into "already exists".
pub(crate) fn taken(detail: String) -> impl FnOnce(StoreError) -> ApiError {
    move |error| {
        if error.is_constraint() {
            ApiError::new(Kind::Conflict, code::ALREADY_EXISTS, detail)
        } else {
            error.into()
        }
    }
}

/// The status of an error: its kind's, but for a few that HTTP distinguishes and the platform
/// does not.
pub(crate) fn status_of(error: &Error) -> StatusCode {
    match error.code {
        code::METHOD_NOT_ALLOWED => StatusCode::METHOD_NOT_ALLOWED,
        code::BODY_TOO_SLOW => StatusCode::REQUEST_TIMEOUT,
        code::UNSUPPORTED_MEDIA_TYPE => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        _ => error.kind.status(),
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = Response::new(axum::body::Body::empty());
        *response.status_mut() = status_of(&self.error);
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.error.kind == Kind::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self.error);
        response
    }
}
