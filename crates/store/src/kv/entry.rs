//! Entries: where they are, how they are read and written.

use shared::clock::Timestamp;
use shared::id::AppId;
use shared::kv::{InvalidKey, KvEntry, KvValue, Unfit};

use crate::conn::{Conn, Param};
use crate::error::StoreError;
use crate::room::Room;
use crate::row::Row;

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

/// One collection of one app at one time.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) app: AppId,
    pub(super) collection: &'a str,
    pub(super) now: Timestamp,
}

impl Scope<'_> {
    pub(super) fn get(self, conn: &mut dyn Conn, key: &str) -> Result<Option<KvEntry>, StoreError> {
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
        let entry = entry(row)?;
        Ok(if self.expired(&entry) {
            None
        } else {
            Some(entry)
        })
    }

    pub(super) fn get_within(
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

pub(super) fn entry(mut row: Row) -> Result<KvEntry, StoreError> {
    let bytes = row.take_blob("value")?.into();
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

pub(super) fn encoded(value: &KvValue) -> (Param<'static>, Param<'_>) {
    match value {
        KvValue::Json(bytes) => (Param::Int(FORMAT_JSON), Param::Blob(bytes)),
        KvValue::Blob(bytes) => (Param::Int(FORMAT_BLOB), Param::Blob(bytes)),
    }
}
