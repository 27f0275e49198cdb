//! One worker thread's share of the executor: its engine, its stacks, its turns.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rhai::Engine;
use shared::invocation::AppContext;
use shared::script_error::{ScriptError, ScriptErrorKind};
use tokio::sync::Notify;

use super::leaks::Leaks;
use super::scopes::Scopes;
use crate::sandbox::context::Services;
use crate::sandbox::coroutine::Stack;
use crate::sandbox::meter::give_back;
use crate::sandbox::scheduler::Scheduler;
use crate::sandbox::stacks::Stacks;
use crate::sandbox::stats::WorkerLoad;
use crate::sandbox::watchdog::Heartbeat;

/// Stacks kept for the next scripts; more are unmapped when their script ends.
const POOLED_STACKS: usize = 1_024;
/// A run with fewer operations cannot have touched much of its stack.
const COOL_AFTER_OPERATIONS: u64 = 2_000;

/// How long freed memory is kept for the next runs.
const GIVEN_BACK_AFTER: Duration = Duration::from_secs(2);

/// What one worker thread needs to run scripts.
pub(super) struct Worker {
    pub(super) index: usize,
    pub(super) engine: Engine,
    pub(super) scheduler: Rc<Scheduler>,
    pub(super) load: Arc<WorkerLoad>,
    pub(super) heartbeat: Arc<Heartbeat>,
    pub(super) services: Rc<Services>,
    pub(super) slice: Duration,
    pub(super) scopes: Scopes,
    stacks: RefCell<Vec<Stack>>,
    /// What bounds the stacks of all workers.
    most: Arc<Stacks>,
    /// There was none for the last script that asked.
    crowded: Cell<bool>,
    /// Told when a run has ended that used much memory.
    pub(super) freed_much: Notify,
    /// What runs of all workers have left.
    pub(super) leaks: Arc<Leaks>,
}

impl Worker {
    pub(super) fn new(
        index: usize,
        engine: Engine,
        load: Arc<WorkerLoad>,
        heartbeat: Arc<Heartbeat>,
        services: Services,
        (leaks, most): (Arc<Leaks>, Arc<Stacks>),
        slice: Duration,
    ) -> Rc<Self> {
        Rc::new(Self {
            index,
            engine,
            scheduler: Rc::new(Scheduler::new(slice, Arc::clone(&load.waiting))),
            load,
            heartbeat,
            services: Rc::new(services),
            slice,
            scopes: Scopes::default(),
            stacks: RefCell::default(),
            most,
            crowded: Cell::new(false),
            freed_much: Notify::new(),
            leaks,
        })
    }

    /// A stack for a script that may allocate `memory` bytes.
    pub(super) fn stack(&self, memory: u64) -> Result<Stack, ScriptError> {
        let bytes = self.most.bytes_for(memory);
        if bytes == self.most.usual()
            && let Some(pooled) = self.stacks.borrow_mut().pop()
        {
            return Ok(pooled);
        }
        let mapped = self.most.take(bytes).map(Stack::new);
        let was_crowded = self.crowded.replace(!matches!(mapped, Some(Ok(_))));
        match mapped {
            Some(Ok(stack)) => Ok(stack),
            failed => {
                if !was_crowded {
                    let error = failed.and_then(Result::err);
                    tracing::warn!(
                        ?error,
                        "no room for another stack: scripts that cannot begin are refused; raise \
                         vm.max_map_count or the limit of the address space"
                    );
                }
                Err(ScriptError::new(
                    ScriptErrorKind::Overloaded,
                    "the server has no stack left for another script: too many run or wait at \
                     this moment; try again",
                ))
            }
        }
    }

    /// Takes back the stack of a script that has ended.
    pub(super) fn recycle(&self, mut stack: Stack, operations: u64) {
        let mut stacks = self.stacks.borrow_mut();
        let usual = stack.bytes() == self.most.usual();
        if stacks.len() < POOLED_STACKS && usual && !self.most.is_scarce() {
            if operations > COOL_AFTER_OPERATIONS {
                stack.cool();
            }
            stacks.push(stack);
        }
    }

    /// Gives the memory of large runs back to the system when they are over, for ever. Not at once:
    /// the next one would take it again.
    #[expect(
        clippy::infinite_loop,
        reason = "ends when its worker's tasks are dropped"
    )]
    pub(super) async fn give_back(self: Rc<Self>) {
        loop {
            self.freed_much.notified().await;
            tokio::time::sleep(GIVEN_BACK_AFTER).await;
            give_back();
        }
    }

    /// Notes what a run left allocated; returns the app's total.
    pub(super) fn leaked(&self, app: &Arc<AppContext>, bytes: u64) -> u64 {
        self.load.leaked(bytes);
        self.leaks.count(app, bytes)
    }
}
