//! Opening a store: lock, check, back up, migrate.

use std::fs::{self, File};
use std::io::{Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use shared::clock::{Clock as _, SystemClock};
use shared::id::NodeId;

use crate::clock::StoreClock;
use crate::conn::Dialect;
use crate::counters::Counters;
use crate::error::StoreError;
use crate::job::Access;
use crate::migrate;
use crate::postgres::{self, PostgresConn};
use crate::space::Space;
use crate::sqlite::{self, Session, SqliteConn};
use crate::storage::{fold, set_default_limit};

/// Backups taken before migrations that are kept.
const BACKUPS: usize = 3;
/// Any fixed number: the advisory lock all PiCloud programs migrate under.
const MIGRATION_LOCK: i64 = 0x0070_6963_6c6f_7564;

/// Why a store did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data directory cannot be used.
    #[error(
        "cannot use the data directory {path}: {source}; check that it exists, is writable by this user and has space"
    )]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another server uses the data directory.
    #[error(
        "another PiCloud (process {pid}) is using {path}; stop it, or start this one with another --data directory"
    )]
    Locked {
        /// The directory.
        path: PathBuf,
        /// The other server.
        pid: String,
    },
    /// The database was written by a newer program.
    #[error(
        "the database has schema {found}, this program knows {known}; start a newer PiCloud, or restore a backup made before the upgrade"
    )]
    Newer {
        /// What the database has.
        found: i64,
        /// What this program knows.
        known: i64,
    },
    /// There is no PostgreSQL where the URL says.
    #[error(
        "PostgreSQL did not answer for {} s: {source}; check that it runs and that DATABASE_URL \
         names its host and port",
        patience.as_secs()
    )]
    Away {
        /// How long it was waited for.
        patience: Duration,
        /// What the last attempt said.
        source: StoreError,
    },
    /// The database refused.
    #[error("cannot open the database: {0}")]
    Store(#[from] StoreError),
}

/// Holds the data directory for this process; released when dropped or when the process ends.
#[derive(Debug)]
pub(crate) struct DirectoryLock(#[expect(dead_code, reason = "held, not read")] File);

/// Makes and locks a data directory, of which `floor` bytes are to stay free.
pub(crate) fn lock_directory(
    path: &Path,
    floor: Option<u64>,
) -> Result<(DirectoryLock, Arc<Space>), OpenError> {
    let io = |source| OpenError::Directory {
        path: path.to_owned(),
        source,
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(io)?;
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path.join("lock"))
        .map_err(io)?;
    if let Err(refused) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
        if refused != Errno::WOULDBLOCK {
            return Err(io(refused.into()));
        }
        let pid = fs::read_to_string(path.join("lock")).unwrap_or_default();
        let pid = pid.lines().next().unwrap_or("unknown").to_owned();
        return Err(OpenError::Locked {
            path: path.to_owned(),
            pid,
        });
    }
    let space = Space::of(path, floor);
    space.give_up_reserve();
    space.look();
    file.set_len(0).and_then(|()| file.rewind()).map_err(io)?;
    writeln!(file, "{}", std::process::id()).map_err(io)?;
    space.take_reserve();
    Ok((DirectoryLock(file), Arc::new(space)))
}

/// A name for a data directory that it keeps: made when it is new.
pub(crate) fn place_of(path: &Path) -> Result<[u8; 16], OpenError> {
    let io = |source| OpenError::Directory {
        path: path.to_owned(),
        source,
    };
    let file = path.join("place");
    if let Ok(text) = fs::read_to_string(&file)
        && let Ok(id) = text.trim().parse::<NodeId>()
    {
        return Ok(*id.as_bytes());
    }
    let id = NodeId::new(SystemClock.now());
    fs::write(&file, format!("{id}\n")).map_err(io)?;
    Ok(*id.as_bytes())
}

fn check_version(found: i64) -> Result<(), OpenError> {
    let known = migrate::newest();
    if found > known {
        Err(OpenError::Newer { found, known })
    } else {
        Ok(())
    }
}

/// Opens and migrates the SQLite database of a (locked) data directory.
pub(crate) fn open_sqlite(
    directory: &Path,
    storage: u64,
    counters: &Counters,
) -> Result<Session, OpenError> {
    let path = sqlite::file_in(directory);
    let session = sqlite::connect(&path, Access::Write)?;
    let mut conn = SqliteConn::new(&session, counters, None);
    let version = migrate::current(&mut conn)?;
    check_version(version)?;
    if version > 0 && version < migrate::newest() {
        back_up(directory, &session, version)?;
    }
    for (version, name, sql) in migrate::pending(Dialect::Sqlite, version) {
        let run = |connection: &rusqlite::Connection| {
            connection.execute_batch("BEGIN IMMEDIATE")?;
            connection.execute_batch(sql)
        };
        run(&session).map_err(|e| sqlite::engine_error(&e))?;
        migrate::applied(&mut conn, version, name)?;
        session
            .execute_batch("COMMIT")
            .map_err(|e| sqlite::engine_error(&e))?;
    }
    set_default_limit(&mut conn, storage)?;
    Ok(session)
}

/// Copies the database before it is migrated; keeps the newest few copies.
fn back_up(
    directory: &Path,
    connection: &rusqlite::Connection,
    version: i64,
) -> Result<(), OpenError> {
    let folder = directory.join("backups");
    let io = |source| OpenError::Directory {
        path: folder.clone(),
        source,
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .map_err(io)?;
    let target = folder.join(format!("before-schema-{:04}.db", version + 1));
    if target.exists() {
        fs::remove_file(&target).map_err(io)?;
    }
    connection
        .execute("VACUUM INTO ?1", [target.to_string_lossy()])
        .map_err(|e| sqlite::engine_error(&e))?;
    let mut copies: Vec<PathBuf> = fs::read_dir(&folder)
        .map_err(io)?
        .filter_map(|e| Some(e.ok()?.path()))
        .collect();
    copies.sort();
    while copies.len() > BACKUPS {
        fs::remove_file(copies.remove(0)).map_err(io)?;
    }
    Ok(())
}

/// Connects to PostgreSQL, waiting for it up to `patience`, migrates it, and asks it for the time.
pub(crate) fn open_postgres(
    url: &str,
    (patience, storage): (Duration, u64),
    counters: &Counters,
) -> Result<(::postgres::Client, StoreClock), OpenError> {
    let mut client = wait_for_postgres(url, patience)?;
    let mut statements = postgres::Statements::new();
    let failure = |e: ::postgres::Error| OpenError::Store(postgres::engine_error(&e));
    // Another server may be migrating, and a migration may take its time.
    client
        .batch_execute("SET statement_timeout = 0; SET lock_timeout = 0")
        .map_err(failure)?;
    client
        .execute("SELECT pg_advisory_lock($1)", &[&MIGRATION_LOCK])
        .map_err(failure)?;
    let mut conn = PostgresConn {
        client: &mut client,
        statements: &mut statements,
        counters,
        failed: false,
        way: Duration::ZERO,
        worked: Duration::ZERO,
        most: None,
        handover: None,
        notices: Vec::new(),
    };
    let version = migrate::current(&mut conn)?;
    check_version(version)?;
    for (version, name, sql) in migrate::pending(Dialect::Postgres, version) {
        conn.client.batch_execute("BEGIN").map_err(failure)?;
        conn.client.batch_execute(sql).map_err(failure)?;
        migrate::applied(&mut conn, version, name)?;
        conn.client.batch_execute("COMMIT").map_err(failure)?;
    }
    set_default_limit(&mut conn, storage)?;
    fold(&mut conn)?;
    let clock = StoreClock::of_database(&mut conn)?;
    client
        .execute("SELECT pg_advisory_unlock($1)", &[&MIGRATION_LOCK])
        .map_err(failure)?;
    postgres::set_up(&mut client)?;
    Ok((client, clock))
}

fn wait_for_postgres(url: &str, patience: Duration) -> Result<::postgres::Client, OpenError> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(100);
    loop {
        let source = match postgres::connect(url) {
            Ok(client) => return Ok(client),
            Err(error @ StoreError::Unavailable(_)) => error,
            Err(error) => return Err(error.into()),
        };
        let left = patience.saturating_sub(start.elapsed());
        if left.is_zero() {
            return Err(OpenError::Away { patience, source });
        }
        tracing::warn!(error = %source, "waiting for the database");
        postgres::pause_thread(pause.min(left));
        pause = (pause * 2).min(Duration::from_secs(2));
    }
}
