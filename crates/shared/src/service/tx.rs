//! `tx`: reads, writes and messages that happen together or not at all.

use serde::{Deserialize, Serialize};

use super::access::Access;
use crate::event::{Destination, Effect, ReadKey};
use crate::id::EventId;

/// What `tx` is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum TxCall {
    /// Effects that happen together or not at all, if what was read is still so, and no message
    /// was sent meanwhile under its idempotency key as another event: the script knows their ids
    /// -> [`TxReply::Committed`] or [`TxReply::Conflict`]
    Commit {
        /// What must still be so.
        reads: Vec<ReadKey>,
        /// What to do, in order.
        effects: Vec<Effect>,
    },
    /// Which event was sent to a destination under an idempotency key within the last day
    /// -> [`TxReply::SentBefore`] or [`TxReply::Died`]
    SentBefore {
        /// The destination.
        to: Destination,
        /// The key.
        key: String,
    },
}

impl TxCall {
    /// Whether it may change something.
    pub const fn access(&self) -> Access {
        match self {
            Self::Commit { .. } => Access::Write,
            Self::SentBefore { .. } => Access::Read,
        }
    }
}

/// What `tx` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TxReply {
    /// All of it is done.
    Committed,
    /// Something that was read has changed, or sent meanwhile; nothing happened.
    Conflict,
    /// The event, if there was one.
    SentBefore(Option<EventId>),
    /// The event, which was given up: the same message is another attempt at it.
    Died(EventId),
}
