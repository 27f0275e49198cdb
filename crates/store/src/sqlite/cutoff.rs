//! Statements end when the time is used up that the run has which they work for.
//!
//! What only reads ends in the middle. A statement that writes ends before it begins: interrupted, it
//! would take the whole transaction with it, in which others have written too. None writes more than a
//! row of a bounded size for a script.

use std::cell::Cell;
use std::ffi::c_int;
use std::time::Duration;

use rusqlite::Connection;

use crate::error::StoreError;
use crate::payer::{Payer, thread_time};

/// Steps of SQLite's machine between two looks at the clock: some tens of microseconds.
const STEPS: c_int = 2_000;

thread_local! {
    /// The processor time of this thread at which what it does now has used up its own.
    static ENDS_AT: Cell<Option<Duration>> = const { Cell::new(None) };
    /// Whether the statement under way may be interrupted.
    static ONLY_READS: Cell<bool> = const { Cell::new(false) };
}

/// Looks at the clock while statements of a connection run.
pub(super) fn watch(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.progress_handler(STEPS, Some(|| ONLY_READS.get() && is_over()))
}

fn is_over() -> bool {
    ENDS_AT.get().is_some_and(|end| thread_time() >= end)
}

/// The time of one job, until it is dropped.
pub(super) struct Cutoff(());

impl Cutoff {
    /// What the thread does from now on is on this bill; without one it may take as long as it takes.
    pub(super) fn of(payer: Option<&Payer>) -> Self {
        // What is longer than clocks can count has no end.
        ENDS_AT.set(payer.and_then(|payer| thread_time().checked_add(payer.left())));
        Self(())
    }
}

impl Drop for Cutoff {
    fn drop(&mut self) {
        ENDS_AT.set(None);
    }
}

/// A statement, until it is dropped.
pub(super) struct Statement(());

impl Statement {
    /// Begins one, if there is time left.
    pub(super) fn begin(only_reads: bool) -> Result<Self, StoreError> {
        if is_over() {
            return Err(StoreError::OutOfTime);
        }
        ONLY_READS.set(only_reads);
        Ok(Self(()))
    }
}

impl Drop for Statement {
    fn drop(&mut self) {
        ONLY_READS.set(false);
    }
}
