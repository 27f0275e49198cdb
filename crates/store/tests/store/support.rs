//! A store per test, on either engine.

use std::sync::Arc;
use std::time::Duration;

use shared::clock::Timestamp;
use shared::id::AppId;
use shared::limits::LimitSettings;
use store::apps::{self, AppRow};
use store::{Change, Conn, Param, Row, Store, StoreConfig, StoreError};
use tempfile::TempDir;
use test_support::Postgres;

/// Makes each function a test on SQLite and a test on PostgreSQL.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test]
            fn $name() {
                super::$name(&crate::support::Db::sqlite());
            })+
        }
        mod postgres {
            $(#[test]
            fn $name() {
                super::$name(&crate::support::Db::postgres());
            })+
        }
    };
}
pub(crate) use on_both;

/// The time when nothing depends on it.
pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000_000_000);

/// [`NOW`] and some seconds.
pub(crate) fn after(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

/// A new database and the store over it.
pub(crate) struct Db {
    pub(crate) store: Store,
    pub(crate) config: StoreConfig,
    /// Where PostgreSQL is; `None` for SQLite.
    pub(crate) url: Option<String>,
    pub(crate) folder: TempDir,
}

impl Db {
    pub(crate) fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let config = StoreConfig::sqlite(folder.path().join("data"));
        Self::open(config, None, folder)
    }

    pub(crate) fn postgres() -> Self {
        Self::postgres_at(Postgres::shared().fresh())
    }

    pub(crate) fn postgres_at(url: String) -> Self {
        let folder = TempDir::new().unwrap();
        let config = postgres_config(&folder, &url);
        Self::open(config, Some(url), folder)
    }

    pub(crate) fn open(config: StoreConfig, url: Option<String>, folder: TempDir) -> Self {
        Self {
            store: Store::open(&config).unwrap(),
            config,
            url,
            folder,
        }
    }

    /// Closes the store and opens it again over the same data.
    pub(crate) fn reopened(self) -> Self {
        let Self {
            store,
            config,
            url,
            folder,
        } = self;
        store.close();
        // It holds the data directory as long as it lives.
        drop(store);
        Self::open(config, url, folder)
    }

    /// A write; panics when it fails.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Conn) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.try_write(work).unwrap()
    }

    pub(crate) fn try_write<T, E>(
        &self,
        work: impl FnOnce(&mut dyn Conn) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        block_on(self.store.write(work))
    }

    /// A change of what is served; panics when it fails.
    pub(crate) fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Change<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.try_change(work).unwrap()
    }

    pub(crate) fn try_change<T, E>(
        &self,
        work: impl FnOnce(&mut Change<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        block_on(self.store.change(work)).map(|(value, _raised)| value)
    }

    /// A read; panics when it fails.
    pub(crate) fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Conn) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.try_read(work).unwrap()
    }

    pub(crate) fn try_read<T, E>(
        &self,
        work: impl FnOnce(&mut dyn Conn) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        block_on(self.store.read(work))
    }

    /// The rows of a statement without parameters.
    pub(crate) fn rows(&self, sql: &str) -> Vec<Row> {
        let sql = sql.to_owned();
        self.read(move |conn| conn.query(&sql, &[]))
    }

    /// A new app with this name.
    pub(crate) fn app(&self, slug: &str) -> AppRow {
        let app = app(slug);
        let row = app.clone();
        self.change(move |change| apps::insert(change, &row));
        app
    }

    /// How many rows of a table are an app's.
    pub(crate) fn owned(&self, table: &'static str, app: AppId) -> i64 {
        self.read(move |conn| {
            let sql = format!("SELECT COUNT(*) AS number FROM {table} WHERE app_id = ?1");
            let row = conn.query_one(&sql, &[Param::from(app.as_bytes())])?;
            row.unwrap().int("number")
        })
    }
}

pub(crate) fn postgres_config(folder: &TempDir, url: &str) -> StoreConfig {
    StoreConfig {
        lanes: 4,
        patience: Duration::from_secs(20),
        ..StoreConfig::postgres(folder.path().join("data"), url)
    }
}

/// Waits for a future on this thread.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

/// An app that is not stored yet.
pub(crate) fn app(slug: &str) -> AppRow {
    AppRow {
        id: AppId::new(NOW),
        slug: slug.parse().unwrap(),
        description: String::new(),
        is_default: false,
        limits: LimitSettings::default(),
        active_release: None,
        created_at: NOW,
        updated_at: NOW,
    }
}

/// Runs a function on so many threads that start together; their results in order.
pub(crate) fn together<T: Send + 'static>(
    threads: usize,
    work: impl Fn(usize) -> T + Send + Sync + 'static,
) -> Vec<T> {
    let start = Arc::new(std::sync::Barrier::new(threads));
    let work = Arc::new(work);
    let running: Vec<_> = (0..threads)
        .map(|at| {
            let (start, work) = (Arc::clone(&start), Arc::clone(&work));
            std::thread::spawn(move || {
                start.wait();
                work(at)
            })
        })
        .collect();
    running.into_iter().map(|t| t.join().unwrap()).collect()
}
