//! What is checked while a script runs: operations, memory, time, its slice.
//!
//! The clock is read every 64 operations while they are quick, at every operation while they are
//! slow (one native call can copy megabytes), and after everything that allocated much. Between two
//! looks nothing can have happened that an operation would have to see: what uses more memory than
//! the limit, allocates much, or ends the run calls [`hurry`]. So a run is granted the operations
//! until the next look, and each of them costs a subtraction.

use std::cell::Cell;
use std::time::{Duration, Instant};

use rhai::{Dynamic, EvalAltResult};
use shared::script_error::LimitKind;

use crate::sandbox::context::{
    Context, Stop, StopReason, Yielded, stop_error, terminated, try_with, wait, with,
};

/// Most operations between two looks at the clock: about 4 microseconds of an ordinary script, of
/// which reading the clock is under 1 %.
const CLOCK_EVERY: u64 = 64;
/// The first operation that looks at the clock. Scripts of fewer are over before it matters, and each
/// of their natives is bounded by itself.
pub(crate) const FIRST_LOOK: u64 = 4;
/// Time between two looks that shows that operations are slow ones.
const SLOW: Duration = Duration::from_micros(50);

thread_local! {
    /// Operations the running script may do before it looks at its limits again.
    static GRANTED: Cell<u64> = const { Cell::new(0) };
    /// Of those granted, the ones that were taken back before they were used.
    static TAKEN_BACK: Cell<u64> = const { Cell::new(0) };
}

/// Makes the next operation look at the limits. Safe inside of an allocation.
pub(crate) fn hurry() {
    let left = GRANTED.replace(0);
    TAKEN_BACK.set(TAKEN_BACK.get() + left);
}

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Go,
    /// The slice is used up.
    Yield,
    /// A limit is exceeded, or the run was ended.
    Stop,
}

impl Context {
    /// Counts operations and checks all limits.
    fn advance(&self, operations: u64) -> Verdict {
        self.settle();
        let count = self.operations.get().saturating_add(operations);
        self.operations.set(count);
        let verdict = self.look(count);
        if verdict == Verdict::Go {
            // The operation that reaches either looks again.
            let next = self.next_clock.get().min(self.limits.operations);
            self.grant(next.saturating_sub(count + 1));
        }
        verdict
    }

    fn grant(&self, operations: u64) {
        self.granted.set(operations);
        GRANTED.set(operations);
    }

    /// Counts what was used of the last grant, and takes the rest back.
    pub(crate) fn settle(&self) {
        hurry();
        let used = self.granted.replace(0) - TAKEN_BACK.replace(0);
        self.operations.set(self.operations.get() + used);
    }

    /// Operations done so far.
    pub(crate) fn operations_now(&self) -> u64 {
        let left = GRANTED.get() + TAKEN_BACK.get();
        self.operations.get() + self.granted.get() - left
    }

    fn look(&self, count: u64) -> Verdict {
        if self.stopped().is_some() {
            return Verdict::Stop;
        }
        if count > self.limits.operations {
            return self.exceeded(LimitKind::Operations);
        }
        if self.over_memory(0) {
            return self.exceeded(LimitKind::Memory);
        }
        if count >= self.next_clock.get() || self.account.take_large() {
            self.look_at_clock(count)
        } else {
            Verdict::Go
        }
    }

    fn look_at_clock(&self, count: u64) -> Verdict {
        let now = Instant::now();
        let used = now.duration_since(self.entered_at.get());
        let every = if used.saturating_sub(self.looked_at.replace(used)) >= SLOW {
            1
        } else {
            (self.clock_every.get() * 2).min(CLOCK_EVERY)
        };
        self.clock_every.set(every);
        self.next_clock.set(count + every);
        if now >= self.deadline() {
            return self.exceeded(LimitKind::Wall);
        }
        if self.cpu.get() + used > self.limits.cpu {
            return self.exceeded(LimitKind::Cpu);
        }
        if self.slice_used.get() + used >= self.slice {
            Verdict::Yield
        } else {
            Verdict::Go
        }
    }

    fn exceeded(&self, limit: LimitKind) -> Verdict {
        self.stop(StopReason::Limit(limit));
        Verdict::Stop
    }

    /// Whether `more` bytes would be beyond the memory limit.
    fn over_memory(&self, more: u64) -> bool {
        let used = self.account.used().max(0) as u64 + self.held.get();
        used.saturating_add(more) > self.limits.memory
    }

    /// Makes the next operation look at the clock: time has passed that operations do not show.
    pub(crate) fn look_soon(&self) {
        self.next_clock.set(0);
        hurry();
    }
}

/// Rhai's progress hook: called for every operation. `Some` ends the run.
#[inline]
pub(crate) fn tick() -> Option<Dynamic> {
    let left = GRANTED.get();
    if left > 0 {
        GRANTED.set(left - 1);
        return None;
    }
    look()
}

#[cold]
fn look() -> Option<Dynamic> {
    // No script runs while the engine tests itself.
    match try_with(|context| context.advance(1))? {
        Verdict::Go => None,
        Verdict::Yield => give_way().err().map(|_stop| Dynamic::from(Stop)),
        Verdict::Stop => Some(Dynamic::from(Stop)),
    }
}

/// Charges work a native does itself, then checks all limits; may give way to other scripts.
pub(crate) fn charge(operations: u64) -> Result<(), Box<EvalAltResult>> {
    match with(|context| context.advance(operations)) {
        Verdict::Go => Ok(()),
        Verdict::Yield => give_way(),
        Verdict::Stop => Err(terminated()),
    }
}

/// Fails when `bytes` more would exceed the memory limit. Call it before a native allocates an
/// amount a script controls.
pub(crate) fn reserve(bytes: u64) -> Result<(), Box<EvalAltResult>> {
    if with(|context| context.over_memory(bytes)) {
        return Err(stop_error(StopReason::Limit(LimitKind::Memory)));
    }
    Ok(())
}

fn give_way() -> Result<(), Box<EvalAltResult>> {
    wait(Yielded::Preempted)?;
    with(Context::look_soon);
    Ok(())
}
