//! What happens, written down for those who want to know.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::json;
use serde_json::value::RawValue;
use shared::clock::Timestamp;
use shared::event::{Cause, Message};
use shared::id::{AppId, DeadLetterId, EventId, ExecutionId};
use shared::invocation::TriggerKind;
use shared::kv::{KvCall, KvEntry, KvValue};
use shared::name::{QueueName, ScriptName, TopicName, TopicPattern};
use std::time::Duration;

use super::once::{Begun, begin, known};
use super::{New, OutboxError, admit, insert};
use crate::apps::to_json;
use crate::conn::Conn;
use crate::error::StoreError;
use crate::triggers::{self, PARKED, Target};

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

impl Sent {
    fn due(self, message: &Message) -> Timestamp {
        self.now.plus(Duration::from_millis(message.delay_ms))
    }
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emitted {
    /// It is a new event.
    New(EventId),
    /// It was sent before, under the same idempotency key, as this event.
    Known(EventId),
}

impl Emitted {
    /// The event.
    pub fn id(self) -> EventId {
        match self {
            Self::New(id) | Self::Known(id) => id,
        }
    }
}

/// A JSON text as part of another.
fn raw(text: &[u8]) -> Result<Box<RawValue>, StoreError> {
    serde_json::from_slice(text).map_err(|error| StoreError::Corrupt {
        what: "message",
        reason: error.to_string(),
    })
}

/// Whether the queues of one transaction have consumers, asked once for each.
#[derive(Debug, Default)]
pub(crate) struct Consumers(BTreeMap<String, bool>);

impl Consumers {
    fn has(&mut self, conn: &mut dyn Conn, app: AppId, key: &str) -> Result<bool, StoreError> {
        if let Some(known) = self.0.get(key) {
            return Ok(*known);
        }
        let has = triggers::has_consumer(conn, app, key)?;
        self.0.insert(key.to_owned(), has);
        Ok(has)
    }
}

/// Puts a message into a queue.
pub fn send(
    conn: &mut dyn Conn,
    sent: Sent,
    queue: &QueueName,
    message: &Message,
) -> Result<Emitted, OutboxError> {
    send_among(conn, sent, &mut Consumers::default(), queue, message)
}

/// Puts one message of a transaction into a queue.
pub(crate) fn send_among(
    conn: &mut dyn Conn,
    sent: Sent,
    consumers: &mut Consumers,
    queue: &QueueName,
    message: &Message,
) -> Result<Emitted, OutboxError> {
    let scope = format!("queue/{queue}");
    let cause = match begin(conn, sent, &scope, message)? {
        Begun::New(cause) => cause,
        Begun::Known(event) => return Ok(Emitted::Known(event)),
    };
    #[derive(serde::Serialize)]
    struct Fields<'a> {
        name: &'a str,
        message: Box<RawValue>,
        key: Option<&'a str>,
    }
    let fields = Fields {
        name: queue.as_str(),
        message: raw(&message.body)?,
        key: message.key.as_deref(),
    };
    let payload = to_json("message", &fields)?;
    // A delayed message is looked at when its time has come.
    let parked = message.delay_ms == 0 && !consumers.has(conn, sent.app, &scope)?;
    let due_at = if parked { PARKED } else { sent.due(message) };
    // The queue itself is the trigger: it keeps its messages while nobody consumes it.
    insert(
        conn,
        &New {
            app: sent.app,
            event: message.id,
            kind: TriggerKind::Queue,
            trigger: &scope,
            script: None,
            handler: None,
            subject: queue.as_str(),
            order_key: message.key.as_deref(),
            payload: payload.as_bytes(),
            cause,
            history: "[]",
            created_at: sent.now,
            due_at,
        },
    )?;
    Ok(Emitted::New(message.id))
}

/// Tells a topic's subscribers.
pub fn publish(
    conn: &mut dyn Conn,
    sent: Sent,
    topic: &TopicName,
    message: &Message,
) -> Result<Emitted, OutboxError> {
    let scope = format!("topic/{topic}");
    let cause = match begin(conn, sent, &scope, message)? {
        Begun::New(cause) => cause,
        Begun::Known(event) => return Ok(Emitted::Known(event)),
    };
    let targets = triggers::of_kind(conn, sent.app, TriggerKind::Pubsub)?;
    #[derive(serde::Serialize)]
    struct Fields<'a> {
        topic: &'a str,
        message: Box<RawValue>,
    }
    let fields = Fields {
        topic: topic.as_str(),
        message: raw(&message.body)?,
    };
    let payload = to_json("message", &fields)?;
    for target in targets {
        let pattern = target.subject.parse::<TopicPattern>();
        if pattern.is_ok_and(|pattern| pattern.matches(topic)) {
            let due = sent.due(message);
            to_target(
                conn,
                sent,
                &target,
                TriggerKind::Pubsub,
                cause,
                &payload,
                due,
                message.id,
                topic.as_str(),
            )?;
        }
    }
    Ok(Emitted::New(message.id))
}

#[expect(clippy::too_many_arguments, reason = "the facts of one delivery")]
fn to_target(
    conn: &mut dyn Conn,
    sent: Sent,
    target: &Target,
    kind: TriggerKind,
    cause: Cause,
    payload: &str,
    due_at: Timestamp,
    event: EventId,
    subject: &str,
) -> Result<(), StoreError> {
    insert(
        conn,
        &New {
            app: sent.app,
            event,
            kind,
            trigger: &target.key,
            script: Some(&target.script),
            handler: target.handler.as_deref(),
            subject,
            order_key: None,
            payload: payload.as_bytes(),
            cause,
            history: "[]",
            created_at: sent.now,
            due_at,
        },
    )
}

/// Runs a script of the app later.
pub fn invoke(
    conn: &mut dyn Conn,
    sent: Sent,
    script: &ScriptName,
    message: &Message,
) -> Result<Emitted, OutboxError> {
    let scope = format!("script/{script}");
    let cause = match begin(conn, sent, &scope, message)? {
        Begun::New(cause) => cause,
        Begun::Known(event) => return Ok(Emitted::Known(event)),
    };
    let payload = [b"{\"args\":", &message.body[..], b"}"].concat();
    insert(
        conn,
        &New {
            app: sent.app,
            event: message.id,
            kind: TriggerKind::Invoke,
            trigger: "",
            script: Some(script.as_str()),
            handler: None,
            subject: script.as_str(),
            order_key: None,
            payload: &payload,
            cause,
            history: "[]",
            created_at: sent.now,
            due_at: sent.due(message),
        },
    )?;
    Ok(Emitted::New(message.id))
}

/// A value of the key-value store as an event shows it: raw bytes in base64.
fn shown(value: Option<&KvValue>) -> Result<Box<RawValue>, StoreError> {
    use base64::Engine as _;
    match value {
        None => raw(b"null"),
        Some(KvValue::Json(text)) => raw(text),
        Some(KvValue::Blob(bytes)) => {
            let text = base64::engine::general_purpose::STANDARD.encode(bytes);
            raw(format!("\"{text}\"").as_bytes())
        }
    }
}

/// Tells about a changed key. `targets` are the triggers of its collection.
pub(crate) fn key_changed_to(
    conn: &mut dyn Conn,
    sent: Sent,
    targets: &[Target],
    call: (&KvCall, &str),
    old: Option<&KvEntry>,
    new: Option<&KvEntry>,
) -> Result<(), OutboxError> {
    #[derive(serde::Serialize)]
    struct Fields<'a> {
        collection: &'a str,
        key: &'a str,
        op: &'static str,
        value: Box<RawValue>,
        old: Box<RawValue>,
    }
    let (call, key) = call;
    let fields = Fields {
        collection: call.collection.as_str(),
        key,
        op: if new.is_some() { "set" } else { "delete" },
        value: shown(new.map(|entry| &entry.value))?,
        old: shown(old.map(|entry| &entry.value))?,
    };
    let payload = to_json("event", &fields)?;
    let event = EventId::new(sent.now);
    let cause = sent.cause.follows(sent.execution, event);
    admit(conn, sent.app, cause)?;
    for target in targets {
        let subject = call.collection.as_str();
        let kind = TriggerKind::Kv;
        to_target(
            conn, sent, target, kind, cause, &payload, sent.now, event, subject,
        )?;
    }
    Ok(())
}

/// The triggers that want to know about a key of a collection.
pub fn key_changed(
    conn: &mut dyn Conn,
    app: AppId,
    collection: &str,
    key: &str,
) -> Result<Vec<Target>, StoreError> {
    let mut targets = triggers::of_subject(conn, app, TriggerKind::Kv, collection)?;
    targets.retain(|t| t.filter.as_deref().is_none_or(|p| key.starts_with(p)));
    Ok(targets)
}

/// A request that is answered before it is handled, for its route's script or its trigger.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The app.
    pub app: AppId,
    /// The event it becomes.
    pub event: EventId,
    /// [`TriggerKind::Http`] or [`TriggerKind::Webhook`].
    pub kind: TriggerKind,
    /// The trigger, for a webhook.
    pub trigger: &'a str,
    /// The script.
    pub script: &'a ScriptName,
    /// Its function.
    pub handler: Option<&'a str>,
    /// The path.
    pub path: &'a str,
    /// The request, encoded.
    pub payload: &'a Bytes,
    /// The sender's id of it, so that what it sends twice is handled once.
    pub idempotency_key: Option<&'a str>,
}

/// Takes a request.
pub fn request(
    conn: &mut dyn Conn,
    request: Request<'_>,
    now: Timestamp,
) -> Result<Emitted, OutboxError> {
    let (app, event) = (request.app, request.event);
    admit(conn, app, Cause::outside(event))?;
    let scope = format!("request/{}", request.path);
    let key = request.idempotency_key;
    if let Some(event) = known(conn, app, &scope, key, event, now)? {
        return Ok(Emitted::Known(event));
    }
    insert(
        conn,
        &New {
            app,
            event,
            kind: request.kind,
            trigger: request.trigger,
            script: Some(request.script.as_str()),
            handler: request.handler,
            subject: request.path,
            order_key: None,
            payload: request.payload,
            cause: Cause::outside(event),
            history: "[]",
            created_at: now,
            due_at: now,
        },
    )?;
    Ok(Emitted::New(event))
}

/// A release that went live.
#[derive(Clone, Copy, Debug)]
pub struct Release<'a> {
    /// Its number.
    pub number: i64,
    /// What it is about.
    pub message: &'a str,
    /// Who made it.
    pub author: &'a str,
}

/// Tells an app's `deploy` triggers that a release went live.
pub fn deployed(
    conn: &mut dyn Conn,
    app: AppId,
    release: Release<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let targets = triggers::of_kind(conn, app, TriggerKind::Deploy)?;
    let payload = json!({
        "release": release.number, "message": release.message, "author": release.author,
    });
    let payload = payload.to_string();
    let event = EventId::new(now);
    for target in &targets {
        outside(
            conn,
            app,
            target,
            TriggerKind::Deploy,
            "",
            &payload,
            event,
            now,
        )?;
    }
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "the facts of one delivery")]
fn outside(
    conn: &mut dyn Conn,
    app: AppId,
    target: &Target,
    kind: TriggerKind,
    subject: &str,
    payload: &str,
    event: EventId,
    now: Timestamp,
) -> Result<(), StoreError> {
    insert(
        conn,
        &New {
            app,
            event,
            kind,
            trigger: &target.key,
            script: Some(&target.script),
            handler: target.handler.as_deref(),
            subject,
            order_key: None,
            payload: payload.as_bytes(),
            cause: Cause::outside(event),
            history: "[]",
            created_at: now,
            due_at: now,
        },
    )
}

/// Writes one tick of a schedule.
pub fn scheduled(
    conn: &mut dyn Conn,
    app: AppId,
    target: &Target,
    fields: &str,
    now: Timestamp,
) -> Result<EventId, StoreError> {
    let event = EventId::new(now);
    let kind = TriggerKind::Cron;
    outside(conn, app, target, kind, &target.subject, fields, event, now)?;
    Ok(event)
}

/// A dead letter as its triggers see it: the original fields and the error as they were written.
#[derive(serde::Serialize)]
struct Died<'a> {
    dead_letter: DeadLetterId,
    event: Original<'a>,
    script: Option<&'a str>,
    error: Option<&'a RawValue>,
    attempts: u32,
}

#[derive(serde::Serialize)]
struct Original<'a> {
    id: EventId,
    kind: &'static str,
    subject: &'a str,
    time: String,
    fields: Option<&'a RawValue>,
}

impl<'a> Died<'a> {
    fn of(dead: &'a crate::dead_letters::DeadLetter) -> Self {
        Self {
            dead_letter: dead.id,
            event: Original {
                id: dead.event,
                kind: dead.kind.as_str(),
                subject: &dead.subject,
                time: dead.created_at.to_rfc3339(),
                fields: serde_json::from_slice(&dead.payload).ok(),
            },
            script: dead.script.as_deref(),
            error: serde_json::from_str(&dead.error).ok(),
            attempts: dead.attempts,
        }
    }
}

/// The last run that failed.
fn last_run(dead: &crate::dead_letters::DeadLetter) -> Option<ExecutionId> {
    let history: Vec<serde_json::Value> = serde_json::from_str(&dead.history).ok()?;
    history.last()?.get("execution")?.as_str()?.parse().ok()
}

/// Tells an app's `dead_letter` triggers about an event that failed for good.
pub fn died(
    conn: &mut dyn Conn,
    dead: &crate::dead_letters::DeadLetter,
    now: Timestamp,
) -> Result<(), StoreError> {
    // The failure of such a handler is a dead letter and nothing more: it would go round for ever.
    if dead.kind == TriggerKind::DeadLetter {
        return Ok(());
    }
    let mut targets = triggers::of_kind(conn, dead.app, TriggerKind::DeadLetter)?;
    targets.retain(|t| t.subject.is_empty() || Some(&t.subject) == dead.script.as_ref());
    if targets.is_empty() {
        return Ok(());
    }
    let payload = to_json("dead letter", &Died::of(dead))?;
    let event = EventId::new(now);
    let cause = Cause {
        root: dead.cause.root,
        event: Some(event),
        // It follows from the attempt that was the last.
        parent: last_run(dead).or(dead.cause.parent),
        depth: dead.cause.depth,
    };
    for target in &targets {
        let sent = Sent {
            app: dead.app,
            cause,
            execution: ExecutionId::from_bytes(*event.as_bytes()),
            now,
        };
        let kind = TriggerKind::DeadLetter;
        to_target(
            conn,
            sent,
            target,
            kind,
            cause,
            &payload,
            now,
            event,
            &dead.subject,
        )?;
    }
    Ok(())
}
