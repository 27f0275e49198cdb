//! One closed set of error kinds, mapped to HTTP once, shown as RFC 9457 problem details.

use std::borrow::Cow;

use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::invocation::Outcome;
use crate::origin::Origin;
use crate::script_error::{Diagnostic, LimitKind, PublicError, ScriptError, ScriptErrorKind};

pub mod code;

pub use code::Code;

/// What went wrong, in the twelve ways the platform distinguishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The input cannot be right, whatever the state of the system.
    InvalidInput,
    /// Nobody is signed in.
    Unauthenticated,
    /// Somebody is signed in who may not do this.
    Forbidden,
    /// The thing does not exist, or its existence is secret.
    NotFound,
    /// The state does not allow it (already exists, stale version).
    Conflict,
    /// A precondition header did not hold.
    PreconditionFailed,
    /// The input is larger than its limit.
    TooLarge,
    /// Too much of it at once; try later.
    TooManyRequests,
    /// It took too long.
    Timeout,
    /// There is no room to keep more; remove something first.
    NoSpace,
    /// A part of the system is away; try later.
    Unavailable,
    /// A defect of the platform; details are in the log only.
    Internal,
}

impl Kind {
    /// The HTTP status of this kind: the only mapping there is.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::InvalidInput => StatusCode::BAD_REQUEST,
            Self::Unauthenticated => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Conflict => StatusCode::CONFLICT,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
            Self::Timeout => StatusCode::GATEWAY_TIMEOUT,
            Self::NoSpace => StatusCode::INSUFFICIENT_STORAGE,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// A short sentence for the problem's `title`.
    pub const fn title(self) -> &'static str {
        match self {
            Self::InvalidInput => "The request is not valid",
            Self::Unauthenticated => "Sign in first",
            Self::Forbidden => "Not allowed",
            Self::NotFound => "Not found",
            Self::Conflict => "Conflict",
            Self::PreconditionFailed => "It changed meanwhile",
            Self::TooLarge => "Too large",
            Self::TooManyRequests => "Too many requests",
            Self::Timeout => "Timed out",
            Self::NoSpace => "No room to keep more",
            Self::Unavailable => "Not available right now",
            Self::Internal => "Internal error",
        }
    }
}

/// An error as the platform passes it around: a kind, a code and a text the caller may read.
///
/// What only an operator may know goes to the log at the boundary and never in here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Error {
    /// What went wrong.
    pub kind: Kind,
    /// Which page explains it.
    pub code: Code,
    /// What happened, where, and what to do next.
    pub detail: Cow<'static, str>,
    /// Positions in scripts, when the error is about a script.
    pub diagnostics: Vec<Diagnostic>,
}

impl Error {
    /// An error without diagnostics.
    pub fn new(kind: Kind, code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            code,
            detail: detail.into(),
            diagnostics: Vec::new(),
        }
    }

    /// A defect of the platform: what a client may know of it.
    pub const fn internal() -> Self {
        Self {
            kind: Kind::Internal,
            code: code::INTERNAL,
            detail: Cow::Borrowed("the platform failed; the server's log has the details"),
            diagnostics: Vec::new(),
        }
    }

    /// What a client who does not own the script may know about its failure.
    pub fn of_script(error: &ScriptError) -> Self {
        match error.kind {
            ScriptErrorKind::Limit(LimitKind::Wall) => Self::new(
                Kind::Timeout,
                code::SCRIPT_TIMEOUT,
                "the script took longer than its time limit",
            ),
            ScriptErrorKind::Limit(limit) => Self::new(
                Kind::Internal,
                code::SCRIPT_LIMIT,
                format!("the script exceeded its limit `{}`", limit.as_str()),
            ),
            ScriptErrorKind::Overloaded => Self::new(
                Kind::Unavailable,
                code::OVERLOADED,
                "the server has no room for another script right now; try again",
            ),
            ScriptErrorKind::Suspended => Self::new(
                Kind::Unavailable,
                code::APP_SUSPENDED,
                "the app is suspended on this server; its owner finds the reason under this \
                 request's id",
            ),
            ScriptErrorKind::Cancelled => Self::new(
                Kind::Unavailable,
                code::RUN_ENDED,
                format!("the server ended the run: {}", error.message),
            ),
            ScriptErrorKind::Internal => Self::internal(),
            _ => Self::new(
                Kind::Internal,
                code::SCRIPT_FAILED,
                "the script failed; its owner finds the reason under this request's id",
            ),
        }
    }

    /// The status of a request whose script has ended this way: what the script answered, what it
    /// threw for the client, or what its failure means.
    pub fn status_of(outcome: &Outcome) -> StatusCode {
        let failed = |error: &ScriptError| {
            let own = error.public.as_ref();
            let own = own.and_then(|public| StatusCode::from_u16(public.status).ok());
            own.unwrap_or_else(|| Self::of_script(error).kind.status())
        };
        match (&outcome.response, &outcome.completion.error) {
            // 1xx is not for scripts: it would promise another answer.
            (Some(response), _) if !response.status.is_informational() => response.status,
            (_, Some(error)) => failed(error),
            (_, None) => Kind::Internal.status(),
        }
    }

    /// The same error with positions in scripts.
    #[must_use]
    pub fn with_diagnostics(mut self, diagnostics: Vec<Diagnostic>) -> Self {
        self.diagnostics = diagnostics;
        self
    }
}

/// Where the pages about errors are on the admin origin.
pub const ERROR_PAGES: &str = "/docs/errors";

/// The body of every error answer: `application/problem+json` (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// A link to the page about this error.
    #[serde(rename = "type")]
    pub type_: String,
    /// The kind of error in a few words.
    pub title: String,
    /// The HTTP status, repeated.
    pub status: u16,
    /// The stable error code.
    pub code: String,
    /// What happened and what to do next.
    pub detail: String,
    /// The request this answers; quote it when asking for help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Positions in scripts, when the error is about a script.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<Diagnostic>,
}

impl Problem {
    /// The media type of a problem.
    pub const MEDIA_TYPE: &'static str = "application/problem+json";

    /// The problem that tells a client about `error`.
    pub fn of(error: &Error, request_id: Option<String>) -> Self {
        Self {
            type_: format!("{ERROR_PAGES}/{}", error.code),
            title: error.kind.title().to_owned(),
            status: error.kind.status().as_u16(),
            code: error.code.to_owned(),
            detail: error.detail.clone().into_owned(),
            request_id,
            diagnostics: error.diagnostics.clone(),
        }
    }

    /// `throw #{status: 404, message: "no such order"}`: exactly that.
    pub fn thrown(public: &PublicError, request_id: Option<String>) -> Self {
        let status = StatusCode::from_u16(public.status);
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self {
            type_: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            code: code::THROWN.to_owned(),
            detail: public.message.clone(),
            request_id,
            diagnostics: Vec::new(),
        }
    }

    /// The same problem with a `type` that leads to its page on the admin origin.
    #[must_use]
    pub fn explained_at(mut self, admin: &Origin) -> Self {
        if self.type_.starts_with(ERROR_PAGES) {
            self.type_ = format!("{admin}{}", self.type_);
        }
        self
    }

    /// The JSON text of this problem.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_else(|_| b"{\"status\":500}".to_vec())
    }
}
