//! What comes from outside of scripts: requests, releases, times, and events that were given up.

use bytes::Bytes;
use serde_json::value::RawValue;
use shared::clock::Timestamp;
use shared::event::limits::IDEMPOTENCY;
use shared::event::{Cause, FailedAttempt};
use shared::id::{AppId, DeadLetterId, EventId, ExecutionId};
use shared::invocation::TriggerKind;
use shared::name::ScriptName;

use super::event::{Event, Once, To};
use crate::dead_letters::DeadLetter;
use crate::error::StoreError;
use crate::outbox::line::SCHEDULE_LANE;
use crate::text::to_json;
use crate::triggers::Target;

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

impl<'a> Request<'a> {
    /// The event it becomes.
    pub fn event(self, now: Timestamp) -> Event<'a> {
        Event {
            subject: self.path,
            fields: self.payload[..].into(),
            to: To::Script {
                trigger: self.trigger,
                script: self.script.as_str(),
                handler: self.handler,
            },
            once: self.idempotency_key.map(|key| Once {
                place: "request",
                key,
                within: IDEMPOTENCY,
            }),
            ..first(self.app, self.event, self.kind, now)
        }
    }
}

/// An event for one trigger, by hand.
#[derive(Clone, Copy, Debug)]
pub struct ByHand<'a> {
    /// The app.
    pub app: AppId,
    /// What is said to have happened.
    pub kind: TriggerKind,
    /// The trigger's key.
    pub trigger: &'a str,
    /// The event's fields: a JSON text; of a webhook the request, encoded.
    pub fields: &'a [u8],
    /// The event's key, where what happens has one: changes of one key are one lane.
    pub order_key: Option<&'a str>,
}

impl<'a> ByHand<'a> {
    /// The event for the trigger.
    pub(crate) fn event(self, target: &'a Target, now: Timestamp) -> Event<'a> {
        // The runs of a schedule are one lane, also those by hand.
        let lane = (self.kind == TriggerKind::Cron).then_some(SCHEDULE_LANE);
        Event {
            subject: &target.subject,
            fields: self.fields.into(),
            order_key: lane.or(self.order_key).map(Into::into),
            to: To::Those(std::slice::from_ref(target)),
            ..first(self.app, EventId::new(now), self.kind, now)
        }
    }
}

/// An event that begins a chain, for the triggers of its kind.
fn first<'a>(app: AppId, id: EventId, kind: TriggerKind, now: Timestamp) -> Event<'a> {
    Event {
        app,
        id,
        kind,
        subject: "",
        filter: None,
        fields: (&[]).into(),
        cause: Cause::outside(id),
        order_key: None,
        to: To::Triggers,
        once: None,
        attempts: None,
        at: now,
        due_at: now,
    }
}

/// A release that went live.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Release<'a> {
    /// Its number.
    #[serde(rename = "release")]
    pub number: i64,
    /// What it is about.
    pub message: &'a str,
    /// Who made it.
    pub author: &'a str,
}

impl Release<'_> {
    /// The event of its going live.
    pub(crate) fn event(self, app: AppId, now: Timestamp) -> Result<Event<'static>, StoreError> {
        Ok(Event {
            fields: to_json("release", &self)?.into_bytes().into(),
            ..first(app, EventId::new(now), TriggerKind::Deploy, now)
        })
    }
}

/// One tick of a schedule.
#[derive(Clone, Debug, serde::Serialize)]
pub(crate) struct Tick<'a> {
    /// The cron expression.
    pub(crate) schedule: &'a str,
    /// Its zone.
    pub(crate) timezone: &'a str,
    /// When it was due.
    pub(crate) scheduled_for: String,
}

impl Tick<'_> {
    /// The event for the schedule's trigger.
    pub(crate) fn event<'t>(
        &self,
        app: AppId,
        trigger: &'t Target,
        now: Timestamp,
    ) -> Result<Event<'t>, StoreError> {
        Ok(Event {
            subject: &trigger.subject,
            fields: to_json("tick", self)?.into_bytes().into(),
            to: To::Those(std::slice::from_ref(trigger)),
            ..first(app, EventId::new(now), TriggerKind::Cron, now)
        })
    }
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
    fn of(dead: &'a DeadLetter) -> Self {
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
fn last_run(dead: &DeadLetter) -> Option<ExecutionId> {
    let history: Vec<FailedAttempt> = serde_json::from_str(&dead.history).ok()?;
    history.last().map(|attempt| attempt.execution)
}

/// An event that was given up, for those who listen.
pub(crate) fn death<'a>(
    dead: &'a DeadLetter,
    listeners: &'a [Target],
    now: Timestamp,
) -> Result<Event<'a>, StoreError> {
    let id = EventId::new(now);
    Ok(Event {
        subject: &dead.subject,
        filter: dead.script.as_deref(),
        fields: to_json("dead letter", &Died::of(dead))?.into_bytes().into(),
        cause: Cause {
            root: dead.cause.root,
            event: Some(id),
            // It follows from the attempt that was the last.
            parent: last_run(dead).or(dead.cause.parent),
            depth: dead.cause.depth,
        },
        to: To::Those(listeners),
        ..first(dead.app, id, TriggerKind::DeadLetter, now)
    })
}
