//! The running invocation, as natives and hooks see it.
//!
//! A thread-local that the worker sets at every resume and takes at every suspend, together with
//! the memory account. Nothing here holds a borrow across a suspend.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rhai::{Dynamic, EvalAltResult, Position};
use shared::clock::{SharedClock, Timestamp};
use shared::invocation::{Invocation, LogLevel, LogLine, Usage};
use shared::limits::Limits;
use shared::script_error::LimitKind;
use shared::seam::{BoxFuture, Caller, Host, HostAnswer, HostCall, HostError, HostReply};

use crate::language::compile::Program;
use crate::sandbox::coroutine::suspend;
use crate::sandbox::fault::Label;
use crate::sandbox::meter::{Account, unmetered};
use crate::sdk::req::Parsed;
use crate::sdk::transaction::Transaction;

use crate::sandbox::budget::FIRST_LOOK;
pub(crate) use crate::sandbox::budget::{charge, hurry, reserve, tick};

/// Smallest cost of a log line, so that empty lines are bounded too.
const LOG_LINE_COST: usize = 32;

/// What a script hands to its worker when it waits.
pub(crate) enum Yielded {
    /// It used its slice.
    Preempted,
    /// It waits for the platform.
    Host(BoxFuture<Result<HostReply, HostError>>),
    /// It sleeps.
    Sleep(Duration),
    /// It starts to stream its response.
    Head(ScriptHead),
    /// The next piece of its response.
    Chunk(Bytes),
}

/// What the worker hands to a script when it goes on.
pub(crate) enum Resumed {
    /// Go on.
    Go,
    /// The platform's answer.
    Host(Result<HostReply, HostError>),
    /// End: nothing a script does can go on from here.
    Stop(StopReason),
}

/// Why a run ends before its script does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// A limit.
    Limit(LimitKind),
    /// Nobody waits for it any more.
    Cancelled,
}

/// Status and headers of a streamed response.
#[derive(Debug)]
pub(crate) struct ScriptHead {
    /// Status.
    pub(crate) status: http::StatusCode,
    /// Headers.
    pub(crate) headers: http::HeaderMap,
}

/// Everything about one run that natives and hooks may need.
pub(crate) struct Context {
    pub(crate) invocation: Box<Invocation>,
    pub(crate) program: Arc<Program>,
    pub(crate) limits: Limits,
    pub(crate) account: Account,
    pub(crate) label: Label,
    services: Rc<Services>,
    started: Instant,
    /// Operations done, but for those of the last grant.
    pub(crate) operations: Cell<u64>,
    /// Operations granted at the last look at the limits.
    pub(crate) granted: Cell<u64>,
    /// The operation at which the clock is looked at next.
    pub(crate) next_clock: Cell<u64>,
    /// Operations between two looks at the clock, as long as they are as quick as the last ones.
    pub(crate) clock_every: Cell<u64>,
    /// The last look at the clock, since it was entered.
    pub(crate) looked_at: Cell<Duration>,
    host_calls: Cell<u32>,
    pub(crate) slice: Duration,
    /// Time used of the slice before the last resume.
    pub(crate) slice_used: Cell<Duration>,
    pub(crate) entered_at: Cell<Instant>,
    /// Whether it was entered at least once.
    begun: Cell<bool>,
    left_at: Cell<Instant>,
    /// Time used before the last resume.
    pub(crate) cpu: Cell<Duration>,
    stopped: Cell<Option<StopReason>>,
    /// The script's clock, which stands still between two waits.
    now: Cell<Option<Timestamp>>,
    streamed: Cell<u64>,
    logs: RefCell<Logs>,
    /// What the script has read of its request.
    pub(crate) parsed: RefCell<Parsed>,
    /// What `tx::run` collects.
    pub(crate) tx: RefCell<Option<Transaction>>,
    /// Bytes the platform holds for it, which count against its memory limit too.
    pub(crate) held: Cell<u64>,
}

/// What scripts reach of the platform; one per worker.
pub(crate) struct Services {
    pub(crate) host: Arc<dyn Host>,
    pub(crate) clock: SharedClock,
}

#[derive(Default)]
struct Logs {
    lines: Vec<LogLine>,
    bytes: u64,
    full: bool,
}

impl Logs {
    fn add(
        &mut self,
        at: Timestamp,
        level: LogLevel,
        message: &str,
        fields: Option<String>,
        limit: u64,
    ) {
        if self.full {
            return;
        }
        let cost = LOG_LINE_COST + message.len() + fields.as_ref().map_or(0, String::len);
        if self.bytes + cost as u64 > limit {
            self.full = true;
            let message =
                format!("log output of this run exceeded {limit} bytes; the rest was dropped");
            self.lines.push(LogLine {
                at,
                level: LogLevel::Warn,
                message,
                fields: None,
            });
            return;
        }
        self.bytes += cost as u64;
        self.lines.push(LogLine {
            at,
            level,
            message: message.to_owned(),
            fields,
        });
    }
}

impl Context {
    pub(crate) fn new(
        invocation: Box<Invocation>,
        program: Arc<Program>,
        services: Rc<Services>,
        slice: Duration,
    ) -> Rc<Self> {
        let now = Instant::now();
        Rc::new(Self {
            limits: invocation.limits,
            account: Account::with_alarm(invocation.limits.memory),
            label: Label::new(
                invocation.app.slug.as_str(),
                invocation.script.name.as_str(),
            ),
            invocation,
            program,
            services,
            started: now,
            operations: Cell::new(0),
            granted: Cell::new(0),
            next_clock: Cell::new(FIRST_LOOK),
            clock_every: Cell::new(1),
            looked_at: Cell::new(Duration::ZERO),
            host_calls: Cell::new(0),
            slice,
            slice_used: Cell::new(Duration::ZERO),
            entered_at: Cell::new(now),
            begun: Cell::new(false),
            left_at: Cell::new(now),
            cpu: Cell::new(Duration::ZERO),
            stopped: Cell::new(None),
            now: Cell::new(None),
            streamed: Cell::new(0),
            logs: RefCell::default(),
            parsed: RefCell::default(),
            tx: RefCell::default(),
            held: Cell::new(0),
        })
    }

    /// When the run must have ended.
    pub(crate) fn deadline(&self) -> Instant {
        self.started + self.limits.wall
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
        used
    }

    /// Gives the run a whole slice.
    pub(crate) fn new_slice(&self) {
        self.slice_used.set(Duration::ZERO);
    }

    /// Notes why the run ends; the first reason stays.
    pub(crate) fn stop(&self, reason: StopReason) {
        if self.stopped.get().is_none() {
            self.stopped.set(Some(reason));
        }
        hurry();
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

    /// Adds a line the platform wants the owner to see.
    pub(crate) fn warn(&self, message: String) {
        let line = LogLine {
            at: now_of(self),
            level: LogLevel::Warn,
            message,
            fields: None,
        };
        self.logs.borrow_mut().lines.push(line);
    }

    /// The lines logged so far; none are left.
    pub(crate) fn take_logs(&self) -> Vec<LogLine> {
        std::mem::take(&mut self.logs.borrow_mut().lines)
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

fn current() -> Rc<Context> {
    CURRENT.with_borrow(|current| Rc::clone(current.as_ref().expect("a script is running")))
}

/// What [`rhai`] carries when a run is ended. Scripts cannot catch it and cannot make one.
#[derive(Clone, Debug)]
pub(crate) struct Stop;

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the run was ended")
    }
}

/// The uncatchable error that ends a run.
pub(crate) fn stop_error(reason: StopReason) -> Box<EvalAltResult> {
    with(|context| context.stop(reason));
    terminated()
}

pub(crate) fn terminated() -> Box<EvalAltResult> {
    EvalAltResult::ErrorTerminated(Dynamic::from(Stop), Position::NONE).into()
}

/// Why the current run was ended, if it was.
pub(crate) fn stop_reason() -> Option<StopReason> {
    with(Context::stopped)
}

/// Suspends, unless the run is over already: a script that ends must not wait again.
pub(crate) fn wait(what: Yielded) -> Result<Resumed, Box<EvalAltResult>> {
    if with(|context| context.stopped.get().is_some()) {
        return Err(terminated());
    }
    match suspend(what) {
        Resumed::Stop(reason) => Err(stop_error(reason)),
        resumed => Ok(resumed),
    }
}

/// Asks the platform. Waits if it must; counts against the limit of host calls.
///
/// What crosses is the platform's memory: make the call and free the answer inside [`unmetered`].
/// Otherwise a script would pay for bytes somebody else frees, and be paid for bytes it did not
/// allocate.
pub(crate) fn host_call(call: HostCall) -> Result<HostReply, Box<EvalAltResult>> {
    let context = current();
    if let Err(error) = count_host_call(&context) {
        unmetered(|| drop(call));
        return Err(error);
    }
    let caller = Caller {
        app: context.invocation.app.id,
        execution: context.invocation.execution,
        cause: context.invocation.cause,
    };
    let answer = match unmetered(|| context.services.host.call(caller, call)) {
        HostAnswer::Ready(answer) => answer,
        HostAnswer::Pending(future) => match wait(Yielded::Host(future))? {
            Resumed::Host(answer) => answer,
            Resumed::Go | Resumed::Stop(_) => Err(HostError::Internal),
        },
    };
    context.now.set(None);
    context.look_soon();
    answer.map_err(|error| {
        // The script frees what it catches, so it has to own it.
        let own = error.clone();
        unmetered(|| drop(error));
        host_error(own)
    })
}

fn count_host_call(context: &Context) -> Result<(), Box<EvalAltResult>> {
    let calls = context.host_calls.get() + 1;
    if calls > context.limits.host_calls {
        return Err(stop_error(StopReason::Limit(LimitKind::HostCalls)));
    }
    context.host_calls.set(calls);
    Ok(())
}

/// A failed host call, opaque to scripts: `catch` sees its text, nothing can forge it.
#[derive(Clone, Debug)]
pub(crate) struct HostFailure(pub(crate) HostError);

impl fmt::Display for HostFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A failed host call as an error of the script.
pub(crate) fn host_error(error: HostError) -> Box<EvalAltResult> {
    EvalAltResult::ErrorRuntime(Dynamic::from(HostFailure(error)), Position::NONE).into()
}

/// Sleeps. Sleeping past the wall limit ends the run at the limit.
pub(crate) fn sleep(duration: Duration) -> Result<(), Box<EvalAltResult>> {
    let context = current();
    count_host_call(&context)?;
    wait(Yielded::Sleep(duration))?;
    context.now.set(None);
    Ok(())
}

/// Starts a streamed response.
pub(crate) fn stream_begin(head: ScriptHead) -> Result<(), Box<EvalAltResult>> {
    wait(Yielded::Head(head))?;
    Ok(())
}

/// Sends a piece of a streamed response; waits while the client is slow. All pieces together
/// count against the response limit. The bytes are the platform's memory: see [`host_call`].
pub(crate) fn stream_chunk(bytes: Bytes) -> Result<(), Box<EvalAltResult>> {
    let context = current();
    let total = context.streamed.get().saturating_add(bytes.len() as u64);
    if total > context.limits.response {
        return Err(stop_error(StopReason::Limit(LimitKind::Response)));
    }
    context.streamed.set(total);
    wait(Yielded::Chunk(bytes))?;
    Ok(())
}

/// Adds a log line. Beyond the limit lines are dropped, and one line says so. Lines outlive the
/// script and have a limit of their own, so they (and `fields`) are the platform's memory.
pub(crate) fn log(level: LogLevel, message: &str, fields: Option<String>) {
    let context = current();
    unmetered(|| {
        let at = now_of(&context);
        context
            .logs
            .borrow_mut()
            .add(at, level, message, fields, context.limits.logs);
    });
}

fn now_of(context: &Context) -> Timestamp {
    context.now.get().unwrap_or_else(|| {
        let now = context.services.clock.now();
        context.now.set(Some(now));
        now
    })
}

/// The time, which stands still between two host calls so that a run can be replayed.
pub(crate) fn now() -> Timestamp {
    with(now_of)
}
