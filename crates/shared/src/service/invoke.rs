//! `invoke`: other scripts of the app, now or later.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::base64;
use super::error::HostError;
use crate::allowance::Allowance;
use crate::event::Message;
use crate::id::EventId;
use crate::invocation::Usage;
use crate::name::ScriptName;
use crate::script_error::LimitKind;

/// What `invoke` is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InvokeCall {
    /// Runs a script now and waits for it -> [`InvokeReply::Returned`] or [`InvokeReply::Failed`]
    Call(Box<ScriptCall>),
    /// Runs a script later -> [`InvokeReply::Later`]
    Later {
        /// The script.
        script: ScriptName,
        /// Its argument, and when.
        message: Message,
    },
}

/// A script to run now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptCall {
    /// The script.
    pub script: ScriptName,
    /// Its argument: a JSON text.
    #[serde(with = "base64")]
    pub args: Bytes,
    /// What its caller has left: it may use no more than that.
    pub allowance: Allowance,
}

/// Why a caller ends with a script that it called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndsCaller {
    /// What was left of a limit is used up: the caller's, or of one that called it.
    Limit(LimitKind),
    /// The server is stopping.
    Cancelled,
}

/// What `invoke` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InvokeReply {
    /// The script has ended well.
    Returned {
        /// What it returned: a JSON text.
        #[serde(with = "base64")]
        value: Bytes,
        /// What it used.
        usage: Usage,
    },
    /// The script has run and failed.
    Failed {
        /// Why.
        error: HostError,
        /// What it used.
        usage: Usage,
        /// Why its caller ends with it, if it does.
        ends_caller: Option<EndsCaller>,
    },
    /// The event the call became; an earlier one where the idempotency key was known.
    Later(EventId),
}
