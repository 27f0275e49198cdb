//! What every statement is written against: one connection, either engine.

use crate::StoreError;
use crate::handover::{Handover, Notice};

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

/// A value read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// NULL.
    Null,
    /// An integer.
    Int(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// One row of a result; columns by position, in the order of the statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(pub Vec<Value>);

impl Row {
    fn column(&self, at: usize) -> &Value {
        self.0.get(at).unwrap_or(&Value::Null)
    }

    /// The integer in a column; an error when it is something else.
    pub fn int(&self, at: usize) -> Result<i64, StoreError> {
        match self.column(at) {
            Value::Int(value) => Ok(*value),
            other => Err(StoreError::column(at, "an integer", other)),
        }
    }

    /// The integer in a column, or `None` for NULL.
    pub fn opt_int(&self, at: usize) -> Result<Option<i64>, StoreError> {
        if *self.column(at) == Value::Null {
            Ok(None)
        } else {
            self.int(at).map(Some)
        }
    }

    /// Whether the integer in a column is not zero.
    pub fn flag(&self, at: usize) -> Result<bool, StoreError> {
        Ok(self.int(at)? != 0)
    }

    /// The text in a column.
    pub fn text(&self, at: usize) -> Result<&str, StoreError> {
        match self.column(at) {
            Value::Text(value) => Ok(value),
            other => Err(StoreError::column(at, "text", other)),
        }
    }

    /// The text in a column, or `None` for NULL.
    pub fn opt_text(&self, at: usize) -> Result<Option<&str>, StoreError> {
        if *self.column(at) == Value::Null {
            Ok(None)
        } else {
            self.text(at).map(Some)
        }
    }

    /// The bytes in a column.
    pub fn blob(&self, at: usize) -> Result<&[u8], StoreError> {
        match self.column(at) {
            Value::Blob(value) => Ok(value),
            other => Err(StoreError::column(at, "bytes", other)),
        }
    }

    /// The bytes in a column, or `None` for NULL.
    pub fn opt_blob(&self, at: usize) -> Result<Option<&[u8]>, StoreError> {
        if *self.column(at) == Value::Null {
            Ok(None)
        } else {
            self.blob(at).map(Some)
        }
    }

    /// The bytes of an id or a hash.
    pub fn array<const N: usize>(&self, at: usize) -> Result<[u8; N], StoreError> {
        let blob = self.blob(at)?;
        blob.try_into()
            .map_err(|_wrong_length| StoreError::column(at, "an id", &Value::Blob(blob.to_vec())))
    }
}

impl Row {
    /// Bytes of its texts and blobs, and what holding it takes besides.
    pub fn bytes(&self) -> usize {
        let values = self.0.iter().map(|value| match value {
            Value::Null | Value::Int(_) => 0,
            Value::Text(text) => text.len(),
            Value::Blob(bytes) => bytes.len(),
        });
        values.sum::<usize>() + size_of_val(&*self.0)
    }
}

/// Bytes a reader may still hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room(u64);

impl Room {
    /// Room for so many bytes.
    pub(crate) const fn of(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Takes room for bytes that were read; an error when there is none.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), StoreError> {
        let left = self.0.checked_sub(bytes as u64);
        self.0 = left.ok_or(StoreError::NoRoom)?;
        Ok(())
    }
}

/// One connection, inside a transaction or a single read.
///
/// SQL is written once, with `?1`, `?2` … for parameters, in the subset both engines speak
/// (CONTRIBUTING.md lists its rules). Statements are prepared once per connection.
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
