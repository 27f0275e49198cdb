//! `catch` that knows where: what a script catches has a place.
//!
//! The language hands what was thrown to `catch` without its place, and its own errors as a map
//! that names things of its implementation. So a program is run with blocks of our own around what
//! is tried (`places.rs`), which turn errors into [`Caught`] on their way.

use rhai::{Dynamic, Engine, EvalAltResult, EvalContext, Expression};

use super::caught::Caught;
use super::places::KEYWORD;
use super::report::{frames_of, message_of};

/// Where in the program a position of the language is: the column as it was written, in this line
/// of this script.
pub(crate) type Column = fn(script: &str, line: u32, column: u32) -> u32;

/// Lets an engine parse and run what [`super::places::with_places`] made.
pub(super) fn add_to(engine: &mut Engine, column: Column) {
    engine.register_custom_syntax_with_state_raw(
        KEYWORD,
        |parsed, _next, _state| Ok((parsed.len() == 1).then(|| "$block$".into())),
        false,
        move |context, inputs, _state| tried(context, inputs, column),
    );
}

fn tried(
    context: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    inputs: &[Expression<'_>],
    column: Column,
) -> Result<Dynamic, Box<EvalAltResult>> {
    let Some(block) = inputs.first() else {
        return Ok(Dynamic::UNIT);
    };
    context.eval_expression_tree(block).map_err(|error| {
        if error.is_pseudo_error() || !error.is_catchable() {
            return error;
        }
        caught(error, context.source().unwrap_or_default(), column)
    })
}

/// The error as `catch` gives it. What a script threw is itself.
fn caught(error: Box<EvalAltResult>, script: &str, column: Column) -> Box<EvalAltResult> {
    let mut frames = Vec::new();
    let found = match frames_of(&error, ("", script), column, &mut frames) {
        EvalAltResult::ErrorRuntime(value, _) => {
            let caught = value.read_lock::<Caught>();
            caught.map(|caught| caught.clone())
        }
        other => Some(Caught::of_language(message_of(other))),
    };
    let Some(mut caught) = found else {
        return error;
    };
    if let Some(innermost) = frames.pop() {
        caught.happened_at(innermost);
    }
    let position = error.position();
    EvalAltResult::ErrorRuntime(Dynamic::from(caught), position).into()
}
