//! What a failed script tells its author: kind, message, frames, excerpt.

use serde::{Deserialize, Serialize};

use crate::name::ScriptName;

/// Which limit a script ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum LimitKind {
    /// Elapsed time.
    Wall,
    /// Time on the processor.
    Cpu,
    /// Evaluation steps.
    Operations,
    /// Bytes allocated.
    Memory,
    /// Nested script calls.
    CallDepth,
    /// Length of one string.
    StringSize,
    /// Nesting of a value or of the source.
    Nesting,
    /// Size of the response.
    Response,
    /// Number of host calls.
    HostCalls,
    /// Size of the source or of the module graph.
    Source,
}

impl LimitKind {
    /// The name scripts, logs and metrics use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Wall => "wall",
            Self::Cpu => "cpu",
            Self::Operations => "operations",
            Self::Memory => "memory",
            Self::CallDepth => "call_depth",
            Self::StringSize => "string_size",
            Self::Nesting => "nesting",
            Self::Response => "response",
            Self::HostCalls => "host_calls",
            Self::Source => "source",
        }
    }
}

/// Why a script did not end well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case", tag = "kind", content = "limit")]
pub enum ScriptErrorKind {
    /// The source does not compile.
    Compile,
    /// An operation failed (wrong type, missing function, division by zero).
    Runtime,
    /// The script threw.
    Thrown,
    /// A limit was exceeded.
    Limit(LimitKind),
    /// A host call failed.
    Host,
    /// The client went away or the platform is stopping.
    Cancelled,
    /// The server had no room for the run, which did not begin.
    Overloaded,
    /// The app is suspended on the server: its runs left memory that nothing frees.
    Suspended,
    /// A defect of the platform.
    Internal,
}

impl ScriptErrorKind {
    /// The name logs and metrics use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Compile => "compile",
            Self::Runtime => "runtime",
            Self::Thrown => "thrown",
            Self::Limit(_) => "limit",
            Self::Host => "host",
            Self::Cancelled => "cancelled",
            Self::Overloaded => "overloaded",
            Self::Suspended => "suspended",
            Self::Internal => "internal",
        }
    }
}

/// One level of a script's call stack, innermost first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Frame {
    /// The function, or `main` for the top level.
    pub function: String,
    /// The script or module the line belongs to.
    pub script: String,
    /// Line, from 1; 0 when unknown.
    pub line: u32,
    /// Column in characters, from 1; 0 when unknown.
    pub column: u32,
}

/// A failed run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ScriptError {
    /// Why it failed.
    #[serde(flatten)]
    pub kind: ScriptErrorKind,
    /// What happened and what to do next.
    pub message: String,
    /// The call stack, innermost first.
    #[serde(default)]
    pub frames: Vec<Frame>,
    /// The source around the innermost frame, with a caret; empty when there is none.
    #[serde(default)]
    pub excerpt: String,
    /// The script whose limit it is, when it is not the run's own: one that called it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit_of: Option<Box<ScriptName>>,
    /// What the script meant the client to see: `throw #{status: 404, message: "…"}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<Box<PublicError>>,
    /// How a handler of an event wants it to go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryWish>,
}

/// How a handler wants the event to go on at which it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RetryWish {
    /// Not at all: `throw #{retry: false, message: "…"}`.
    Never,
    /// After so many milliseconds, which is no failed attempt: `throw #{retry_in: "10m"}`.
    In(u64),
}

/// An error a script addressed to its client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PublicError {
    /// HTTP status, 400 to 599.
    pub status: u16,
    /// The text for the client.
    pub message: String,
}

impl ScriptError {
    /// An error without frames.
    pub fn new(kind: ScriptErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            frames: Vec::new(),
            excerpt: String::new(),
            limit_of: None,
            public: None,
            retry: None,
        }
    }

    /// The error of a run nobody waits for any more.
    pub fn cancelled() -> Self {
        Self::new(
            ScriptErrorKind::Cancelled,
            "the client went away or the server is stopping",
        )
    }
}

/// How bad a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It cannot be deployed.
    Error,
    /// It can, but look at it.
    Warning,
}

/// One finding about a script's source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The script or module it is about.
    pub script: String,
    /// Line, from 1; 0 when the finding is about the whole script.
    pub line: u32,
    /// Column in characters, from 1; 0 when the finding is about the whole line.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
