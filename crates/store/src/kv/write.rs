//! Writes. Every one locks its key first, so that read, decide and write are one step. What it
//! does is decided by [`apply`].

use shared::kv::{KvChange, KvEntry, KvReply, KvValue, KvWrite, apply, check_key};

use super::entry::{KvError, Scope, encoded};
use crate::conn::Conn;
use crate::dialect::{lock_kv_key, locking_free, next_kv_version};
use crate::error::StoreError;

/// Expired entries removed along with each write that sets a time to live. More than one, so that
/// what expires goes at least as fast as it comes.
const PURGE: i64 = 4;

/// A write that was carried out.
pub(crate) struct Written {
    /// What was there, where that was looked up.
    pub(crate) old: Option<KvEntry>,
    /// What became of the key.
    pub(crate) change: KvChange,
    /// What the caller is told.
    pub(crate) reply: KvReply,
}

/// Carries out a write. What was there is looked up when the write depends on it, or the caller
/// wants to know.
pub(super) fn write(
    conn: &mut dyn Conn,
    scope: Scope<'_>,
    key: &str,
    write: KvWrite<'_>,
    look: bool,
) -> Result<Written, KvError> {
    check_key(key)?;
    lock_kv_key(conn, scope.app, scope.collection, key)?;
    let old = if look || write.looks() {
        scope.get(conn, key)?
    } else {
        None
    };
    let change = apply(write, key, old.as_ref(), scope.now)?;
    let reply = carry_out(conn, scope, key, &change)?;
    Ok(Written { old, change, reply })
}

fn carry_out(
    conn: &mut dyn Conn,
    scope: Scope<'_>,
    key: &str,
    change: &KvChange,
) -> Result<KvReply, StoreError> {
    match change {
        KvChange::Refused(version) => Ok(KvReply::Refused(*version)),
        KvChange::Remove(there) => {
            if *there {
                remove(conn, scope, key)?;
            }
            Ok(KvReply::Flag(*there))
        }
        KvChange::Put {
            value,
            expires_at,
            number,
        } => {
            // A computed value keeps its end: it brings nothing more that expires.
            if expires_at.is_some() && number.is_none() {
                purge(conn, scope)?;
            }
            let version = put(conn, scope, key, value, *expires_at)?;
            Ok(number.map_or(KvReply::Written(version), KvReply::Number))
        }
    }
}

fn remove(conn: &mut dyn Conn, scope: Scope<'_>, key: &str) -> Result<(), StoreError> {
    conn.execute(
        "DELETE FROM kv WHERE app_id = ?1 AND collection = ?2 AND key = ?3",
        &[
            scope.app.as_bytes().into(),
            scope.collection.into(),
            key.into(),
        ],
    )?;
    Ok(())
}

/// Removes a few of an app's expired entries.
fn purge(conn: &mut dyn Conn, scope: Scope<'_>) -> Result<(), StoreError> {
    // On PostgreSQL another transaction may be writing one of them again at this moment: those
    // are left to it, or its write would be lost.
    let locked = locking_free(conn);
    let sql = format!(
        "DELETE FROM kv WHERE (app_id, collection, key) IN (SELECT app_id, collection, key FROM kv \
         WHERE app_id = ?1 AND expires_at <= ?2 ORDER BY expires_at LIMIT ?3 {locked}) \
         AND expires_at <= ?2"
    );
    let now = scope.now.as_micros();
    conn.execute(
        &sql,
        &[scope.app.as_bytes().into(), now.into(), PURGE.into()],
    )?;
    Ok(())
}

fn put(
    conn: &mut dyn Conn,
    scope: Scope<'_>,
    key: &str,
    value: &KvValue,
    expires_at: Option<i64>,
) -> Result<i64, StoreError> {
    let version = next_kv_version(conn)?;
    let (format, bytes) = encoded(value);
    conn.execute(
        "INSERT INTO kv (app_id, collection, key, format, value, version, expires_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
         ON CONFLICT (app_id, collection, key) DO UPDATE SET format = excluded.format, \
         value = excluded.value, version = excluded.version, expires_at = excluded.expires_at",
        &[
            scope.app.as_bytes().into(),
            scope.collection.into(),
            key.into(),
            format,
            bytes,
            version.into(),
            expires_at.into(),
        ],
    )?;
    Ok(version)
}
