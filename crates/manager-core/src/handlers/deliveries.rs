//! Events on their way to handlers: looked at, run now, put off, cancelled.
//!
//! Looking needs what looking at runs needs; the contents are shown as those of dead letters are. All
//! that changes something needs what a deploy needs: to hand a handler an event is to run code of the
//! app, and to cancel one is to lose data.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Deserialize;
use shared::api::{Cancelled, DelayRequest, Delivery, DeliveryDetail, Page};
use shared::clock::Timestamp;
use shared::error::{Kind, code};
use shared::event::limits::DELAY;
use shared::id::{AppId, EventId};
use shared::name::{AppSlug, QueueName, ScriptName};
use shared::release::Snapshot;
use shared::units::parse_duration;
use store::outbox::{self, Filter, Managed, Moved, Pending, Wait};
use store::{Conn, triggers};

use super::payload;
use crate::auth::{CanDeploy, CanRead, InApp, audit};
use crate::error::{ApiError, ApiResult, invalid_query};
use crate::extract::{Json, Query};
use crate::model::{active_snapshot, cursor, limit, next_page, some, time};

/// Cancelled in one transaction: others write as well.
const BATCH: i64 = 200;

/// The states of deliveries by their names.
const STATES: [(&str, Wait); 5] = [
    ("in_flight", Wait::Held),
    ("due", Wait::Due),
    ("delayed", Wait::Delayed),
    ("retrying", Wait::Retrying),
    ("unconsumed", Wait::Unconsumed),
];

fn state_name(wait: Wait) -> &'static str {
    let found = STATES.iter().find(|(_, state)| *state == wait);
    found.map_or("in_flight", |(name, _)| name)
}

/// What is known about an app's triggers, for showing what waits for them.
pub(super) struct Handlers {
    /// Scripts and functions by the trigger's key.
    scripts: BTreeMap<String, (ScriptName, Option<String>)>,
    paused: BTreeSet<String>,
    now: Timestamp,
}

impl Handlers {
    /// Those of an active release.
    pub(super) fn of(
        conn: &mut dyn Conn,
        app: AppId,
        snapshot: &Snapshot,
        now: Timestamp,
    ) -> ApiResult<Self> {
        let scripts = snapshot.triggers.iter().map(|trigger| {
            let function = trigger.handler.as_ref().map(ToString::to_string);
            (trigger.key(), (trigger.script.clone(), function))
        });
        let paused = outbox::paused(conn, app)?;
        Ok(Self {
            scripts: scripts.collect(),
            paused: paused.into_iter().map(|paused| paused.trigger).collect(),
            now,
        })
    }

    /// A delivery on the wire.
    pub(super) fn view(&self, row: outbox::Delivery) -> Delivery {
        let (script, handler) = match self.scripts.get(&row.trigger) {
            Some((script, function)) => (Some(script.to_string()), function.clone()),
            None => (row.script.clone(), row.handler.clone()),
        };
        Delivery {
            seq: row.seq,
            event: row.event,
            kind: row.kind.as_str().to_owned(),
            state: state_name(Wait::of(&row, self.now)).to_owned(),
            paused: self.paused.contains(&row.trigger),
            subject: row.subject,
            script,
            handler,
            trigger: some(row.trigger),
            attempt: row.attempt,
            snoozes: row.snoozes,
            due_at: (row.due_at != triggers::PARKED).then(|| time(row.due_at)),
            created_at: time(row.created_at),
            order_key: row.order_key,
            root: row.cause.root,
            parent: row.cause.parent,
        }
    }
}

fn missing() -> ApiError {
    ApiError::not_found("there is no such delivery; it was handled or removed")
}

/// Which deliveries.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeliveryQuery {
    /// Of this queue.
    queue: Option<String>,
    /// Of this trigger: its key.
    trigger: Option<String>,
    /// With this key.
    key: Option<String>,
    /// `in_flight`, `due`, `delayed`, `retrying` or `unconsumed`.
    state: Option<String>,
    /// Of this event.
    event: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items per page, 1 to 200; 50 when absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// Which deliveries to cancel.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CancelQuery {
    /// Of this queue.
    queue: Option<String>,
    /// Of this trigger: its key.
    trigger: Option<String>,
    /// With this key.
    key: Option<String>,
    /// `in_flight`, `due`, `delayed`, `retrying` or `unconsumed`.
    state: Option<String>,
}

/// The trigger that a queue or a trigger's key means.
fn trigger(queue: Option<String>, trigger: Option<String>) -> ApiResult<Option<String>> {
    match (queue, trigger) {
        (Some(_), Some(_)) => Err(invalid_query("say either `queue` or `trigger`")),
        (Some(queue), None) => {
            let name: QueueName = queue
                .parse()
                .map_err(|error| invalid_query(format!("`queue`: {error}")))?;
            Ok(Some(format!("queue/{name}")))
        }
        (None, trigger) => Ok(trigger),
    }
}

fn state(name: Option<&str>) -> ApiResult<Option<Wait>> {
    let Some(name) = name else { return Ok(None) };
    let found = STATES.iter().find(|(known, _)| *known == name);
    let known = || STATES.map(|(name, _)| name).join(", ");
    let found = found.ok_or_else(|| invalid_query(format!("`state` is one of {}", known())))?;
    Ok(Some(found.1))
}

/// List the events that wait for their handlers, oldest first.
#[utoipa::path(get, path = "/apps/{app}/deliveries", operation_id = "listDeliveries",
    tag = "events",
    params(("app" = AppSlug, Path, description = "The app's name."), DeliveryQuery),
    responses((status = 200, description = "A page of deliveries.", body = Page<Delivery>,
        example = json!({"items": [{"seq": 812, "event": "evt_019c1e6f4a4e7c1a9f7be1a5d2b3c4d5",
            "kind": "queue", "subject": "emails", "trigger": "queue/emails", "script": "send",
            "handler": null, "state": "retrying", "paused": false, "attempt": 2, "snoozes": 0,
            "due_at": "2026-01-31T12:00:04.000000Z",
            "created_at": "2026-01-31T12:00:00.000000Z", "order_key": null,
            "root": "trc_019c1e6f4a4e7c1a9f7be1a5d2b3c4d5", "parent": null}],
            "next_cursor": null}))))]
pub(crate) async fn list(
    caller: InApp<CanRead>,
    Query(query): Query<DeliveryQuery>,
) -> ApiResult<Json<Page<Delivery>>> {
    let limit = limit(query.limit)?;
    let event = query.event.as_deref().map(str::parse::<EventId>);
    let event = event
        .transpose()
        .map_err(|error| invalid_query(format!("`event`: {error}")))?;
    let now = caller.manager.clock().now();
    let wanted = Pending {
        after: cursor(query.cursor.as_deref())?.unwrap_or(0),
        up_to: i64::MAX,
        limit: limit as i64 + 1,
        filter: Filter {
            trigger: trigger(query.queue, query.trigger)?,
            key: query.key,
            wait: state(query.state.as_deref())?,
            event,
        },
        now,
    };
    let app = caller.app;
    let (mut rows, handlers) = caller
        .manager
        .store()
        .read::<_, ApiError>(move |conn| {
            let rows = outbox::list(conn, app.id, &wanted)?;
            let snapshot = active_snapshot(conn, &app)?;
            Ok((rows, Handlers::of(conn, app.id, &snapshot, now)?))
        })
        .await?;
    let next_cursor = next_page(&mut rows, limit, |row| row.seq.to_string());
    let items = rows.into_iter().map(|row| handlers.view(row)).collect();
    Ok(Json(Page { items, next_cursor }))
}

/// Show an event on its way to a handler, with its contents.
#[utoipa::path(get, path = "/apps/{app}/deliveries/{delivery}", operation_id = "getDelivery",
    tag = "events",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("delivery" = i64, Path, description = "The delivery's number.")),
    responses((status = 200, description = "The delivery.", body = DeliveryDetail,
        example = json!({"delivery": {"seq": 812,
            "event": "evt_019c1e6f4a4e7c1a9f7be1a5d2b3c4d5",
            "kind": "queue", "subject": "emails", "trigger": "queue/emails", "script": "send",
            "handler": null, "state": "delayed", "paused": false, "attempt": 0, "snoozes": 0,
            "due_at": "2026-01-31T13:00:00.000000Z",
            "created_at": "2026-01-31T12:00:00.000000Z", "order_key": null,
            "root": "trc_019c1e6f4a4e7c1a9f7be1a5d2b3c4d5", "parent": null},
            "payload": {"name": "emails", "message": {"to": "a@example.com"}, "key": null},
            "history": []}))))]
pub(crate) async fn get(caller: InApp<CanRead>) -> ApiResult<Json<DeliveryDetail>> {
    let (seq, app) = (caller.params.number("delivery", "delivery")?, caller.app);
    let now = caller.manager.clock().now();
    let (row, handlers) = caller
        .manager
        .store()
        .read::<_, ApiError>(move |conn| {
            let row = outbox::get(conn, app.id, seq)?.ok_or_else(missing)?;
            let snapshot = active_snapshot(conn, &app)?;
            Ok((row, Handlers::of(conn, app.id, &snapshot, now)?))
        })
        .await?;
    Ok(Json(DeliveryDetail {
        payload: payload::shown(row.kind, &row.payload),
        history: serde_json::from_str(&row.history).unwrap_or_default(),
        delivery: handlers.view(row),
    }))
}

/// Gives one delivery another time.
async fn moved(
    caller: InApp<CanDeploy>,
    delay: Duration,
    action: &'static str,
) -> ApiResult<Json<Delivery>> {
    let seq = caller.params.number("delivery", "delivery")?;
    let (person, now) = (caller.principal, caller.manager.clock().now());
    let (app, due_at) = (caller.app, now.plus(delay));
    let (row, handlers) = caller
        .manager
        .store()
        .write::<_, ApiError>(move |conn| {
            if outbox::get(conn, app.id, seq)?.is_none() {
                return Err(missing());
            }
            match outbox::move_to(conn, app.id, seq, due_at)? {
                Moved::Done(_) => {}
                Moved::Missing => return Err(missing()),
                Moved::Held => return Err(in_flight()),
                Moved::Unconsumed => return Err(unconsumed()),
            }
            let row = outbox::get(conn, app.id, seq)?.ok_or_else(missing)?;
            let target = format!("{} {} {}", app.slug, row.event, time(due_at));
            audit(conn, &person, now, action, &target)?;
            let snapshot = active_snapshot(conn, &app)?;
            Ok((row, Handlers::of(conn, app.id, &snapshot, now)?))
        })
        .await?;
    Ok(Json(handlers.view(row)))
}

fn in_flight() -> ApiError {
    not_waiting(
        "a server has it in its hands: it runs, or is about to; while its trigger is paused, what \
         has not begun waits in the database and can be given another time",
    )
}

fn unconsumed() -> ApiError {
    not_waiting(
        "it waits for somebody who handles it, not for its time; deploy a trigger that does",
    )
}

fn not_waiting(detail: &'static str) -> ApiError {
    ApiError::new(Kind::Conflict, code::NOT_WAITING, detail)
}

/// Let a delivery that waits for its time run now. While its trigger is paused it waits for that.
#[utoipa::path(post, path = "/apps/{app}/deliveries/{delivery}/run", operation_id = "runDelivery",
    tag = "events",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("delivery" = i64, Path, description = "The delivery's number.")),
    responses((status = 200, description = "It is due.", body = Delivery)))]
pub(crate) async fn run(caller: InApp<CanDeploy>) -> ApiResult<Json<Delivery>> {
    moved(caller, Duration::ZERO, "deliveries.run").await
}

/// A delay of a request, within what it may be.
pub(super) fn delay_of(text: &str) -> ApiResult<Duration> {
    let delay = parse_duration(text).map_err(|e| ApiError::invalid(format!("`delay`: {e}")))?;
    if delay > DELAY {
        return Err(ApiError::invalid("`delay` is at most 365 days"));
    }
    Ok(delay)
}

/// Let a delivery wait, from now.
#[utoipa::path(post, path = "/apps/{app}/deliveries/{delivery}/delay",
    operation_id = "delayDelivery", tag = "events",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("delivery" = i64, Path, description = "The delivery's number.")),
    request_body(content = DelayRequest, example = json!({"delay": "10m"})),
    responses((status = 200, description = "It waits.", body = Delivery)))]
pub(crate) async fn delay(
    caller: InApp<CanDeploy>,
    Json(body): Json<DelayRequest>,
) -> ApiResult<Json<Delivery>> {
    let delay = delay_of(&body.delay)?;
    moved(caller, delay, "deliveries.delay").await
}

fn cancelled(done: Managed) -> Cancelled {
    Cancelled {
        cancelled: done.changed,
        in_flight: done.held,
    }
}

/// Cancel a delivery: nobody handles it. What is sent again under its idempotency key is sent.
#[utoipa::path(delete, path = "/apps/{app}/deliveries/{delivery}",
    operation_id = "cancelDelivery", tag = "events",
    params(("app" = AppSlug, Path, description = "The app's name."),
        ("delivery" = i64, Path, description = "The delivery's number.")),
    responses((status = 200, description = "It is gone.", body = Cancelled,
        example = json!({"cancelled": 1, "in_flight": 0}))))]
pub(crate) async fn cancel(caller: InApp<CanDeploy>) -> ApiResult<Json<Cancelled>> {
    let seq = caller.params.number("delivery", "delivery")?;
    let (person, now) = (caller.principal, caller.manager.clock().now());
    let (app, slug) = (caller.app.id, caller.app.slug);
    let done = caller
        .manager
        .store()
        .write::<_, ApiError>(move |conn| {
            let event = outbox::get(conn, app, seq)?.ok_or_else(missing)?.event;
            let done = outbox::cancel(conn, app, &Pending::one(seq, now))?;
            if done.changed == 0 {
                return Err(missing());
            }
            let target = format!("{slug} {event}");
            audit(conn, &person, now, "deliveries.cancel", &target)?;
            Ok(done)
        })
        .await?;
    Ok(Json(cancelled(done)))
}

/// Cancel all deliveries of a queue or trigger there are when the request arrives.
#[utoipa::path(delete, path = "/apps/{app}/deliveries", operation_id = "cancelDeliveries",
    tag = "events",
    params(("app" = AppSlug, Path, description = "The app's name."), CancelQuery),
    responses((status = 200, description = "How many are gone.", body = Cancelled,
        example = json!({"cancelled": 37, "in_flight": 4}))))]
pub(crate) async fn purge(
    caller: InApp<CanDeploy>,
    Query(query): Query<CancelQuery>,
) -> ApiResult<Json<Cancelled>> {
    let Some(trigger) = trigger(query.queue, query.trigger)? else {
        return Err(invalid_query("say of which `queue` or `trigger`"));
    };
    let target = format!("{} {trigger}", caller.app.slug);
    let (app, now) = (caller.app.id, caller.manager.clock().now());
    let store = caller.manager.store().clone();
    let mut which = Pending {
        after: 0,
        up_to: store
            .read::<_, ApiError>(|conn| Ok(outbox::last(conn)?))
            .await?,
        limit: BATCH,
        filter: Filter {
            trigger: Some(trigger),
            key: query.key,
            wait: state(query.state.as_deref())?,
            event: None,
        },
        now,
    };
    let mut total = Managed::default();
    loop {
        let (person, wanted) = (caller.principal.clone(), which.clone());
        let note = (total.changed == 0).then(|| target.clone());
        let done = store
            .write::<_, ApiError>(move |conn| {
                let done = outbox::cancel(conn, app, &wanted)?;
                if let Some(target) = note.filter(|_| done.changed > 0) {
                    audit(conn, &person, now, "deliveries.purge", &target)?;
                }
                Ok(done)
            })
            .await?;
        total.changed += done.changed;
        total.held += done.held;
        match done.last {
            Some(last) => which.after = last,
            None => return Ok(Json(cancelled(total))),
        }
    }
}
