//! Writes. Every one locks its key first, so that read, decide and write are one step.

use shared::clock::Timestamp;
use shared::kv::{KvCondition, KvEntry, KvReply, KvUpdate, KvValue};
use shared::limits::fixed::{KV_KEY_BYTES, KV_VALUE_BYTES};
use std::time::Duration;

use super::{KvError, Scope, encoded};
use crate::conn::Conn;
use crate::dialect::{lock_kv_key, next_kv_version, purge_kv};
use crate::error::StoreError;

/// Expired entries removed along with each write that sets a time to live. More than one, so that
/// what expires goes at least as fast as it comes.
const PURGE: i64 = 4;

pub(super) fn set(
    conn: &mut dyn Conn,
    scope: Scope<'_>,
    key: &str,
    value: &KvValue,
    ttl_ms: Option<u64>,
    condition: KvCondition,
) -> Result<KvReply, KvError> {
    check_key(key)?;
    lock_kv_key(conn, scope.app, scope.collection, key)?;
    if condition != KvCondition::None {
        let version = scope.get(conn, key)?.map(|entry| entry.version);
        let holds = match condition {
            KvCondition::None => true,
            KvCondition::IfAbsent => version.is_none(),
            KvCondition::IfVersion(wanted) => version == Some(wanted),
        };
        if !holds {
            return Ok(KvReply::Refused(version));
        }
    }
    let expires_at = ttl_ms.map(|ms| scope.now.plus(Duration::from_millis(ms)));
    if expires_at.is_some() {
        purge_kv(conn, scope.app, scope.now, PURGE)?;
    }
    Ok(KvReply::Written(put(conn, scope, key, value, expires_at)?))
}

pub(super) fn delete(conn: &mut dyn Conn, scope: Scope<'_>, key: &str) -> Result<KvReply, KvError> {
    lock_kv_key(conn, scope.app, scope.collection, key)?;
    let row = conn.query_one(
        "DELETE FROM kv WHERE app_id = ?1 AND collection = ?2 AND key = ?3 RETURNING expires_at",
        &[
            scope.app.as_bytes().into(),
            scope.collection.into(),
            key.into(),
        ],
    )?;
    let there = match row {
        Some(row) => row.opt_int(0)?.is_none_or(|at| at > scope.now.as_micros()),
        None => false,
    };
    Ok(KvReply::Flag(there))
}

pub(super) fn update(
    conn: &mut dyn Conn,
    scope: Scope<'_>,
    key: &str,
    update: KvUpdate,
) -> Result<KvReply, KvError> {
    check_key(key)?;
    lock_kv_key(conn, scope.app, scope.collection, key)?;
    let old = scope.get(conn, key)?;
    let number = old.as_ref().map(|entry| integer(key, entry)).transpose()?;
    let new = match update {
        KvUpdate::Incr(by) => number.unwrap_or(0).checked_add(by).ok_or_else(|| {
            KvError::Conflict(format!(
                "incr of `{key}` by {by} leaves the range of 64-bit integers; nothing was changed"
            ))
        })?,
        KvUpdate::Min(with) => number.map_or(with, |n| n.min(with)),
        KvUpdate::Max(with) => number.map_or(with, |n| n.max(with)),
    };
    let value = KvValue::Json(new.to_string().into_bytes().into());
    put(conn, scope, key, &value, keep_expiry(old.as_ref()))?;
    Ok(KvReply::Number(new))
}

pub(super) fn append(
    conn: &mut dyn Conn,
    scope: Scope<'_>,
    key: &str,
    item: &[u8],
) -> Result<KvReply, KvError> {
    check_key(key)?;
    lock_kv_key(conn, scope.app, scope.collection, key)?;
    let old = scope.get(conn, key)?;
    let mut items = match &old {
        None => Vec::new(),
        Some(entry) => array(key, entry)?,
    };
    let item = serde_json::from_slice(item).map_err(|e| StoreError::Corrupt {
        what: "JSON value",
        reason: e.to_string(),
    })?;
    items.push(item);
    let text = serde_json::to_vec(&items).map_err(|e| StoreError::Corrupt {
        what: "JSON value",
        reason: e.to_string(),
    })?;
    if text.len() > KV_VALUE_BYTES {
        return Err(KvError::Conflict(format!(
            "appending to `{key}` would make it larger than 1 MiB; nothing was changed"
        )));
    }
    put(
        conn,
        scope,
        key,
        &KvValue::Json(text.into()),
        keep_expiry(old.as_ref()),
    )?;
    Ok(KvReply::Number(items.len() as i64))
}

fn put(
    conn: &mut dyn Conn,
    scope: Scope<'_>,
    key: &str,
    value: &KvValue,
    expires_at: Option<Timestamp>,
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
            expires_at.map(Timestamp::as_micros).into(),
        ],
    )?;
    Ok(version)
}

/// PostgreSQL could not index a longer key; nobody may find out by an error of its own.
fn check_key(key: &str) -> Result<(), KvError> {
    if key.len() > KV_KEY_BYTES {
        return Err(KvError::Conflict(format!(
            "a key has at most {KV_KEY_BYTES} bytes, this one has {}; nothing was changed",
            key.len()
        )));
    }
    Ok(())
}

fn keep_expiry(old: Option<&KvEntry>) -> Option<Timestamp> {
    old.and_then(|entry| entry.expires_at).map(Timestamp)
}

fn integer(key: &str, entry: &KvEntry) -> Result<i64, KvError> {
    let number = match &entry.value {
        KvValue::Json(text) => serde_json::from_slice(text).ok(),
        KvValue::Blob(_) => None,
    };
    number.ok_or_else(|| {
        KvError::Conflict(format!(
            "`{key}` does not hold an integer; nothing was changed"
        ))
    })
}

fn array(key: &str, entry: &KvEntry) -> Result<Vec<Box<serde_json::value::RawValue>>, KvError> {
    let items = match &entry.value {
        KvValue::Json(text) => serde_json::from_slice(text).ok(),
        KvValue::Blob(_) => None,
    };
    items.ok_or_else(|| {
        KvError::Conflict(format!(
            "`{key}` does not hold an array; nothing was changed"
        ))
    })
}
