//! Panics while a script runs: each is caught as near as can be to the line it belongs to, and ends
//! that run.
//!
//! A panic is a defect of the platform, whatever the script did. What it was told from is a line of
//! the log and the run's record; the process's own report would be one more, without a script.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{
    AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind, set_hook, take_hook,
};
use std::sync::atomic::{AtomicU64, Ordering};

use super::context;
use super::coroutine::is_being_unwound;
use super::meter::unmetered;
use super::signal::{StopReason, Stopped};

/// Panics outside of runs, where sources are compiled.
static ASIDE: AtomicU64 = AtomicU64::new(0);

/// Characters kept of what a panic says, which may hold values of the script.
const MESSAGE: usize = 200;

thread_local! {
    /// Where in the platform the last panic of a script on this thread was.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
    /// Whether this thread does something for a script that does not run.
    static IS_ASIDE: Cell<bool> = const { Cell::new(false) };
}

/// What a panic of a run said.
#[derive(Clone, Debug)]
pub(crate) struct Defect {
    /// Its message, cut.
    pub(crate) message: String,
    /// The place in the platform's own source; empty without [`hush_panics`].
    pub(crate) place: String,
}

impl Defect {
    pub(crate) fn of(payload: &(dyn Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("a panic without a text");
        Self {
            message: text.chars().take(MESSAGE).collect(),
            place: PLACE.take(),
        }
    }
}

/// Does a part of the current run. A panic in it ends the run and nothing else.
#[inline]
pub(crate) fn caught<R>(work: impl FnOnce() -> R) -> Result<R, Stopped> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        // A script that is ended from outside unwinds the same way, and must get to its end.
        if is_being_unwound() {
            resume_unwind(payload);
        }
        unmetered(|| context::with(|run| run.note_defect(Defect::of(&*payload))));
        context::stop(StopReason::Defect)
    })
}

/// Does something for a script that does not run, like compiling it. A panic in it is one line of
/// the log, counted, and ends nothing else.
pub(crate) fn aside<R>(script: &str, work: impl FnOnce() -> R) -> Result<R, Defect> {
    let before = IS_ASIDE.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    IS_ASIDE.set(before);
    done.map_err(|payload| {
        let defect = Defect::of(&*payload);
        ASIDE.fetch_add(1, Ordering::Relaxed);
        tracing::error!(
            script,
            panic = defect.message,
            place = defect.place,
            "the platform panicked while it compiled a script"
        );
        defect
    })
}

/// How often something for a script that did not run panicked.
pub(crate) fn panicked_aside() -> u64 {
    ASIDE.load(Ordering::Relaxed)
}

/// From now on the process reports no panic that happens while a script runs: the run's own end
/// does. All others are reported as before.
pub fn hush_panics() {
    let report = take_hook();
    set_hook(Box::new(move |info| {
        if context::is_entered() || IS_ASIDE.get() {
            unmetered(|| PLACE.replace(place(info)));
        } else {
            report(info);
        }
    }));
}

fn place(info: &PanicHookInfo<'_>) -> String {
    info.location().map(ToString::to_string).unwrap_or_default()
}
