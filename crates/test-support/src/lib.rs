//! Test harness: a running PiCloud, a throw-away PostgreSQL.
//!
//! Only tests import this crate; it is the only one whose functions panic on failure.

mod postgres;
mod server;

pub use postgres::Postgres;
pub use server::{Reply, Server, Setup, binary, raise_file_limit, send};
