//! The key-value store: point reads, conditional writes, atomic updates, ordered lists.

mod entry;
mod list;
mod write;

use shared::clock::Timestamp;
use shared::id::AppId;
use shared::kv::{KvAsk, KvCall, KvEntry, KvRead, KvReply, KvWrite};

use crate::conn::Conn;
use crate::error::StoreError;
use crate::room::Room;

pub use entry::KvError;
use entry::Scope;
pub(crate) use write::Written;

/// Carries out a call for an app. `now` decides what has expired; the answer of a call that looks
/// fits into `room`.
pub fn call(
    conn: &mut dyn Conn,
    app: AppId,
    now: Timestamp,
    call: &KvCall,
    room: &mut Room,
) -> Result<KvReply, KvError> {
    let collection = call.collection.as_str();
    match call.op.asks() {
        KvAsk::Read(wanted) => Ok(read(conn, app, now, (collection, wanted), room)?),
        KvAsk::Write(key, op) => Ok(write(conn, app, now, (collection, key), op, false)?.reply),
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

/// Looks into a collection. Reading stops with [`StoreError::NoRoom`] or [`StoreError::NoMemory`] where
/// the answer no longer fits into `room`.
pub fn read(
    conn: &mut dyn Conn,
    app: AppId,
    now: Timestamp,
    (collection, wanted): (&str, KvRead<'_>),
    room: &mut Room,
) -> Result<KvReply, StoreError> {
    let scope = Scope {
        app,
        collection,
        now,
    };
    match wanted {
        KvRead::Get(key) => Ok(KvReply::Entry(scope.get_within(conn, key, room)?)),
        KvRead::GetMany(keys) => {
            let entries = keys.iter().map(|key| scope.get_within(conn, key, room));
            Ok(KvReply::Entries(entries.collect::<Result<_, _>>()?))
        }
        KvRead::Has(key) => Ok(KvReply::Flag(scope.get(conn, key)?.is_some())),
        KvRead::List(range) => Ok(KvReply::Page(list::list(conn, scope, range, room)?)),
        KvRead::Count(prefix) => Ok(KvReply::Number(list::count(conn, scope, prefix)?)),
    }
}

/// The names of an app's collections that hold something, in order, after `after`, at most `most`.
pub fn collections(
    conn: &mut dyn Conn,
    app: AppId,
    now: Timestamp,
    after: &str,
    most: usize,
) -> Result<Vec<String>, StoreError> {
    list::collections(conn, app, now, after, most)
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
