//! What one run may use, and what it has used: operations, memory, time, its slice, host calls.
//!
//! The clock is read every 64 operations while they are quick, at every operation while they are
//! slow (one native call can copy megabytes), and after everything that allocated much. Between two
//! looks nothing can have happened that an operation would have to see: what uses more memory than
//! the limit, allocates much, or ends the run takes the grant back. So a run is granted the
//! operations until the next look.

use std::cell::Cell;
use std::time::{Duration, Instant};

use shared::allowance::Grant;
use shared::invocation::Usage;
use shared::limits::Limits;
use shared::script_error::LimitKind;

use super::grant;
use super::meter::Account;
use super::room::Room;
use super::signal::{StopReason, Stopped};

/// Most operations between two looks at the clock: about 4 microseconds of an ordinary script, of
/// which reading the clock is under 1 %.
const CLOCK_EVERY: u64 = 64;
/// The first operation that looks at the clock. Scripts of fewer are over before it matters, and each
/// of their natives is bounded by itself.
const FIRST_LOOK: u64 = 4;
/// Time between two looks that shows that operations are slow ones.
const SLOW: Duration = Duration::from_micros(50);

/// What a check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Go,
    /// The slice is used up.
    Yield,
    /// It has to ask for more of the instance's memory.
    Room,
    /// A limit is exceeded, or the run was ended.
    Stop,
}

/// The limits of one run beside what it has used of them.
pub(crate) struct Budget {
    pub(crate) limits: Limits,
    pub(crate) account: Account,
    /// Bytes the platform holds for the run, which count against its memory limit too.
    held: Cell<u64>,
    /// What it has of the instance's memory.
    pub(super) room: Room,
    started: Instant,
    deadline: Instant,
    /// The deadline is that of the run that called this one.
    pub(super) callers_deadline: bool,
    /// Operations done, but for those of the last grant.
    operations: Cell<u64>,
    /// Operations granted at the last look at the limits.
    granted: Cell<u64>,
    /// The operation at which the clock is looked at next.
    next_clock: Cell<u64>,
    /// Operations between two looks at the clock, as long as they are as quick as the last ones.
    clock_every: Cell<u64>,
    /// The last look at the clock, since the run was entered.
    looked_at: Cell<Duration>,
    slice: Duration,
    /// Time used of the slice before the last resume.
    slice_used: Cell<Duration>,
    entered_at: Cell<Instant>,
    /// Whether it was entered at least once.
    begun: Cell<bool>,
    left_at: Cell<Instant>,
    /// Time used before the last resume.
    cpu: Cell<Duration>,
    host_calls: Cell<u32>,
    streamed: Cell<u64>,
    stopped: Cell<Option<StopReason>>,
}

impl Budget {
    /// The budget of a run that starts now, within what its caller has left.
    pub(super) fn new(own: Limits, grant: Option<&Grant>, slice: Duration) -> Self {
        let now = Instant::now();
        let limits = grant.map_or(own, |grant| grant.allowance.within(own));
        let deadline = now + own.wall;
        let callers = grant
            .map(|grant| grant.until)
            .filter(|until| *until < deadline);
        let budget = Self {
            limits,
            account: Account::default(),
            held: Cell::new(0),
            room: Room::default(),
            started: now,
            deadline: callers.unwrap_or(deadline),
            callers_deadline: callers.is_some(),
            operations: Cell::new(0),
            granted: Cell::new(0),
            next_clock: Cell::new(FIRST_LOOK),
            clock_every: Cell::new(1),
            looked_at: Cell::new(Duration::ZERO),
            slice,
            slice_used: Cell::new(Duration::ZERO),
            entered_at: Cell::new(now),
            begun: Cell::new(false),
            left_at: Cell::new(now),
            cpu: Cell::new(Duration::ZERO),
            host_calls: Cell::new(0),
            streamed: Cell::new(0),
            stopped: Cell::new(None),
        };
        budget.set_alarm();
        budget
    }

    /// Has the run look at its limits when it exceeds its own or its room.
    pub(super) fn set_alarm(&self) {
        self.account
            .set_alarm(self.limits.memory.min(self.room.bytes()));
    }

    /// When the run must have ended.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Begins to count processor time.
    pub(crate) fn enter(&self) {
        // It is entered for the first time right after it was made.
        if self.begun.replace(true) {
            self.entered_at.set(Instant::now());
        }
        self.looked_at.set(Duration::ZERO);
    }

    /// Ends the count; returns the time used since [`Self::enter`].
    pub(crate) fn leave(&self) -> Duration {
        self.settle();
        let now = Instant::now();
        self.left_at.set(now);
        let used = now.duration_since(self.entered_at.get());
        self.cpu.set(self.cpu.get() + used);
        self.slice_used.set(self.slice_used.get() + used);
        if self.room.give_back(self.memory()) {
            self.set_alarm();
        }
        used
    }

    /// Gives the run a whole slice.
    pub(crate) fn new_slice(&self) {
        self.slice_used.set(Duration::ZERO);
    }

    /// Notes why the run ends; the first reason stays.
    pub(crate) fn stop(&self, reason: StopReason) -> Stopped {
        if self.stopped.get().is_none() {
            self.stopped.set(Some(reason));
        }
        grant::hurry();
        Stopped
    }

    /// Why the run ends, if it was made to.
    pub(crate) fn stopped(&self) -> Option<StopReason> {
        self.stopped.get()
    }

    /// What the run had used when it was left for the last time.
    pub(crate) fn usage(&self) -> Usage {
        Usage {
            wall: self.left_at.get().duration_since(self.started),
            cpu: self.cpu.get(),
            operations: self.operations.get(),
            memory_peak: self.account.peak(),
            host_calls: self.host_calls.get(),
        }
    }

    /// What the run may still use. Reads the clock.
    pub(super) fn left(&self) -> Limits {
        let now = Instant::now();
        let cpu = self.cpu.get() + now.duration_since(self.entered_at.get());
        Limits {
            wall: self.deadline().saturating_duration_since(now),
            cpu: self.limits.cpu.saturating_sub(cpu),
            operations: self.limits.operations.saturating_sub(self.operations()),
            memory: self.memory_left(),
            host_calls: self.limits.host_calls.saturating_sub(self.host_calls.get()),
            ..self.limits
        }
    }

    /// Bytes the run may still allocate.
    pub(super) fn memory_left(&self) -> u64 {
        self.limits.memory.saturating_sub(self.memory())
    }

    /// Processor time the run has left, but for what it has used of its turn so far.
    pub(super) fn cpu_left(&self) -> Duration {
        self.limits.cpu.saturating_sub(self.cpu.get())
    }

    /// Bytes allocated by the run, and held for it, now.
    pub(super) fn memory(&self) -> u64 {
        self.account.used().max(0) as u64 + self.held.get()
    }

    /// Operations done so far.
    pub(crate) fn operations(&self) -> u64 {
        self.operations.get() + self.granted.get() - grant::unused()
    }

    /// Says how many bytes the platform holds for the run now.
    pub(crate) fn hold(&self, bytes: u64) {
        self.held.set(bytes);
    }

    /// Whether `more` bytes would be beyond the memory limit.
    pub(super) fn over_memory(&self, more: u64) -> bool {
        self.memory().saturating_add(more) > self.limits.memory
    }

    /// Counts a call of the platform.
    pub(super) fn count_host_call(&self) -> Result<(), Stopped> {
        let calls = self.host_calls.get() + 1;
        if calls > self.limits.host_calls {
            return Err(self.stop(StopReason::Limit(LimitKind::HostCalls)));
        }
        self.host_calls.set(calls);
        Ok(())
    }

    /// Counts processor time that others used for the run.
    pub(super) fn count_elsewhere(&self, time: Duration) {
        self.cpu.set(self.cpu.get() + time);
    }

    /// Counts what a run used that this one called.
    pub(super) fn add(&self, usage: &Usage) {
        self.cpu.set(self.cpu.get() + usage.cpu);
        let operations = self.operations.get().saturating_add(usage.operations);
        self.operations.set(operations);
        let calls = self.host_calls.get().saturating_add(usage.host_calls);
        self.host_calls.set(calls);
        let peak = self.memory().saturating_add(usage.memory_peak);
        self.account.raise_peak(peak);
    }

    /// Counts bytes of a streamed response.
    pub(super) fn count_streamed(&self, bytes: usize) -> Result<(), Stopped> {
        let total = self.streamed.get().saturating_add(bytes as u64);
        if total > self.limits.response {
            return Err(self.stop(StopReason::Limit(LimitKind::Response)));
        }
        self.streamed.set(total);
        Ok(())
    }

    /// Makes the next operation look at the clock: time has passed that operations do not show.
    pub(super) fn look_soon(&self) {
        self.next_clock.set(0);
        grant::hurry();
    }

    /// Counts operations and checks all limits.
    pub(super) fn advance(&self, operations: u64) -> Verdict {
        self.settle();
        let count = self.operations.get().saturating_add(operations);
        self.operations.set(count);
        let verdict = self.look(count);
        if verdict == Verdict::Go {
            // The operation that reaches either looks again.
            let next = self.next_clock.get().min(self.limits.operations);
            let granted = next.saturating_sub(count + 1);
            self.granted.set(granted);
            grant::give(granted);
        }
        verdict
    }

    /// Counts what was used of the last grant, and takes the rest back.
    fn settle(&self) {
        let unused = grant::settle();
        let used = self.granted.replace(0) - unused;
        self.operations.set(self.operations.get() + used);
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
        if !self.room.fits(self.memory()) {
            return Verdict::Room;
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
}
