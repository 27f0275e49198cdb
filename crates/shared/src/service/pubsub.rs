//! `pubsub`: messages for everybody who asked for their topic.

use serde::{Deserialize, Serialize};

use crate::event::Message;
use crate::id::EventId;
use crate::name::TopicName;

/// What `pubsub` is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PubsubCall {
    /// Sends a message to every subscriber of a topic -> [`PubsubReply::Published`]
    Publish {
        /// The topic.
        topic: TopicName,
        /// The message.
        message: Message,
    },
}

/// What `pubsub` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PubsubReply {
    /// The event the message became; an earlier one where the idempotency key was known.
    Published(EventId),
}
