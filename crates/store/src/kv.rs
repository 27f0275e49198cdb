//! The key-value store: point reads, conditional writes, atomic updates, ordered lists.

mod entry;
mod list;
mod write;

use shared::clock::Timestamp;
use shared::id::AppId;
use shared::kv::{KvCall, KvEntry, KvOp, KvReply, KvWrite};

use crate::conn::{Conn, Room};
use crate::error::StoreError;

pub use entry::KvError;
use entry::Scope;
pub(crate) use write::Written;

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
