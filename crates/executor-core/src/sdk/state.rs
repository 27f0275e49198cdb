//! What a run has besides its context: its program, what it has read of its request, its open
//! transaction.
//!
//! A second thread-local, which the worker exchanges at every resume and suspend beside the
//! context's. Nothing here holds a borrow across a suspend.

use std::cell::RefCell;
use std::sync::Arc;

use rhai::Dynamic;

use super::transaction::collected::Collected;
use crate::language::cells::{Cell, Cells};
use crate::language::program::Program;

/// What was made of the request for the script, to be given again when it asks again.
#[derive(Default)]
pub(super) struct Parsed {
    pub(super) query: Slot,
    pub(super) query_all: Slot,
    pub(super) params: Slot,
    pub(super) cookies: Slot,
    pub(super) form: Slot,
    pub(super) form_all: Slot,
    pub(super) text: Slot,
    pub(super) json: Slot,
}

pub(super) type Slot = Option<Dynamic>;

/// The state of one run. Small, because it moves at every resume.
pub(crate) struct State {
    pub(crate) program: Arc<Program>,
    /// Nothing as long as the script has read nothing. The script's memory.
    pub(super) parsed: Option<Box<Parsed>>,
    /// What its closures share; nothing as long as there is none. The script's memory.
    cells: Option<Box<Cells>>,
    /// What `tx::run` collects. The platform's memory.
    pub(super) transaction: Option<Box<Collected>>,
}

impl State {
    /// The state of a run that starts.
    pub(crate) fn new(program: Arc<Program>) -> Self {
        Self {
            program,
            parsed: None,
            cells: None,
            transaction: None,
        }
    }
}

thread_local! {
    static CURRENT: RefCell<Option<State>> = const { RefCell::new(None) };
}

/// Runs `work` with this state as the current one; it is back in its place afterwards.
pub(crate) fn entered<R>(state: &mut Option<State>, work: impl FnOnce() -> R) -> R {
    struct Leave<'s>(&'s mut Option<State>);
    impl Drop for Leave<'_> {
        fn drop(&mut self) {
            exchange(self.0);
        }
    }
    exchange(state);
    let _leave = Leave(state);
    work()
}

fn exchange(state: &mut Option<State>) {
    CURRENT.with_borrow_mut(|current| std::mem::swap(current, state));
}

/// Runs `work` with the state of the current run; it must not wait. Panics when no script is
/// running.
pub(crate) fn with<R>(work: impl FnOnce(&mut State) -> R) -> R {
    try_with(work).expect("a script is running")
}

/// Like [`with`]; `None` when no script is running.
pub(super) fn try_with<R>(work: impl FnOnce(&mut State) -> R) -> Option<R> {
    CURRENT.with_borrow_mut(|current| current.as_mut().map(work))
}

/// Notes what closures of the current run share, to end with it.
pub(crate) fn note(cell: &Cell) {
    try_with(|state| state.cells.get_or_insert_default().note(cell));
}

/// Ends what was made of the request with the run, and what its closures share, however the run ends.
pub(crate) struct Forget;

impl Drop for Forget {
    fn drop(&mut self) {
        // Not inside: nothing that a script made may be freed while something of it is borrowed.
        drop(with(|state| state.parsed.take()));
        drop(with(|state| state.cells.take()));
    }
}
