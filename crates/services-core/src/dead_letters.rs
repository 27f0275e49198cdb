//! `dead_letters`: events whose handlers failed for good.

use serde::Serialize;
use serde_json::value::RawValue;
use shared::event::edited::edited;
use shared::event::request::StoredRequest;
use shared::id::{DeadLetterId, EventId};
use shared::invocation::TriggerKind;
use shared::memory::Held;
use shared::seam::HostAnswer;
use shared::service::dead_letters::{DeadLettersCall, DeadLettersReply};
use shared::service::{DeadLetters, HostError, ServiceKind};
use store::dead_letters::{self, DeadLetter};
use store::outbox::Sent;
use store::{Conn, StoreError};

use crate::asked::{Asked, later, later_held, ready};
use crate::message::{check_json, invalid};

const SELF: ServiceKind = ServiceKind::DeadLetters;

/// Most dead letters in one answer.
const MOST: u32 = 100;

/// Answers a call.
pub(crate) fn call(asked: Asked, call: DeadLettersCall) -> HostAnswer {
    if let Err(error) = check(&call) {
        return ready::<DeadLetters>(Err(error));
    }
    match call {
        DeadLettersCall::List { limit } => {
            later_held::<DeadLetters, _>(asked, move |asked| list(asked, limit))
        }
        DeadLettersCall::Replay { id, payload } => {
            later::<DeadLetters, _>(asked, move |asked| async move {
                let sent = asked.sent;
                let write = asked.write::<DeadLetters, _>(move |conn| {
                    replay(conn, sent, id, payload.as_deref())
                });
                let replayed = write.await?;
                replayed
                    .map(DeadLettersReply::Done)
                    .map_err(|why| invalid(SELF, format!("the payload: {why}")))
            })
        }
        DeadLettersCall::Discard(id) => later::<DeadLetters, _>(asked, move |asked| async move {
            let app = asked.sent.app;
            let write =
                asked.write::<DeadLetters, _>(move |conn| dead_letters::discard(conn, app, id));
            write.await.map(DeadLettersReply::Done)
        }),
    }
}

async fn list(asked: Asked, limit: u32) -> Result<(DeadLettersReply, Option<Held>), HostError> {
    let app = asked.sent.app;
    let limit = i64::from(limit.min(MOST));
    let read = asked.read_within::<DeadLetters, _, StoreError>(move |conn, room| {
        dead_letters::list(conn, app, limit, room)
    });
    let (found, held) = read.await?;
    let shown: Vec<_> = found.iter().map(Shown::of).collect();
    let text = serde_json::to_vec(&shown).map_err(|_never| HostError::internal(SELF))?;
    Ok((DeadLettersReply::List(text.into()), held))
}

fn check(call: &DeadLettersCall) -> Result<(), HostError> {
    let DeadLettersCall::Replay {
        payload: Some(payload),
        ..
    } = call
    else {
        return Ok(());
    };
    check_json(SELF, "the payload", payload)?;
    if payload.trim_ascii_start().starts_with(b"{") {
        return Ok(());
    }
    Err(invalid(SELF, "the payload is not a JSON object"))
}

/// Delivers a dead letter again; whether it was there, or what is wrong with the payload.
fn replay(
    conn: &mut dyn Conn,
    sent: Sent,
    id: DeadLetterId,
    given: Option<&[u8]>,
) -> Result<Result<bool, String>, StoreError> {
    let payload = match (given, dead_letters::get(conn, sent.app, id)?) {
        (Some(given), Some(dead)) => match with(&dead, given) {
            Ok(payload) => Some(payload),
            Err(why) => return Ok(Err(why)),
        },
        _ => None,
    };
    dead_letters::replay(conn, sent.app, id, payload.as_deref(), sent.now).map(Ok)
}

/// The event's fields with those that are given. A request may be given whole, as a script sees it in
/// `fields`.
fn with(dead: &DeadLetter, given: &[u8]) -> Result<Vec<u8>, String> {
    let request = matches!(dead.kind, TriggerKind::Http | TriggerKind::Webhook);
    if request && StoredRequest::decode(given).is_some() {
        return Ok(given.to_vec());
    }
    let given = serde_json::from_slice(given).map_err(|error| error.to_string())?;
    edited(dead.kind, &dead.payload, &given)
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
