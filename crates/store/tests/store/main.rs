//! The store through its public doors, every promise on both engines.

#![expect(clippy::unwrap_used, clippy::unwrap_in_result, reason = "tests")]

mod apps;
mod child;
mod deployment;
mod executions;
mod hostile;
mod killed;
mod kv;
mod kv_writes;
mod people;
mod races;
mod releases;
mod schema;
mod support;
mod transactions;
