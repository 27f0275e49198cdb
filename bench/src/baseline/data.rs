//! The baselines' database: read by plain rusqlite, written through the store without group
//! commit.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};
use shared::clock::{Clock as _, SystemClock};
use shared::id::AppId;
use shared::kv::{KvCall, KvCondition, KvOp, KvValue};
use shared::limits::LimitSettings;
use store::apps::AppRow;
use store::kv::KvError;
use store::{Store, StoreConfig};

use crate::error::Result;

/// The statement PiCloud's point read runs.
const GET: &str = "SELECT format, value, version, expires_at FROM kv \
    WHERE app_id = ?1 AND collection = ?2 AND key = ?3";
const COLLECTION: &str = "bench";
/// What `bench/scripts/kv_get.rhai` reads.
const VALUE: &[u8] = br#"{"name":"Ada","visits":42}"#;

/// The database, before a worker opens its own connection.
#[derive(Clone, Debug)]
pub(super) struct Data {
    file: Arc<Path>,
    store: Store,
    app: AppId,
}

/// One worker's share.
#[derive(Debug)]
pub(super) struct Reader {
    connection: Connection,
    store: Store,
    app: AppId,
}

fn call(op: KvOp) -> Result<KvCall> {
    Ok(KvCall {
        collection: COLLECTION.parse()?,
        op,
    })
}

fn put(key: &str) -> Result<KvCall> {
    call(KvOp::Set {
        key: key.to_owned(),
        value: KvValue::Json(VALUE.into()),
        ttl_ms: None,
        condition: KvCondition::None,
    })
}

impl Data {
    /// Makes the database in a directory, with one app and one key.
    pub(super) fn create(directory: &Path) -> Result<Self> {
        let config = StoreConfig {
            group_commit: false,
            ..StoreConfig::sqlite(directory)
        };
        let store = Store::open(&config)?;
        let now = SystemClock.now();
        let app = AppRow {
            id: AppId::new(now),
            slug: "bench".parse()?,
            description: String::new(),
            is_default: true,
            limits: LimitSettings::default(),
            active_release: None,
            created_at: now,
            updated_at: now,
        };
        let (id, put) = (app.id, put("bench")?);
        let made = store.change::<_, KvError>(move |change| {
            store::apps::insert(change, &app)?;
            store::kv::call(change.conn(), id, now, &put, &mut store::Room::of(u64::MAX))
        });
        tokio::runtime::Builder::new_current_thread()
            .build()?
            .block_on(made)?;
        Ok(Self {
            file: directory.join("picloud.db").into(),
            store,
            app: id,
        })
    }

    /// A connection for one worker.
    pub(super) fn reader(self) -> Result<Reader> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.file, flags)?;
        connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -2048;")?;
        Ok(Reader {
            connection,
            store: self.store,
            app: self.app,
        })
    }
}

impl Reader {
    /// A point read.
    pub(super) fn get(&self, key: &str) -> Result<serde_json::Value> {
        let mut statement = self.connection.prepare_cached(GET)?;
        let params = params![self.app.as_bytes(), COLLECTION, key];
        let row = statement.query_row(params, |row| {
            let (expires_at, version): (Option<i64>, i64) = (row.get(3)?, row.get(2)?);
            let value: Vec<u8> = row.get(1)?;
            Ok((value, version, expires_at))
        });
        match row.optional()? {
            Some((value, _version, None)) => Ok(serde_json::from_slice(&value)?),
            _ => Err("the key is not there".into()),
        }
    }

    /// A durable write.
    pub(super) async fn set(&self, key: &str) -> Result<()> {
        let (app, put) = (self.app, put(key)?);
        let now = SystemClock.now();
        self.store
            .write::<_, KvError>(move |conn| {
                store::kv::call(conn, app, now, &put, &mut store::Room::of(u64::MAX))
            })
            .await?;
        Ok(())
    }
}
