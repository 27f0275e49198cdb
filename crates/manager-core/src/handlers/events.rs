//! Events: what became of one.

use shared::api::Event;
use shared::id::EventId;
use shared::name::AppSlug;
use store::executions::ExecutionFilter;
use store::{dead_letters, outbox};

use super::deliveries::Handlers;
use crate::auth::{CanRead, InApp};
use crate::error::{ApiError, ApiResult};
use crate::extract::Json;
use crate::model::{SHOWN, active_snapshot, dead_letter_view, run_views, runs};

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
                "script": "report", "handler": null, "state": "in_flight", "paused": false,
                "attempt": 0, "snoozes": 0, "due_at": "2026-01-31T06:00:00.000000Z",
                "created_at": "2026-01-31T06:00:00.000000Z", "order_key": null,
                "root": "trc_019c1e6f4a4e7c1a9f7be1a5d2b3c4d5", "parent": null}],
            "dead_letters": []}))))]
pub(crate) async fn get(caller: InApp<CanRead>) -> ApiResult<Json<Event>> {
    let event: EventId = caller.params.get("event")?;
    let (app, now) = (caller.app, caller.manager.clock().now());
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
            let handlers = Handlers::of(conn, app.id, &snapshot, now)?;
            Ok((root, attempts, chain, waiting, dead, handlers))
        })
        .await?;
    let (root, attempts, chain, waiting, dead, handlers) = found;
    if attempts.is_empty() && waiting.is_empty() && dead.is_empty() {
        return Err(ApiError::not_found(
            "nothing is known about this event; runs are kept for a while only",
        ));
    }
    let waiting = waiting.into_iter().map(|row| handlers.view(row));
    Ok(Json(Event {
        event,
        root,
        executions: run_views(attempts)?,
        chain: run_views(chain)?,
        deliveries: waiting.collect(),
        dead_letters: dead.iter().map(dead_letter_view).collect(),
    }))
}
