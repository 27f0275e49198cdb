//! What comes out.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures_core::Stream;

use super::log::LogLine;
use crate::script_error::ScriptError;

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
    /// So many of the lines the host was told while the run went on.
    pub told: usize,
}

impl Completion {
    /// All outcomes: that it ended well, and the kinds of errors.
    pub const OUTCOMES: [&str; 10] = [
        "ok",
        "compile",
        "runtime",
        "thrown",
        "limit",
        "host",
        "cancelled",
        "overloaded",
        "suspended",
        "internal",
    ];

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script_error::{LimitKind, ScriptErrorKind as Kind};

    #[test]
    fn every_kind_of_error_is_an_outcome() {
        let kinds = [
            Kind::Compile,
            Kind::Runtime,
            Kind::Thrown,
            Kind::Limit(LimitKind::Wall),
            Kind::Host,
            Kind::Cancelled,
            Kind::Overloaded,
            Kind::Suspended,
            Kind::Internal,
        ];
        let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(Completion::OUTCOMES[1..], names);
        assert_eq!(Completion::OUTCOMES[0], Completion::default().outcome());
    }
}
