//! Panics while a script runs: each is caught as near as can be to the line it belongs to, and ends
//! that run.
//!
//! A panic is a defect of the platform, whatever the script did. What it was told from is a line of
//! the log and the run's record; the process's own report would be one more, without a script.

use std::panic::{
    AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind, set_hook, take_hook,
};

use super::context;
use super::coroutine::is_being_unwound;
use super::defect::{self, Defect};
use super::meter::unmetered;
use super::signal::{StopReason, Stopped};

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

/// From now on the process reports no panic that happens while a script runs: the run's own end
/// does. All others are reported as before.
pub fn hush_panics() {
    let report = take_hook();
    set_hook(Box::new(move |info| {
        if context::is_entered() || defect::is_aside() {
            unmetered(|| defect::note_place(place(info)));
        } else {
            report(info);
        }
    }));
}

fn place(info: &PanicHookInfo<'_>) -> String {
    info.location().map(ToString::to_string).unwrap_or_default()
}
