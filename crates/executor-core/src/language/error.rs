//! Errors as scripts meet them.

use rhai::{Dynamic, EvalAltResult, Position};
use shared::service::HostError;

use super::caught::Caught;
use crate::sandbox::signal::{CallFailure, Stopped};

pub(crate) type Result<T> = std::result::Result<T, Box<EvalAltResult>>;

/// A function was used in a wrong way: an error a script can catch.
pub(crate) fn wrong(message: impl Into<String>) -> Box<EvalAltResult> {
    catchable(Caught::misuse(message.into()))
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

/// A failed host call as an error of the script.
pub(crate) fn host_error(error: HostError) -> Box<EvalAltResult> {
    catchable(Caught::of_host(error))
}

fn catchable(caught: Caught) -> Box<EvalAltResult> {
    EvalAltResult::ErrorRuntime(Dynamic::from(caught), Position::NONE).into()
}
