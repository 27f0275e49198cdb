//! Queues: the list, what waits in one, and messages by hand.

use std::collections::BTreeMap;

use serde_json::Value;
use shared::api::{Page, Queue, QueueDetail, QueueStates, SendRequest, SentEvent};
use shared::clock::Timestamp;
use shared::error::{Kind, code};
use shared::event::limits::{KEY_BYTES, MESSAGE_BYTES, message_too_long};
use shared::event::{Cause, Destination, Message};
use shared::id::{EventId, ExecutionId};
use shared::name::{AppSlug, QueueName, ScriptName};
use shared::release::Snapshot;
use shared::retry::MAX_ATTEMPTS;
use shared::trigger::Source;
use store::outbox::{self, Emitted, OutboxError, Paused, QueueRow, Sent};

use super::deliveries::delay_of;
use crate::auth::{CanDeploy, CanRead, InApp, audit};
use crate::error::{ApiError, ApiResult};
use crate::extract::{Json, Query};
use crate::model::{PageQuery, active_snapshot, next_page, time};

/// What is known of an app's queues besides their messages.
struct Known {
    consumers: BTreeMap<String, ScriptName>,
    /// Since when they are paused.
    paused: BTreeMap<String, Timestamp>,
    now: Timestamp,
}

impl Known {
    fn new(snapshot: &Snapshot, paused: Vec<Paused>, now: Timestamp) -> Self {
        let triggers = snapshot.triggers.iter();
        let consumers = triggers.filter_map(|trigger| match &trigger.source {
            Source::Queue { queue } => Some((queue.to_string(), trigger.script.clone())),
            _ => None,
        });
        let paused = paused.into_iter().filter_map(|paused| {
            let queue = paused.trigger.strip_prefix("queue/")?;
            Some((queue.to_owned(), paused.since))
        });
        Self {
            consumers: consumers.collect(),
            paused: paused.collect(),
            now,
        }
    }

    fn view(&self, name: &str, depth: u64, oldest: Option<Timestamp>) -> Queue {
        let age = |at: Timestamp| (self.now.as_millis() - at.as_millis()).max(0);
        Queue {
            name: name.to_owned(),
            depth,
            oldest_at: oldest.map(time),
            oldest_age_ms: oldest.map(age),
            consumer: self.consumers.get(name).cloned(),
            paused_at: self.paused.get(name).copied().map(time),
        }
    }

    fn is_known(&self, name: &str) -> bool {
        self.consumers.contains_key(name) || self.paused.contains_key(name)
    }

    /// The queues with messages, and the others that are known, after one, by name.
    fn views(&self, rows: Vec<QueueRow>, after: &str) -> Vec<Queue> {
        let empty = self.consumers.keys().chain(self.paused.keys());
        let empty = empty.filter(|name| name.as_str() > after);
        let mut queues: BTreeMap<String, Queue> = empty
            .map(|name| (name.clone(), self.view(name, 0, None)))
            .collect();
        for row in rows {
            let queue = self.view(&row.name, row.depth, Some(row.oldest));
            queues.insert(row.name, queue);
        }
        queues.into_values().collect()
    }
}

/// List the queues that have messages or a consumer, or are paused, by name.
#[utoipa::path(get, path = "/apps/{app}/queues", operation_id = "listQueues", tag = "events",
    params(("app" = AppSlug, Path, description = "The app's name."), PageQuery),
    responses((status = 200, description = "A page of queues.", body = Page<Queue>,
        example = json!({"items": [{"name": "emails", "depth": 12,
            "oldest_at": "2026-01-31T12:00:00.000000Z", "oldest_age_ms": 4200,
            "consumer": "send", "paused_at": null}], "next_cursor": null}))))]
pub(crate) async fn list(
    caller: InApp<CanRead>,
    Query(query): Query<PageQuery>,
) -> ApiResult<Json<Page<Queue>>> {
    let limit = query.limit()?;
    let after: String = query.cursor()?.unwrap_or_default();
    let (app, from) = (caller.app, after.clone());
    let (rows, paused, snapshot) = caller
        .manager
        .store()
        .read::<_, ApiError>(move |conn| {
            let rows = outbox::queues(conn, app.id, &from, limit as i64 + 1)?;
            let paused = outbox::paused(conn, app.id)?;
            Ok((rows, paused, active_snapshot(conn, &app)?))
        })
        .await?;
    let known = Known::new(&snapshot, paused, caller.manager.clock().now());
    let mut items = known.views(rows, &after);
    let next_cursor = next_page(&mut items, limit, |queue| queue.name.clone());
    Ok(Json(Page { items, next_cursor }))
}

/// Show a queue, and what its messages wait for.
#[utoipa::path(get, path = "/apps/{app}/queues/{queue}", operation_id = "getQueue", tag = "events",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("queue" = QueueName, Path, description = "The queue's name.")),
    responses((status = 200, description = "The queue.", body = QueueDetail,
        example = json!({"queue": {"name": "emails", "depth": 12,
            "oldest_at": "2026-01-31T12:00:00.000000Z", "oldest_age_ms": 4200,
            "consumer": "send", "paused_at": null},
            "states": {"in_flight": 2, "due": 0, "delayed": 9, "retrying": 1,
                "unconsumed": 0}}))))]
pub(crate) async fn get(caller: InApp<CanRead>) -> ApiResult<Json<QueueDetail>> {
    let queue: QueueName = caller.params.get("queue")?;
    let (app, now) = (caller.app, caller.manager.clock().now());
    let trigger = format!("queue/{queue}");
    let (waits, paused, snapshot) = caller
        .manager
        .store()
        .read::<_, ApiError>(move |conn| {
            let waits = outbox::waits(conn, app.id, &trigger, now)?;
            let paused = outbox::paused(conn, app.id)?;
            Ok((waits, paused, active_snapshot(conn, &app)?))
        })
        .await?;
    let known = Known::new(&snapshot, paused, now);
    if waits.total() == 0 && !known.is_known(queue.as_str()) {
        return Err(ApiError::not_found(
            "the queue is empty, nobody consumes it, and it is not paused",
        ));
    }
    Ok(Json(QueueDetail {
        queue: known.view(queue.as_str(), waits.total(), waits.oldest),
        states: QueueStates {
            in_flight: waits.held,
            due: waits.due,
            delayed: waits.delayed,
            retrying: waits.retrying,
            unconsumed: waits.unconsumed,
        },
    }))
}

/// A text of a request that orders messages or makes two of them one.
fn key(name: &str, given: Option<String>) -> ApiResult<Option<String>> {
    match given {
        Some(key) if key.is_empty() || key.len() > KEY_BYTES || key.contains('\0') => {
            let text = format!("`{name}` has 1 to {KEY_BYTES} bytes and no character U+0000");
            Err(ApiError::invalid(text))
        }
        given => Ok(given),
    }
}

/// A value as JSON, within what a message may have.
pub(super) fn json_of(what: &str, value: &Value) -> ApiResult<Vec<u8>> {
    let text = value.to_string().into_bytes();
    if text.len() > MESSAGE_BYTES {
        return Err(ApiError::invalid(message_too_long(what, text.len())));
    }
    Ok(text)
}

/// The message of a request.
pub(super) fn message(body: SendRequest, now: Timestamp) -> ApiResult<Message> {
    let attempts = body.attempts;
    if attempts.is_some_and(|n| !(1..=MAX_ATTEMPTS).contains(&n)) {
        let text = format!("`attempts` is 1 to {MAX_ATTEMPTS}");
        return Err(ApiError::invalid(text));
    }
    let delay = body.delay.as_deref().map(delay_of).transpose()?;
    Ok(Message {
        id: EventId::new(now),
        body: json_of("`message`", &body.message)?.into(),
        key: key("key", body.key)?,
        delay_ms: delay.map_or(0, |delay| delay.as_millis() as u64),
        idempotency_key: key("idempotency_key", body.idempotency_key)?,
        unique_for_ms: None,
        attempts,
    })
}

/// Why an event by hand is not taken.
pub(super) fn refused(error: OutboxError) -> ApiError {
    match error {
        OutboxError::Store(error) => error.into(),
        full @ OutboxError::Full => {
            ApiError::new(Kind::TooManyRequests, code::OUTBOX_FULL, full.to_string())
        }
        other => ApiError::invalid(other.to_string()),
    }
}

/// Sends a message, which begins a chain.
pub(super) async fn sent(
    caller: InApp<CanDeploy>,
    queue: QueueName,
    message: Message,
    action: &'static str,
) -> ApiResult<Json<SentEvent>> {
    let (person, now) = (caller.principal, caller.manager.clock().now());
    let (app, slug) = (caller.app.id, caller.app.slug);
    let sent = caller
        .manager
        .store()
        .write::<_, ApiError>(move |conn| {
            let execution = ExecutionId::new(now);
            let by = Sent {
                app,
                cause: Cause::first(execution),
                execution,
                now,
            };
            let trigger = format!("queue/{queue}");
            let to = Destination::Queue(queue);
            let mut event = outbox::message(by, &to, &message)?;
            // No run has sent it.
            event.cause = Cause::outside(message.id);
            let emitted = outbox::emit(conn, &event).map_err(refused)?;
            let target = format!("{slug} {} {}", to.name(), emitted.id());
            audit(conn, &person, now, action, &target)?;
            let paused = outbox::paused(conn, app)?;
            Ok(SentEvent {
                event: emitted.id(),
                known: matches!(emitted, Emitted::Known(_)),
                paused: paused.iter().any(|paused| paused.trigger == trigger),
            })
        })
        .await?;
    Ok(Json(sent))
}

/// Put a message into a queue by hand.
#[utoipa::path(post, path = "/apps/{app}/queues/{queue}/messages", operation_id = "sendMessage",
    tag = "events",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("queue" = QueueName, Path, description = "The queue's name.")),
    request_body(content = SendRequest,
        example = json!({"message": {"to": "ada@example.com"}, "key": "ada", "delay": "10m"})),
    responses((status = 200, description = "It is on its way.", body = SentEvent,
        example = json!({"event": "evt_019c1e6f4a4e7c1a9f7be1a5d2b3c4d5", "known": false,
            "paused": false}))))]
pub(crate) async fn send(
    caller: InApp<CanDeploy>,
    Json(body): Json<SendRequest>,
) -> ApiResult<Json<SentEvent>> {
    let queue: QueueName = caller.params.get("queue")?;
    let message = message(body, caller.manager.clock().now())?;
    sent(caller, queue, message, "queues.send").await
}
