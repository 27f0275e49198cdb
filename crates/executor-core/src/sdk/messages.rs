//! What `queue`, `pubsub` and `invoke` have in common: messages, their options, sending them.

use std::str::FromStr;

use bytes::Bytes;
use rhai::Map;
use rhai::plugin::{Dynamic, ImmutableString};
use shared::event::limits::{DELAY, KEY_BYTES, MESSAGE_BYTES};
use shared::event::{Effect, Message};
use shared::id::EventId;
use shared::name::NameError;
use shared::service::Service;

use super::ask::ask_for;
use super::{time, transaction};
use crate::language::error::{Result, wrong};
use crate::language::json::{EncodeError, Failure, encode_map_metered, encode_metered};
use crate::sandbox::context;
use crate::sandbox::meter::{Unmetered, unmetered};

/// How a message is sent.
#[derive(Default)]
pub(super) struct Options {
    key: Option<ImmutableString>,
    delay_ms: u64,
    idempotency_key: Option<ImmutableString>,
}

/// The options of `function`; `key` is one of them for queues only.
pub(super) fn options(function: &str, given: &Map, ordered: bool) -> Result<Options> {
    let mut options = Options::default();
    for (name, value) in given {
        match name.as_str() {
            "key" if ordered => options.key = Some(key("key", value)?),
            "idempotency_key" => options.idempotency_key = Some(key("idempotency_key", value)?),
            "delay" => {
                let delay = time::duration(value, "delay")?;
                if delay > DELAY {
                    return Err(wrong("delay is at most 365 days"));
                }
                options.delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
            }
            other => {
                let known = if ordered {
                    "key, delay and idempotency_key"
                } else {
                    "delay and idempotency_key"
                };
                return Err(wrong(format!(
                    "{function} has no option `{other}`; there are {known}"
                )));
            }
        }
    }
    Ok(options)
}

fn key(name: &str, value: &Dynamic) -> Result<ImmutableString> {
    let text = value
        .read_lock::<ImmutableString>()
        .map(|text| text.clone());
    text.filter(|text| !text.is_empty() && text.len() <= KEY_BYTES && !text.contains('\0'))
        .ok_or_else(|| {
            wrong(format!(
                "{name} is a text of 1 to {KEY_BYTES} bytes without the character U+0000"
            ))
        })
}

/// A name that crosses the seam.
pub(super) fn name<T: FromStr<Err = NameError> + Clone>(text: &str) -> Result<Unmetered<T>> {
    let parsed = Unmetered::new(unmetered(|| text.parse::<T>()));
    match &*parsed {
        Ok(name) => Ok(Unmetered::new(unmetered(|| name.clone()))),
        Err(error) => Err(wrong(error.to_string())),
    }
}

/// The JSON of a value that is sent; `what` it is.
pub(super) fn json(value: &Dynamic, what: &str) -> Result<Unmetered<Bytes>> {
    copied(encode_metered(value, false, MESSAGE_BYTES as u64), what)
}

/// The JSON of a map that is sent.
pub(super) fn json_of_map(map: &Map, what: &str) -> Result<Unmetered<Bytes>> {
    copied(encode_map_metered(map, MESSAGE_BYTES as u64), what)
}

fn copied(
    encoded: std::result::Result<Vec<u8>, Failure<EncodeError>>,
    what: &str,
) -> Result<Unmetered<Bytes>> {
    let text = encoded.map_err(|failure| match failure {
        Failure::Stopped(stopped) => stopped.into(),
        Failure::Wrong(error) => wrong(format!("{what} cannot be sent: {error}")),
    })?;
    Ok(Unmetered::new(unmetered(|| Bytes::copy_from_slice(&text))))
}

/// A message with this value.
pub(super) fn message(value: &Dynamic, options: &Options) -> Result<Unmetered<Message>> {
    let body = json(value, "the message")?;
    let now = context::now();
    Ok(body.map(|body| Message {
        id: EventId::new(now),
        body,
        key: options.key.as_ref().map(ToString::to_string),
        delay_ms: options.delay_ms,
        idempotency_key: options.idempotency_key.as_ref().map(ToString::to_string),
    }))
}

/// Sends one message of a service, now or with the open transaction; its event's id.
pub(super) fn send<S: Service>(
    message: Unmetered<Message>,
    effect: impl FnOnce(Message) -> Effect,
    call: impl FnOnce(Message) -> S::Call,
    event: impl FnOnce(&S::Reply) -> Option<EventId>,
) -> Result<ImmutableString> {
    if transaction::is_open() {
        let id = transaction::sent::send(message.map(effect))?;
        return Ok(id.to_string().into());
    }
    ask_for::<S, _>(
        || call(message.into_inner()),
        |reply| event(reply).map(|id| Ok(id.to_string().into())),
    )
}
