//! Events: what waits, in which queues, and what became of one.

use std::collections::BTreeMap;

use shared::api::{Delivery, Event, Page, Queue};
use shared::clock::Timestamp;
use shared::id::EventId;
use shared::name::{AppSlug, ScriptName};
use shared::release::Snapshot;
use shared::trigger::Source;
use store::executions::ExecutionFilter;
use store::outbox::{self, Pending, QueueRow};
use store::{dead_letters, triggers};

use crate::auth::{CanRead, InApp};
use crate::error::{ApiError, ApiResult};
use crate::extract::{Json, Query};
use crate::model::{
    PageQuery, SHOWN, active_snapshot, dead_letter_view, next_page, run_views, runs, some, time,
};

/// The scripts of the active release's triggers by key.
fn handlers(snapshot: &Snapshot) -> BTreeMap<String, ScriptName> {
    let triggers = snapshot.triggers.iter();
    triggers.map(|t| (t.key(), t.script.clone())).collect()
}

fn view(row: outbox::Delivery, handlers: &BTreeMap<String, ScriptName>) -> Delivery {
    let handler = || handlers.get(&row.trigger).map(ToString::to_string);
    Delivery {
        seq: row.seq,
        event: row.event,
        kind: row.kind.as_str().to_owned(),
        subject: row.subject,
        script: row.script.or_else(handler),
        trigger: some(row.trigger),
        attempt: row.attempt,
        due_at: (row.due_at != triggers::PARKED).then(|| time(row.due_at)),
        created_at: time(row.created_at),
        order_key: row.order_key,
    }
}

/// List the events that wait for their handlers, oldest first.
#[utoipa::path(get, path = "/apps/{app}/deliveries", operation_id = "listDeliveries",
    tag = "events",
    params(("app" = AppSlug, Path, description = "The app's name."), PageQuery),
    responses((status = 200, description = "A page of deliveries.", body = Page<Delivery>,
        example = json!({"items": [{"seq": 812, "event": "evt_019c1e6f4a4e7c1a9f7be1a5d2b3c4d5",
            "kind": "queue", "subject": "emails", "trigger": "queue/emails", "script": "send",
            "attempt": 2, "due_at": "2026-01-31T12:00:04.000000Z",
            "created_at": "2026-01-31T12:00:00.000000Z", "order_key": null}],
            "next_cursor": null}))))]
pub(crate) async fn deliveries(
    caller: InApp<CanRead>,
    Query(query): Query<PageQuery>,
) -> ApiResult<Json<Page<Delivery>>> {
    let limit = query.limit()?;
    let wanted = Pending {
        after: query.cursor()?.unwrap_or(0),
        limit: limit as i64 + 1,
    };
    let app = caller.app;
    let (mut rows, snapshot) = caller
        .manager
        .store()
        .read::<_, ApiError>(move |conn| {
            let rows = outbox::list(conn, app.id, wanted)?;
            Ok((rows, active_snapshot(conn, &app)?))
        })
        .await?;
    let next_cursor = next_page(&mut rows, limit, |row| row.seq.to_string());
    let handlers = handlers(&snapshot);
    let items = rows.into_iter().map(|row| view(row, &handlers)).collect();
    Ok(Json(Page { items, next_cursor }))
}

/// The queues with messages and those with a consumer, by name.
fn queue_views(
    rows: Vec<QueueRow>,
    snapshot: &Snapshot,
    after: &str,
    now: Timestamp,
) -> Vec<Queue> {
    let consumers = snapshot
        .triggers
        .iter()
        .filter_map(|trigger| match &trigger.source {
            Source::Queue { queue } => Some((queue.to_string(), trigger.script.clone())),
            _ => None,
        });
    let consumers: BTreeMap<String, ScriptName> = consumers.collect();
    let mut queues: BTreeMap<String, Queue> = BTreeMap::new();
    for (name, script) in &consumers {
        if name.as_str() > after {
            let empty = Queue {
                name: name.clone(),
                depth: 0,
                oldest_at: None,
                oldest_age_ms: None,
                consumer: Some(script.clone()),
            };
            queues.insert(name.clone(), empty);
        }
    }
    for row in rows {
        let queue = Queue {
            depth: row.depth,
            oldest_at: Some(time(row.oldest)),
            oldest_age_ms: Some((now.as_millis() - row.oldest.as_millis()).max(0)),
            consumer: consumers.get(&row.name).cloned(),
            name: row.name.clone(),
        };
        queues.insert(row.name, queue);
    }
    queues.into_values().collect()
}

/// List the queues that have messages or a consumer, by name.
#[utoipa::path(get, path = "/apps/{app}/queues", operation_id = "listQueues", tag = "events",
    params(("app" = AppSlug, Path, description = "The app's name."), PageQuery),
    responses((status = 200, description = "A page of queues.", body = Page<Queue>,
        example = json!({"items": [{"name": "emails", "depth": 12,
            "oldest_at": "2026-01-31T12:00:00.000000Z", "oldest_age_ms": 4200,
            "consumer": "send"}], "next_cursor": null}))))]
pub(crate) async fn queues(
    caller: InApp<CanRead>,
    Query(query): Query<PageQuery>,
) -> ApiResult<Json<Page<Queue>>> {
    let limit = query.limit()?;
    let after: String = query.cursor()?.unwrap_or_default();
    let (app, from) = (caller.app, after.clone());
    let (rows, snapshot) = caller
        .manager
        .store()
        .read::<_, ApiError>(move |conn| {
            let rows = outbox::queues(conn, app.id, &from, limit as i64 + 1)?;
            Ok((rows, active_snapshot(conn, &app)?))
        })
        .await?;
    let now = caller.manager.clock().now();
    let mut items = queue_views(rows, &snapshot, &after, now);
    let next_cursor = next_page(&mut items, limit, |queue| queue.name.clone());
    Ok(Json(Page { items, next_cursor }))
}

/// Show what became of an event: its attempts, the chain it belongs to, what still waits, and what
/// failed for good.
#[utoipa::path(get, path = "/apps/{app}/events/{event}", operation_id = "getEvent",
    tag = "events",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("event" = EventId, Path, description = "The event's id.")),
    responses((status = 200, description = "The event.", body = Event,
        example = json!({"event": "evt_019c1e6f4a4e7c1a9f7be1a5d2b3c4d5",
            "root": "trc_019c1e6f4a4e7c1a9f7be1a5d2b3c4d5", "executions": [], "chain": [],
            "deliveries": [{"seq": 812, "event": "evt_019c1e6f4a4e7c1a9f7be1a5d2b3c4d5",
                "kind": "cron", "subject": "0 6 * * *", "trigger": "cron/0 6 * * */UTC/report",
                "script": "report", "attempt": 0, "due_at": "2026-01-31T06:00:00.000000Z",
                "created_at": "2026-01-31T06:00:00.000000Z", "order_key": null}],
            "dead_letters": []}))))]
pub(crate) async fn get(caller: InApp<CanRead>) -> ApiResult<Json<Event>> {
    let event: EventId = caller.params.get("event")?;
    let app = caller.app;
    let found = caller
        .manager
        .store()
        .read::<_, ApiError>(move |conn| {
            let of_event = ExecutionFilter {
                event: Some(event),
                ..ExecutionFilter::default()
            };
            let attempts = runs(conn, app.id, of_event)?;
            let waiting = outbox::of_event(conn, app.id, event, SHOWN)?;
            let dead = dead_letters::of_event(conn, app.id, event, SHOWN)?;
            let root = attempts
                .iter()
                .find_map(|row| row.root)
                .or_else(|| waiting.first().map(|delivery| delivery.cause.root))
                .or_else(|| dead.first().map(|dead| dead.cause.root));
            let chain = match root {
                Some(_) => {
                    let filter = ExecutionFilter {
                        root,
                        ..ExecutionFilter::default()
                    };
                    runs(conn, app.id, filter)?
                }
                None => Vec::new(),
            };
            let snapshot = active_snapshot(conn, &app)?;
            Ok((root, attempts, chain, waiting, dead, snapshot))
        })
        .await?;
    let (root, attempts, chain, waiting, dead, snapshot) = found;
    if attempts.is_empty() && waiting.is_empty() && dead.is_empty() {
        return Err(ApiError::not_found(
            "nothing is known about this event; runs are kept for a while only",
        ));
    }
    let handlers = handlers(&snapshot);
    let waiting = waiting.into_iter().map(|row| view(row, &handlers));
    Ok(Json(Event {
        event,
        root,
        executions: run_views(attempts)?,
        chain: run_views(chain)?,
        deliveries: waiting.collect(),
        dead_letters: dead.iter().map(dead_letter_view).collect(),
    }))
}
