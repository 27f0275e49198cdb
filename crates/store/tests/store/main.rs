//! The store through its public doors, every promise on both engines.

#![expect(
    clippy::unwrap_used,
    clippy::unwrap_in_result,
    clippy::print_stdout,
    reason = "tests; the power cuts report what they found"
)]

mod apps;
mod backlog;
mod changes;
mod child;
mod deployment;
mod event_order;
mod events;
mod executions;
mod hostile;
mod killed;
mod kv;
mod kv_meaning;
mod kv_writes;
mod people;
mod power;
mod races;
mod releases;
mod schedules;
mod schema;
mod sent_again;
mod storage;
mod support;
mod transactions;
mod triggers;
mod turns;
