//! What every statement is written against: one connection, either engine.

use crate::error::StoreError;
use crate::handover::{Handover, Notice};
use crate::row::Row;

/// The engine behind a connection, for the few statements that must differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Embedded SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// A value to bind. Text never contains U+0000 (checked here, because PostgreSQL refuses it).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Param<'a> {
    /// NULL.
    Null,
    /// An integer: 64 bits on both engines.
    Int(i64),
    /// Text.
    Text(&'a str),
    /// Bytes.
    Blob(&'a [u8]),
}

impl From<i64> for Param<'_> {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Param<'_> {
    fn from(value: bool) -> Self {
        Self::Int(i64::from(value))
    }
}

impl<'a> From<&'a str> for Param<'a> {
    fn from(value: &'a str) -> Self {
        Self::Text(value)
    }
}

impl<'a> From<&'a [u8]> for Param<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Blob(value)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Param<'a> {
    fn from(value: &'a [u8; N]) -> Self {
        Self::Blob(value)
    }
}

impl<'a, T: Into<Param<'a>>> From<Option<T>> for Param<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// PostgreSQL cannot hold U+0000 in text; refusing it here keeps the engines interchangeable.
pub(crate) fn refuse_nul(params: &[Param<'_>]) -> Result<(), StoreError> {
    let nul = params
        .iter()
        .any(|p| matches!(p, Param::Text(text) if text.contains('\0')));
    if nul {
        Err(StoreError::NulInText)
    } else {
        Ok(())
    }
}

/// One connection, inside a transaction or a single read.
///
/// SQL is written once, with `?1`, `?2` … for parameters, in the subset both engines speak
/// (CONTRIBUTING.md lists its rules). Statements are prepared once per connection. Rows are read by
/// the names of their columns, so every expression in a statement has one (`AS`).
pub trait Conn {
    /// The engine, for the few statements that must differ.
    fn dialect(&self) -> Dialect;

    /// Where this process's dispatcher takes over what is written here; `None` where nothing is
    /// written.
    fn handover(&self) -> Option<&Handover>;

    /// Something to tell the dispatcher once the transaction has committed.
    fn note(&mut self, notice: Notice);

    /// Runs a statement and hands over its rows as they are read (`SELECT`, `… RETURNING`). An
    /// error of `take` ends the reading: what is left is not held in memory.
    fn query_each(
        &mut self,
        sql: &str,
        params: &[Param<'_>],
        take: &mut dyn FnMut(Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;

    /// Runs a statement and returns its rows.
    fn query(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError> {
        let mut rows = Vec::new();
        self.query_each(sql, params, &mut |row| {
            rows.push(row);
            Ok(())
        })?;
        Ok(rows)
    }

    /// Runs a statement and returns how many rows it changed.
    fn execute(&mut self, sql: &str, params: &[Param<'_>]) -> Result<u64, StoreError>;

    /// The only row of a result, or `None`.
    fn query_one(&mut self, sql: &str, params: &[Param<'_>]) -> Result<Option<Row>, StoreError> {
        let mut rows = self.query(sql, params)?;
        Ok(if rows.is_empty() {
            None
        } else {
            Some(rows.swap_remove(0))
        })
    }
}
