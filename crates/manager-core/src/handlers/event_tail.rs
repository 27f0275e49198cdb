//! The live tail of events: every attempt at handling one, as it ends.

use std::convert::Infallible;

use axum::response::sse::{Event, KeepAlive, Sse};
use http::HeaderMap;
use serde::Deserialize;
use shared::api::Attempt;
use shared::name::AppSlug;
use shared::record::{AttemptEnd, AttemptRecord};
use tokio_stream::{Stream, StreamExt as _};

use super::logs::HEARTBEAT;
use crate::auth::{CanRead, InApp};
use crate::error::ApiResult;
use crate::extract::Query;
use crate::manager::AttemptEvent;
use crate::model::time;

/// Which attempts to follow.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AttemptsQuery {
    /// Of this script.
    script: Option<String>,
}

fn view(record: &AttemptRecord) -> Attempt {
    let (outcome, error, retry_at) = match &record.end {
        AttemptEnd::Handled => ("handled", None, None),
        AttemptEnd::Retried { error, at } => ("retried", Some(error.clone()), Some(time(*at))),
        AttemptEnd::Dead { error } => ("dead", Some(error.clone()), None),
    };
    Attempt {
        event: record.event,
        kind: record.kind.as_str().to_owned(),
        subject: record.subject.clone(),
        script: record.script.clone(),
        handler: record.handler.clone(),
        attempt: record.attempt,
        outcome: outcome.to_owned(),
        error,
        retry_at,
        execution: record.run.map(|(execution, _)| execution),
        duration_ms: record.run.map(|(_, took)| took.as_secs_f64() * 1_000.0),
        at: time(record.at),
    }
}

/// Follow the events live, as server-sent events: `attempt` whenever an attempt at handling one has
/// ended (what it comes to is stored a moment later), `missed` with a number when they came too
/// fast. Nothing is kept: what ended before is in the events and the executions. It ends within two
/// seconds of what allowed it: the token, the session, the app.
#[utoipa::path(get, path = "/apps/{app}/events/tail", operation_id = "tailEvents", tag = "events",
    params(("app" = AppSlug, Path, description = "The app's name."), AttemptsQuery),
    responses((status = 200, description = "Events until the client goes away; the data of \
        `attempt` is an Attempt.", content_type = "text/event-stream", body = String)))]
pub(crate) async fn tail(
    caller: InApp<CanRead>,
    Query(query): Query<AttemptsQuery>,
    headers: HeaderMap,
) -> ApiResult<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let wanted =
        move |record: &AttemptRecord| query.script.is_none() || query.script == record.script;
    let live = (caller.manager.parts().attempts)(caller.app.id, Box::new(wanted));
    let live = caller.while_allowed(&headers, live);
    let events = live.map(|event| Ok(event_of(&event)));
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

fn event_of(event: &AttemptEvent) -> Event {
    match event {
        AttemptEvent::Ended(record) => {
            let text = serde_json::to_string(&view(record)).unwrap_or_default();
            Event::default().event("attempt").data(text)
        }
        AttemptEvent::Missed(count) => Event::default().event("missed").data(count.to_string()),
    }
}
