//! The few statements the engines spell differently.

use crate::conn::{Conn, Dialect, Param};
use crate::error::StoreError;
use shared::id::AppId;

/// A number no key of the key-value store ever had as its version.
pub(crate) fn next_kv_version(conn: &mut dyn Conn) -> Result<i64, StoreError> {
    let sql = match conn.dialect() {
        Dialect::Sqlite => {
            "UPDATE counters SET value = value + 1 WHERE name = 'kv' RETURNING value"
        }
        Dialect::Postgres => "SELECT nextval('kv_version')",
    };
    let row = conn.query_one(sql, &[])?;
    row.ok_or(StoreError::Corrupt {
        what: "counter",
        reason: "it is missing".to_owned(),
    })?
    .int(0)
}

/// Lets one transaction at a time change a key. SQLite has one writer anyway.
pub(crate) fn lock_kv_key(
    conn: &mut dyn Conn,
    app: AppId,
    collection: &str,
    key: &str,
) -> Result<(), StoreError> {
    if conn.dialect() == Dialect::Postgres {
        // Two keys with the same hash wait for each other, which is harmless.
        let name = format!("{app}/{collection}/{key}");
        conn.query(
            "SELECT 1 FROM pg_advisory_xact_lock(hashtextextended(?1, 0))",
            &[Param::Text(&name)],
        )?;
    }
    Ok(())
}
