//! One worker thread's share of the executor: its engine, its stacks, its turns.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rhai::Engine;
use shared::id::AppId;
use shared::invocation::Invocation;
use shared::limits::Limits;
use shared::script_error::{LimitKind, ScriptError, ScriptErrorKind};

use super::evaluate::{RunOutput, run};
use super::scopes::Scopes;
use crate::language::program::Program;
use crate::sandbox::context::{Context, Services, entered};
use crate::sandbox::coroutine::{Coroutine, Stack, Step};
use crate::sandbox::fault::labelled;
use crate::sandbox::meter::metered;
use crate::sandbox::scheduler::Scheduler;
use crate::sandbox::signal::{Resumed, StopReason, Yielded};
use crate::sandbox::stats::WorkerLoad;
use crate::sandbox::watchdog::Heartbeat;
use crate::sdk::state::{self, State};

/// Stacks kept for the next scripts; more are unmapped when their script ends.
const POOLED_STACKS: usize = 1_024;
/// A run with fewer operations cannot have touched much of its stack.
const COOL_AFTER_OPERATIONS: u64 = 2_000;
/// A cancelled script ends at its next operation; more resumes than this mean it does not.
const CANCEL_TRIES: usize = 3;

/// Bytes a run may leave without it being called a leak: the headers of a response.
const LEAK_SLACK: u64 = 4 << 10;
/// A run that leaves more is worth a line in its log.
const LEAK_WARNING: u64 = 256 << 10;
/// Apps whose leaks are counted one by one on each worker.
const LEAKING_APPS: usize = 1_000;

/// What one worker thread needs to run scripts.
pub(crate) struct Worker {
    pub(crate) index: usize,
    pub(crate) engine: Engine,
    pub(crate) scheduler: Rc<Scheduler>,
    pub(crate) load: Arc<WorkerLoad>,
    pub(crate) heartbeat: Arc<Heartbeat>,
    pub(crate) services: Rc<Services>,
    pub(crate) slice: Duration,
    scopes: Scopes,
    stacks: RefCell<Vec<Stack>>,
    leaks: RefCell<HashMap<AppId, u64>>,
}

impl Worker {
    pub(crate) fn new(
        index: usize,
        engine: Engine,
        load: Arc<WorkerLoad>,
        heartbeat: Arc<Heartbeat>,
        services: Services,
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
            leaks: RefCell::default(),
        })
    }

    /// Prepares a script on a stack of its own; nothing runs yet.
    pub(crate) fn prepare(
        self: &Rc<Self>,
        invocation: Box<Invocation>,
        program: Arc<Program>,
    ) -> Result<Running, ScriptError> {
        let pooled = self.stacks.borrow_mut().pop();
        let stack = match pooled {
            Some(stack) => stack,
            None => Stack::new().map_err(|error| {
                tracing::error!(%error, "cannot map a stack; raise vm.max_map_count");
                ScriptError::new(ScriptErrorKind::Internal, "the server has no stack left")
            })?,
        };
        let context = Context::new(invocation, Rc::clone(&self.services), self.slice);
        let state = State::new(Arc::clone(&program));
        let worker = Rc::clone(self);
        let coroutine =
            Coroutine::new(stack, move || run(&worker.engine, &worker.scopes, &program));
        self.load.started();
        Ok(Running {
            worker: Rc::clone(self),
            context,
            state: Some(state),
            coroutine: Some(coroutine),
            long: false,
        })
    }

    /// Notes what a run left allocated; returns the app's total on this worker.
    fn leaked(&self, app: AppId, bytes: u64) -> u64 {
        self.load.leaked(bytes);
        let mut leaks = self.leaks.borrow_mut();
        if leaks.len() >= LEAKING_APPS && !leaks.contains_key(&app) {
            return bytes;
        }
        let total = leaks.entry(app).or_default();
        *total += bytes;
        *total
    }

    fn recycle(&self, mut stack: Stack, operations: u64) {
        let mut stacks = self.stacks.borrow_mut();
        if stacks.len() < POOLED_STACKS {
            if operations > COOL_AFTER_OPERATIONS {
                stack.cool();
            }
            stacks.push(stack);
        }
    }
}

/// A started script. Dropping it ends the script at once.
pub(crate) struct Running {
    worker: Rc<Worker>,
    pub(crate) context: Rc<Context>,
    /// None while it runs.
    state: Option<State>,
    coroutine: Option<Coroutine<RunOutput>>,
    /// It used its first slice: from now on it waits for turns.
    pub(crate) long: bool,
}

/// What a script did with its turn.
pub(crate) enum Turned {
    /// It waits.
    Waits(Yielded),
    /// It ended.
    Ended(RunOutput),
}

impl Running {
    pub(crate) fn app(&self) -> AppId {
        self.context.invocation.app.id
    }

    /// Waits for a turn of one slice.
    pub(crate) async fn turn(&self) {
        self.worker.scheduler.turn(self.app()).await;
        self.context.budget.new_slice();
    }

    /// Runs until the script waits or ends.
    pub(crate) fn resume(&mut self, with: Resumed) -> Turned {
        if let Resumed::Stop(reason) = with {
            self.context.budget.stop(reason);
        }
        match self.step(with) {
            None => Turned::Ended(RunOutput::Failed(internal())),
            Some(Step::Yielded(what)) => {
                self.long |= matches!(what, Yielded::Preempted);
                Turned::Waits(what)
            }
            Some(Step::Done(output)) => {
                self.look_for_leak();
                Turned::Ended(output)
            }
            Some(Step::Panicked) => {
                self.worker.load.panicked();
                tracing::error!(
                    app = %self.context.invocation.app.slug,
                    script = %self.context.invocation.script.name,
                    "the executor panicked inside a script"
                );
                Turned::Ended(RunOutput::Failed(internal()))
            }
        }
    }

    /// Switches to the script's stack and back. `None` when the script has ended.
    fn step(&mut self, with: Resumed) -> Option<Step<RunOutput>> {
        let coroutine = self
            .coroutine
            .as_mut()
            .filter(|coroutine| !coroutine.done())?;
        let (context, worker) = (&self.context, &self.worker);
        context.budget.enter();
        worker.heartbeat.running(worker.index, &context.label);
        let step = inside(context, &mut self.state, || coroutine.resume(with));
        worker.heartbeat.idle(worker.index);
        let used = context.budget.leave();
        if self.long {
            worker.scheduler.charge(context.invocation.app.id, used);
        } else {
            worker.scheduler.first_slice(used);
        }
        Some(step)
    }

    /// What a script leaves allocated is lost to the process: closures that capture themselves.
    /// Its output is not in its account.
    fn look_for_leak(&self) {
        let left = self.context.budget.account.used().max(0) as u64;
        if left <= LEAK_SLACK {
            return;
        }
        let total = self.worker.leaked(self.app(), left);
        if left > LEAK_WARNING {
            self.context.warn(format!(
                "this run left {left} bytes that nothing can free (a closure that captures the \
                 value it is stored in?); break the cycle before the script ends"
            ));
            tracing::warn!(
                app = %self.context.invocation.app.slug,
                script = %self.context.invocation.script.name,
                left,
                total,
                "a script leaks memory"
            );
        }
    }
}

fn internal() -> ScriptError {
    ScriptError::new(
        ScriptErrorKind::Internal,
        "the platform failed while running the script; the server's log has the details",
    )
}

impl Drop for Running {
    fn drop(&mut self) {
        // Most scripts end by themselves at the next operation, far cheaper than unwinding. One
        // that was never resumed has nothing to end.
        for _ in 0..CANCEL_TRIES {
            if self
                .coroutine
                .as_ref()
                .is_none_or(|script| script.done() || !script.started())
            {
                break;
            }
            drop(self.resume(Resumed::Stop(StopReason::Cancelled)));
        }
        if let Some(coroutine) = self.coroutine.take() {
            let budget = &self.context.budget;
            let stack = inside(&self.context, &mut self.state, || coroutine.into_stack());
            self.worker.recycle(stack, budget.usage().operations);
        }
        self.worker.load.ended(self.context.budget.stopped());
    }
}

/// Does `work` as the script: what it allocates and what it is asked for is this run's.
fn inside<R>(context: &Rc<Context>, state: &mut Option<State>, work: impl FnOnce() -> R) -> R {
    entered(context, || {
        state::entered(state, || {
            labelled(&context.label, || metered(&context.budget.account, work))
        })
    })
}

/// The error of a run that was made to end.
pub(crate) fn stopped_error(limits: &Limits, reason: StopReason) -> ScriptError {
    match reason {
        StopReason::Cancelled => ScriptError::new(
            ScriptErrorKind::Cancelled,
            "nobody waits for this run any more",
        ),
        StopReason::Limit(limit) => {
            ScriptError::new(ScriptErrorKind::Limit(limit), limit_message(limits, limit))
        }
    }
}

fn limit_message(limits: &Limits, limit: LimitKind) -> String {
    let (name, value) = match limit {
        LimitKind::Wall => ("wall", format!("{:?} of elapsed time", limits.wall)),
        LimitKind::Cpu => ("cpu", format!("{:?} of processor time", limits.cpu)),
        LimitKind::Operations => ("operations", format!("{} operations", limits.operations)),
        LimitKind::Memory => ("memory", format!("{} bytes of memory", limits.memory)),
        LimitKind::Response => ("response", format!("{} bytes of response", limits.response)),
        LimitKind::HostCalls => ("host_calls", format!("{} host calls", limits.host_calls)),
        LimitKind::CallDepth => {
            return fixed_limit("48 nested calls", "call functions less deeply");
        }
        LimitKind::StringSize => {
            return fixed_limit("1 MiB in one string", "work on smaller pieces");
        }
        LimitKind::Nesting => {
            return fixed_limit("128 levels of nesting in one value", "use flatter values");
        }
        LimitKind::Source => return fixed_limit("the size of the source", "split the script"),
    };
    format!(
        "the script exceeded its limit of {value}; do less work in one run, or raise \
         `limits.{name}` up to the instance's ceiling"
    )
}

fn fixed_limit(what: &str, advice: &str) -> String {
    format!("the script exceeded the limit of {what}, which is the same for every script; {advice}")
}

#[cfg(test)]
mod tests {
    use shared::limits::fixed;

    #[test]
    fn the_texts_name_the_limits_in_force() {
        assert_eq!(fixed::CALL_DEPTH, 48);
        assert_eq!(fixed::STRING_BYTES, 1 << 20);
        assert_eq!(fixed::VALUE_DEPTH, 128);
    }
}
