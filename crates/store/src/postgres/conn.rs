//! One connection: its bounds, its statements, its values and its errors.

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use postgres::config::SslMode;
use postgres::error::SqlState;
use postgres::fallible_iterator::FallibleIterator as _;
use postgres::types::{IsNull, ToSql, Type, private::BytesMut};
use postgres::{Client, NoTls, Statement};

use super::placeholder::to_dollar;
use crate::conn::{Conn, Dialect, Param, refuse_nul};
use crate::counters::Counters;
use crate::error::StoreError;
use crate::handover::{Handover, Notice};
use crate::row::{Columns, Row, Value};

/// A new connection with bounds on everything that could hang.
pub(crate) fn connect(url: &str) -> Result<Client, StoreError> {
    let mut config = parse(url)?;
    config.connect_timeout(Duration::from_secs(5));
    config.keepalives_idle(Duration::from_secs(30));
    config.tcp_user_timeout(Duration::from_secs(30));
    config.application_name("picloud");
    let mut client = config.connect(NoTls).map_err(|e| engine_error(&e))?;
    set_up(&mut client)?;
    Ok(client)
}

/// Longest time for a statement, whoever it is for.
pub(super) const STATEMENT: Duration = Duration::from_secs(30);

/// Bounds on what a statement of the running server may take. A plan is kept with its statement, also
/// when the table has grown a thousandfold since it was made, so none reads whole tables where there
/// is an index.
pub(crate) fn set_up(client: &mut Client) -> Result<(), StoreError> {
    client
        .batch_execute(&format!(
            "SET statement_timeout = {}; SET lock_timeout = '10s'; \
                 SET idle_in_transaction_session_timeout = '60s'; SET enable_seqscan = off;",
            STATEMENT.as_millis()
        ))
        .map_err(|e| engine_error(&e))
}

/// The settings in a URL. What is wrong with it is never [`StoreError::Unavailable`]: waiting
/// would not help.
fn parse(url: &str) -> Result<postgres::Config, StoreError> {
    let wrong = |what: &str| {
        StoreError::Engine(format!(
            "DATABASE_URL is not valid: {what}; write it like \
             postgres://user:password@host:5432/database"
        ))
    };
    let config: postgres::Config = url
        .parse()
        .map_err(|e: postgres::Error| wrong(&cause(&e)))?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err(wrong("it names no host"));
    }
    if config.get_ssl_mode() == SslMode::Require {
        return Err(StoreError::Engine(
            "DATABASE_URL asks for TLS with sslmode=require, which PiCloud does not speak to \
             PostgreSQL; connect over a Unix socket, a private network or a tunnel without it"
                .to_owned(),
        ));
    }
    Ok(config)
}

/// A prepared statement, and what its columns are called.
#[derive(Clone)]
pub(crate) struct Prepared {
    statement: Statement,
    columns: Arc<Columns>,
}

/// The prepared statements of a connection, by their text.
pub(crate) type Statements = HashMap<String, Prepared>;

/// A connection while a closure uses it.
pub(crate) struct PostgresConn<'c> {
    pub(crate) client: &'c mut Client,
    pub(crate) statements: &'c mut Statements,
    pub(crate) counters: &'c Counters,
    /// A statement failed, so the transaction can only be rolled back.
    pub(crate) failed: bool,
    /// How long a statement took that does nothing.
    pub(crate) way: Duration,
    /// Time the server worked, without the way there and back.
    pub(crate) worked: Duration,
    /// How much that may be; `None`: as much as it takes.
    pub(crate) most: Option<Duration>,
    /// Where the dispatcher takes over; `None` where nothing is written.
    pub(crate) handover: Option<&'c Handover>,
    /// What to tell it after the commit.
    pub(crate) notices: Vec<Notice>,
}

impl PostgresConn<'_> {
    /// Fails when the time for it is used up.
    fn in_time(&self) -> Result<(), StoreError> {
        match self.most {
            Some(most) if self.worked >= most => Err(StoreError::OutOfTime),
            _ => Ok(()),
        }
    }

    /// Counts what a statement took that was sent then.
    fn count(&mut self, sent: Instant, error: Option<&StoreError>) {
        self.worked += sent.elapsed().saturating_sub(self.way);
        self.failed |= error.is_some();
        if matches!(error, Some(StoreError::OutOfTime)) {
            // The server has a clock of its own, which counts the way too.
            self.worked = self.worked.max(self.most.unwrap_or_default());
        }
    }

    fn prepared(&mut self, sql: &str) -> Result<Prepared, StoreError> {
        if let Some(prepared) = self.statements.get(sql) {
            return Ok(prepared.clone());
        }
        let statement = self
            .client
            .prepare(&to_dollar(sql))
            .map_err(|e| engine_error(&e))?;
        let names = statement.columns().iter().map(postgres::Column::name);
        let columns = Columns::new(sql, names);
        let prepared = Prepared { statement, columns };
        self.statements.insert(sql.to_owned(), prepared.clone());
        Ok(prepared)
    }

    fn try_query(
        &mut self,
        sql: &str,
        params: &[Param<'_>],
        take: &mut dyn FnMut(Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        refuse_nul(params)?;
        self.counters.statement();
        let Prepared { statement, columns } = self.prepared(sql)?;
        let bound: Vec<Bound<'_>> = params.iter().map(|p| Bound(*p)).collect();
        let bounded = self.most.is_some();
        let refused = |error| statement_error(&error, bounded);
        let mut rows = self.client.query_raw(&statement, bound).map_err(refused)?;
        while let Some(found) = rows.next().map_err(refused)? {
            take(Row::new(&columns, values(&found)?))?;
        }
        Ok(())
    }

    fn try_execute(&mut self, sql: &str, params: &[Param<'_>]) -> Result<u64, StoreError> {
        refuse_nul(params)?;
        self.counters.statement();
        let Prepared { statement, .. } = self.prepared(sql)?;
        let bound: Vec<Bound<'_>> = params.iter().map(|p| Bound(*p)).collect();
        let bound: Vec<&(dyn ToSql + Sync)> = bound.iter().map(|p| p as _).collect();
        let bounded = self.most.is_some();
        self.client
            .execute(&statement, &bound)
            .map_err(|error| statement_error(&error, bounded))
    }
}

impl Conn for PostgresConn<'_> {
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
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
        let sent = Instant::now();
        let result = self.in_time();
        let result = result.and_then(|()| self.try_query(sql, params, take));
        self.count(sent, result.as_ref().err());
        result
    }

    fn execute(&mut self, sql: &str, params: &[Param<'_>]) -> Result<u64, StoreError> {
        let sent = Instant::now();
        let result = self.in_time();
        let result = result.and_then(|()| self.try_execute(sql, params));
        self.count(sent, result.as_ref().err());
        result
    }
}

#[derive(Debug)]
struct Bound<'a>(Param<'a>);

impl ToSql for Bound<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match (self.0, ty) {
            (Param::Null, _) => Ok(IsNull::Yes),
            (Param::Int(value), &Type::INT8) => value.to_sql(ty, out),
            (Param::Int(value), &Type::INT4) => i32::try_from(value)?.to_sql(ty, out),
            (Param::Text(value), _) => value.to_sql(ty, out),
            (Param::Blob(value), _) => value.to_sql(ty, out),
            (Param::Int(_), other) => {
                Err(format!("an integer cannot be bound as {other}; add a CAST").into())
            }
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    postgres::types::to_sql_checked!();
}

fn values(row: &postgres::Row) -> Result<Vec<Value>, StoreError> {
    let mut values = Vec::with_capacity(row.len());
    for (at, column) in row.columns().iter().enumerate() {
        values.push(value(row, at, column.type_()).map_err(|e| engine_error(&e))?);
    }
    Ok(values)
}

fn value(row: &postgres::Row, at: usize, ty: &Type) -> Result<Value, postgres::Error> {
    Ok(match *ty {
        Type::INT8 => row
            .try_get::<_, Option<i64>>(at)?
            .map_or(Value::Null, Value::Int),
        Type::INT4 => row
            .try_get::<_, Option<i32>>(at)?
            .map_or(Value::Null, |value| Value::Int(i64::from(value))),
        Type::BOOL => row
            .try_get::<_, Option<bool>>(at)?
            .map_or(Value::Null, |value| Value::Int(i64::from(value))),
        Type::BYTEA => row
            .try_get::<_, Option<Vec<u8>>>(at)?
            .map_or(Value::Null, Value::Blob),
        _ => row
            .try_get::<_, Option<String>>(at)?
            .map_or(Value::Null, Value::Text),
    })
}

/// An error with what it came from.
fn cause(error: &postgres::Error) -> String {
    error
        .source()
        .map_or_else(|| error.to_string(), |s| format!("{error}: {s}"))
}

/// The engine's error for a statement; `bounded`: it had less time than any may take.
fn statement_error(error: &postgres::Error, bounded: bool) -> StoreError {
    if bounded && error.code() == Some(&SqlState::QUERY_CANCELED) {
        return StoreError::OutOfTime;
    }
    engine_error(error)
}

/// The engine's error as ours.
pub(crate) fn engine_error(error: &postgres::Error) -> StoreError {
    let cause = cause(error);
    let Some(state) = error.code() else {
        return StoreError::Unavailable(cause);
    };
    if *state == SqlState::FOREIGN_KEY_VIOLATION {
        return StoreError::OwnerGone(cause);
    }
    match state.code() {
        "PC507" => return StoreError::StorageFull,
        "53100" => return StoreError::DiskFull(cause),
        _ => {}
    }
    match state.code().get(..2) {
        Some("23") => StoreError::Constraint(cause),
        // Connection, resources, shutdown, system errors, and locks that never came.
        Some("08" | "53" | "57" | "58" | "40" | "55") => StoreError::Unavailable(cause),
        _ => StoreError::Engine(cause),
    }
}
