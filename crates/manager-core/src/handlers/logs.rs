//! What scripts logged: the history and the live tail.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use http::HeaderMap;
use serde::Deserialize;
use shared::api::{LogEntry, Page};
use shared::id::ExecutionId;
use shared::invocation::LogLevel;
use shared::name::AppSlug;
use store::executions::{self, LogFilter, LogRow};
use tokio_stream::{Stream, StreamExt as _};

use crate::auth::{CanRead, InApp};
use crate::error::{ApiError, ApiResult, invalid_query};
use crate::extract::{Json, Query};
use crate::manager::TailEvent;
use crate::model::{cursor, limit, line_view, next_page, parse_time};

/// Between two signs of life of a tail. The timer lives as long as the connection.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(20);
/// Lines sent again to a client that comes back.
const CATCH_UP: i64 = 1_000;

/// Which lines to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LogQuery {
    /// Of this script.
    script: Option<String>,
    /// At least this loud: `trace`, `debug`, `info`, `warn` or `error`.
    level: Option<String>,
    /// At or after this time, RFC 3339.
    since: Option<String>,
    /// Before this time, RFC 3339.
    until: Option<String>,
    /// Containing this text.
    q: Option<String>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items per page, 1 to 200; 50 when absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

/// Which lines to follow.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TailQuery {
    /// Of this script.
    script: Option<String>,
    /// At least this loud: `trace`, `debug`, `info`, `warn` or `error`.
    level: Option<String>,
}

fn level_of(text: Option<&str>) -> ApiResult<Option<LogLevel>> {
    let find = |text| {
        let found = LogLevel::ALL
            .into_iter()
            .find(|level| level.as_str() == text);
        found.ok_or_else(|| invalid_query("`level` is trace, debug, info, warn or error"))
    };
    text.map(find).transpose()
}

/// The place of a line: what cursors and event ids are made of.
fn place(row: &LogRow) -> String {
    format!("{}:{}", row.execution, row.line)
}

fn parse_place(text: &str) -> Option<(ExecutionId, i64)> {
    let (execution, line) = text.split_once(':')?;
    Some((execution.parse().ok()?, line.parse().ok()?))
}

impl LogQuery {
    fn filter(self) -> ApiResult<(LogFilter, usize)> {
        let limit = limit(self.limit)?;
        let at = |name, text: Option<String>| text.map(|t| parse_time(name, &t)).transpose();
        let bad_cursor = || invalid_query("`cursor` is not one that a list gave out");
        let place = cursor::<String>(self.cursor.as_deref())?;
        let place = place.map(|text| parse_place(&text).ok_or_else(bad_cursor));
        let filter = LogFilter {
            script: self.script,
            execution: None,
            level: level_of(self.level.as_deref())?,
            since: at("since", self.since)?,
            until: at("until", self.until)?,
            text: self.q,
            before: place.transpose()?,
            limit: limit as i64 + 1,
        };
        Ok((filter, limit))
    }
}

/// List the log lines of an app's scripts, newest first.
#[utoipa::path(get, path = "/apps/{app}/logs", operation_id = "listLogs", tag = "logs",
    params(("app" = AppSlug, Path, description = "The app's name."), LogQuery),
    responses((status = 200, description = "A page of lines.", body = Page<LogEntry>)))]
pub(crate) async fn list(
    caller: InApp<CanRead>,
    Query(query): Query<LogQuery>,
) -> ApiResult<Json<Page<LogEntry>>> {
    let (filter, limit) = query.filter()?;
    let id = caller.app.id;
    let mut rows = caller
        .manager
        .store()
        .read::<_, ApiError>(move |conn| Ok(executions::logs(conn, id, &filter)?))
        .await?;
    let next_cursor = next_page(&mut rows, limit, place);
    let items = rows.into_iter().map(line_view).collect::<ApiResult<_>>()?;
    Ok(Json(Page { items, next_cursor }))
}

/// Follow the log live, as server-sent events: `log` with a line, `missed` with a number when
/// lines came too fast. A run that fails adds a line with its error. With `Last-Event-ID`, later
/// lines that are stored already come first. It ends within two seconds of what allowed it: the
/// token, the session, the app.
#[utoipa::path(get, path = "/apps/{app}/logs/tail", operation_id = "tailLogs", tag = "logs",
    params(("app" = AppSlug, Path, description = "The app's name."), TailQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "The last event that came.")),
    responses((status = 200, description = "Events until the client goes away.",
        content_type = "text/event-stream", body = String)))]
pub(crate) async fn tail(
    caller: InApp<CanRead>,
    Query(query): Query<TailQuery>,
    headers: HeaderMap,
) -> ApiResult<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let level = level_of(query.level.as_deref())?;
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let last = last.and_then(parse_place);
    // Open before looking back: a line in between comes from one of the two.
    let script = query.script.clone();
    let wanted = move |row: &LogRow| {
        script.as_ref().is_none_or(|script| *script == row.script)
            && level.is_none_or(|level| row.level >= level)
    };
    let live = (caller.manager.parts().tail)(caller.app.id, Box::new(wanted));
    let id = caller.app.id;
    let missed = match last {
        Some(last) => {
            let filter = LogFilter {
                script: query.script,
                level,
                limit: CATCH_UP,
                ..LogFilter::default()
            };
            let rows = caller
                .manager
                .store()
                .read::<_, ApiError>(move |conn| Ok(executions::logs(conn, id, &filter)?))
                .await?;
            let newer = |row: &LogRow| (row.execution, row.line) > last;
            rows.into_iter().filter(newer).collect()
        }
        None => Vec::new(),
    };
    let sent: std::collections::HashSet<(ExecutionId, i64)> =
        missed.iter().map(|row| (row.execution, row.line)).collect();
    let new = move |event: &TailEvent| match event {
        TailEvent::Line(row) => !sent.contains(&(row.execution, row.line)),
        TailEvent::Missed(_) => true,
    };
    let missed = missed.into_iter().rev().map(Arc::new).map(TailEvent::Line);
    let events = tokio_stream::iter(missed).chain(live.filter(new));
    let events = caller.while_allowed(&headers, events);
    let events = events.map(|event| Ok(event_of(event)));
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

fn event_of(event: TailEvent) -> Event {
    match event {
        TailEvent::Line(row) => {
            let id = place(&row);
            let text = line_view(LogRow::clone(&row))
                .ok()
                .and_then(|line| serde_json::to_string(&line).ok());
            // JSON has no raw line break, so the data is one line.
            Event::default()
                .event("log")
                .id(id)
                .data(text.unwrap_or_default())
        }
        TailEvent::Missed(count) => Event::default().event("missed").data(count.to_string()),
    }
}
