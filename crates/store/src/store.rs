//! The handle everybody holds.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::clock::{Clock as _, SystemClock};
use shared::id::NodeId;
use shared::seam::Raised;
use tokio::sync::{mpsc, oneshot};

use crate::change::Change;
use crate::clock::StoreClock;
use crate::conn::{Conn, Dialect};
use crate::counters::Counters;
use crate::error::StoreError;
use crate::handover::{BacklogLimit, Handover};
use crate::job::{Access, Message, Task, job};
use crate::open::{DirectoryLock, OpenError, lock_directory, open_postgres, open_sqlite, place_of};
use crate::payer::Payer;
use crate::postgres::Postgres;
use crate::space::Space;
use crate::sqlite::{Sqlite, file_in};

/// Which database to use.
#[derive(Clone)]
pub enum Database {
    /// The embedded one, a file in the data directory.
    Sqlite,
    /// A PostgreSQL server; the URL may hold a password and is never shown.
    Postgres(String),
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "Sqlite",
            Self::Postgres(_) => "Postgres(…)",
        })
    }
}

/// How to open a store.
#[derive(Clone, Debug)]
pub struct StoreConfig {
    /// The data directory; made when missing, locked for this process.
    pub directory: PathBuf,
    /// The database.
    pub database: Database,
    /// PostgreSQL connections.
    pub lanes: usize,
    /// How long to wait for a PostgreSQL that is not there yet.
    pub patience: Duration,
    /// Whether SQLite commits many writes at once. Off only to measure what it brings.
    pub group_commit: bool,
    /// Whether a SQLite commit waits for the disk. Off only to show that the crash tests notice.
    pub durable: bool,
    /// How much may wait in one app's outbox.
    pub backlog: BacklogLimit,
    /// Bytes an app may keep that has no limit of its own.
    pub storage: u64,
    /// Bytes of the embedded database's disk that stay free of what apps keep; `None`: a twentieth
    /// of the disk, at most 256 MiB.
    pub floor: Option<u64>,
}

impl StoreConfig {
    /// The embedded database in a directory.
    pub fn sqlite(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
            database: Database::Sqlite,
            lanes: 8,
            patience: Duration::from_mins(1),
            group_commit: true,
            durable: true,
            backlog: BacklogLimit::default(),
            storage: u64::MAX,
            floor: None,
        }
    }

    /// A PostgreSQL server.
    pub fn postgres(directory: impl Into<PathBuf>, url: impl Into<String>) -> Self {
        Self {
            database: Database::Postgres(url.into()),
            ..Self::sqlite(directory)
        }
    }
}

enum Engine {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

struct Inner {
    engine: Engine,
    counters: Arc<Counters>,
    handover: Arc<Handover>,
    place: [u8; 16],
    clock: Arc<StoreClock>,
    space: Arc<Space>,
    _lock: DirectoryLock,
}

/// An open database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
    payer: Option<Payer>,
    grows: bool,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("dialect", &self.dialect())
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Locks the data directory, opens and migrates the database, starts its threads. Blocks.
    pub fn open(config: &StoreConfig) -> Result<Self, OpenError> {
        let (lock, space) = lock_directory(&config.directory, config.floor)?;
        let counters = Arc::new(Counters::default());
        let place = place_of(&config.directory)?;
        let shared = matches!(config.database, Database::Postgres(_));
        let node = NodeId::new(SystemClock.now());
        let handover = Arc::new(Handover::new(node, shared, config.backlog));
        let (engine, clock) = match &config.database {
            Database::Sqlite => {
                let connection = open_sqlite(&config.directory, config.storage, &counters)?;
                if !config.durable {
                    crate::sqlite::relax(&connection)?;
                }
                let sqlite = Sqlite::start(
                    file_in(&config.directory),
                    connection,
                    Arc::clone(&counters),
                    config.group_commit,
                    (&handover, &space),
                )?;
                (Engine::Sqlite(sqlite), StoreClock::of_machine())
            }
            Database::Postgres(url) => {
                let (client, clock) =
                    open_postgres(url, (config.patience, config.storage), &counters)?;
                let postgres = Postgres::start(url, client, config.lanes, &counters, &handover)?;
                (Engine::Postgres(postgres), clock)
            }
        };
        Ok(Self {
            inner: Arc::new(Inner {
                engine,
                counters,
                handover,
                place,
                clock: Arc::new(clock),
                space,
                _lock: lock,
            }),
            payer: None,
            grows: false,
        })
    }

    /// The same store for the calls of an app: what they wait for takes turns with other apps, and
    /// what they take is counted.
    #[must_use]
    pub fn paid_by(mut self, payer: Payer) -> Self {
        self.payer = Some(payer);
        self
    }

    /// The same store for writes that make the database larger: they are refused with
    /// [`StoreError::DiskFull`] while its disk has less than the floor free.
    #[must_use]
    pub fn growing(mut self) -> Self {
        self.grows = true;
        self
    }

    /// Looks whether the embedded database's disk has less than the floor free, in bytes: only what
    /// makes the database smaller is written then.
    pub fn is_low_on_space(&self) -> Option<u64> {
        let space = &self.inner.space;
        (self.dialect() == Dialect::Sqlite && space.look()).then(|| space.floor())
    }

    /// The engine.
    pub fn dialect(&self) -> Dialect {
        match &self.inner.engine {
            Engine::Sqlite(_) => Dialect::Sqlite,
            Engine::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs a read on a database thread. All its statements see the same moment; the engine
    /// refuses writes.
    pub fn read<T, E>(
        &self,
        work: impl FnOnce(&mut dyn Conn) -> Result<T, E> + Send + 'static,
    ) -> impl Future<Output = Result<T, E>> + Send + 'static
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        enqueue(
            self.queue(Access::Read),
            (self.payer.clone(), false),
            Access::Read,
            work,
        )
    }

    /// Runs writes in one transaction. When the future answers `Ok`, they are on the disk; when
    /// the closure or any of its statements fails, none of them happened.
    ///
    /// The write is carried out even when the future is dropped after it was first polled.
    pub fn write<T, E>(
        &self,
        work: impl FnOnce(&mut dyn Conn) -> Result<T, E> + Send + 'static,
    ) -> impl Future<Output = Result<T, E>> + Send + 'static
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        enqueue(
            self.queue(Access::Write),
            (self.payer.clone(), self.grows),
            Access::Write,
            work,
        )
    }

    /// Where jobs wait for a database thread.
    fn queue(&self, access: Access) -> mpsc::Sender<Message> {
        match (&self.inner.engine, access) {
            (Engine::Sqlite(sqlite), Access::Read) => sqlite.reader(),
            (Engine::Sqlite(sqlite), Access::Write) => sqlite.writer(),
            (Engine::Postgres(postgres), _) => postgres.queue(),
        }
    }

    /// [`Self::write`] for what changes what is served or what scripts see. With what it raised: the
    /// change is live in this process once its catalog has caught up with that.
    pub fn change<T, E>(
        &self,
        work: impl FnOnce(&mut Change<'_>) -> Result<T, E> + Send + 'static,
    ) -> impl Future<Output = Result<(T, Vec<Raised>), E>> + Send + 'static
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.write(move |conn| {
            let mut change = Change::new(conn);
            let value = work(&mut change)?;
            Ok((value, change.into_raised()))
        })
    }

    /// Runs a point read on the calling thread. `None` on PostgreSQL, where a read has to wait.
    /// Each statement sees what is committed when it runs.
    pub fn read_inline<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&mut dyn Conn) -> Result<T, E>,
    ) -> Option<Result<T, E>> {
        match &self.inner.engine {
            Engine::Sqlite(sqlite) => Some(sqlite.read_here(work)),
            Engine::Postgres(_) => None,
        }
    }

    /// What time it is for everybody who uses this database.
    pub fn clock(&self) -> Arc<StoreClock> {
        Arc::clone(&self.inner.clock)
    }

    /// Where this process's dispatcher takes over what is written.
    pub fn handover(&self) -> &Handover {
        &self.inner.handover
    }

    /// Tells dispatcher and catalog from now on what other processes write. Nothing to do where
    /// there are none. Once for a store.
    pub fn listen(&self) {
        if let Engine::Postgres(postgres) = &self.inner.engine {
            postgres.listen(&self.inner.handover);
        }
    }

    /// Which data directory this is: at most one process at a time runs with it.
    pub fn place(&self) -> [u8; 16] {
        self.inner.place
    }

    /// Statements run since the store was opened.
    pub fn statements(&self) -> u64 {
        self.inner.counters.statements()
    }

    /// Transactions with writes committed since the store was opened.
    pub fn commits(&self) -> u64 {
        self.inner.counters.commits()
    }

    /// What the disk did, once it has failed under a write; pending until then. Nothing is written
    /// any more: end the process, so that the next one reads what the disk has. PostgreSQL looks
    /// after its own disk.
    pub async fn disk_failure(&self) -> String {
        match &self.inner.engine {
            Engine::Sqlite(sqlite) => sqlite.disk_failure().await,
            Engine::Postgres(_) => std::future::pending().await,
        }
    }

    /// Finishes what is queued and ends the threads. Call it outside of async code.
    pub fn close(&self) {
        match &self.inner.engine {
            Engine::Sqlite(sqlite) => sqlite.close(),
            Engine::Postgres(postgres) => postgres.close(),
        }
    }
}

async fn enqueue<T, E>(
    queue: mpsc::Sender<Message>,
    (payer, grows): (Option<Payer>, bool),
    access: Access,
    work: impl FnOnce(&mut dyn Conn) -> Result<T, E> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let closed = || StoreError::Unavailable("the database is closed".to_owned());
    let (job, answer) = job(work);
    let since = Instant::now();
    let task = Task {
        job,
        access,
        since,
        payer,
        grows,
    };
    if queue.send(Message::Job(task)).await.is_err() {
        return Err(closed().into());
    }
    answer
        .await
        .unwrap_or_else(|_: oneshot::error::RecvError| Err(closed().into()))
}
