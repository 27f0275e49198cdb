//! `invoke`: other scripts of the app, now or later.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::wire;
use crate::event::Message;
use crate::id::EventId;
use crate::name::ScriptName;

/// What `invoke` is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InvokeCall {
    /// Runs a script now and waits for it -> [`InvokeReply::Returned`]
    Call {
        /// The script.
        script: ScriptName,
        /// Its argument: a JSON text.
        #[serde(with = "wire::base64")]
        args: Bytes,
    },
    /// Runs a script later -> [`InvokeReply::Later`]
    Later {
        /// The script.
        script: ScriptName,
        /// Its argument, and when.
        message: Message,
    },
}

/// What `invoke` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InvokeReply {
    /// What the script returned: a JSON text.
    Returned(#[serde(with = "wire::base64")] Bytes),
    /// The event the call became; an earlier one where the idempotency key was known.
    Later(EventId),
}
