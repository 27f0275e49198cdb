//! `queue`: messages that are handled one by one, each by one consumer.

use rhai::plugin::{Dynamic, ImmutableString, export_module};
use rhai::{Array, Map};
use shared::event::limits::{EFFECT_BYTES, EFFECTS};
use shared::event::{Effect, EventCall, EventReply};
use shared::name::QueueName;

use super::messages::{self, Options};
use super::transaction;
use crate::language::error::{Result, wrong};
use crate::sandbox::context;
use crate::sandbox::meter::{Outside, unmetered};

fn effect(queue: &QueueName, value: &Dynamic, options: &Options) -> Result<Outside<Effect>> {
    let message = messages::message(value, options)?;
    Ok(message.map(|message| Effect::Send(queue.clone(), message)))
}

fn send_one(queue: &str, value: &Dynamic, options: &Options) -> Result<ImmutableString> {
    let queue = messages::name::<QueueName>(queue)?;
    messages::send(effect(&queue, value, options)?)
}

#[export_module]
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
        let mut effects = Outside::new(Vec::new());
        let mut bytes = 0;
        for message in &messages {
            let effect = effect(&queue, message, &Options::default())?;
            bytes += transaction::weight(std::slice::from_ref(&*effect));
            if bytes > EFFECT_BYTES {
                return Err(wrong(format!(
                    "queue::send_many takes at most {} MiB of messages; send them in several calls",
                    EFFECT_BYTES >> 20
                )));
            }
            context::reserve(bytes as u64)?;
            unmetered(|| effects.push(effect.into_inner()));
        }
        if effects.is_empty() {
            return Ok(Array::new());
        }
        messages::send_all(effects)
    }

    /// How many messages of a queue are not handled yet.
    #[rhai_fn(return_raw, volatile)]
    pub fn depth(name: ImmutableString) -> Result<i64> {
        transaction::refuse_inside("queue::depth", "call it before")?;
        let queue = messages::name::<QueueName>(&name)?;
        let reply = messages::ask(|| EventCall::Depth(queue.into_inner()))?;
        match &*reply {
            EventReply::Count(count) => Ok(i64::try_from(*count).unwrap_or(i64::MAX)),
            _ => Err(messages::misunderstood()),
        }
    }
}
