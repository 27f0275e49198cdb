//! The only crate with SQL: both engines, migrations, group commit.
//!
//! Every function of the aggregates takes a connection and, first after it, the app it is about;
//! it holds no business rule.

mod conn;
mod error;

pub use conn::{Conn, Dialect, Param, Row, Value};
pub use error::StoreError;
