//! Test harness: a running PiCloud, a throw-away PostgreSQL.
//!
//! Only tests import this crate; it is the only one whose functions panic on failure.

mod server;

pub use server::{Reply, Server, Setup, binary};
