//! What apps keep, by service, and how much that may be.
//!
//! Triggers of the schema count in the transaction of each change, and refuse what makes an app keep
//! more than it may: [`StoreError::StorageFull`]. Records of runs are counted here, batch by batch;
//! they have a bound of their own and keep nothing else from being stored.

use shared::id::AppId;

use crate::conn::Conn;
use crate::dialect::count_storage;
use crate::error::StoreError;

/// The service under which records and log lines are counted.
pub(crate) const RECORDS: &str = "records";

/// The setting that holds what an app may keep, unless its own limit says otherwise.
const SETTING: &str = "storage.app";

/// What an app keeps of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// `kv`, `scripts`, `dead_letters` or `records`.
    pub service: String,
    /// Keys, sources, dead letters, runs.
    pub entries: i64,
    /// Bytes of keys and values, sources, payloads, errors and log lines.
    pub bytes: i64,
}

impl Kept {
    /// Whether it counts to what the app may keep.
    pub fn counts(&self) -> bool {
        self.service != RECORDS
    }
}

/// What an app keeps.
pub fn of(conn: &mut dyn Conn, app: AppId) -> Result<Vec<Kept>, StoreError> {
    let rows = conn.query(
        "SELECT service, CAST(SUM(entries) AS BIGINT) AS entries, CAST(SUM(bytes) AS BIGINT) AS bytes \
         FROM storage WHERE app_id = ?1 GROUP BY service ORDER BY service",
        &[app.as_bytes().into()],
    )?;
    rows.iter()
        .map(|row| {
            Ok(Kept {
                service: row.text("service")?.to_owned(),
                entries: row.int("entries")?,
                bytes: row.int("bytes")?,
            })
        })
        .collect()
}

/// What an app may keep by its own limit; `None`: what the instance says.
pub fn limit(conn: &mut dyn Conn, app: AppId) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT storage_limit FROM apps WHERE id = ?1";
    let row = conn.query_one(sql, &[app.as_bytes().into()])?;
    row.map_or(Err(StoreError::NoSuchApp), |row| {
        row.opt_int("storage_limit")
    })
}

/// Sets what an app may keep; `None`: what the instance says. What it keeps already stays.
pub fn set_limit(conn: &mut dyn Conn, app: AppId, bytes: Option<i64>) -> Result<(), StoreError> {
    conn.execute(
        "UPDATE apps SET storage_limit = ?2 WHERE id = ?1",
        &[app.as_bytes().into(), bytes.into()],
    )?;
    Ok(())
}

/// What apps may keep that have no limit of their own.
pub fn default_limit(conn: &mut dyn Conn) -> Result<i64, StoreError> {
    let sql = "SELECT value FROM settings WHERE name = ?1";
    let row = conn.query_one(sql, &[SETTING.into()])?;
    let value = row.map(|row| crate::text::parse("storage limit", row.text("value")?));
    value.unwrap_or(Ok(i64::MAX))
}

/// Says what apps may keep; nothing is written where that is known.
pub(crate) fn set_default_limit(conn: &mut dyn Conn, bytes: u64) -> Result<(), StoreError> {
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    if default_limit(conn)? == bytes {
        return Ok(());
    }
    conn.execute(
        "INSERT INTO settings (name, value) VALUES (?1, ?2) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        &[SETTING.into(), bytes.to_string().as_str().into()],
    )?;
    Ok(())
}

/// Adds up the parts of PostgreSQL connections that are gone.
pub(crate) fn fold(conn: &mut dyn Conn) -> Result<(), StoreError> {
    conn.execute(
        "WITH gone AS (DELETE FROM storage WHERE part <> 0 AND part NOT IN \
         (SELECT pid FROM pg_stat_activity) RETURNING app_id, service, entries, bytes) \
         INSERT INTO storage AS s (app_id, service, part, entries, bytes) \
         SELECT app_id, service, 0, SUM(entries), SUM(bytes) FROM gone GROUP BY app_id, service \
         ON CONFLICT (app_id, service, part) \
         DO UPDATE SET entries = s.entries + excluded.entries, bytes = s.bytes + excluded.bytes",
        &[],
    )?;
    Ok(())
}

/// Bytes of an app's records.
pub(crate) fn of_records(conn: &mut dyn Conn, app: AppId) -> Result<i64, StoreError> {
    let row = conn.query_one(
        "SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) AS bytes FROM storage \
         WHERE app_id = ?1 AND service = ?2",
        &[app.as_bytes().into(), RECORDS.into()],
    )?;
    row.map_or(Ok(0), |row| row.int("bytes"))
}

/// Counts records that were stored or, below zero, removed.
pub(crate) fn count_records(
    conn: &mut dyn Conn,
    app: AppId,
    entries: i64,
    bytes: i64,
) -> Result<(), StoreError> {
    if entries == 0 && bytes == 0 {
        return Ok(());
    }
    count_storage(conn, app, RECORDS, (entries, bytes))
}
