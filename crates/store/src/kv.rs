//! The key-value store: point reads, conditional writes, atomic updates, ordered lists.

mod list;
mod write;

use shared::clock::Timestamp;
use shared::id::AppId;
use shared::kv::{InvalidKey, KvCall, KvEntry, KvOp, KvReply, KvValue, KvWrite, Unfit};

use crate::conn::{Conn, Param, Room};
use crate::error::StoreError;
use crate::row::Row;

pub(crate) use write::Written;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum KvError {
    /// The key cannot be one.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// The value at the key does not fit the operation.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

const FORMAT_JSON: i64 = 0;
const FORMAT_BLOB: i64 = 1;

/// Carries out a call for an app. `now` decides what has expired.
pub fn call(
    conn: &mut dyn Conn,
    app: AppId,
    now: Timestamp,
    call: &KvCall,
) -> Result<KvReply, KvError> {
    match call.op.write() {
        None => Ok(read(conn, app, now, call, u64::MAX)?),
        Some((key, op)) => {
            let collection = call.collection.as_str();
            Ok(write(conn, app, now, (collection, key), op, false)?.reply)
        }
    }
}

/// Carries out a write to a key of a collection. What was there is looked up when the write depends
/// on it, or the caller wants to know.
pub(crate) fn write(
    conn: &mut dyn Conn,
    app: AppId,
    now: Timestamp,
    (collection, key): (&str, &str),
    op: KvWrite<'_>,
    look: bool,
) -> Result<Written, KvError> {
    let scope = Scope {
        app,
        collection,
        now,
    };
    write::write(conn, scope, key, op, look)
}

/// Carries out a call that only looks. Reading stops with [`StoreError::NoRoom`] where the answer
/// has more than `room` bytes.
pub fn read(
    conn: &mut dyn Conn,
    app: AppId,
    now: Timestamp,
    call: &KvCall,
    room: u64,
) -> Result<KvReply, StoreError> {
    let scope = Scope {
        app,
        collection: call.collection.as_str(),
        now,
    };
    let mut room = Room::of(room);
    match &call.op {
        KvOp::Get(key) => Ok(KvReply::Entry(scope.get_within(conn, key, &mut room)?)),
        KvOp::GetMany(keys) => {
            let entries = keys
                .iter()
                .map(|key| scope.get_within(conn, key, &mut room));
            Ok(KvReply::Entries(entries.collect::<Result<_, _>>()?))
        }
        KvOp::Has(key) => Ok(KvReply::Flag(scope.get(conn, key)?.is_some())),
        KvOp::List(range) => Ok(KvReply::Page(list::list(conn, scope, range, room)?)),
        KvOp::Count(prefix) => Ok(KvReply::Number(list::count(conn, scope, prefix)?)),
        KvOp::Set { .. } | KvOp::Delete(_) | KvOp::Update(..) | KvOp::Append(..) => {
            Err(StoreError::Engine("a read was asked to write".to_owned()))
        }
    }
}

/// The entry at a key.
pub fn get(
    conn: &mut dyn Conn,
    app: AppId,
    now: Timestamp,
    collection: &str,
    key: &str,
) -> Result<Option<KvEntry>, StoreError> {
    let scope = Scope {
        app,
        collection,
        now,
    };
    scope.get(conn, key)
}

/// One collection of one app at one time.
#[derive(Clone, Copy)]
struct Scope<'a> {
    app: AppId,
    collection: &'a str,
    now: Timestamp,
}

impl Scope<'_> {
    fn get(self, conn: &mut dyn Conn, key: &str) -> Result<Option<KvEntry>, StoreError> {
        let row = conn.query_one(
            "SELECT format, value, version, expires_at FROM kv \
             WHERE app_id = ?1 AND collection = ?2 AND key = ?3",
            &[
                self.app.as_bytes().into(),
                self.collection.into(),
                key.into(),
            ],
        )?;
        let Some(row) = row else { return Ok(None) };
        let entry = entry(&row)?;
        Ok(if self.expired(&entry) {
            None
        } else {
            Some(entry)
        })
    }

    fn get_within(
        self,
        conn: &mut dyn Conn,
        key: &str,
        room: &mut Room,
    ) -> Result<Option<KvEntry>, StoreError> {
        let entry = self.get(conn, key)?;
        let value = entry.as_ref().map_or(0, |entry| entry.value.len());
        room.take(value + size_of::<Option<KvEntry>>())?;
        Ok(entry)
    }

    fn expired(self, entry: &KvEntry) -> bool {
        entry
            .expires_at
            .is_some_and(|at| at <= self.now.as_micros())
    }
}

fn entry(row: &Row) -> Result<KvEntry, StoreError> {
    let bytes = row.blob("value")?.to_vec().into();
    let value = match row.int("format")? {
        FORMAT_JSON => KvValue::Json(bytes),
        FORMAT_BLOB => KvValue::Blob(bytes),
        other => {
            return Err(StoreError::Corrupt {
                what: "key-value entry",
                reason: format!("it has the unknown format {other}"),
            });
        }
    };
    Ok(KvEntry {
        value,
        version: row.int("version")?,
        expires_at: row.opt_int("expires_at")?,
    })
}

fn encoded(value: &KvValue) -> (Param<'static>, Param<'_>) {
    match value {
        KvValue::Json(bytes) => (Param::Int(FORMAT_JSON), Param::Blob(bytes)),
        KvValue::Blob(bytes) => (Param::Int(FORMAT_BLOB), Param::Blob(bytes)),
    }
}
