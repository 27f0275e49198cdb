//! Errors as scripts meet them.

use std::fmt;

use rhai::{Dynamic, EvalAltResult, Position};
use shared::service::HostError;

use crate::sandbox::signal::{CallFailure, Stopped};

pub(crate) type Result<T> = std::result::Result<T, Box<EvalAltResult>>;

/// An error a script can catch.
pub(crate) fn wrong(message: impl Into<String>) -> Box<EvalAltResult> {
    EvalAltResult::ErrorRuntime(Dynamic::from(message.into()), Position::NONE).into()
}

/// The end of a run. Scripts cannot catch it and cannot make one.
impl From<Stopped> for Box<EvalAltResult> {
    fn from(_stopped: Stopped) -> Self {
        EvalAltResult::ErrorTerminated(Dynamic::UNIT, Position::NONE).into()
    }
}

impl From<CallFailure> for Box<EvalAltResult> {
    fn from(failure: CallFailure) -> Self {
        match failure {
            CallFailure::Stopped(stopped) => stopped.into(),
            CallFailure::Failed(error) => host_error(error),
        }
    }
}

/// A failed host call, opaque to scripts: `catch` sees its text, nothing can forge it.
#[derive(Clone, Debug)]
pub(crate) struct HostFailure(HostError);

impl fmt::Display for HostFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A failed host call as an error of the script.
pub(crate) fn host_error(error: HostError) -> Box<EvalAltResult> {
    EvalAltResult::ErrorRuntime(Dynamic::from(HostFailure(error)), Position::NONE).into()
}
