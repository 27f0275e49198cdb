//! Finished runs as they are read back.

use shared::clock::Timestamp;
use shared::id::{AppId, EventId, ExecutionId, RequestId, RootId};

use crate::conn::{Conn, Param};
use crate::error::StoreError;
use crate::row::Row;

/// A run as stored.
#[derive(Clone, Debug)]
pub struct ExecutionRow {
    /// Its id.
    pub id: ExecutionId,
    /// The request it belonged to.
    pub request: RequestId,
    /// The script.
    pub script: String,
    /// Version that ran.
    pub version: i64,
    /// Release that was active.
    pub release: i64,
    /// Why it ran.
    pub trigger: String,
    /// Method and path.
    pub target: Option<String>,
    /// Status answered.
    pub status: Option<i64>,
    /// How it ended.
    pub outcome: String,
    /// The error, as JSON.
    pub error: Option<String>,
    /// When it started.
    pub started_at: Timestamp,
    /// Elapsed microseconds.
    pub wall_us: i64,
    /// Processor microseconds.
    pub cpu_us: i64,
    /// Evaluation steps.
    pub operations: i64,
    /// Most bytes allocated.
    pub memory_peak: i64,
    /// Host calls.
    pub host_calls: i64,
    /// The event it handled.
    pub event: Option<EventId>,
    /// Which attempt at it this was; absent in runs older than this column.
    pub attempt: Option<i64>,
    /// What began the chain it belongs to.
    pub root: Option<RootId>,
    /// The run that made the event.
    pub parent: Option<ExecutionId>,
}

const COLUMNS: &str = "id, request_id, script, version, release, source, target, status, outcome, \
                       error, started_at, wall_us, cpu_us, operations, memory_peak, host_calls, \
                       event_id, attempt, root, parent";

fn execution(row: &Row) -> Result<ExecutionRow, StoreError> {
    Ok(ExecutionRow {
        id: ExecutionId::from_bytes(row.array("id")?),
        request: RequestId::from_bytes(row.array("request_id")?),
        script: row.text("script")?.to_owned(),
        version: row.int("version")?,
        release: row.int("release")?,
        trigger: row.text("source")?.to_owned(),
        target: row.opt_text("target")?.map(str::to_owned),
        status: row.opt_int("status")?,
        outcome: row.text("outcome")?.to_owned(),
        error: row.opt_text("error")?.map(str::to_owned),
        started_at: Timestamp(row.int("started_at")?),
        wall_us: row.int("wall_us")?,
        cpu_us: row.int("cpu_us")?,
        operations: row.int("operations")?,
        memory_peak: row.int("memory_peak")?,
        host_calls: row.int("host_calls")?,
        event: row.opt_array("event_id")?.map(EventId::from_bytes),
        attempt: row.opt_int("attempt")?,
        root: row.opt_array("root")?.map(RootId::from_bytes),
        parent: row.opt_array("parent")?.map(ExecutionId::from_bytes),
    })
}

/// Milliseconds that a run may have begun before its request's id was made, by clocks that differ.
const BEFORE: u64 = 60_000;
/// Milliseconds that a script which was called may have begun after it.
const AFTER: u64 = 3_600_000;

/// Which runs a list wants.
#[derive(Clone, Debug, Default)]
pub struct ExecutionFilter {
    /// Of this script.
    pub script: Option<String>,
    /// That ended this way.
    pub outcome: Option<String>,
    /// That answered with this status.
    pub status: Option<u16>,
    /// Started at or after.
    pub since: Option<Timestamp>,
    /// Started before.
    pub until: Option<Timestamp>,
    /// Older than this run.
    pub before: Option<ExecutionId>,
    /// That handled this event.
    pub event: Option<EventId>,
    /// Of the chain that began here.
    pub root: Option<RootId>,
    /// That belonged to this request.
    pub request: Option<RequestId>,
    /// At most so many.
    pub limit: i64,
}

/// Appends a piece of a statement that ends in a parameter's number.
pub(super) fn bind(sql: &mut String, parts: &[&str], number: usize) {
    for part in parts {
        sql.push_str(part);
    }
    sql.push_str(&number.to_string());
}

/// The first and the last id of runs that can belong to a request: ids begin with the time in
/// milliseconds, and runs are found by them.
fn around(request: &RequestId) -> ([u8; 16], [u8; 16]) {
    let mut milliseconds = [0; 8];
    milliseconds[2..].copy_from_slice(&request.as_bytes()[..6]);
    let at = u64::from_be_bytes(milliseconds);
    let id = |at: u64, rest: u8| {
        let mut id = [rest; 16];
        id[..6].copy_from_slice(&at.min((1 << 48) - 1).to_be_bytes()[2..]);
        id
    };
    (id(at.saturating_sub(BEFORE), 0), id(at + AFTER, 0xFF))
}

/// An app's runs, newest first.
pub fn list(
    conn: &mut dyn Conn,
    app: AppId,
    filter: &ExecutionFilter,
) -> Result<Vec<ExecutionRow>, StoreError> {
    let before = filter.before.map_or([0xFF; 16], |id| *id.as_bytes());
    let mut sql = format!(
        "SELECT {COLUMNS} FROM executions WHERE app_id = ?1 AND id < ?2 AND started_at >= ?3 \
         AND started_at < ?4"
    );
    let mut params: Vec<Param<'_>> = vec![
        app.as_bytes().into(),
        (&before).into(),
        filter.since.map_or(i64::MIN, Timestamp::as_micros).into(),
        filter.until.map_or(i64::MAX, Timestamp::as_micros).into(),
    ];
    for (column, value) in [("script", &filter.script), ("outcome", &filter.outcome)] {
        if let Some(value) = value {
            params.push(value.as_str().into());
            bind(&mut sql, &[" AND ", column, " = ?"], params.len());
        }
    }
    if let Some(status) = filter.status {
        params.push(i64::from(status).into());
        bind(&mut sql, &[" AND status = ?"], params.len());
    }
    if let Some(event) = &filter.event {
        params.push(event.as_bytes().into());
        bind(&mut sql, &[" AND event_id = ?"], params.len());
    }
    if let Some(root) = &filter.root {
        params.push(root.as_bytes().into());
        bind(&mut sql, &[" AND root = ?"], params.len());
    }
    let around = filter.request.map(|request| around(&request));
    if let (Some(request), Some((first, last))) = (&filter.request, &around) {
        params.push(request.as_bytes().into());
        bind(&mut sql, &[" AND request_id = ?"], params.len());
        params.push(first.into());
        bind(&mut sql, &[" AND id >= ?"], params.len());
        params.push(last.into());
        bind(&mut sql, &[" AND id <= ?"], params.len());
    }
    params.push(filter.limit.into());
    bind(&mut sql, &[" ORDER BY id DESC LIMIT ?"], params.len());
    conn.query(&sql, &params)?.iter().map(execution).collect()
}

/// One run of an app.
pub fn get(
    conn: &mut dyn Conn,
    app: AppId,
    id: ExecutionId,
) -> Result<Option<ExecutionRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM executions WHERE app_id = ?1 AND id = ?2");
    conn.query_one(&sql, &[app.as_bytes().into(), id.as_bytes().into()])?
        .as_ref()
        .map(execution)
        .transpose()
}
