//! `dead_letters`: events whose handlers failed for good.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::access::Access;
use super::base64;
use crate::id::DeadLetterId;

/// What `dead_letters` is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeadLettersCall {
    /// Those of the app, newest first -> [`DeadLettersReply::List`]
    List {
        /// At most so many.
        limit: u32,
    },
    /// Delivers one again -> [`DeadLettersReply::Done`]: whether it was there
    Replay {
        /// The dead letter.
        id: DeadLetterId,
        /// Another payload: the text of a JSON object.
        #[serde(with = "base64::or_none")]
        payload: Option<Bytes>,
    },
    /// Removes one -> [`DeadLettersReply::Done`]: whether it was there
    Discard(DeadLetterId),
}

impl DeadLettersCall {
    /// Whether it may change something.
    pub fn access(&self) -> Access {
        match self {
            Self::List { .. } => Access::Read,
            Self::Replay { .. } | Self::Discard(_) => Access::Write,
        }
    }
}

/// What `dead_letters` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeadLettersReply {
    /// Dead letters: the text of a JSON array.
    List(#[serde(with = "base64")] Bytes),
    /// Whether it was there.
    Done(bool),
}
