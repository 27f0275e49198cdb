//! How rows look on the wire.

use serde_json::Value;
use shared::api::{DeadLetter, Execution, LogEntry, Release};
use shared::id::{AppId, ExecutionId};
use shared::script_error::ScriptError;
use store::executions::{self, ExecutionFilter, ExecutionRow, LogRow};
use store::releases::ReleaseRow;
use store::{Conn, dead_letters};

use super::text::time;
use crate::error::{ApiError, ApiResult};

/// Runs, deliveries and dead letters shown with one event.
pub(crate) const SHOWN: i64 = 200;

/// A text that is absent when it is empty.
pub(crate) fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// A stored JSON text; as text when nobody could hold it otherwise: messages may be nested more
/// deeply, and numbers be larger, than a value can.
pub(crate) fn value(text: &[u8]) -> Value {
    serde_json::from_slice(text)
        .unwrap_or_else(|_too_deep| Value::String(String::from_utf8_lossy(text).into_owned()))
}

/// A release as the wire shows it.
pub(crate) fn release_view(row: &ReleaseRow, active: Option<i64>) -> Release {
    Release {
        number: row.number,
        message: row.message.clone(),
        author: row.author.clone(),
        source: row.source.clone(),
        active: active == Some(row.number),
        created_at: time(row.created_at),
    }
}

fn corrupt(what: &str, id: ExecutionId) -> ApiError {
    tracing::error!(%id, what, "a stored run does not parse");
    ApiError::internal()
}

/// Why a stored run failed.
pub(crate) fn error_of(row: &ExecutionRow) -> ApiResult<Option<ScriptError>> {
    let parse = |text: &String| serde_json::from_str(text);
    let error = row.error.as_ref().map(parse).transpose();
    error.map_err(|_bad_json| corrupt("error", row.id))
}

/// A stored run on the wire.
pub(crate) fn execution_view(row: ExecutionRow) -> ApiResult<Execution> {
    let error = error_of(&row)?;
    let first_line = |error: ScriptError| error.message.lines().next().map(str::to_owned);
    let script = row.script.parse();
    Ok(Execution {
        id: row.id,
        script: script.map_err(|_bad_name| corrupt("script", row.id))?,
        version: row.version,
        release: row.release,
        trigger: row.trigger,
        target: row.target,
        status: row.status.and_then(|status| u16::try_from(status).ok()),
        outcome: row.outcome,
        error: error.and_then(first_line),
        started_at: time(row.started_at),
        duration_ms: row.wall_us as f64 / 1_000.0,
        cpu_ms: row.cpu_us as f64 / 1_000.0,
        operations: row.operations,
        memory_peak: row.memory_peak,
        host_calls: row.host_calls,
        event: row.event,
        attempt: row.event.and(row.attempt),
        root: row.root,
        parent: row.parent,
    })
}

/// A stored log line on the wire.
pub(crate) fn line_view(row: LogRow) -> ApiResult<LogEntry> {
    let script = row.script.parse();
    let parse = |text: &String| serde_json::from_str(text);
    let fields = row.fields.as_ref().map(parse).transpose();
    Ok(LogEntry {
        at: time(row.at),
        level: row.level,
        script: script.map_err(|_bad_name| corrupt("script", row.execution))?,
        execution: row.execution,
        message: row.message,
        fields: fields.map_err(|_bad_json| corrupt("log line", row.execution))?,
    })
}

/// The latest runs of a filter, oldest first.
pub(crate) fn runs(
    conn: &mut dyn Conn,
    app: AppId,
    filter: ExecutionFilter,
) -> ApiResult<Vec<ExecutionRow>> {
    let filter = ExecutionFilter {
        limit: SHOWN,
        ..filter
    };
    let mut rows = executions::list(conn, app, &filter)?;
    rows.reverse();
    Ok(rows)
}

/// Runs on the wire.
pub(crate) fn run_views(rows: Vec<ExecutionRow>) -> ApiResult<Vec<Execution>> {
    rows.into_iter().map(execution_view).collect()
}

/// The first line of a stored error.
fn first_line(error: &str) -> Option<String> {
    let error = value(error.as_bytes());
    let message = error.get("message").unwrap_or(&error).as_str()?;
    message.lines().next().map(str::to_owned)
}

/// A dead letter on the wire.
pub(crate) fn dead_letter_view(row: &dead_letters::DeadLetter) -> DeadLetter {
    DeadLetter {
        id: row.id,
        event: row.event,
        kind: row.kind.as_str().to_owned(),
        subject: row.subject.clone(),
        trigger: some(row.trigger.clone()),
        script: row.script.clone(),
        handler: row.handler.clone(),
        order_key: row.order_key.clone(),
        error: first_line(&row.error),
        attempts: row.attempts,
        root: row.cause.root,
        parent: row.cause.parent,
        created_at: time(row.created_at),
        died_at: time(row.died_at),
    }
}
