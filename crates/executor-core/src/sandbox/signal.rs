//! What goes between a script and its worker, and why a run ends.

use std::time::Duration;

use bytes::Bytes;
use shared::script_error::LimitKind;
use shared::seam::{Answered, BoxFuture};
use shared::service::HostError;

/// What a script hands to its worker when it waits.
pub(crate) enum Yielded {
    /// It used its slice.
    Preempted,
    /// It waits for the platform.
    Host(BoxFuture<Answered>),
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
    Host(Answered),
    /// End: nothing a script does can go on from here.
    Stop(StopReason),
}

/// Why a run ends before its script does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// A limit.
    Limit(LimitKind),
    /// The server had no memory for what it needed more.
    NoRoom,
    /// Nobody waits for it any more.
    Cancelled,
    /// The platform panicked.
    Defect,
}

/// The run was ended; the budget knows why. Nothing may go on: pass it up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopped;

/// Why the platform gave no answer.
#[derive(Debug)]
pub(crate) enum CallFailure {
    /// The run was ended.
    Stopped(Stopped),
    /// The call failed. Owned by the script, which frees what it catches.
    Failed(HostError),
}

impl From<Stopped> for CallFailure {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped(stopped)
    }
}

/// Status and headers of a streamed response.
#[derive(Debug)]
pub(crate) struct ScriptHead {
    /// Status.
    pub(crate) status: http::StatusCode,
    /// Headers.
    pub(crate) headers: http::HeaderMap,
}
