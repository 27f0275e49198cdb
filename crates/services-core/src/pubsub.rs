//! `pubsub`: messages for everybody who asked for their topic.
//!
//! Store: `outbox.rs`.
//! API: `deliveries::list`.
//! pic: `events.rs`.

use shared::event::Destination;
use shared::seam::HostAnswer;
use shared::service::pubsub::{PubsubCall, PubsubReply};
use shared::service::{HostError, Pubsub, ServiceKind};

use crate::asked::{Asked, later, ready};
use crate::message;

const SELF: ServiceKind = ServiceKind::Pubsub;

/// Answers a call.
pub(crate) fn call(asked: Asked, PubsubCall::Publish { topic, message }: PubsubCall) -> HostAnswer {
    if let Err(error) = message::check(SELF, &message) {
        return ready::<Pubsub>(Err(error));
    }
    later::<Pubsub, _>(asked, move |asked| async move {
        let events = asked
            .send::<Pubsub>(Destination::Topic(topic), vec![message])
            .await?;
        let event = events.first().copied();
        event
            .map(PubsubReply::Published)
            .ok_or_else(|| HostError::internal(SELF))
    })
}
