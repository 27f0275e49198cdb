//! The in-process executor: scripts run on the worker threads, each in a coroutine.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use shared::clock::SharedClock;
use shared::invocation::{Farewell, Invocation, Outcome, ScriptImage};
use shared::memory::Memory;
use shared::script_error::ScriptError;
use shared::seam::{
    BoxFuture, Execution, Executor, Host, Kept, LocalExecution, LocalFuture, SentExecution,
};
use tokio::sync::mpsc;

use super::drive::drive;
use super::handover::{Handover, TakenOver, send};
use super::language::{ProgramModules, language};
use super::leaks::Leaks;
use super::validator::Validator;
use super::worker::Worker;
use crate::language::compile::Compiler;
use crate::language::compile::trees::Keep;
use crate::language::program::Program;
use crate::sandbox::context::Services;
use crate::sandbox::coroutine::free_address_space;
use crate::sandbox::defect::panicked_aside;
use crate::sandbox::fault::install_fault_handler;
use crate::sandbox::meter;
use crate::sandbox::stacks::Stacks;
use crate::sandbox::stats::{ExecutorStats, WorkerLoad};
use crate::sandbox::watchdog::Heartbeat;
use crate::sdk::state;

/// Runs waiting to be taken over by one worker.
const HANDOVER_QUEUE: usize = 4_096;

/// How to set the executor up.
#[derive(Clone, Copy, Debug)]
pub struct ExecutorConfig {
    /// Worker threads that will be attached.
    pub workers: usize,
    /// Bytes of compiled scripts kept.
    pub cache_bytes: u64,
    /// How long a script may run before others get a turn.
    pub slice: Duration,
    /// Mappings the kernel lets a process have (`vm.max_map_count`): each stack takes two.
    pub mappings: usize,
}

impl ExecutorConfig {
    /// The settings for a number of workers.
    pub const fn with_workers(workers: usize) -> Self {
        Self {
            workers,
            cache_bytes: 64 << 20,
            slice: Duration::from_micros(250),
            mappings: 65_530,
        }
    }
}

thread_local! {
    static HERE: RefCell<Option<(Rc<Worker>, Arc<LocalExecutor>)>> = const { RefCell::new(None) };
}

/// The calling thread's worker and the executor it belongs to; `None` on other threads.
fn here(executor: &LocalExecutor) -> Option<(Rc<Worker>, Arc<LocalExecutor>)> {
    HERE.with_borrow(|here| {
        here.as_ref()
            .filter(|(_, own)| std::ptr::eq(Arc::as_ptr(own), executor))
            .cloned()
    })
}

struct Handle {
    load: Arc<WorkerLoad>,
    queue: mpsc::Sender<Handover>,
    receiver: Mutex<Option<mpsc::Receiver<Handover>>>,
}

/// The executor of this process.
pub struct LocalExecutor {
    handles: Vec<Handle>,
    compiler: Arc<Compiler>,
    heartbeat: Arc<Heartbeat>,
    host: Arc<dyn Host>,
    clock: SharedClock,
    memory: Arc<Memory>,
    pub(super) leaks: Arc<Leaks>,
    stacks: Arc<Stacks>,
    slice: Duration,
    cache_hits: AtomicU64,
    cache_misses: AtomicU64,
}

impl std::fmt::Debug for LocalExecutor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalExecutor")
            .field("workers", &self.handles.len())
            .finish_non_exhaustive()
    }
}

impl LocalExecutor {
    /// An executor for `config.workers` threads, each of which must call [`Self::attach`]. What its
    /// runs allocate counts against `memory`.
    pub fn new(
        config: ExecutorConfig,
        host: Arc<dyn Host>,
        clock: SharedClock,
        memory: Arc<Memory>,
    ) -> Arc<Self> {
        if !meter::installed() {
            tracing::error!(
                "the memory meter is not installed: make MeteredAlloc the program's allocator, or \
                 no memory limit holds"
            );
        }
        let handle = |_| {
            let (queue, receiver) = mpsc::channel(HANDOVER_QUEUE);
            Handle {
                load: Arc::default(),
                queue,
                receiver: Mutex::new(Some(receiver)),
            }
        };
        Arc::new(Self {
            handles: (0..config.workers.max(1)).map(handle).collect(),
            compiler: Compiler::new(language(), config.cache_bytes),
            heartbeat: Heartbeat::start(config.workers.max(1)),
            host,
            clock,
            memory,
            leaks: Arc::default(),
            stacks: Stacks::new(free_address_space(), config.mappings),
            slice: config.slice,
            cache_hits: AtomicU64::new(0),
            cache_misses: AtomicU64::new(0),
        })
    }

    /// Makes the calling thread worker `index`. Call it once per worker, inside the thread's
    /// `LocalSet` or local runtime: it starts the worker's tasks there.
    ///
    /// Panics when `index` is out of range or taken: a defect of the wiring.
    pub fn attach(self: &Arc<Self>, index: usize) {
        let handle = &self.handles[index];
        let mut queue = handle
            .receiver
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
            .expect("every worker is attached once");
        if let Err(error) = install_fault_handler() {
            tracing::warn!(%error, "no fault handler: a crash will not name its script");
        }
        let worker = Worker::new(
            index,
            language().runtime_engine(ProgramModules, state::note),
            Arc::clone(&handle.load),
            Arc::clone(&self.heartbeat),
            Services {
                host: Arc::clone(&self.host),
                clock: Arc::clone(&self.clock),
                memory: Arc::clone(&self.memory),
            },
            (Arc::clone(&self.leaks), Arc::clone(&self.stacks)),
            self.slice,
        );
        tokio::task::spawn_local(Rc::clone(&worker.scheduler).grant());
        tokio::task::spawn_local(Rc::clone(&worker).give_back());
        HERE.set(Some((Rc::clone(&worker), Arc::clone(self))));
        let executor = Arc::clone(self);
        tokio::task::spawn_local(async move {
            while let Some(handover) = queue.recv().await {
                let (worker, executor) = (Rc::clone(&worker), Arc::clone(&executor));
                let start = move |invocation| executor.run(&worker, invocation);
                tokio::task::spawn_local(TakenOver::new(handover, start));
            }
        });
    }

    /// What checks sources before they are deployed. What it compiles need not be compiled again
    /// while it is kept.
    pub fn validator(&self) -> Validator {
        Validator::new(Arc::clone(self.compiler.trees()))
    }

    /// What happens now, and totals since the start.
    pub fn stats(&self) -> ExecutorStats {
        let mut stats = ExecutorStats {
            cache_hits: self.cache_hits.load(Ordering::Relaxed),
            cache_misses: self.cache_misses.load(Ordering::Relaxed),
            sources_compiled: self.compiler.trees().parsed(),
            panicked: panicked_aside(),
            ..ExecutorStats::default()
        };
        for (index, handle) in self.handles.iter().enumerate() {
            stats.add(&handle.load, self.heartbeat.is_running(index));
        }
        stats
    }

    /// Scripts started and not ended, on all workers.
    pub fn active(&self) -> usize {
        self.handles.iter().map(|handle| handle.load.active()).sum()
    }

    /// A worker that could start a script at once, other than `not`.
    fn idle_worker(&self, not: usize) -> Option<&Handle> {
        let mut all = self.handles.iter().enumerate();
        let idle = |(index, handle): &(usize, &Handle)| {
            *index != not
                && handle.load.waiting() == 0
                && handle.queue.capacity() == HANDOVER_QUEUE
                && !self.heartbeat.is_running(*index)
        };
        all.find(idle).map(|(_, handle)| handle)
    }

    fn least_loaded(&self) -> &Handle {
        let load = |handle: &&Handle| {
            let queued = HANDOVER_QUEUE - handle.queue.capacity();
            (handle.load.waiting() + queued, handle.load.active())
        };
        self.handles
            .iter()
            .min_by_key(load)
            .expect("there is at least one worker")
    }

    fn cached(&self, script: &ScriptImage) -> Option<Arc<Program>> {
        let program = self.compiler.cached(script)?;
        self.cache_hits.fetch_add(1, Ordering::Relaxed);
        Some(program)
    }

    async fn program(&self, script: &Arc<ScriptImage>) -> Result<Arc<Program>, ScriptError> {
        if let Some(program) = self.cached(script) {
            return Ok(program);
        }
        self.cache_misses.fetch_add(1, Ordering::Relaxed);
        self.compiler.get(Arc::clone(script)).await
    }

    /// Starts a script here, or on a worker that can start it at once.
    fn start(
        &self,
        worker: &Rc<Worker>,
        invocation: Box<Invocation>,
        program: Arc<Program>,
    ) -> LocalExecution {
        // Decided when it can start, not when it was asked for: a crowd arrives at once, and
        // waits for the same compilation.
        if worker.scheduler.busy()
            && let Some(idle) = self.idle_worker(worker.index)
        {
            return send(&idle.queue, invocation);
        }
        drive(worker, invocation, program)
    }

    /// Runs on this worker.
    fn run(self: Arc<Self>, worker: &Rc<Worker>, invocation: Box<Invocation>) -> LocalExecution {
        if let Some(program) = self.cached(&invocation.script) {
            return drive(worker, invocation, program);
        }
        let worker = Rc::clone(worker);
        self.compile(invocation, move |_, invocation, program| {
            drive(&worker, invocation, program)
        })
    }

    /// Compiles a script, then starts it with `start`.
    fn compile(
        self: Arc<Self>,
        invocation: Box<Invocation>,
        start: impl FnOnce(&Self, Box<Invocation>, Arc<Program>) -> LocalExecution + 'static,
    ) -> LocalExecution {
        let start = async move {
            match self.program(&invocation.script).await {
                Ok(program) => Ok(start(&self, invocation, program)),
                Err(error) => Err(error),
            }
        };
        Box::pin(Compiling::Waits(Box::pin(start)))
    }
}

/// A run whose script is compiled first.
enum Compiling {
    Waits(LocalFuture<Result<LocalExecution, ScriptError>>),
    Runs(LocalExecution),
}

impl Future for Compiling {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        if let Self::Waits(started) = &mut *self {
            match ready!(started.as_mut().poll(cx)) {
                Ok(run) => self.set(Self::Runs(run)),
                Err(error) => return Poll::Ready(Outcome::failed(error)),
            }
        }
        match &mut *self {
            Self::Runs(run) => run.as_mut().poll(cx),
            Self::Waits(_) => Poll::Pending,
        }
    }
}

impl Execution for Compiling {
    fn abandon(self: Pin<Box<Self>>, told: Farewell) {
        match *Pin::into_inner(self) {
            Self::Runs(run) => run.abandon(told),
            Self::Waits(_) => told(Outcome::cancelled().completion),
        }
    }
}

impl Executor for LocalExecutor {
    fn execute(&self, invocation: Box<Invocation>) -> LocalExecution {
        let Some((worker, executor)) = here(self) else {
            return self.submit(invocation);
        };
        if let Some(program) = self.cached(&invocation.script) {
            return self.start(&worker, invocation, program);
        }
        executor.compile(invocation, move |executor, invocation, program| {
            executor.start(&worker, invocation, program)
        })
    }

    fn submit(&self, invocation: Box<Invocation>) -> SentExecution {
        send(&self.least_loaded().queue, invocation)
    }

    fn warm(&self, script: Arc<ScriptImage>) -> BoxFuture<Result<Kept, ScriptError>> {
        let compiler = Arc::clone(&self.compiler);
        Box::pin(async move {
            let mut keep = Keep::default();
            if compiler.cached(&script).is_none() {
                compiler.keep(script, &mut keep).await?;
            }
            Ok(Kept::new(keep))
        })
    }
}
