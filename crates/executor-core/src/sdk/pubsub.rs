//! `pubsub`: messages for everybody who asked for their topic.

use rhai::Map;
use rhai::plugin::{Dynamic, ImmutableString, export_module};
use shared::event::Effect;
use shared::name::TopicName;
use shared::service::Pubsub;
use shared::service::pubsub::{PubsubCall, PubsubReply};

use super::messages::{self, Options};
use crate::language::error::Result;

fn tell(topic: &str, value: &Dynamic, options: &Options) -> Result<ImmutableString> {
    let topic = messages::name::<TopicName>(topic)?;
    let message = messages::message(value, options)?;
    messages::send::<Pubsub>(
        message,
        |message| Effect::Publish(topic.clone(), message),
        |message| PubsubCall::Publish {
            topic: topic.clone(),
            message,
        },
        |PubsubReply::Published(id)| Some(*id),
    )
}

#[export_module(root = "crate::language::placed")]
pub(super) mod functions {
    /// Sends a message to every subscriber of a topic; returns the event's id. It is on disk when
    /// the call returns.
    #[rhai_fn(return_raw, volatile)]
    pub fn publish(topic: ImmutableString, message: Dynamic) -> Result<ImmutableString> {
        tell(&topic, &message, &Options::default())
    }

    /// Sends a message to every subscriber of a topic with `#{delay, idempotency_key}`.
    #[rhai_fn(name = "publish", return_raw, volatile)]
    pub fn publish_with(
        topic: ImmutableString,
        message: Dynamic,
        options: Map,
    ) -> Result<ImmutableString> {
        let options = messages::options("pubsub::publish", &options, false)?;
        tell(&topic, &message, &options)
    }
}
