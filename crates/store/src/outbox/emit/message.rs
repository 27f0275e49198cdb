//! Messages that scripts send.

use std::time::Duration;

use serde_json::value::RawValue;
use shared::clock::Timestamp;
use shared::event::limits::IDEMPOTENCY;
use shared::event::{Cause, Destination, Message};
use shared::id::{AppId, ExecutionId};
use shared::invocation::TriggerKind;

use super::event::{Event, Once, To, raw};
use crate::error::StoreError;
use crate::outbox::once::place;
use crate::text::to_json;

/// Who sends, when, and what it follows from.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// The app.
    pub app: AppId,
    /// The cause of the run that sends; a message follows from it.
    pub cause: Cause,
    /// The run.
    pub execution: ExecutionId,
    /// Now.
    pub now: Timestamp,
}

const fn kind(to: &Destination) -> TriggerKind {
    match to {
        Destination::Queue(_) => TriggerKind::Queue,
        Destination::Topic(_) => TriggerKind::Pubsub,
        Destination::Script(_) => TriggerKind::Invoke,
    }
}

fn handled_by(to: &Destination) -> To<'_> {
    match to {
        Destination::Queue(_) => To::Queue,
        Destination::Topic(_) => To::Triggers,
        Destination::Script(script) => To::Script {
            trigger: "",
            script: script.as_str(),
            handler: None,
        },
    }
}

fn fields(to: &Destination, message: &Message) -> Result<String, StoreError> {
    #[derive(serde::Serialize)]
    struct Queued<'a> {
        name: &'a str,
        message: Box<RawValue>,
        key: Option<&'a str>,
    }
    #[derive(serde::Serialize)]
    struct Published<'a> {
        topic: &'a str,
        message: Box<RawValue>,
    }
    #[derive(serde::Serialize)]
    struct Invoked {
        args: Box<RawValue>,
    }
    let body = raw(&message.body)?;
    match to {
        Destination::Queue(queue) => {
            let queued = Queued {
                name: queue.as_str(),
                message: body,
                key: message.key.as_deref(),
            };
            to_json("message", &queued)
        }
        Destination::Topic(topic) => {
            let topic = topic.as_str();
            let published = Published {
                topic,
                message: body,
            };
            to_json("message", &published)
        }
        Destination::Script(_) => to_json("message", &Invoked { args: body }),
    }
}

/// A message that is sent.
pub fn message<'a>(
    sent: Sent,
    to: &'a Destination,
    message: &'a Message,
) -> Result<Event<'a>, StoreError> {
    let once = message.idempotency_key.as_deref();
    Ok(Event {
        app: sent.app,
        id: message.id,
        kind: kind(to),
        subject: to.name(),
        filter: None,
        fields: fields(to, message)?.into_bytes().into(),
        cause: sent.cause.follows(sent.execution, message.id),
        // Only a queue has an order.
        order_key: match to {
            Destination::Queue(_) => message.key.as_deref().map(Into::into),
            Destination::Topic(_) | Destination::Script(_) => None,
        },
        to: handled_by(to),
        once: once.map(|key| Once {
            place: place(to),
            key,
            within: message
                .unique_for_ms
                .map_or(IDEMPOTENCY, Duration::from_millis),
        }),
        attempts: message.attempts,
        at: sent.now,
        due_at: sent.now.plus(Duration::from_millis(message.delay_ms)),
    })
}
