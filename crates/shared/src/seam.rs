//! Where the three services meet. A trait is here only where a process boundary or an outside
//! system really sits.

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::event::Cause;
use crate::id::{AppId, ExecutionId, RequestId};
use crate::invocation::{Farewell, HttpInput, Invocation, LogLine, Outcome, ScriptImage};
use crate::memory::{Held, Order};
use crate::name::{FunctionName, ScriptName};
use crate::script_error::{Diagnostic, ScriptError};
use crate::service::{HostCall, HostError, HostReply};

/// A boxed future that may move between threads.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
/// A boxed future that stays on its worker thread.
pub type LocalFuture<T> = Pin<Box<dyn Future<Output = T>>>;

/// Runs scripts: in this process, or in a sandboxed one over a socket.
pub trait Executor: Send + Sync + 'static {
    /// Runs on the calling worker thread (or hands over before the start when that thread is busy
    /// and another is idle).
    ///
    /// Must be called on a thread the executor was attached to.
    fn execute(&self, invocation: Box<Invocation>) -> LocalExecution;

    /// Runs on the least loaded worker; callable from any thread.
    fn submit(&self, invocation: Box<Invocation>) -> SentExecution;

    /// Compiles a script and its modules so that the first call finds them ready. What is kept need
    /// not be compiled again for other scripts that use it.
    fn warm(&self, script: Arc<ScriptImage>) -> BoxFuture<Result<Kept, ScriptError>>;
}

/// A run under way. Dropping it ends the script.
pub trait Execution: Future<Output = Outcome> {
    /// Ends the script and tells how far it came: before this returns, or once the thread it runs
    /// on has ended it.
    fn abandon(self: Pin<Box<Self>>, told: Farewell);
}

/// A run that stays on its worker thread.
pub type LocalExecution = Pin<Box<dyn Execution>>;
/// A run that is waited for on another thread.
pub type SentExecution = Pin<Box<dyn Execution + Send>>;

/// A run that has nothing to tell when it is abandoned: it has used and logged nothing.
#[derive(Debug)]
pub struct Silent<T>(pub T);

impl<T: Future<Output = Outcome> + Unpin> Future for Silent<T> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T: Future<Output = Outcome> + Unpin> Execution for Silent<T> {
    fn abandon(self: Pin<Box<Self>>, told: Farewell) {
        drop(self);
        told(Outcome::cancelled().completion);
    }
}

/// The sources of one release, to be checked as a whole.
#[derive(Clone, Debug, Default)]
pub struct ScriptGraph {
    /// The app it is for; `None`: one that does not exist yet.
    pub app: Option<AppId>,
    /// Endpoint scripts by name: source, and the handler functions its routes name.
    pub scripts: Vec<GraphScript>,
    /// Modules by name.
    pub modules: Vec<(String, Arc<str>)>,
}

/// One endpoint script of a graph.
#[derive(Clone, Debug)]
pub struct GraphScript {
    /// The script's name.
    pub name: String,
    /// Its source.
    pub source: Arc<str>,
    /// Functions that must exist with one parameter.
    pub handlers: Vec<String>,
}

/// What an executor has compiled and somebody needs again soon. Only the executor looks into it.
#[derive(Clone, Default)]
pub struct Kept(Option<Arc<dyn Any + Send + Sync>>);

impl Kept {
    /// Keeps this as long as it lives.
    pub fn new(what: impl Any + Send + Sync) -> Self {
        Self(Some(Arc::new(what)))
    }
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() {
            "Kept(…)"
        } else {
            "Kept"
        })
    }
}

/// What a check has found.
#[derive(Clone, Debug)]
pub struct Checked {
    /// All findings; a graph without errors can be deployed.
    pub findings: Vec<Diagnostic>,
    /// What was compiled, until it is served.
    pub kept: Kept,
}

impl Checked {
    /// Findings, and nothing that is kept.
    pub fn of(findings: Vec<Diagnostic>) -> Self {
        Self {
            findings,
            kept: Kept::default(),
        }
    }
}

/// Checks sources without running them; the control plane knows nothing of the language.
pub trait ScriptValidator: Send + Sync + 'static {
    /// Checks a graph as a whole. Bounded in time and memory.
    fn validate(&self, graph: ScriptGraph) -> BoxFuture<Checked>;
}

/// Who makes a host call. Made by the executor's side of the seam from the invocation, never by
/// the script.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// The app whose data it may reach.
    pub app: AppId,
    /// The run.
    pub execution: ExecutionId,
    /// Where the run comes from.
    pub cause: Cause,
    /// Bytes the run may still allocate. An answer that needs more is not read to its end.
    pub memory: u64,
    /// Processor time the run has left. What is done for it ends when it is used up.
    pub cpu: Duration,
    /// How soon memory for an answer is refused it.
    pub order: Order,
}

/// An answer that was waited for.
#[derive(Debug)]
pub struct Answered {
    /// The answer.
    pub answer: Result<HostReply, HostError>,
    /// Time others worked for it meanwhile. It counts to the caller's processor limit.
    pub spent: Duration,
    /// The instance's memory that the answer takes until it is gone.
    pub held: Option<Held>,
}

impl From<Result<HostReply, HostError>> for Answered {
    /// An answer for which nobody else worked, or whose work is counted elsewhere.
    fn from(answer: Result<HostReply, HostError>) -> Self {
        Self {
            answer,
            spent: Duration::ZERO,
            held: None,
        }
    }
}

/// An answer that is there, or one to wait for.
pub enum HostAnswer {
    /// Answered on the spot, on the calling thread.
    Ready(Result<HostReply, HostError>),
    /// To be awaited; the executor suspends the script meanwhile.
    Pending(BoxFuture<Answered>),
}

/// Answers the calls scripts make.
pub trait Host: Send + Sync + 'static {
    /// Answers a call. A write has reached the disk when its answer is there.
    fn call(&self, caller: Caller, call: HostCall) -> HostAnswer;

    /// Is told what a run has logged when it begins to wait, for whoever watches it: `lines` follow
    /// its first `before`. Each comes once, and all come again with the run's end. Never blocks.
    fn logged(&self, invocation: &Invocation, before: usize, lines: &[LogLine]);
}

/// An app whose deployment number was raised: what is served for it, or what its scripts see, has
/// changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raised {
    /// The app.
    pub app: AppId,
    /// Its number after the change. Numbers only grow.
    pub number: i64,
}

/// Serves what is deployed. It follows by itself; here it is waited for.
pub trait Catalog: Send + Sync + 'static {
    /// Waits until a committed change is served. When the future resolves, every new request is
    /// answered by the new state; requests under way finish with the old.
    fn caught_up(&self, with: Raised) -> BoxFuture<Result<(), crate::error::Error>>;
}

/// A run that somebody asks for through the control plane.
#[derive(Debug)]
pub struct DirectRun {
    /// The app.
    pub app: AppId,
    /// The script: what is served under this name.
    pub script: ScriptName,
    /// The source to run in its place, with the modules that are served.
    pub draft: Option<Arc<str>>,
    /// The function to call.
    pub handler: Option<FunctionName>,
    /// The request that asks for it.
    pub request: RequestId,
    /// What the script gets.
    pub http: HttpInput,
}

/// A direct run that has an outcome.
#[derive(Debug)]
pub struct DirectOutcome {
    /// Its id.
    pub execution: ExecutionId,
    /// Its outcome. A streamed body goes on while the script runs.
    pub outcome: Outcome,
}

/// Starts runs for the control plane, and keeps their records.
pub trait Runner: Send + Sync + 'static {
    /// Runs what is served, or a draft, and waits for its outcome. Fails when there is no such
    /// script or no place for one more run. Dropping the future, or a streamed body, ends the
    /// script.
    fn run(&self, run: DirectRun) -> BoxFuture<Result<DirectOutcome, crate::error::Error>>;
}
