//! One run of a script: what goes in, what comes out.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;

use crate::allowance::Grant;
use crate::clock::Timestamp;
use crate::event::{Cause, EventInput};
use crate::id::{AppId, ContentHash, ExecutionId, RequestId};
use crate::limits::Limits;
use crate::name::{AppSlug, EnvName, FunctionName, ModuleName, ScriptName};
use crate::origin::without_session;
use crate::routing::Params;
use crate::script_error::ScriptError;
use std::pin::Pin;

/// What a script may know about the app it runs in. Shared by all its invocations.
#[derive(Clone, Debug)]
pub struct AppContext {
    /// The app: the scope of everything the script reaches.
    pub id: AppId,
    /// Its name.
    pub slug: AppSlug,
    /// Its environment variables.
    pub env: BTreeMap<EnvName, Arc<str>>,
}

/// The source of one module.
#[derive(Clone, Debug)]
pub struct ModuleSource {
    /// Hash of the source.
    pub hash: ContentHash,
    /// The source.
    pub source: Arc<str>,
}

/// The modules of one release: what `import` can see.
#[derive(Clone, Debug, Default)]
pub struct ModuleSet {
    /// Hash over all names and hashes: two sets with the same hash are the same set.
    pub hash: Option<ContentHash>,
    /// The modules by name.
    pub modules: BTreeMap<ModuleName, ModuleSource>,
}

impl ModuleSet {
    /// The set of these modules, with its hash.
    pub fn new(modules: BTreeMap<ModuleName, ModuleSource>) -> Self {
        use std::fmt::Write as _;

        let mut all = String::new();
        for (name, module) in &modules {
            writeln!(all, "{name}={}", module.hash).expect("a String takes everything");
        }
        Self {
            hash: Some(ContentHash::of(all.as_bytes())),
            modules,
        }
    }
}

/// A script as one release fixes it. Immutable.
#[derive(Clone, Debug)]
pub struct ScriptImage {
    /// The app it belongs to.
    pub app: AppId,
    /// Its name.
    pub name: ScriptName,
    /// Its version number within the app.
    pub version: i64,
    /// Hash of the source.
    pub hash: ContentHash,
    /// The source.
    pub source: Arc<str>,
    /// The modules it may import.
    pub modules: Arc<ModuleSet>,
}

/// Why a script runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TriggerKind {
    /// A request to a route.
    Http,
    /// A draft or a direct call through the API.
    Manual,
    /// A key changed.
    Kv,
    /// A message in a queue.
    Queue,
    /// A message to a topic.
    Pubsub,
    /// A schedule.
    Cron,
    /// An event whose handler failed for good.
    DeadLetter,
    /// A signed call from outside.
    Webhook,
    /// A release went live.
    Deploy,
    /// Another script of the app.
    Invoke,
}

impl TriggerKind {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::Http,
        Self::Manual,
        Self::Kv,
        Self::Queue,
        Self::Pubsub,
        Self::Cron,
        Self::DeadLetter,
        Self::Webhook,
        Self::Deploy,
        Self::Invoke,
    ];

    /// The name scripts, logs and metrics use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Manual => "manual",
            Self::Kv => "kv",
            Self::Queue => "queue",
            Self::Pubsub => "pubsub",
            Self::Cron => "cron",
            Self::DeadLetter => "dead_letter",
            Self::Webhook => "webhook",
            Self::Deploy => "deploy",
            Self::Invoke => "invoke",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A request's headers as a script may see them: without the platform's cookies, wherever the
/// request comes from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScriptHeaders(http::HeaderMap);

impl From<http::HeaderMap> for ScriptHeaders {
    fn from(mut headers: http::HeaderMap) -> Self {
        without_session(&mut headers);
        Self(headers)
    }
}

impl Deref for ScriptHeaders {
    type Target = http::HeaderMap;

    fn deref(&self) -> &http::HeaderMap {
        &self.0
    }
}

/// A request as the script sees it; nothing is parsed until the script asks.
#[derive(Clone, Debug)]
pub struct HttpInput {
    /// Method.
    pub method: http::Method,
    /// Path and query as sent.
    pub uri: http::Uri,
    /// `https` when a trusted proxy says so.
    pub scheme: &'static str,
    /// Host without port, lower case.
    pub host: Arc<str>,
    /// Headers.
    pub headers: ScriptHeaders,
    /// Path parameters of the route.
    pub params: Params,
    /// The client's address.
    pub ip: std::net::IpAddr,
    /// The whole body.
    pub body: Bytes,
}

/// One run to do.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Its id.
    pub execution: ExecutionId,
    /// The request it belongs to.
    pub request: RequestId,
    /// The app.
    pub app: Arc<AppContext>,
    /// The script.
    pub script: Arc<ScriptImage>,
    /// The function to call instead of the top level's value.
    pub handler: Option<FunctionName>,
    /// What it may use.
    pub limits: Limits,
    /// What the run that called it has left: it may use no more than that.
    pub grant: Option<Box<Grant>>,
    /// Why it runs.
    pub trigger: TriggerKind,
    /// What it follows from, for what follows from it.
    pub cause: Cause,
    /// Which attempt at its event this is, from 1; 1 for everything that has no event.
    pub attempt: u32,
    /// What it gets, boxed because most of the system only passes it on.
    pub input: Option<Input>,
}

/// What a script gets to work on.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "always in a box of its own, made once per run"
)]
pub enum Input {
    /// A request, as `req`.
    Http(HttpInput),
    /// An event, as `event`. The argument of `invoke::call` is one too: `event.args`.
    Event(EventInput),
}

/// How loud a log line is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum LogLevel {
    /// For following single steps.
    Trace = 0,
    /// For finding defects.
    Debug = 1,
    /// Worth knowing.
    Info = 2,
    /// Worth a look.
    Warn = 3,
    /// Failed.
    Error = 4,
}

impl LogLevel {
    /// All levels, quiet to loud.
    pub const ALL: [Self; 5] = [
        Self::Trace,
        Self::Debug,
        Self::Info,
        Self::Warn,
        Self::Error,
    ];

    /// The level's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// A line a script logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When.
    pub at: Timestamp,
    /// How loud.
    pub level: LogLevel,
    /// The text.
    pub message: String,
    /// A JSON object with more, if any.
    pub fields: Option<String>,
}

/// What a run used, those it called included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Usage {
    /// Elapsed time.
    pub wall: Duration,
    /// Time on the processor.
    pub cpu: Duration,
    /// Evaluation steps.
    pub operations: u64,
    /// Most bytes allocated at one time.
    pub memory_peak: u64,
    /// Host calls.
    pub host_calls: u32,
}

/// What a script answered: status, headers, body.
#[derive(Debug)]
pub struct ScriptResponse {
    /// Status.
    pub status: http::StatusCode,
    /// Headers; `content-type` is set unless the script set it.
    pub headers: http::HeaderMap,
    /// Body.
    pub body: ResponseBody,
}

/// The body of an answer.
pub enum ResponseBody {
    /// All of it.
    Full(Bytes),
    /// Pieces while the script still runs. Dropping the stream cancels the script.
    Stream(BodyStream),
}

impl std::fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Full(bytes) => write!(f, "Full({} bytes)", bytes.len()),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}

/// A streamed body: pieces, then exactly one end. Dropping it ends the script.
pub trait Pieces: Stream<Item = StreamItem> + Send {
    /// Ends the script and tells how far it came, as [`crate::seam::Execution::abandon`] does.
    fn abandon(self: Pin<Box<Self>>, told: Farewell);
}

/// The pieces of a streamed body.
pub type BodyStream = Pin<Box<dyn Pieces>>;

/// What is told of a run that nobody waits for any more: what it used, what it logged, and why it
/// ended. Called once, on any thread; it must not wait.
pub type Farewell = Box<dyn FnOnce(Completion) + Send>;

/// One piece of a streamed body, or its end.
#[derive(Debug)]
pub enum StreamItem {
    /// More bytes.
    Chunk(Bytes),
    /// The script has ended; nothing follows.
    End(Box<Completion>),
}

/// How a run ended.
#[derive(Clone, Debug, Default)]
pub struct Completion {
    /// `None` when it ended well.
    pub error: Option<ScriptError>,
    /// What it used.
    pub usage: Usage,
    /// What it logged.
    pub logs: Vec<LogLine>,
}

impl Completion {
    /// The outcome's name in lists, filters and metrics.
    pub fn outcome(&self) -> &'static str {
        self.error
            .as_ref()
            .map_or("ok", |error| error.kind.as_str())
    }
}

/// The result of an invocation.
#[derive(Debug)]
pub struct Outcome {
    /// The answer; `None` when the run failed before it had one.
    pub response: Option<ScriptResponse>,
    /// How it ended. For a streamed body this is empty and the stream's end carries it.
    pub completion: Completion,
}

impl Invocation {
    /// The request, if it has one.
    pub fn http(&self) -> Option<&HttpInput> {
        match self.input.as_ref() {
            Some(Input::Http(http)) => Some(http),
            _ => None,
        }
    }
}

impl Outcome {
    /// A run that failed before it started.
    pub fn failed(error: ScriptError) -> Self {
        Self::without_answer(Completion {
            error: Some(error),
            ..Completion::default()
        })
    }

    /// A run that has ended and has no answer, or has given it before.
    pub const fn without_answer(completion: Completion) -> Self {
        Self {
            response: None,
            completion,
        }
    }

    /// A run nobody waits for any more.
    pub fn cancelled() -> Self {
        Self::failed(ScriptError::cancelled())
    }

    /// Tells of a run whose outcome nobody waits for any more.
    pub fn abandon(self, told: Farewell) {
        match self.response.map(|response| response.body) {
            Some(ResponseBody::Stream(stream)) => stream.abandon(told),
            _ => told(self.completion),
        }
    }
}
