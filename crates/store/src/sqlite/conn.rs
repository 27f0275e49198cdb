//! One connection: its settings, its statements, its values and its errors.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_int;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::ffi::{SQLITE_CONSTRAINT_FOREIGNKEY, SQLITE_CONSTRAINT_TRIGGER};
use rusqlite::hooks::Wal;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OpenFlags, Statement};

use super::cutoff;
use crate::conn::{Conn, Dialect, Param, refuse_nul};
use crate::counters::Counters;
use crate::error::StoreError;
use crate::handover::{Handover, Notice};
use crate::job::Access;
use crate::row::{Columns, Row, Value};

/// Older versions can corrupt a WAL database (fixed in 3.51.3).
const OLDEST_SAFE_VERSION: i32 = 3_051_003;

/// Pages of the log that make a checkpoint due: 4 MiB.
const CHECKPOINT_PAGES: c_int = 1_000;

/// Prepared statements kept per connection.
const STATEMENT_CACHE: usize = 128;

/// A connection to the database in `path`: the one writer, or a reader on which the engine
/// refuses writes.
pub(crate) fn connect(path: &Path, access: Access) -> Result<Session, StoreError> {
    if rusqlite::version_number() < OLDEST_SAFE_VERSION {
        return Err(StoreError::Unavailable(format!(
            "SQLite {} can corrupt a WAL database; 3.51.3 or newer is required",
            rusqlite::version()
        )));
    }
    let flags = match access {
        Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE,
        Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
    } | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if access == Access::Write {
        create_private(path)?;
    }
    let mut connection = Connection::open_with_flags(path, flags).map_err(|e| engine_error(&e))?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    connection
        .busy_timeout(Duration::from_secs(5))
        .map_err(|e| engine_error(&e))?;
    let pragmas = match access {
        Access::Write => {
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; \
             PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -8192; \
             PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;"
        }
        Access::Read => {
            "PRAGMA query_only = ON; PRAGMA cache_size = -2048; PRAGMA temp_store = MEMORY;"
        }
    };
    connection
        .execute_batch(pragmas)
        .map_err(|e| engine_error(&e))?;
    cutoff::watch(&mut connection).map_err(|e| engine_error(&e))?;
    if access == Access::Write {
        connection
            .wal_hook(Some(checkpoint))
            .map_err(|e| engine_error(&e))?;
    }
    Ok(Session {
        connection,
        columns: RefCell::default(),
    })
}

/// Moves the log into the database now and then. SQLite's own checkpoint does the same, but keeps
/// quiet when the disk fails: the commit that met it reports it here.
fn checkpoint(log: &mut Wal, pages: c_int) -> rusqlite::Result<()> {
    if pages < CHECKPOINT_PAGES {
        return Ok(());
    }
    match log.checkpoint() {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) => Err(error),
        // A reader that is in the way, or no room: the next commit tries again.
        _ => Ok(()),
    }
}

/// Lets commits return before they are on the disk: a power cut may undo them.
pub(crate) fn relax(connection: &Connection) -> Result<(), StoreError> {
    connection
        .execute_batch("PRAGMA synchronous = NORMAL")
        .map_err(|e| engine_error(&e))
}

/// Makes the file before SQLite would, so that only this user can read it; SQLite gives its log
/// and its index the same permissions. An existing file is not opened: closing it again would drop
/// the locks another connection of this process holds on it.
fn create_private(path: &Path) -> Result<(), StoreError> {
    let new = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match new {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::Unavailable(format!(
            "cannot make {}: {error}",
            path.display()
        ))),
    }
}

/// A connection, and what the columns of its statements are called. The names depend on nothing but
/// the statement, which never says `*`.
pub(crate) struct Session {
    connection: Connection,
    columns: RefCell<HashMap<Box<str>, Arc<Columns>>>,
}

impl std::ops::Deref for Session {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl Session {
    fn columns(&self, statement: &Statement<'_>, sql: &str) -> Arc<Columns> {
        let mut known = self.columns.borrow_mut();
        if let Some(columns) = known.get(sql) {
            return Arc::clone(columns);
        }
        if known.len() >= STATEMENT_CACHE {
            known.clear();
        }
        let columns = Columns::new(sql, statement.column_names());
        known.insert(sql.into(), Arc::clone(&columns));
        columns
    }
}

/// A connection while a closure uses it.
pub(crate) struct SqliteConn<'c> {
    session: &'c Session,
    counters: &'c Counters,
    /// A statement failed, so the write must not be committed: PostgreSQL would not allow it
    /// either.
    pub(crate) failed: bool,
    /// What the disk did, if it failed.
    pub(crate) disk: Option<StoreError>,
    /// Where the dispatcher takes over; `None` on a connection that only reads.
    handover: Option<&'c Handover>,
    /// What to tell it after the commit.
    pub(crate) notices: Vec<Notice>,
}

impl Conn for SqliteConn<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Sqlite
    }

    fn handover(&self) -> Option<&Handover> {
        self.handover
    }

    fn note(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    fn query_each(
        &mut self,
        sql: &str,
        params: &[Param<'_>],
        take: &mut dyn FnMut(Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let result = self.try_query(sql, params, take);
        self.note_failure(result.as_ref().err());
        result
    }

    fn execute(&mut self, sql: &str, params: &[Param<'_>]) -> Result<u64, StoreError> {
        let result = self.try_execute(sql, params);
        self.note_failure(result.as_ref().err());
        result
    }
}

impl<'c> SqliteConn<'c> {
    /// The connection for one closure.
    pub(crate) fn new(
        session: &'c Session,
        counters: &'c Counters,
        handover: Option<&'c Handover>,
    ) -> Self {
        Self {
            session,
            counters,
            failed: false,
            disk: None,
            handover,
            notices: Vec::new(),
        }
    }

    fn note_failure(&mut self, error: Option<&StoreError>) {
        let Some(error) = error else { return };
        self.failed = true;
        if matches!(error, StoreError::DiskFailed(_)) {
            self.disk.get_or_insert_with(|| error.again());
        }
    }

    fn try_query(
        &self,
        sql: &str,
        params: &[Param<'_>],
        take: &mut dyn FnMut(Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        refuse_nul(params)?;
        self.counters.statement();
        let mut statement = self
            .session
            .prepare_cached(sql)
            .map_err(|e| engine_error(&e))?;
        let _under_way = cutoff::Statement::begin(statement.readonly())?;
        let columns = self.session.columns(&statement, sql);
        let count = statement.column_count();
        let mut rows = statement
            .query(rusqlite::params_from_iter(params.iter().map(Bound)))
            .map_err(|e| engine_error(&e))?;
        while let Some(row) = rows.next().map_err(|e| engine_error(&e))? {
            let mut values = Vec::with_capacity(count);
            for at in 0..count {
                values.push(value(row.get_ref(at).map_err(|e| engine_error(&e))?)?);
            }
            take(Row::new(&columns, values))?;
        }
        Ok(())
    }

    fn try_execute(&self, sql: &str, params: &[Param<'_>]) -> Result<u64, StoreError> {
        refuse_nul(params)?;
        let _under_way = cutoff::Statement::begin(false)?;
        self.counters.statement();
        self.session
            .prepare_cached(sql)
            .and_then(|mut s| s.execute(rusqlite::params_from_iter(params.iter().map(Bound))))
            .map(|changed| changed as u64)
            .map_err(|e| engine_error(&e))
    }
}

struct Bound<'a>(&'a Param<'a>);

impl rusqlite::ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self.0 {
            Param::Null => ValueRef::Null,
            Param::Int(value) => ValueRef::Integer(*value),
            Param::Text(value) => ValueRef::Text(value.as_bytes()),
            Param::Blob(value) => ValueRef::Blob(value),
        }))
    }
}

fn value(value: ValueRef<'_>) -> Result<Value, StoreError> {
    Ok(match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(value) => Value::Int(value),
        ValueRef::Text(bytes) => Value::Text(
            std::str::from_utf8(bytes)
                .map_err(|e| StoreError::Corrupt {
                    what: "text",
                    reason: e.to_string(),
                })?
                .to_owned(),
        ),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
        ValueRef::Real(_) => {
            return Err(StoreError::Corrupt {
                what: "number",
                reason: "floating point columns are not used".to_owned(),
            });
        }
    })
}

/// The engine's error as ours.
pub(crate) fn engine_error(error: &rusqlite::Error) -> StoreError {
    use ErrorCode as Code;
    let extended = error.sqlite_error().map(|error| error.extended_code);
    if extended == Some(SQLITE_CONSTRAINT_FOREIGNKEY) {
        return StoreError::OwnerGone(error.to_string());
    }
    if extended == Some(SQLITE_CONSTRAINT_TRIGGER) {
        return StoreError::StorageFull;
    }
    match error.sqlite_error_code() {
        Some(Code::DiskFull) => StoreError::DiskFull(error.to_string()),
        Some(Code::ConstraintViolation) => StoreError::Constraint(error.to_string()),
        Some(Code::CannotOpen | Code::DatabaseBusy | Code::DatabaseLocked | Code::ReadOnly) => {
            StoreError::Unavailable(error.to_string())
        }
        Some(Code::OperationInterrupted) => StoreError::OutOfTime,
        Some(Code::SystemIoFailure) => StoreError::DiskFailed(error.to_string()),
        _ => StoreError::Engine(error.to_string()),
    }
}
