//! `catch` that knows where: what a script catches has a place.
//!
//! The language hands what was thrown to `catch` without its place, and its own errors as a map
//! that names things of its implementation. So a program is run with blocks of our own around what
//! is tried and around the bodies of functions (`places.rs`). The first turn errors into [`Caught`]
//! on their way; both note where a run was made to end (`ended.rs`).

use rhai::{Dynamic, Engine, EvalAltResult, EvalContext, Expression, Position};

use super::caught::Caught;
use super::ended::{Ended, FRAMES, ends, exits, noted_in, with_bare_exit};
use super::places::{BODY, KEYWORD};
use super::program::{Program, Running};
use super::report::{describe, frames_of, message_of};
use crate::sandbox::panics;

/// Lets an engine parse and run what [`super::places::with_places`] made.
pub(super) fn add_to(engine: &mut Engine, running: Running) {
    for (word, catches) in [(KEYWORD, true), (BODY, false)] {
        engine.register_custom_syntax_with_state_raw(
            word,
            |parsed, _next, _state| Ok((parsed.len() == 1).then(|| "$block$".into())),
            false,
            move |context, inputs, _state| block(context, inputs, catches, running),
        );
    }
}

fn block(
    context: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    inputs: &[Expression<'_>],
    catches: bool,
    running: Running,
) -> Result<Dynamic, Box<EvalAltResult>> {
    let Some(block) = inputs.first() else {
        return Ok(Dynamic::UNIT);
    };
    let at = block.position();
    let value = panics::caught(|| context.eval_expression_tree(block));
    value
        .unwrap_or_else(|stopped| Err(stopped.into()))
        .map_err(|error| {
            if exits(&error) {
                return with_bare_exit(error);
            }
            if error.is_pseudo_error() || !(catches || ends(&error)) {
                return error;
            }
            // A closure that the platform calls has no source, but its functions are the last ones.
            let last = || context.namespaces().last()?.id();
            let said = context.source().or_else(last).unwrap_or_default();
            let mut told = None;
            running(&mut |program| {
                let script = program.script_with_block(at, said);
                told = if ends(&error) {
                    Some(noted(&error, script, program))
                } else {
                    caught(&error, script, program)
                };
            });
            told.unwrap_or(error)
        })
}

/// The error as `catch` gives it; none for what a script threw, which is itself.
fn caught(error: &EvalAltResult, script: &str, program: &Program) -> Option<Box<EvalAltResult>> {
    let mut frames = Vec::new();
    let found = match frames_of(error, script, program, &mut frames) {
        EvalAltResult::ErrorRuntime(value, _) => {
            let caught = value.read_lock::<Caught>();
            caught.map(|caught| caught.clone())
        }
        other => Some(Caught::of_language(message_of(other))),
    };
    let mut caught = found?;
    if let Some(innermost) = frames.pop() {
        caught.happened_at(innermost);
    }
    let position = error.position();
    Some(EvalAltResult::ErrorRuntime(Dynamic::from(caught), position).into())
}

/// The end of a run, with its frames in this block of this script.
fn noted(error: &EvalAltResult, script: &str, program: &Program) -> Box<EvalAltResult> {
    let mut here = Vec::new();
    let inner = frames_of(error, script, program, &mut here);
    let mut ended = noted_in(inner).unwrap_or_else(|| {
        let (kind, message, _public) = describe(inner);
        Ended {
            kind,
            message,
            frames: Vec::new(),
        }
    });
    let room = FRAMES.saturating_sub(ended.frames.len());
    ended.frames.extend(here.into_iter().rev().take(room));
    EvalAltResult::ErrorTerminated(Dynamic::from(ended), Position::NONE).into()
}
