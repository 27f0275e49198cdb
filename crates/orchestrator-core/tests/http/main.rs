//! The request path through its public doors: real sockets, a real database, a fake executor.

#![expect(clippy::unwrap_used, reason = "tests")]

mod calls;
mod catalog;
mod clients;
mod cors;
mod executor;
mod hostile;
mod limits;
mod memory;
mod origins;
mod platform;
mod readers;
mod records;
mod responses;
mod routing;
mod server;
mod warming;
