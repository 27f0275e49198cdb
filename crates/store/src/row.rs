//! What a statement gives back: rows, read by the names of their columns.

use std::sync::Arc;

use crate::error::StoreError;

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

impl Value {
    fn what(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Int(_) => "an integer",
            Self::Text(_) => "text",
            Self::Blob(_) => "bytes",
        }
    }
}

/// What the columns of a statement are called. It is made once per connection and statement; the
/// rows share it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    statement: Box<str>,
    names: Box<[Box<str>]>,
}

impl Columns {
    /// The columns of a statement, in its order.
    pub(crate) fn new<'n>(statement: &str, names: impl Iterator<Item = &'n str>) -> Arc<Self> {
        Arc::new(Self {
            statement: statement.into(),
            names: names.map(Into::into).collect(),
        })
    }
}

/// One row of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    columns: Arc<Columns>,
    values: Vec<Value>,
}

impl Row {
    /// A row with a value for every column.
    pub(crate) fn new(columns: &Arc<Columns>, values: Vec<Value>) -> Self {
        let columns = Arc::clone(columns);
        Self { columns, values }
    }

    /// The values, in the order of the statement.
    pub fn values(&self) -> &[Value] {
        &self.values
    }

    /// The value of a column: the first of that name. A handful of short texts is compared faster
    /// than hashed.
    fn value(&self, column: &str) -> Result<&Value, StoreError> {
        let value = self.at(column).and_then(|at| self.values.get(at));
        value.ok_or_else(|| self.missing(column))
    }

    fn at(&self, column: &str) -> Option<usize> {
        self.columns.names.iter().position(|name| **name == *column)
    }

    fn missing(&self, column: &str) -> StoreError {
        StoreError::NoColumn {
            column: column.to_owned(),
            columns: self.columns.names.join(", "),
            statement: self.columns.statement.to_string(),
        }
    }

    fn mismatch(&self, column: &str, expected: &'static str, found: &'static str) -> StoreError {
        StoreError::Column {
            column: column.to_owned(),
            expected,
            found,
            statement: self.columns.statement.to_string(),
        }
    }

    /// The integer in a column; an error when it is something else.
    pub fn int(&self, column: &str) -> Result<i64, StoreError> {
        match self.value(column)? {
            Value::Int(value) => Ok(*value),
            other => Err(self.mismatch(column, "an integer", other.what())),
        }
    }

    /// The integer in a column, or `None` for NULL.
    pub fn opt_int(&self, column: &str) -> Result<Option<i64>, StoreError> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Int(value) => Ok(Some(*value)),
            other => Err(self.mismatch(column, "an integer", other.what())),
        }
    }

    /// Whether the integer in a column is not zero.
    pub fn flag(&self, column: &str) -> Result<bool, StoreError> {
        Ok(self.int(column)? != 0)
    }

    /// The text in a column.
    pub fn text(&self, column: &str) -> Result<&str, StoreError> {
        match self.value(column)? {
            Value::Text(value) => Ok(value),
            other => Err(self.mismatch(column, "text", other.what())),
        }
    }

    /// The text in a column, or `None` for NULL.
    pub fn opt_text(&self, column: &str) -> Result<Option<&str>, StoreError> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Text(value) => Ok(Some(value)),
            other => Err(self.mismatch(column, "text", other.what())),
        }
    }

    /// The bytes in a column.
    pub fn blob(&self, column: &str) -> Result<&[u8], StoreError> {
        match self.value(column)? {
            Value::Blob(value) => Ok(value),
            other => Err(self.mismatch(column, "bytes", other.what())),
        }
    }

    /// The bytes in a column, which holds NULL from here on. A large value is in memory once.
    pub fn take_blob(&mut self, column: &str) -> Result<Vec<u8>, StoreError> {
        let value = self.at(column).and_then(|at| self.values.get_mut(at));
        match value.map(|value| std::mem::replace(value, Value::Null)) {
            None => Err(self.missing(column)),
            Some(Value::Blob(bytes)) => Ok(bytes),
            Some(other) => Err(self.mismatch(column, "bytes", other.what())),
        }
    }

    /// The bytes in a column, or `None` for NULL.
    pub fn opt_blob(&self, column: &str) -> Result<Option<&[u8]>, StoreError> {
        match self.value(column)? {
            Value::Null => Ok(None),
            Value::Blob(value) => Ok(Some(value)),
            other => Err(self.mismatch(column, "bytes", other.what())),
        }
    }

    /// The bytes of an id or a hash.
    pub fn array<const N: usize>(&self, column: &str) -> Result<[u8; N], StoreError> {
        let bytes = self.blob(column)?;
        self.sized(column, bytes)
    }

    /// The bytes of an id or a hash, or `None` for NULL.
    pub fn opt_array<const N: usize>(&self, column: &str) -> Result<Option<[u8; N]>, StoreError> {
        let bytes = self.opt_blob(column)?;
        bytes.map(|bytes| self.sized(column, bytes)).transpose()
    }

    fn sized<const N: usize>(&self, column: &str, bytes: &[u8]) -> Result<[u8; N], StoreError> {
        let wrong = |_| self.mismatch(column, "an id", "bytes of another length");
        bytes.try_into().map_err(wrong)
    }

    /// Bytes of its texts and blobs, and what holding it takes besides.
    pub fn bytes(&self) -> usize {
        let values = self.values.iter().map(|value| match value {
            Value::Null | Value::Int(_) => 0,
            Value::Text(text) => text.len(),
            Value::Blob(bytes) => bytes.len(),
        });
        values.sum::<usize>() + size_of_val(&*self.values)
    }
}
