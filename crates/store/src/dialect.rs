//! The few statements the engines spell differently. Nothing else asks which engine it is.

use crate::conn::{Conn, Dialect, Param};
use crate::error::StoreError;
use shared::id::AppId;
use shared::seam::Raised;

/// Where processes that share a database tell each other that there is something to do.
pub(crate) const WORK_CHANNEL: &str = "picloud";

/// Where they tell each other what has changed of what is served.
pub(crate) const SERVED_CHANNEL: &str = "picloud_served";

/// Lets the commit tell the processes that share the database that an app has changed.
pub(crate) fn announce(conn: &mut dyn Conn, raised: Raised) -> Result<(), StoreError> {
    let Raised { app, number } = raised;
    notify(conn, SERVED_CHANNEL, &format!("{app} {number}"))
}

/// What is told with the name of the process that tells: lines were paused, or go on.
pub(crate) const PAUSED: &str = "paused";
/// Deliveries were taken out of processes' hands.
pub(crate) const WITHDRAWN: &str = "withdrawn";

/// Lets the commit tell the other processes something, and who tells, so that a process does not
/// follow itself.
pub(crate) fn tell_others(
    conn: &mut dyn Conn,
    channel: &str,
    what: &str,
) -> Result<(), StoreError> {
    let own = conn.handover().map(|handover| handover.node().to_string());
    notify(
        conn,
        channel,
        &format!("{} {what}", own.unwrap_or_default()),
    )
}

/// Lets the commit tell the processes that share the database something. With SQLite there are none.
pub(crate) fn notify(conn: &mut dyn Conn, channel: &str, what: &str) -> Result<(), StoreError> {
    if conn.dialect() == Dialect::Postgres {
        let sql = "SELECT CAST(pg_notify(?1, ?2) AS TEXT)";
        conn.query(sql, &[channel.into(), what.into()])?;
    }
    Ok(())
}

/// The database's clock in microseconds since 1970, as an expression.
pub(crate) fn clock(conn: &dyn Conn) -> &'static str {
    match conn.dialect() {
        Dialect::Sqlite => "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
        Dialect::Postgres => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)",
    }
}

/// The bytes of a text, not its characters, as an expression.
pub(crate) fn byte_length(conn: &dyn Conn, column: &str) -> String {
    match conn.dialect() {
        Dialect::Sqlite => format!("LENGTH(CAST({column} AS BLOB))"),
        Dialect::Postgres => format!("OCTET_LENGTH({column})"),
    }
}

/// Adds to what an app keeps of a service: entries and bytes. On PostgreSQL each connection counts
/// in a part of its own.
pub(crate) fn count_storage(
    conn: &mut dyn Conn,
    app: AppId,
    service: &str,
    (entries, bytes): (i64, i64),
) -> Result<(), StoreError> {
    let params = [
        app.as_bytes().into(),
        service.into(),
        entries.into(),
        bytes.into(),
    ];
    match conn.dialect() {
        Dialect::Sqlite => conn.execute(
            "INSERT INTO storage (app_id, service, part, entries, bytes) \
             VALUES (?1, ?2, 0, ?3, ?4) ON CONFLICT (app_id, service, part) \
             DO UPDATE SET entries = entries + excluded.entries, bytes = bytes + excluded.bytes",
            &params,
        )?,
        Dialect::Postgres => {
            conn.execute("SELECT storage_count(?1, ?2, ?3, ?4, FALSE)", &params)?
        }
    };
    Ok(())
}

/// What ends a `SELECT` whose rows are about to be changed: it locks them, in its order. SQLite has
/// one writer anyway.
pub(crate) fn locking(conn: &dyn Conn) -> &'static str {
    match conn.dialect() {
        Dialect::Sqlite => "",
        Dialect::Postgres => "FOR UPDATE",
    }
}

/// What ends a `SELECT` whose rows are to stay, without keeping them from being changed: rows that
/// belong to them are about to be written. SQLite has one writer anyway.
pub(crate) fn keeping(conn: &dyn Conn) -> &'static str {
    match conn.dialect() {
        Dialect::Sqlite => "",
        Dialect::Postgres => "FOR KEY SHARE",
    }
}

/// The same as [`locking`], without the rows that another transaction is changing.
pub(crate) fn locking_free(conn: &dyn Conn) -> &'static str {
    match conn.dialect() {
        Dialect::Sqlite => "",
        Dialect::Postgres => "FOR UPDATE SKIP LOCKED",
    }
}

/// Locks deliveries that several statements are about to change, in the order of their numbers, as
/// one statement would. SQLite has one writer anyway.
pub(crate) fn lock_deliveries(conn: &mut dyn Conn, seqs: &[i64]) -> Result<(), StoreError> {
    if conn.dialect() == Dialect::Postgres {
        let found = is_one_of(conn, "seq", 1);
        let sql = format!("SELECT seq FROM deliveries WHERE {found} ORDER BY seq FOR UPDATE");
        let seqs = serde_json::json!(seqs).to_string();
        conn.query(&sql, &[seqs.as_str().into()])?;
    }
    Ok(())
}

/// A number no key of the key-value store ever had as its version.
pub(crate) fn next_kv_version(conn: &mut dyn Conn) -> Result<i64, StoreError> {
    let sql = match conn.dialect() {
        Dialect::Sqlite => {
            "UPDATE counters SET value = value + 1 WHERE name = 'kv' RETURNING value"
        }
        Dialect::Postgres => "SELECT nextval('kv_version') AS value",
    };
    let row = conn.query_one(sql, &[])?;
    row.ok_or(StoreError::Corrupt {
        what: "counter",
        reason: "it is missing".to_owned(),
    })?
    .int("value")
}

/// Lets one transaction at a time change a key. SQLite has one writer anyway.
pub(crate) fn lock_kv_key(
    conn: &mut dyn Conn,
    app: AppId,
    collection: &str,
    key: &str,
) -> Result<(), StoreError> {
    lock_name(conn, &format!("{app}/{collection}/{key}"))
}

/// Lets one transaction at a time go past, by name, until it ends. SQLite has one writer anyway.
pub(crate) fn lock_name(conn: &mut dyn Conn, name: &str) -> Result<(), StoreError> {
    if conn.dialect() == Dialect::Postgres {
        // Two names with the same hash wait for each other, which is harmless.
        conn.query(
            "SELECT 1 FROM pg_advisory_xact_lock(hashtextextended(?1, 0))",
            &[Param::Text(name)],
        )?;
    }
    Ok(())
}

/// Keeps those out who hold the name alone with [`lock_name`], until the transaction ends.
pub(crate) fn lock_name_shared(conn: &mut dyn Conn, name: &str) -> Result<(), StoreError> {
    if conn.dialect() == Dialect::Postgres {
        conn.query(
            "SELECT 1 FROM pg_advisory_xact_lock_shared(hashtextextended(?1, 0))",
            &[Param::Text(name)],
        )?;
    }
    Ok(())
}

/// The numbers of a JSON array in parameter `?at`, as rows.
fn numbers(conn: &dyn Conn, at: usize) -> String {
    match conn.dialect() {
        Dialect::Sqlite => format!("SELECT value FROM json_each(?{at})"),
        Dialect::Postgres => format!(
            "SELECT CAST(e AS BIGINT) FROM jsonb_array_elements_text(CAST(CAST(?{at} AS TEXT) AS JSONB)) e"
        ),
    }
}

/// A condition: a column is one of the numbers of a JSON array in parameter `?at`. On PostgreSQL it
/// can only be done with an index of the column: as a join it is sometimes done by reading the whole
/// table, with a plan that was made when the table was small and is kept when it has grown.
pub(crate) fn is_one_of(conn: &dyn Conn, column: &str, at: usize) -> String {
    let list = numbers(conn, at);
    match conn.dialect() {
        Dialect::Sqlite => format!("{column} IN ({list})"),
        Dialect::Postgres => format!("{column} = ANY (ARRAY({list}))"),
    }
}

/// The texts of a JSON array in parameter `?at`, as rows.
pub(crate) fn texts(conn: &dyn Conn, at: usize) -> String {
    match conn.dialect() {
        Dialect::Sqlite => format!("SELECT value FROM json_each(?{at})"),
        Dialect::Postgres => {
            format!("SELECT e FROM jsonb_array_elements_text(CAST(CAST(?{at} AS TEXT) AS JSONB)) e")
        }
    }
}

/// The pairs of numbers of a JSON array in parameter `?at`, as rows of two columns.
pub(crate) fn pairs(conn: &dyn Conn, at: usize) -> String {
    match conn.dialect() {
        Dialect::Sqlite => {
            format!("SELECT value ->> 0, value ->> 1 FROM json_each(?{at})")
        }
        Dialect::Postgres => format!(
            "SELECT CAST(e ->> 0 AS BIGINT), CAST(e ->> 1 AS BIGINT) \
             FROM jsonb_array_elements(CAST(CAST(?{at} AS TEXT) AS JSONB)) e"
        ),
    }
}

/// Lets one transaction at a time count up an app's numbers, until it ends. SQLite has one writer
/// anyway.
pub(crate) fn lock_app(conn: &mut dyn Conn, app: AppId) -> Result<(), StoreError> {
    if conn.dialect() == Dialect::Postgres {
        // Not `FOR UPDATE`: rows that point to the app only need it to stay, and may go on.
        conn.query(
            "SELECT 1 FROM apps WHERE id = ?1 FOR NO KEY UPDATE",
            &[app.as_bytes().into()],
        )?;
    }
    Ok(())
}
