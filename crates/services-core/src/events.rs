//! What scripts send, in one transaction with what they write.

use serde::Serialize;
use serde_json::value::RawValue;
use shared::event::limits::{DELAY, EFFECT_BYTES, EFFECTS, KEY_BYTES, MESSAGE_BYTES};
use shared::event::request::StoredRequest;
use shared::event::{Effect, EventCall, EventReply, Message, ReadKey};
use shared::id::{DeadLetterId, EventId};
use shared::invocation::TriggerKind;
use shared::kv::KvOp;
use shared::seam::{HostAnswer, HostError, HostReply};
use store::dead_letters::{self, DeadLetter};
use store::effects::{self, EffectError};
use store::outbox::{self, Sent};
use store::{Conn, Store, StoreError};

use crate::failure::{effect_failure, failure};
use crate::kv;

const NAME: &str = "events";

/// Most dead letters in one answer.
const DEAD_LETTERS: u32 = 100;

/// Answers a call of the app that sends.
pub(crate) fn call(store: &Store, sent: Sent, call: EventCall) -> HostAnswer {
    if let Err(error) = check(&call) {
        return HostAnswer::Ready(Err(error));
    }
    let store = store.clone();
    HostAnswer::Pending(Box::pin(async move {
        let answer = answer(&store, sent, call).await;
        answer.map(HostReply::Event)
    }))
}

/// What was read has changed: nothing may be committed.
enum Applied {
    Conflict,
    Failed(EffectError),
}

impl From<StoreError> for Applied {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

async fn apply(
    store: &Store,
    sent: Sent,
    reads: Vec<ReadKey>,
    effects: Vec<Effect>,
) -> Result<EventReply, HostError> {
    let write = store.write(move |conn| {
        let applied = effects::apply(conn, sent, &reads, &effects);
        applied.map_err(Applied::Failed)?.ok_or(Applied::Conflict)
    });
    match write.await {
        Ok(events) => Ok(EventReply::Sent(events)),
        Err(Applied::Conflict) => Ok(EventReply::Conflict),
        Err(Applied::Failed(error)) => Err(effect_failure(NAME, &error)),
    }
}

async fn answer(store: &Store, sent: Sent, call: EventCall) -> Result<EventReply, HostError> {
    let app = sent.app;
    let failed = |error: StoreError| failure(NAME, &error);
    match call {
        EventCall::Apply { reads, effects } => apply(store, sent, reads, effects).await,
        EventCall::Depth(queue) => {
            let read = store.read(move |conn| outbox::depth(conn, app, queue.as_str()));
            read.await.map(EventReply::Count).map_err(failed)
        }
        EventCall::Call { .. } => Err(HostError::Unavailable(
            "scripts cannot be called from here".to_owned(),
        )),
        EventCall::DeadLetters { limit } => {
            let limit = i64::from(limit.min(DEAD_LETTERS));
            let read = store.read(move |conn| dead_letters::list(conn, app, None, limit));
            let found = read.await.map_err(failed)?;
            let shown: Vec<_> = found.iter().map(Shown::of).collect();
            let text = serde_json::to_vec(&shown).map_err(|_never| HostError::Internal)?;
            Ok(EventReply::DeadLetters(text.into()))
        }
        EventCall::Replay(id, payload) => {
            let write = store.write(move |conn| replay(conn, sent, id, payload.as_deref()));
            let replayed = write.await.map_err(failed)?;
            let there = replayed.ok_or_else(|| {
                HostError::Invalid(
                    "this event is a request: replay it without a payload, or with one like its \
                     `fields`"
                        .to_owned(),
                )
            })?;
            Ok(EventReply::Done(there))
        }
        EventCall::Discard(id) => {
            let write = store.write(move |conn| dead_letters::discard(conn, app, id));
            write.await.map(EventReply::Done).map_err(failed)
        }
    }
}

/// Delivers a dead letter again; whether it was there. `None`: it is a request, and the payload is
/// none.
fn replay(
    conn: &mut dyn Conn,
    sent: Sent,
    id: DeadLetterId,
    payload: Option<&[u8]>,
) -> Result<Option<bool>, StoreError> {
    if let Some(payload) = payload
        && let Some(dead) = dead_letters::get(conn, sent.app, id)?
        && matches!(dead.kind, TriggerKind::Http | TriggerKind::Webhook)
        && StoredRequest::decode(payload).is_none()
    {
        return Ok(None);
    }
    dead_letters::replay(conn, sent.app, id, payload, sent.now).map(Some)
}

/// A dead letter as scripts see it.
#[derive(Serialize)]
struct Shown<'a> {
    id: DeadLetterId,
    event: EventId,
    kind: &'static str,
    subject: &'a str,
    script: Option<&'a str>,
    fields: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
    attempts: u32,
    died_at: String,
}

impl<'a> Shown<'a> {
    fn of(dead: &'a DeadLetter) -> Self {
        Self {
            id: dead.id,
            event: dead.event,
            kind: dead.kind.as_str(),
            subject: &dead.subject,
            script: dead.script.as_deref(),
            // As it was sent: parsing would round numbers and bound the nesting.
            fields: serde_json::from_slice(&dead.payload).ok(),
            error: serde_json::from_str(&dead.error).ok(),
            attempts: dead.attempts,
            died_at: dead.died_at.to_rfc3339(),
        }
    }
}

/// The SDK checks too, with the script's position; here is where it counts.
fn check(call: &EventCall) -> Result<(), HostError> {
    match call {
        EventCall::Apply { reads, effects } => {
            if reads.len() > EFFECTS || effects.len() > EFFECTS {
                return Err(HostError::Invalid(format!(
                    "one transaction reads and does at most {EFFECTS} things each"
                )));
            }
            if effects.iter().map(weight).sum::<usize>() > EFFECT_BYTES {
                return Err(HostError::Invalid(format!(
                    "the values and messages of one transaction have at most {} MiB together",
                    EFFECT_BYTES >> 20
                )));
            }
            reads.iter().try_for_each(|read| kv::check_key(&read.key))?;
            effects.iter().try_for_each(|effect| match effect {
                Effect::Kv(call) if store::kv::is_read(&call.op) => Err(HostError::Invalid(
                    "a transaction's effects write".to_owned(),
                )),
                Effect::Kv(call) => kv::check(&call.op),
                Effect::Send(_, message)
                | Effect::Publish(_, message)
                | Effect::Invoke(_, message) => check_message(message),
            })
        }
        EventCall::Call { args, .. } => check_json("the argument", args),
        EventCall::Replay(_, Some(payload)) => {
            check_json("the payload", payload)?;
            if payload.trim_ascii_start().starts_with(b"{") {
                return Ok(());
            }
            Err(HostError::Invalid(
                "the payload is not a JSON object".to_owned(),
            ))
        }
        _ => Ok(()),
    }
}

/// Bytes of a value or message.
fn weight(effect: &Effect) -> usize {
    match effect {
        Effect::Kv(call) => match &call.op {
            KvOp::Set { value, .. } => value.len(),
            KvOp::Append(_, item) => item.len(),
            _ => 0,
        },
        Effect::Send(_, it) | Effect::Publish(_, it) | Effect::Invoke(_, it) => it.body.len(),
    }
}

fn check_message(message: &Message) -> Result<(), HostError> {
    check_json("the message", &message.body)?;
    for (what, key) in [
        ("key", &message.key),
        ("idempotency key", &message.idempotency_key),
    ] {
        if key
            .as_ref()
            .is_some_and(|k| k.is_empty() || k.len() > KEY_BYTES || k.contains('\0'))
        {
            return Err(HostError::Invalid(format!(
                "a {what} has 1 to {KEY_BYTES} bytes and no character U+0000"
            )));
        }
    }
    if u128::from(message.delay_ms) > DELAY.as_millis() {
        return Err(HostError::Invalid("a delay is at most a year".to_owned()));
    }
    Ok(())
}

fn check_json(what: &str, text: &[u8]) -> Result<(), HostError> {
    if text.len() > MESSAGE_BYTES {
        return Err(HostError::Invalid(format!(
            "{what} has at most {} KiB as JSON; this one has {} bytes",
            MESSAGE_BYTES >> 10,
            text.len()
        )));
    }
    // What is ignored is not checked to be UTF-8.
    let text = std::str::from_utf8(text).ok();
    let parsed = text.map(serde_json::from_str::<serde::de::IgnoredAny>);
    if !matches!(parsed, Some(Ok(_))) {
        return Err(HostError::Invalid(format!("{what} is not JSON")));
    }
    Ok(())
}
