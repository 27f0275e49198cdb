//! A started script: its stack, its context, and what it does with its turns.

use std::rc::Rc;
use std::sync::Arc;

use shared::id::AppId;
use shared::invocation::Invocation;
use shared::script_error::{ScriptError, ScriptErrorKind};

use super::evaluate::{RunOutput, run};
use super::worker::Worker;
use crate::language::program::Program;
use crate::sandbox::context::{Context, entered};
use crate::sandbox::coroutine::{Coroutine, Step};
use crate::sandbox::fault::labelled;
use crate::sandbox::meter::metered;
use crate::sandbox::signal::{Resumed, StopReason, Yielded};
use crate::sdk::state::{self, State};

/// A cancelled script ends at its next operation; more resumes than this mean it does not.
const CANCEL_TRIES: usize = 3;

/// Bytes a run may leave without it being called a leak. Its account is exact but for texts of
/// errors that the platform and the script make and free for each other.
const LEAK_SLACK: u64 = 256;
/// A run that leaves more is worth a line in its log.
const LEAK_WARNING: u64 = 256 << 10;

/// A started script. Dropping it ends the script at once.
pub(super) struct Running {
    worker: Rc<Worker>,
    pub(super) context: Rc<Context>,
    /// None while it runs.
    state: Option<State>,
    coroutine: Option<Coroutine<RunOutput>>,
    /// It used its first slice: from now on it waits for turns.
    pub(super) long: bool,
}

/// What a script did with its turn.
pub(super) enum Turned {
    /// It waits.
    Waits(Yielded),
    /// It ended.
    Ended(RunOutput),
}

impl Running {
    /// Prepares a script on a stack of its own; nothing runs yet.
    pub(super) fn prepare(
        worker: &Rc<Worker>,
        invocation: Box<Invocation>,
        program: Arc<Program>,
    ) -> Result<Self, ScriptError> {
        worker.leaks.check(&invocation.app)?;
        let stack = worker.stack(invocation.limits.memory)?;
        let context = Context::new(invocation, Rc::clone(&worker.services), worker.slice);
        let state = State::new(Arc::clone(&program));
        let own = Rc::clone(worker);
        let coroutine = Coroutine::new(stack, move || run(&own.engine, &own.scopes, &program));
        worker.load.started();
        Ok(Self {
            worker: Rc::clone(worker),
            context,
            state: Some(state),
            coroutine: Some(coroutine),
            long: false,
        })
    }

    pub(super) fn app(&self) -> AppId {
        self.context.invocation.app.id
    }

    /// Waits for a turn of one slice.
    pub(super) async fn turn(&self) {
        self.worker.scheduler.turn(self.app()).await;
        self.context.budget.new_slice();
    }

    /// Runs until the script waits or ends.
    pub(super) fn resume(&mut self, with: Resumed) -> Turned {
        if let Resumed::Stop(reason) = with {
            self.context.budget.stop(reason);
        }
        let turned = self.turn_with(with);
        if let Turned::Ended(output) = &turned {
            self.look_for_defect(output);
        }
        turned
    }

    fn turn_with(&mut self, with: Resumed) -> Turned {
        match self.step(with) {
            None => Turned::Ended(RunOutput::Failed(internal())),
            Some(Step::Yielded(what)) => {
                self.long |= matches!(what, Yielded::Preempted);
                self.context.tell_logs();
                Turned::Waits(what)
            }
            Some(Step::Done(output)) => {
                self.look_for_leak();
                Turned::Ended(output)
            }
            Some(Step::Panicked(defect)) => {
                self.look_for_leak();
                self.context.note_defect(defect);
                self.context.budget.stop(StopReason::Defect);
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

    /// A run in which the platform panicked is one line of the log, and counted.
    fn look_for_defect(&self, output: &RunOutput) {
        let Some(defect) = self.context.defect() else {
            return;
        };
        self.worker.load.panicked();
        let run = &self.context.invocation;
        let frames = match output {
            RunOutput::Failed(error) => error.frames.as_slice(),
            RunOutput::Response(_) | RunOutput::Streamed => &[],
        };
        let place = frames.first();
        tracing::error!(
            app = %run.app.slug,
            script = place.map_or(run.script.name.as_str(), |at| &at.script),
            line = place.map_or(0, |at| at.line),
            function = place.map_or("main", |at| &at.function),
            request = %run.request,
            execution = %run.execution,
            panic = defect.message,
            place = defect.place,
            "the platform panicked inside a script; the run was ended"
        );
    }

    /// What a script leaves allocated is lost to the process. Its output is not in its account.
    fn look_for_leak(&self) {
        let left = self.context.budget.account.used().max(0) as u64;
        debug_assert_eq!(
            left, 0,
            "bytes left by {}",
            self.context.invocation.script.source
        );
        if left <= LEAK_SLACK {
            return;
        }
        let total = self.worker.leaked(&self.context.invocation.app, left);
        if left > LEAK_WARNING {
            self.context.warn(format!(
                "this run left {left} bytes that nothing frees, {total} with others of the app; \
                 an app that goes on like this is suspended"
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

pub(super) fn internal() -> ScriptError {
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
            let end = self.resume(Resumed::Stop(StopReason::Cancelled));
            if let Turned::Ended(RunOutput::Failed(error)) = end {
                self.context.set_last_words(error);
            }
        }
        if let Some(coroutine) = self.coroutine.take() {
            let ended = coroutine.done();
            let stack = inside(&self.context, &mut self.state, || coroutine.into_stack());
            let operations = self.context.budget.usage().operations;
            self.worker.recycle(stack, operations);
            if !ended {
                self.look_for_leak();
            }
        }
        self.context.release_room();
        if self.context.used_much() {
            self.worker.freed_much.notify_one();
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
