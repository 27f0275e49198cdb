//! Scripts through the executor's public door: limits, waiting, cancelling, fairness, streaming,
//! placement.
#![expect(clippy::unwrap_used, reason = "tests")]

mod abandoning;
mod callees;
mod cancelling;
mod catching;
mod constants;
mod differential;
mod events;
mod fairness;
mod leaks;
mod letters;
mod limits;
mod memory;
mod messages;
mod mistakes;
mod panics;
mod placement;
mod places;
mod plain_rhai;
mod printing;
mod requests;
mod resolving;
mod room;
mod streaming;
mod support;
mod time;
mod transactions;
mod waiting;

use executor_core::MeteredAlloc;

#[global_allocator]
static ALLOC: MeteredAlloc<std::alloc::System> = MeteredAlloc(std::alloc::System);
