//! What `queue`, `pubsub` and `invoke` have in common: messages, their options, sending them.

use std::str::FromStr;

use bytes::Bytes;
use rhai::Map;
use rhai::plugin::{Dynamic, ImmutableString};
use shared::event::limits::{DELAY, KEY_BYTES, MESSAGE_BYTES, UNIQUE_FOR};
use shared::event::{Effect, Message};
use shared::id::EventId;
use shared::name::NameError;
use shared::retry::MAX_ATTEMPTS;
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
    unique_for_ms: Option<u64>,
    attempts: Option<u32>,
}

impl Options {
    /// Whether it says what makes one message the same as another.
    pub(super) fn is_once(&self) -> bool {
        self.idempotency_key.is_some()
    }
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
            "unique_for" => options.unique_for_ms = Some(unique_for(value)?),
            "attempts" if ordered => options.attempts = Some(attempts(value)?),
            other => {
                let known = if ordered {
                    "key, delay, idempotency_key, unique_for and attempts"
                } else {
                    "delay, idempotency_key and unique_for"
                };
                return Err(wrong(format!(
                    "{function} has no option `{other}`; there are {known}"
                )));
            }
        }
    }
    if options.unique_for_ms.is_some() && options.idempotency_key.is_none() {
        return Err(wrong(
            "unique_for says how long an idempotency_key counts; give that too",
        ));
    }
    Ok(options)
}

fn unique_for(value: &Dynamic) -> Result<u64> {
    let time = time::duration(value, "unique_for")?;
    if time.is_zero() || time > UNIQUE_FOR {
        return Err(wrong(
            "unique_for is longer than nothing and at most 30 days",
        ));
    }
    Ok(u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1))
}

fn attempts(value: &Dynamic) -> Result<u32> {
    let number = value.as_int().ok().and_then(|n| u32::try_from(n).ok());
    number
        .filter(|n| (1..=MAX_ATTEMPTS).contains(n))
        .ok_or_else(|| {
            wrong(format!(
                "attempts is a whole number from 1 to {MAX_ATTEMPTS}"
            ))
        })
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
        unique_for_ms: options.unique_for_ms,
        attempts: options.attempts,
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
