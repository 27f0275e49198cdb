//! No fault loses an event, does one twice without need, or breaks the order of a key: servers
//! killed at any moment on both engines, power cuts, a database that goes away, several servers on
//! one database. `make crash` runs the same with many cycles; see CONTRIBUTING.md, "Crash tests".
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "clients on threads of their own: they wait for the server, read variables and report"
)]

mod crash {
    pub(crate) mod app;
    pub(crate) mod cron;
    pub(crate) mod load;
    pub(crate) mod nodes;
    pub(crate) mod quiet;
    pub(crate) mod report;
    pub(crate) mod single;
}

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A size that `make crash` raises.
fn size(variable: &str, short: u64) -> u64 {
    let wanted = std::env::var(variable).ok();
    wanted.map_or(short, |text| text.parse().expect("a number"))
}

/// The seed of a test's random choices: `CRASH_SEED` repeats a run as far as timing allows.
fn seed() -> u64 {
    size("CRASH_SEED", fastrand::u64(..1 << 32))
}

/// Each wants the machine for itself, where they share a process.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}
