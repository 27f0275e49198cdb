//! How a run was made to end, on its way out of the functions it was in.
//!
//! The language forgets where that was: at the end of each function such an error gets the place of
//! the call in its stead. So the functions of a program are run in blocks of our own (`places.rs`),
//! which note the place first. The error stays one that no script can catch.

use rhai::EvalAltResult;
use shared::script_error::{Frame, ScriptErrorKind};

/// Frames kept of a deep stack.
pub(super) const FRAMES: usize = 32;

/// What ended a run, and the frames it has left.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    pub(super) kind: ScriptErrorKind,
    pub(super) message: String,
    /// Innermost first, at most [`FRAMES`].
    pub(super) frames: Vec<Frame>,
}

/// Whether an error is the end of its run, in whatever it is wrapped.
pub(super) fn ends(error: &EvalAltResult) -> bool {
    error.unwrap_inner().is_system_exception()
}

/// Whether it has a place: of its own, of what it is wrapped in, or of a frame it left.
pub(crate) fn has_place(error: &EvalAltResult) -> bool {
    let inner = error.unwrap_inner();
    let placed = |error: &EvalAltResult| !error.position().is_none();
    placed(error) || placed(inner) || noted_in(inner).is_some_and(|it| !it.frames.is_empty())
}

/// `exit` as the language knows it, without the functions of the platform's that it left: they would
/// make an error of it that a script can catch. Other errors stay as they are.
pub(crate) fn with_bare_exit(error: Box<EvalAltResult>) -> Box<EvalAltResult> {
    if !exits(&error) {
        return error;
    }
    let mut bare = error;
    loop {
        bare = match *bare {
            EvalAltResult::ErrorInFunctionCall(_, _, inner, _)
            | EvalAltResult::ErrorInModule(_, inner, _) => inner,
            exit => return exit.into(),
        };
    }
}

/// Whether an error is `exit`, in whatever it is wrapped.
pub(crate) fn exits(error: &EvalAltResult) -> bool {
    matches!(error.unwrap_inner(), EvalAltResult::Exit(..))
}

/// What was noted in an error.
pub(super) fn noted_in(error: &EvalAltResult) -> Option<Ended> {
    let EvalAltResult::ErrorTerminated(token, _) = error else {
        return None;
    };
    token.read_lock::<Ended>().map(|ended| ended.clone())
}
