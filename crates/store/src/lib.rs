//! The only crate with SQL: both engines, migrations, group commit.
//!
//! Every function of the aggregates takes a connection and, first after it, the app it is about;
//! it holds no business rule.

pub mod apps;
mod conn;
mod counters;
pub mod deployment;
mod dialect;
mod error;
pub mod executions;
mod job;
pub mod kv;
mod migrate;
mod open;
pub mod people;
mod postgres;
pub mod releases;
mod sqlite;
mod store;

pub use conn::{Conn, Dialect, Param, Row, Value};
pub use error::StoreError;
pub use open::OpenError;
pub use store::{Database, Store, StoreConfig};
