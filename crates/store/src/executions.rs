//! Finished runs and what they logged.

use std::collections::BTreeMap;

use shared::clock::Timestamp;
use shared::id::{AppId, EventId, ExecutionId, RequestId, RootId};
use shared::invocation::LogLevel;
use shared::record::ExecutionRecord;

use crate::apps::{self, to_json};
use crate::conn::{Conn, Param};
use crate::error::StoreError;
use crate::row::Row;

/// Runs kept per app; older ones are removed in batches as new ones come.
pub const KEEP_PER_APP: i64 = 100_000;

/// Stores a batch of records, without those of apps that were deleted meanwhile: nothing would
/// ever remove them.
pub fn insert(conn: &mut dyn Conn, records: &[ExecutionRecord]) -> Result<(), StoreError> {
    let mut known = BTreeMap::new();
    for record in records {
        let app = record.app.id;
        let there = match known.get(&app) {
            Some(there) => *there,
            None => *known.entry(app).or_insert(apps::exists(conn, app)?),
        };
        if there {
            insert_one(conn, record)?;
        }
    }
    Ok(())
}

fn insert_one(conn: &mut dyn Conn, record: &ExecutionRecord) -> Result<(), StoreError> {
    let usage = &record.completion.usage;
    let target = record
        .target
        .as_ref()
        .map(|(method, path)| storable(&format!("{method} {path}")));
    let error = match &record.completion.error {
        Some(error) => Some(storable(&to_json("error", error)?)),
        None => None,
    };
    conn.execute(
        "INSERT INTO executions (id, app_id, request_id, script, version, release, source, \
         target, status, outcome, error, started_at, wall_us, cpu_us, operations, memory_peak, \
         host_calls, event_id, attempt, root, parent) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, \
         ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21)",
        &[
            record.id.as_bytes().into(),
            record.app.id.as_bytes().into(),
            record.request.as_bytes().into(),
            record.script.name.as_str().into(),
            record.script.version.into(),
            record.release.into(),
            record.trigger.as_str().into(),
            target.as_deref().into(),
            if record.status == 0 {
                Param::Null
            } else {
                i64::from(record.status).into()
            },
            record.outcome().into(),
            error.as_deref().into(),
            record.started_at.as_micros().into(),
            (usage.wall.as_micros() as i64).into(),
            (usage.cpu.as_micros() as i64).into(),
            (usage.operations as i64).into(),
            (usage.memory_peak as i64).into(),
            i64::from(usage.host_calls).into(),
            record.cause.event.as_ref().map(EventId::as_bytes).into(),
            i64::from(record.attempt).into(),
            record.cause.root.as_bytes().into(),
            record
                .cause
                .parent
                .as_ref()
                .map(ExecutionId::as_bytes)
                .into(),
        ],
    )?;
    insert_lines(conn, record)
}

fn insert_lines(conn: &mut dyn Conn, record: &ExecutionRecord) -> Result<(), StoreError> {
    for (at, line) in record.completion.logs.iter().enumerate() {
        let fields = line.fields.as_deref().map(storable);
        conn.execute(
            "INSERT INTO log_lines (app_id, execution_id, line, at, level, script, message, \
             fields) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            &[
                record.app.id.as_bytes().into(),
                record.id.as_bytes().into(),
                (at as i64).into(),
                line.at.as_micros().into(),
                (line.level as i64).into(),
                record.script.name.as_str().into(),
                storable(&line.message).as_str().into(),
                fields.as_deref().into(),
            ],
        )?;
    }
    Ok(())
}

/// Text a script made, with U+0000 shown as the replacement character: PostgreSQL cannot hold it.
pub(crate) fn storable(text: &str) -> String {
    if text.contains('\0') {
        text.replace('\0', "\u{FFFD}")
    } else {
        text.to_owned()
    }
}

/// Removes an app's oldest runs beyond [`KEEP_PER_APP`], at most `batch` at a time; how many went.
pub fn trim(conn: &mut dyn Conn, app: AppId, batch: i64) -> Result<u64, StoreError> {
    let cut = conn.query_one(
        "SELECT id FROM executions WHERE app_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2",
        &[app.as_bytes().into(), Param::Int(KEEP_PER_APP)],
    )?;
    let Some(cut) = cut else { return Ok(0) };
    conn.execute(
        "DELETE FROM log_lines WHERE app_id = ?1 AND execution_id IN (SELECT id FROM executions \
         WHERE app_id = ?1 AND id <= ?2 ORDER BY id LIMIT ?3)",
        &[app.as_bytes().into(), cut.blob("id")?.into(), batch.into()],
    )?;
    conn.execute(
        "DELETE FROM executions WHERE id IN (SELECT id FROM executions WHERE app_id = ?1 \
         AND id <= ?2 ORDER BY id LIMIT ?3)",
        &[app.as_bytes().into(), cut.blob("id")?.into(), batch.into()],
    )
}

/// Removes an app's runs that started before a time, oldest first, at most `batch` at a time; how
/// many went.
pub fn expire(
    conn: &mut dyn Conn,
    app: AppId,
    before: Timestamp,
    batch: i64,
) -> Result<u64, StoreError> {
    // Ids start with their milliseconds: older ones sort below this one.
    let mut cut = [0_u8; 16];
    cut[..6].copy_from_slice(&before.as_millis().max(0).to_be_bytes()[2..]);
    let oldest = "SELECT id FROM executions WHERE app_id = ?1 AND id < ?2 ORDER BY id LIMIT ?3";
    let params = [app.as_bytes().into(), (&cut).into(), batch.into()];
    conn.execute(
        &format!("DELETE FROM log_lines WHERE app_id = ?1 AND execution_id IN ({oldest})"),
        &params,
    )?;
    conn.execute(
        &format!("DELETE FROM executions WHERE id IN ({oldest})"),
        &params,
    )
}

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
    /// At most so many.
    pub limit: i64,
}

/// Appends a piece of a statement that ends in a parameter's number.
fn bind(sql: &mut String, parts: &[&str], number: usize) {
    for part in parts {
        sql.push_str(part);
    }
    sql.push_str(&number.to_string());
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

/// A log line as stored.
#[derive(Clone, Debug)]
pub struct LogRow {
    /// The run.
    pub execution: ExecutionId,
    /// Its place among the run's lines.
    pub line: i64,
    /// When.
    pub at: Timestamp,
    /// How loud.
    pub level: LogLevel,
    /// The script.
    pub script: String,
    /// The text.
    pub message: String,
    /// More, as a JSON object.
    pub fields: Option<String>,
}

/// Which lines a list wants.
#[derive(Clone, Debug, Default)]
pub struct LogFilter {
    /// Of this script.
    pub script: Option<String>,
    /// Of this run.
    pub execution: Option<ExecutionId>,
    /// At least this loud.
    pub level: Option<LogLevel>,
    /// At or after.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// Containing this text (case-sensitive).
    pub text: Option<String>,
    /// Older than this line.
    pub before: Option<(ExecutionId, i64)>,
    /// At most so many.
    pub limit: i64,
}

/// An app's log lines, newest first.
pub fn logs(
    conn: &mut dyn Conn,
    app: AppId,
    filter: &LogFilter,
) -> Result<Vec<LogRow>, StoreError> {
    let (before, line) = filter
        .before
        .map_or(([0xFF; 16], 0), |(id, line)| (*id.as_bytes(), line));
    let mut sql = "SELECT execution_id, line, at, level, script, message, fields FROM log_lines \
                   WHERE app_id = ?1 AND (execution_id, line) < (?2, ?3) AND at >= ?4 \
                   AND at < ?5 AND level >= ?6"
        .to_owned();
    let mut params: Vec<Param<'_>> = vec![
        app.as_bytes().into(),
        (&before).into(),
        line.into(),
        filter.since.map_or(i64::MIN, Timestamp::as_micros).into(),
        filter.until.map_or(i64::MAX, Timestamp::as_micros).into(),
        filter.level.map_or(0, |level| level as i64).into(),
    ];
    if let Some(script) = &filter.script {
        params.push(script.as_str().into());
        bind(&mut sql, &[" AND script = ?"], params.len());
    }
    if let Some(execution) = &filter.execution {
        params.push(execution.as_bytes().into());
        bind(&mut sql, &[" AND execution_id = ?"], params.len());
    }
    if let Some(text) = filter.text.as_deref().filter(|text| !text.is_empty()) {
        params.push(text.into());
        // Not LIKE: it ignores case on one engine only.
        bind(&mut sql, &[" AND REPLACE(message, ?"], params.len());
        sql.push_str(", '') <> message");
    }
    params.push(filter.limit.into());
    let order = " ORDER BY execution_id DESC, line DESC LIMIT ?";
    bind(&mut sql, &[order], params.len());
    conn.query(&sql, &params)?.iter().map(log_row).collect()
}

fn log_row(row: &Row) -> Result<LogRow, StoreError> {
    let level = row.int("level")?;
    Ok(LogRow {
        execution: ExecutionId::from_bytes(row.array("execution_id")?),
        line: row.int("line")?,
        at: Timestamp(row.int("at")?),
        level: LogLevel::ALL
            .into_iter()
            .find(|l| *l as i64 == level)
            .ok_or_else(|| StoreError::Corrupt {
                what: "level",
                reason: level.to_string(),
            })?,
        script: row.text("script")?.to_owned(),
        message: row.text("message")?.to_owned(),
        fields: row.opt_text("fields")?.map(str::to_owned),
    })
}
