//! `queue`: messages that are handled one by one, each by one consumer.

use rhai::plugin::{Dynamic, ImmutableString, export_module};
use rhai::{Array, Map};
use shared::event::limits::{EFFECT_BYTES, EFFECTS};
use shared::event::{Effect, Message};
use shared::id::EventId;
use shared::name::QueueName;
use shared::service::Queue;
use shared::service::queue::{QueueCall, QueueReply};

use super::ask::ask_for;
use super::messages::{self, Options};
use super::transaction;
use crate::language::error::{Result, wrong};
use crate::sandbox::context;
use crate::sandbox::meter::{Unmetered, unmetered};

fn send_one(queue: &str, value: &Dynamic, options: &Options) -> Result<ImmutableString> {
    let queue = messages::name::<QueueName>(queue)?;
    let message = messages::message(value, options)?;
    messages::send::<Queue>(
        message,
        |message| Effect::Send(queue.clone(), message),
        |message| QueueCall::Send {
            queue: queue.clone(),
            messages: vec![message],
        },
        |reply| match reply {
            QueueReply::Sent(ids) => ids.first().copied(),
            QueueReply::Depth(_) => None,
        },
    )
}

fn texts<'a>(ids: impl Iterator<Item = &'a EventId>) -> Array {
    ids.map(|id| id.to_string().into()).collect()
}

/// Sends messages together; their events' ids.
fn send_all(queue: Unmetered<QueueName>, messages: Unmetered<Vec<Message>>) -> Result<Array> {
    if transaction::is_open() {
        let ids = texts(messages.iter().map(|message| &message.id));
        let effect = |message| Effect::Send(queue.clone(), message);
        transaction::sent::keep(messages.map(|all| all.into_iter().map(effect).collect()))?;
        return Ok(ids);
    }
    let count = messages.len();
    let call = || QueueCall::Send {
        queue: queue.into_inner(),
        messages: messages.into_inner(),
    };
    ask_for::<Queue, _>(call, |reply| match reply {
        QueueReply::Sent(ids) if ids.len() == count => Some(Ok(texts(ids.iter()))),
        _ => None,
    })
}

#[export_module(root = "crate::language::placed")]
pub(super) mod functions {
    /// Puts a message into a queue; returns the event's id. It is on disk when the call returns.
    #[rhai_fn(return_raw, volatile)]
    pub fn send(name: ImmutableString, message: Dynamic) -> Result<ImmutableString> {
        send_one(&name, &message, &Options::default())
    }

    /// Puts a message into a queue with `#{key, delay, idempotency_key}`: messages with one key
    /// are handled in order; `delay` is seconds or a text like `10m`; a message with the
    /// idempotency key of an earlier one within a day is that one, whose id is returned.
    #[rhai_fn(name = "send", return_raw, volatile)]
    pub fn send_with(
        name: ImmutableString,
        message: Dynamic,
        options: Map,
    ) -> Result<ImmutableString> {
        send_one(
            &name,
            &message,
            &messages::options("queue::send", &options, true)?,
        )
    }

    /// Puts at most 1,000 messages into a queue, all or none; returns the events' ids.
    #[rhai_fn(return_raw, volatile)]
    pub fn send_many(name: ImmutableString, messages: Array) -> Result<Array> {
        let queue = messages::name::<QueueName>(&name)?;
        if messages.len() > EFFECTS {
            return Err(wrong(format!(
                "queue::send_many takes at most {EFFECTS} messages"
            )));
        }
        let mut ready = Unmetered::new(Vec::new());
        let mut bytes = 0;
        for message in &messages {
            let message = messages::message(message, &Options::default())?;
            bytes += message.body.len();
            if bytes > EFFECT_BYTES {
                return Err(wrong(format!(
                    "queue::send_many takes at most {} MiB of messages; send them in several calls",
                    EFFECT_BYTES >> 20
                )));
            }
            context::reserve(bytes as u64)?;
            unmetered(|| ready.push(message.into_inner()));
        }
        if ready.is_empty() {
            return Ok(Array::new());
        }
        send_all(queue, ready)
    }

    /// How many messages of a queue are not handled yet.
    #[rhai_fn(return_raw, volatile)]
    pub fn depth(name: ImmutableString) -> Result<i64> {
        transaction::refuse_inside("queue::depth", "call it before")?;
        let queue = messages::name::<QueueName>(&name)?;
        ask_for::<Queue, _>(
            || QueueCall::Depth(queue.into_inner()),
            |reply| match reply {
                QueueReply::Depth(count) => Some(Ok(i64::try_from(*count).unwrap_or(i64::MAX))),
                QueueReply::Sent(_) => None,
            },
        )
    }
}
