//! The only crate with SQL: both engines, migrations, group commit.
//!
//! Every function of the aggregates takes a connection and, first after it, the app it is about;
//! it holds no business rule.

mod activation;
pub mod apps;
mod change;
mod clock;
mod conn;
mod counters;
pub mod dead_letters;
pub mod deployment;
mod dialect;
pub mod effects;
mod error;
pub mod executions;
pub mod handover;
mod intake;
mod job;
pub mod kv;
mod migrate;
mod open;
pub mod outbox;
mod payer;
pub mod people;
mod postgres;
pub mod releases;
mod room;
mod row;
pub mod schedules;
mod space;
mod sqlite;
mod steady;
pub mod storage;
mod store;
mod text;
pub mod triggers;
mod turns;

pub use change::Change;
pub use clock::StoreClock;
pub use conn::{Conn, Dialect, Param};
pub use error::StoreError;
pub use open::OpenError;
pub use payer::Payer;
pub use room::Room;
pub use row::{Row, Value};
pub use steady::Steady;
pub use store::{Database, Store, StoreConfig};
