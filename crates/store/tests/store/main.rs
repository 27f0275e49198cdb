//! The store through its public doors, every promise on both engines.

#![expect(clippy::unwrap_used, reason = "tests")]

mod apps;
mod deployment;
mod executions;
mod kv;
mod kv_writes;
mod people;
mod releases;
mod support;
