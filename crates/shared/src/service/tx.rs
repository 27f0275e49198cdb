//! `tx`: reads, writes and messages that happen together or not at all.

use serde::{Deserialize, Serialize};

use crate::event::{Effect, ReadKey};
use crate::id::EventId;

/// What `tx` is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum TxCall {
    /// Effects that happen together or not at all, if what was read is still so
    /// -> [`TxReply::Committed`] or [`TxReply::Conflict`]
    Commit {
        /// What must still be so.
        reads: Vec<ReadKey>,
        /// What to do, in order.
        effects: Vec<Effect>,
    },
}

/// What `tx` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TxReply {
    /// All of it is done. The events the messages became, in order; an earlier one where an
    /// idempotency key was known.
    Committed(Vec<EventId>),
    /// Something that was read has changed; nothing happened.
    Conflict,
}
