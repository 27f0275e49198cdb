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
        return send_in_transaction(&queue, messages);
    }
    let count = messages.len();
    if count == 0 {
        return Ok(Array::new());
    }
    let call = || QueueCall::Send {
        queue: queue.into_inner(),
        messages: messages.into_inner(),
    };
    ask_for::<Queue, _>(call, |reply| match reply {
        QueueReply::Sent(ids) if ids.len() == count => Some(Ok(texts(ids.iter()))),
        _ => None,
    })
}

/// The same at the end of the open transaction.
fn send_in_transaction(queue: &QueueName, messages: Unmetered<Vec<Message>>) -> Result<Array> {
    let effect = |message| Effect::Send(queue.clone(), message);
    if messages
        .iter()
        .all(|message| message.idempotency_key.is_none())
    {
        let ids = texts(messages.iter().map(|message| &message.id));
        transaction::sent::keep(messages.map(|all| all.into_iter().map(effect).collect()))?;
        return Ok(ids);
    }
    let mut ids = Array::new();
    let mut rest = messages.map(Vec::into_iter);
    while let Some(message) = unmetered(|| rest.next()) {
        let effect = Unmetered::new(unmetered(|| effect(message)));
        ids.push(transaction::sent::send(effect)?.to_string().into());
    }
    Ok(ids)
}

/// The messages of `queue::send_many`, each with its options.
fn many(
    messages: &Array,
    options: &dyn Fn(usize) -> Result<Options>,
) -> Result<Unmetered<Vec<Message>>> {
    if messages.len() > EFFECTS {
        return Err(wrong(format!(
            "queue::send_many takes at most {EFFECTS} messages"
        )));
    }
    let mut ready = Unmetered::new(Vec::new());
    let mut bytes = 0;
    for (at, message) in messages.iter().enumerate() {
        let message = messages::message(message, &options(at)?)?;
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
    Ok(ready)
}

/// The options of one message among many.
fn options_at(options: &Array, at: usize) -> Result<Options> {
    let given = options.get(at).and_then(Dynamic::read_lock::<Map>);
    let given = given.ok_or_else(|| {
        wrong(format!(
            "queue::send_many: the options of message {at} are no map; give a map for all \
             messages, or an array with one for each"
        ))
    })?;
    messages::options("queue::send_many", &given, true)
}

#[export_module(root = "crate::language::placed")]
pub(super) mod functions {
    /// Puts a message into a queue; returns the event's id. It is on disk when the call returns.
    #[rhai_fn(return_raw, volatile)]
    pub fn send(name: ImmutableString, message: Dynamic) -> Result<ImmutableString> {
        send_one(&name, &message, &Options::default())
    }

    /// Puts a message into a queue with `#{key, delay, idempotency_key, unique_for, attempts}`:
    /// messages with one key are handled in order; `delay` is seconds or a text like `10m`; a message
    /// with the idempotency key of an earlier one within a day, or `unique_for`, is that one, whose
    /// id is returned; it is tried `attempts` times at most, whatever its trigger says.
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
        send_all(queue, many(&messages, &|_| Ok(Options::default()))?)
    }

    /// The same with the options of `send` for all of them.
    #[rhai_fn(name = "send_many", return_raw, volatile)]
    pub fn send_many_with(name: ImmutableString, messages: Array, options: Map) -> Result<Array> {
        let queue = messages::name::<QueueName>(&name)?;
        let one = || messages::options("queue::send_many", &options, true);
        if one()?.is_once() && messages.len() > 1 {
            return Err(wrong(
                "queue::send_many: an idempotency_key is one message's; give an array with \
                 options for each",
            ));
        }
        send_all(queue, many(&messages, &|_| one())?)
    }

    /// The same with options for each, in an array as long as that of the messages.
    #[rhai_fn(name = "send_many", return_raw, volatile)]
    pub fn send_many_each(name: ImmutableString, messages: Array, options: Array) -> Result<Array> {
        let queue = messages::name::<QueueName>(&name)?;
        if options.len() != messages.len() {
            return Err(wrong(format!(
                "queue::send_many: {} messages have {} options; give one for each",
                messages.len(),
                options.len()
            )));
        }
        send_all(queue, many(&messages, &|at| options_at(&options, at))?)
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
