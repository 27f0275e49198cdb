//! What a panic of the platform said, and panics where no script runs.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

/// Panics outside of runs, where sources are compiled.
static ASIDE: AtomicU64 = AtomicU64::new(0);

/// Characters kept of what a panic says, which may hold values of the script.
const MESSAGE: usize = 200;

thread_local! {
    /// Where in the platform the last panic was that this thread keeps to itself.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
    /// Whether this thread does something for a script that does not run.
    static IS_ASIDE: Cell<bool> = const { Cell::new(false) };
}

/// What a panic said.
#[derive(Clone, Debug)]
pub(crate) struct Defect {
    /// Its message, cut.
    pub(crate) message: String,
    /// The place in the platform's own source; empty where nobody noted it.
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

/// Notes where the panic is that this thread is about to catch.
pub(super) fn note_place(place: String) {
    PLACE.replace(place);
}

/// Whether this thread does something for a script that does not run.
pub(super) fn is_aside() -> bool {
    IS_ASIDE.get()
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
