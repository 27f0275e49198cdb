//! Finished runs and what they logged.

mod list;
mod logs;

use std::collections::BTreeMap;

use shared::clock::Timestamp;
use shared::id::{AppId, EventId, ExecutionId};
use shared::record::ExecutionRecord;

use crate::apps;
use crate::conn::{Conn, Param};
use crate::dialect::byte_length;
use crate::error::StoreError;
use crate::storage;
use crate::text::{storable, to_json};

pub use list::{ExecutionFilter, ExecutionRow, get, list};
pub use logs::{LogFilter, LogRow, logs};

/// Runs kept per app; older ones are removed in batches as new ones come.
pub const KEEP_PER_APP: i64 = 100_000;

/// Stores a batch of records, without those of apps that were deleted meanwhile: nothing would
/// ever remove them; and without what they logged, unless `with_lines`.
pub fn insert(
    conn: &mut dyn Conn,
    records: &[ExecutionRecord],
    with_lines: bool,
) -> Result<(), StoreError> {
    let mut known = BTreeMap::new();
    let mut added: BTreeMap<AppId, (i64, i64)> = BTreeMap::new();
    for record in records {
        let app = record.app.id;
        let there = match known.get(&app) {
            Some(there) => *there,
            None => *known.entry(app).or_insert(apps::stays(conn, app)?),
        };
        if there {
            let mut bytes = insert_one(conn, record)?;
            if with_lines {
                bytes += insert_lines(conn, record)?;
            }
            let (entries, more) = added.entry(app).or_default();
            *entries += 1;
            *more += bytes as i64;
        }
    }
    for (app, (entries, bytes)) in added {
        storage::count_records(conn, app, entries, bytes)?;
    }
    Ok(())
}

/// Bytes it counts as.
fn insert_one(conn: &mut dyn Conn, record: &ExecutionRecord) -> Result<usize, StoreError> {
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
    Ok(error.as_ref().map_or(0, String::len))
}

/// Bytes they count as.
fn insert_lines(conn: &mut dyn Conn, record: &ExecutionRecord) -> Result<usize, StoreError> {
    let mut bytes = 0;
    for (at, line) in record.completion.logs.iter().enumerate() {
        let fields = line.fields.as_deref().map(storable);
        let message = storable(&line.message);
        bytes += message.len() + fields.as_ref().map_or(0, String::len);
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
                message.as_str().into(),
                fields.as_deref().into(),
            ],
        )?;
    }
    Ok(bytes)
}

/// Removes an app's oldest runs beyond [`KEEP_PER_APP`], at most `batch` at a time; how many went.
pub fn trim(conn: &mut dyn Conn, app: AppId, batch: i64) -> Result<u64, StoreError> {
    let cut = conn.query_one(
        "SELECT id FROM executions WHERE app_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2",
        &[app.as_bytes().into(), Param::Int(KEEP_PER_APP)],
    )?;
    let Some(cut) = cut else { return Ok(0) };
    let oldest = "SELECT id FROM executions WHERE app_id = ?1 AND id <= ?2 ORDER BY id LIMIT ?3";
    let params = [app.as_bytes().into(), cut.blob("id")?.into(), batch.into()];
    remove(conn, app, oldest, &params)
}

/// Removes an app's oldest runs while all of them have more than so many bytes, at most `batch` at a
/// time; how many went.
pub fn trim_to(conn: &mut dyn Conn, app: AppId, most: i64, batch: i64) -> Result<u64, StoreError> {
    if storage::of_records(conn, app)? <= most {
        return Ok(0);
    }
    let oldest = "SELECT id FROM executions WHERE app_id = ?1 ORDER BY id LIMIT ?2";
    remove(conn, app, oldest, &[app.as_bytes().into(), batch.into()])
}

/// Removes runs of an app and what they logged.
fn remove(
    conn: &mut dyn Conn,
    app: AppId,
    these: &str,
    params: &[Param<'_>],
) -> Result<u64, StoreError> {
    let number = |conn: &mut dyn Conn, bytes: &str, of: &str| {
        let sql = format!("SELECT CAST(COALESCE(SUM({bytes}), 0) AS BIGINT) AS bytes FROM {of}");
        let row = conn.query_one(&sql, params)?;
        row.map_or(Ok(0), |row| row.int("bytes"))
    };
    let lines = format!("log_lines WHERE app_id = ?1 AND execution_id IN ({these})");
    let runs = format!("executions WHERE id IN ({these})");
    let (message, fields, error) = (
        byte_length(conn, "message"),
        byte_length(conn, "COALESCE(fields, '')"),
        byte_length(conn, "COALESCE(error, '')"),
    );
    let logged = number(conn, &format!("{message} + {fields}"), &lines)?;
    let failed = number(conn, &error, &runs)?;
    conn.execute(&format!("DELETE FROM {lines}"), params)?;
    let removed = conn.execute(&format!("DELETE FROM {runs}"), params)?;
    storage::count_records(conn, app, -(removed as i64), -(logged + failed))?;
    Ok(removed)
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
    remove(conn, app, oldest, &params)
}
