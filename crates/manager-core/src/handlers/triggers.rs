//! Triggers: the list, and when a schedule would run.

use std::collections::BTreeMap;

use shared::api::{Page, SchedulePreview, SchedulePreviewRequest, Trigger};
use shared::clock::Timestamp;
use shared::name::AppSlug;
use shared::schedule::Schedule;
use shared::trigger::{Source, TriggerSpec};
use store::schedules::{self, ScheduleRow};

use crate::auth::{CanRead, InApp};
use crate::error::{ApiError, ApiResult};
use crate::extract::Json;
use crate::model::{active_snapshot, time};

/// Times of a schedule that are shown.
const RUNS: usize = 5;

fn runs(schedule: &Schedule, now: Timestamp) -> Vec<String> {
    let next = schedule.upcoming(now, RUNS);
    next.into_iter().map(time).collect()
}

fn view(spec: TriggerSpec, rows: &BTreeMap<String, ScheduleRow>, now: Timestamp) -> Trigger {
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
            "skipped": 0}], "next_cursor": null}))))]
pub(crate) async fn list(caller: InApp<CanRead>) -> ApiResult<Json<Page<Trigger>>> {
    let app = caller.app;
    let (snapshot, schedules) = caller
        .manager
        .store()
        .read::<_, ApiError>(move |conn| {
            Ok((active_snapshot(conn, &app)?, schedules::list(conn, app.id)?))
        })
        .await?;
    let schedules = schedules.into_iter().map(|row| (row.key.clone(), row));
    let schedules = schedules.collect();
    let now = caller.manager.clock().now();
    let triggers = snapshot.triggers.into_iter();
    Ok(Json(Page {
        items: triggers.map(|spec| view(spec, &schedules, now)).collect(),
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
