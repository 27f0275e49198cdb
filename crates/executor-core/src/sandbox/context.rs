//! The running invocation, as natives and hooks see it.
//!
//! A thread-local that the worker sets at every resume and takes at every suspend, together with
//! the memory account. Nothing here holds a borrow across a suspend.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use shared::clock::{SharedClock, Timestamp};
use shared::invocation::{Invocation, LogLevel, LogLine};
use shared::memory::Memory;
use shared::name::ScriptName;
use shared::script_error::{LimitKind, ScriptError};
use shared::seam::Host;

use super::budget::{Budget, Verdict};
use super::coroutine::suspend;
use super::defect::Defect;
use super::fault::Label;
use super::grant;
use super::logs::Logs;
use super::meter::unmetered;
use super::signal::{Resumed, StopReason, Stopped, Yielded};

/// Everything about one run that natives and hooks may need.
pub(crate) struct Context {
    pub(crate) invocation: Box<Invocation>,
    pub(crate) budget: Budget,
    pub(crate) label: Label,
    pub(super) services: Rc<Services>,
    /// How a script failed that was ended because nobody waited for it.
    last_words: RefCell<Option<Box<ScriptError>>>,
    /// What the platform said when it panicked.
    defect: RefCell<Option<Box<Defect>>>,
    /// The script it waits for, or waited for when it was made to end.
    pub(super) callee: RefCell<Option<ScriptName>>,
    /// The script's clock, which stands still between two waits.
    now: Cell<Option<Timestamp>>,
    logs: RefCell<Logs>,
}

/// What scripts reach of the platform; one per worker.
pub(crate) struct Services {
    pub(crate) host: Arc<dyn Host>,
    pub(crate) clock: SharedClock,
    pub(crate) memory: Arc<Memory>,
}

impl Context {
    pub(crate) fn new(
        invocation: Box<Invocation>,
        services: Rc<Services>,
        slice: Duration,
    ) -> Rc<Self> {
        Rc::new(Self {
            budget: Budget::new(invocation.limits, invocation.grant.as_deref(), slice),
            label: Label::new(
                invocation.app.slug.as_str(),
                invocation.script.name.as_str(),
            ),
            invocation,
            services,
            last_words: RefCell::default(),
            defect: RefCell::default(),
            callee: RefCell::default(),
            now: Cell::new(None),
            logs: RefCell::default(),
        })
    }

    /// Notes how the script failed after it was ended.
    pub(crate) fn set_last_words(&self, error: ScriptError) {
        *self.last_words.borrow_mut() = Some(Box::new(error));
    }

    /// How the script failed after it was ended.
    pub(crate) fn last_words(&self) -> Option<ScriptError> {
        self.last_words.borrow_mut().take().map(|error| *error)
    }

    /// Notes that the platform panicked; of several panics the first counts.
    pub(crate) fn note_defect(&self, defect: Defect) {
        self.defect.borrow_mut().get_or_insert(Box::new(defect));
    }

    /// What the platform said when it panicked.
    pub(crate) fn defect(&self) -> Option<Defect> {
        self.defect.borrow().as_deref().cloned()
    }

    /// Adds a line the platform wants the owner to see.
    pub(crate) fn warn(&self, message: String) {
        self.logs.borrow_mut().warn(self.now(), message);
    }

    /// Tells the host the lines logged so far: the run begins to wait.
    pub(crate) fn tell_logs(&self) {
        let host = &self.services.host;
        let tell = |before: usize, new: &[LogLine]| host.logged(&self.invocation, before, new);
        self.logs.borrow_mut().tell(tell);
    }

    /// The lines logged so far, and how many the host was told; none are left.
    pub(crate) fn take_logs(&self) -> (Vec<LogLine>, usize) {
        self.logs.borrow_mut().take()
    }

    fn now(&self) -> Timestamp {
        self.now.get().unwrap_or_else(|| {
            let now = self.services.clock.now();
            self.now.set(Some(now));
            now
        })
    }

    /// Lets the script's clock go on: it has waited.
    pub(super) fn forget_now(&self) {
        self.now.set(None);
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Context>>> = const { RefCell::new(None) };
}

/// Runs `work` as part of an invocation: its context is current.
pub(crate) fn entered<R>(context: &Rc<Context>, work: impl FnOnce() -> R) -> R {
    struct Leave(Option<Rc<Context>>);
    impl Drop for Leave {
        fn drop(&mut self) {
            drop(CURRENT.replace(self.0.take()));
        }
    }
    let _leave = Leave(CURRENT.replace(Some(Rc::clone(context))));
    work()
}

/// Runs `work` with the current invocation; it must not wait. Panics when no script is running.
pub(crate) fn with<R>(work: impl FnOnce(&Context) -> R) -> R {
    try_with(work).expect("a script is running")
}

/// Like [`with`]; `None` when no script is running.
pub(crate) fn try_with<R>(work: impl FnOnce(&Context) -> R) -> Option<R> {
    CURRENT.with_borrow(|current| current.as_deref().map(work))
}

/// Whether a script runs on this thread. May be asked at any moment, also by what panicked in here.
pub(super) fn is_entered() -> bool {
    CURRENT.with(|current| current.try_borrow().is_ok_and(|current| current.is_some()))
}

/// The current invocation, for work that may wait. Panics when no script is running.
pub(super) fn current() -> Rc<Context> {
    CURRENT.with_borrow(|current| Rc::clone(current.as_ref().expect("a script is running")))
}

/// Ends the current run for this reason, unless it has one already.
pub(crate) fn stop(reason: StopReason) -> Stopped {
    with(|context| context.budget.stop(reason))
}

/// Why the current run was ended, if it was.
pub(crate) fn stop_reason() -> Option<StopReason> {
    with(|context| context.budget.stopped())
}

/// Suspends, unless the run is over already: a script that ends must not wait again.
pub(super) fn wait(what: Yielded) -> Result<Resumed, Stopped> {
    if stop_reason().is_some() {
        return Err(Stopped);
    }
    with(Context::room_to_wait)?;
    match suspend(what) {
        Resumed::Stop(reason) => Err(stop(reason)),
        resumed => Ok(resumed),
    }
}

/// Called for every operation of the language.
#[inline]
pub(crate) fn tick() -> Result<(), Stopped> {
    if grant::take() {
        return Ok(());
    }
    look()
}

#[cold]
fn look() -> Result<(), Stopped> {
    // No script runs while a program is compiled.
    try_with(|context| context.budget.advance(1)).map_or(Ok(()), obey)
}

/// Charges work a native does itself, then checks all limits; may give way to other scripts.
pub(crate) fn charge(operations: u64) -> Result<(), Stopped> {
    obey(with(|context| context.budget.advance(operations)))
}

fn obey(verdict: Verdict) -> Result<(), Stopped> {
    match verdict {
        Verdict::Go => Ok(()),
        Verdict::Yield => {
            wait(Yielded::Preempted)?;
            with(|context| context.budget.look_soon());
            Ok(())
        }
        Verdict::Room => {
            with(|context| context.room_for(0))?;
            charge(0)
        }
        Verdict::Stop => Err(Stopped),
    }
}

/// Fails when `bytes` more would exceed the memory limit, or the server has no room for them. Call it
/// before a native allocates an amount a script controls.
pub(crate) fn reserve(bytes: u64) -> Result<(), Stopped> {
    with(|context| {
        if context.budget.over_memory(bytes) {
            return Err(context.budget.stop(StopReason::Limit(LimitKind::Memory)));
        }
        context.room_for(bytes)
    })
}

/// Adds a log line. Beyond the limit lines are dropped, and one line says so. Lines outlive the
/// script and have a limit of their own, so they (and `fields`) are the platform's memory.
pub(crate) fn log(level: LogLevel, message: &str, fields: Option<String>) {
    let context = current();
    unmetered(|| {
        let (at, limit) = (context.now(), context.budget.limits.logs);
        let mut logs = context.logs.borrow_mut();
        logs.add(at, level, message, fields, limit);
    });
}

/// The time, which stands still between two host calls so that a run can be replayed.
pub(crate) fn now() -> Timestamp {
    with(Context::now)
}
