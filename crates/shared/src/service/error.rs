//! Why a service did not do what it was asked.

use serde::{Deserialize, Serialize};

use super::kind::ServiceKind;

/// What kind of failure it is: what a script can do about it. How a script ended that was called has
/// the name that the outcome of its run has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostErrorKind {
    /// The call cannot be right: change it.
    Invalid,
    /// The state does not allow it.
    Conflict,
    /// What it is about does not exist.
    NotFound,
    /// The caller may not.
    Denied,
    /// The app has used up what it may have under way; try again later.
    Busy,
    /// A part of the platform is away; try again later.
    Unavailable,
    /// It is larger, longer or deeper than is allowed.
    Limit,
    /// There is no room to keep more: remove something first.
    Full,
    /// A defect of the platform.
    Internal,
    /// A script that was called does not compile any more.
    Compile,
    /// An operation of the language failed in a script that was called.
    Runtime,
    /// A script that was called threw.
    Thrown,
    /// A service failed in a script that was called.
    Host,
    /// The server had no room for a script that was called, which did not begin; try again later.
    Overloaded,
    /// The app is suspended on the server.
    Suspended,
    /// The answer does not fit into what the caller may still allocate. Ends the run with its
    /// memory limit; no script sees it.
    Memory,
    /// The instance has no memory for the answer. Ends the run as overloaded; no script sees it.
    NoRoom,
}

impl HostErrorKind {
    /// All kinds.
    pub const ALL: [Self; 17] = [
        Self::Invalid,
        Self::Conflict,
        Self::NotFound,
        Self::Denied,
        Self::Busy,
        Self::Unavailable,
        Self::Limit,
        Self::Full,
        Self::Internal,
        Self::Compile,
        Self::Runtime,
        Self::Thrown,
        Self::Host,
        Self::Overloaded,
        Self::Suspended,
        Self::Memory,
        Self::NoRoom,
    ];

    /// The name scripts, logs and metrics use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::Conflict => "conflict",
            Self::NotFound => "not_found",
            Self::Denied => "denied",
            Self::Busy => "busy",
            Self::Unavailable => "unavailable",
            Self::Limit => "limit",
            Self::Full => "full",
            Self::Internal => "internal",
            Self::Compile => "compile",
            Self::Runtime => "runtime",
            Self::Thrown => "thrown",
            Self::Host => "host",
            Self::Overloaded => "overloaded",
            Self::Suspended => "suspended",
            Self::Memory => "memory",
            Self::NoRoom => "no_room",
        }
    }
}

/// Why a host call failed. The message is for the script's author; internals are in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct HostError {
    /// The service that failed.
    pub service: ServiceKind,
    /// What kind of failure it is.
    pub kind: HostErrorKind,
    /// What happened and what to do next.
    pub message: String,
}

impl HostError {
    /// A failure of a service.
    pub fn new(service: ServiceKind, kind: HostErrorKind, message: impl Into<String>) -> Self {
        Self {
            service,
            kind,
            message: message.into(),
        }
    }

    /// A defect of the platform; the log has the details.
    pub fn internal(service: ServiceKind) -> Self {
        let message = "internal error; the server's log has the details";
        Self::new(service, HostErrorKind::Internal, message)
    }

    /// The answer does not fit into what the caller may still allocate.
    pub fn over_memory(service: ServiceKind) -> Self {
        let message = "the answer is larger than what the run may still allocate";
        Self::new(service, HostErrorKind::Memory, message)
    }
    /// The instance has no memory for the answer.
    pub fn no_room(service: ServiceKind) -> Self {
        let message = "the server has no memory left for the answer";
        Self::new(service, HostErrorKind::NoRoom, message)
    }
}
