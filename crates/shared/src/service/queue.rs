//! `queue`: messages that are handled one by one, each by one consumer.

use serde::{Deserialize, Serialize};

use super::access::Access;
use crate::event::Message;
use crate::id::EventId;
use crate::name::QueueName;

/// What `queue` is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum QueueCall {
    /// Puts messages into a queue, all or none -> [`QueueReply::Sent`]
    Send {
        /// The queue.
        queue: QueueName,
        /// The messages, in order.
        messages: Vec<Message>,
    },
    /// How many messages are not handled yet -> [`QueueReply::Depth`]
    Depth(QueueName),
}

impl QueueCall {
    /// Whether it may change something.
    pub fn access(&self) -> Access {
        match self {
            Self::Send { .. } => Access::Write,
            Self::Depth(_) => Access::Read,
        }
    }
}

/// What `queue` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum QueueReply {
    /// The events the messages became, in order; an earlier one where an idempotency key was known.
    Sent(Vec<EventId>),
    /// Messages that are not handled yet.
    Depth(u64),
}
