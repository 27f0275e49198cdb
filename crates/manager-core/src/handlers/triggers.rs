//! Triggers: the list, when a schedule would run, and pausing them.

use std::collections::BTreeMap;

use shared::api::{
    Page, SchedulePreview, SchedulePreviewRequest, Trigger, TriggerRequest, TriggerState,
};
use shared::clock::Timestamp;
use shared::name::{AppSlug, QueueName};
use shared::schedule::Schedule;
use shared::trigger::{Source, TriggerSpec};
use store::Conn;
use store::apps::AppRow;
use store::outbox::{self, Line, Paused};
use store::schedules::{self, ScheduleRow};

use crate::auth::{CanDeploy, CanRead, InApp, audit};
use crate::error::{ApiError, ApiResult};
use crate::extract::Json;
use crate::model::{active_snapshot, time};

/// Times of a schedule that are shown.
const RUNS: usize = 5;

fn runs(schedule: &Schedule, now: Timestamp) -> Vec<String> {
    let next = schedule.upcoming(now, RUNS);
    next.into_iter().map(time).collect()
}

fn view(
    spec: TriggerSpec,
    rows: &BTreeMap<String, ScheduleRow>,
    paused: &[Paused],
    now: Timestamp,
) -> Trigger {
    let key = spec.key();
    let row = rows.get(&key);
    let schedule = match &spec.source {
        Source::Cron(cron) => cron.parsed(),
        _ => None,
    };
    Trigger {
        next_run: row.and_then(|row| row.next_due_at).map(time),
        next_runs: schedule.map_or_else(Vec::new, |schedule| runs(&schedule, now)),
        skipped: row.map(|row| row.skipped),
        paused_at: paused
            .iter()
            .find(|p| p.trigger == key)
            .map(|p| time(p.since)),
        key,
        spec,
    }
}

/// List the triggers of an app, by key.
#[utoipa::path(get, path = "/apps/{app}/triggers", operation_id = "listTriggers",
    tag = "triggers",
    params(("app" = AppSlug, Path, description = "The app's name.")),
    responses((status = 200, description = "All triggers.", body = Page<Trigger>,
        example = json!({"items": [{"key": "cron/0 6 * * MON-FRI/Europe/Berlin/report",
            "spec": {"kind": "cron", "script": "report", "schedule": "0 6 * * MON-FRI",
                "timezone": "Europe/Berlin"},
            "next_run": "2026-02-02T05:00:00.000000Z",
            "next_runs": ["2026-02-02T05:00:00.000000Z", "2026-02-03T05:00:00.000000Z",
                "2026-02-04T05:00:00.000000Z", "2026-02-05T05:00:00.000000Z",
                "2026-02-06T05:00:00.000000Z"],
            "skipped": 0, "paused_at": null}], "next_cursor": null}))))]
pub(crate) async fn list(caller: InApp<CanRead>) -> ApiResult<Json<Page<Trigger>>> {
    let app = caller.app;
    let (snapshot, schedules, paused) = caller
        .manager
        .store()
        .read::<_, ApiError>(move |conn| {
            let schedules = schedules::list(conn, app.id)?;
            let paused = outbox::paused(conn, app.id)?;
            Ok((active_snapshot(conn, &app)?, schedules, paused))
        })
        .await?;
    let schedules = schedules.into_iter().map(|row| (row.key.clone(), row));
    let schedules = schedules.collect();
    let now = caller.manager.clock().now();
    let triggers = snapshot.triggers.into_iter();
    Ok(Json(Page {
        items: triggers
            .map(|spec| view(spec, &schedules, &paused, now))
            .collect(),
        next_cursor: None,
    }))
}

/// Tell when a schedule would run.
#[utoipa::path(post, path = "/apps/{app}/triggers/preview", operation_id = "previewSchedule",
    tag = "triggers",
    params(("app" = AppSlug, Path, description = "The app's name.")),
    request_body(content = SchedulePreviewRequest,
        example = json!({"schedule": "0 6 * * MON-FRI", "timezone": "Europe/Berlin"})),
    responses((status = 200, description = "The next five runs.", body = SchedulePreview,
        example = json!({"next_runs": ["2026-02-02T05:00:00.000000Z",
            "2026-02-03T05:00:00.000000Z", "2026-02-04T05:00:00.000000Z",
            "2026-02-05T05:00:00.000000Z", "2026-02-06T05:00:00.000000Z"]}))))]
pub(crate) async fn preview(
    caller: InApp<CanRead>,
    Json(body): Json<SchedulePreviewRequest>,
) -> ApiResult<Json<SchedulePreview>> {
    let zone = body.timezone.as_deref().unwrap_or("UTC");
    let schedule = Schedule::parse(&body.schedule, zone)
        .map_err(|error| ApiError::invalid(error.to_string()))?;
    Ok(Json(SchedulePreview {
        next_runs: runs(&schedule, caller.manager.clock().now()),
    }))
}

pub(super) fn no_trigger() -> ApiError {
    ApiError::not_found("the active release has no such trigger; its list tells their keys")
}

/// Pauses a trigger or lets it go on.
async fn set_paused(
    caller: InApp<CanDeploy>,
    key: String,
    paused: bool,
) -> ApiResult<Json<TriggerState>> {
    let (person, now) = (caller.principal, caller.manager.clock().now());
    let (app, trigger) = (caller.app, key.clone());
    let changed = caller
        .manager
        .store()
        .write::<_, ApiError>(move |conn| {
            // What is paused may go on after its trigger has gone.
            if paused && !is_known(conn, &app, &trigger)? {
                return Err(no_trigger());
            }
            let line = Line::new(app.id, trigger.as_str());
            let changed = outbox::pause(conn, &line, paused, now)?;
            if changed {
                let action = if paused {
                    "triggers.pause"
                } else {
                    "triggers.resume"
                };
                audit(
                    conn,
                    &person,
                    now,
                    action,
                    &format!("{} {trigger}", app.slug),
                )?;
            }
            Ok(changed)
        })
        .await?;
    Ok(Json(TriggerState {
        trigger: key,
        paused,
        changed,
    }))
}

/// Whether a key is that of a trigger, or of a queue, which needs no consumer to be one.
fn is_known(conn: &mut dyn Conn, app: &AppRow, key: &str) -> ApiResult<bool> {
    let queue = key.strip_prefix("queue/");
    if queue.is_some_and(|name| name.parse::<QueueName>().is_ok()) {
        return Ok(true);
    }
    let snapshot = active_snapshot(conn, app)?;
    Ok(snapshot.triggers.iter().any(|spec| spec.key() == key))
}

/// Pause a trigger or queue: what happens waits, and nothing of it is started. What runs goes on.
#[utoipa::path(post, path = "/apps/{app}/triggers/pause", operation_id = "pauseTrigger",
    tag = "triggers",
    params(("app" = AppSlug, Path, description = "The app's name.")),
    request_body(content = TriggerRequest, example = json!({"trigger": "queue/emails"})),
    responses((status = 200, description = "It is paused.", body = TriggerState,
        example = json!({"trigger": "queue/emails", "paused": true, "changed": true}))))]
pub(crate) async fn pause(
    caller: InApp<CanDeploy>,
    Json(body): Json<TriggerRequest>,
) -> ApiResult<Json<TriggerState>> {
    set_paused(caller, body.trigger, true).await
}

/// Let a trigger or queue go on.
#[utoipa::path(post, path = "/apps/{app}/triggers/resume", operation_id = "resumeTrigger",
    tag = "triggers",
    params(("app" = AppSlug, Path, description = "The app's name.")),
    request_body(content = TriggerRequest, example = json!({"trigger": "queue/emails"})),
    responses((status = 200, description = "It goes on.", body = TriggerState,
        example = json!({"trigger": "queue/emails", "paused": false, "changed": true}))))]
pub(crate) async fn resume(
    caller: InApp<CanDeploy>,
    Json(body): Json<TriggerRequest>,
) -> ApiResult<Json<TriggerState>> {
    set_paused(caller, body.trigger, false).await
}
