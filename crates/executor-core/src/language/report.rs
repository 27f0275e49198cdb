//! From Rhai's errors to ours: kind, message, frames innermost first, excerpt.

use rhai::{Dynamic, EvalAltResult, ImmutableString, Map};
use shared::script_error::{Frame, LimitKind, PublicError, ScriptError, ScriptErrorKind};

use super::error::HostFailure;
use super::excerpt::excerpt;
use super::program::Program;
use crate::sandbox::context::stop_reason;
use crate::sandbox::signal::StopReason;

/// Frames kept of a deep stack.
const FRAMES: usize = 32;
/// Characters kept of a message.
const MESSAGE: usize = 2_000;

/// What a failed evaluation tells the script's author.
pub(crate) fn script_error(error: &EvalAltResult, main: &str, program: &Program) -> ScriptError {
    let mut frames = Vec::new();
    let inner = frames_of(error, main, &mut frames);
    frames.reverse();
    frames.truncate(FRAMES);
    let (kind, message, public) = describe(inner);
    let mut result = ScriptError::new(kind, message.chars().take(MESSAGE).collect::<String>());
    result.public = public;
    if let Some(first) = frames.first()
        && let Some(source) = program.sources.get(&first.script)
    {
        result.excerpt = excerpt(source, first.line, first.column);
    }
    result.frames = frames;
    result
}

/// Collects frames outermost first; returns the innermost error.
fn frames_of<'e>(
    error: &'e EvalAltResult,
    main: &str,
    frames: &mut Vec<Frame>,
) -> &'e EvalAltResult {
    let mut function = "main".to_owned();
    let mut script = main.to_owned();
    let mut error = error;
    loop {
        let position = error.position();
        let frame = Frame {
            function: function.clone(),
            script: script.clone(),
            line: position.line().unwrap_or(0) as u32,
            column: position.position().unwrap_or(0) as u32,
        };
        frames.push(frame);
        match error {
            EvalAltResult::ErrorInFunctionCall(name, source, inner, _) => {
                name.clone_into(&mut function);
                if !source.is_empty() {
                    source.clone_into(&mut script);
                }
                error = inner;
            }
            EvalAltResult::ErrorInModule(name, inner, _) => {
                name.clone_into(&mut script);
                error = inner;
            }
            _ => return error,
        }
    }
}

fn describe(error: &EvalAltResult) -> (ScriptErrorKind, String, Option<PublicError>) {
    match error {
        EvalAltResult::ErrorTerminated(..) => match stop_reason() {
            Some(StopReason::Limit(limit)) => (
                ScriptErrorKind::Limit(limit),
                limit.as_str().to_owned(),
                None,
            ),
            _ => (
                ScriptErrorKind::Cancelled,
                "the run was ended".to_owned(),
                None,
            ),
        },
        EvalAltResult::ErrorStackOverflow(_) => (
            ScriptErrorKind::Limit(LimitKind::CallDepth),
            "functions call each other deeper than 48 levels (call_depth)".to_owned(),
            None,
        ),
        EvalAltResult::ErrorRuntime(value, _) => thrown(value),
        other => {
            // The place is in the frames; the text would repeat it.
            let text = other.to_string();
            let place = format!(" ({})", other.position());
            (ScriptErrorKind::Runtime, text.replace(&place, ""), None)
        }
    }
}

fn thrown(value: &Dynamic) -> (ScriptErrorKind, String, Option<PublicError>) {
    if let Some(failure) = value.read_lock::<HostFailure>() {
        return (ScriptErrorKind::Host, failure.to_string(), None);
    }
    if let Some(map) = value.read_lock::<Map>() {
        let message = map
            .get("message")
            .map_or_else(|| "the script threw a map".to_owned(), plain);
        let status = map.get("status").and_then(|status| status.as_int().ok());
        let status = status
            .and_then(|s| u16::try_from(s).ok())
            .filter(|s| (400..600).contains(s));
        let public = status.map(|status| PublicError {
            status,
            message: message.clone(),
        });
        return (ScriptErrorKind::Thrown, message, public);
    }
    (ScriptErrorKind::Thrown, plain(value), None)
}

/// The text of a plain value, the kind of anything else: containers may be nested without end.
fn plain(value: &Dynamic) -> String {
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return text.chars().take(MESSAGE).collect();
    }
    if value.is_int() || value.is_float() || value.is_bool() || value.is_char() {
        return value.to_string();
    }
    format!("the script threw {}", value.type_name())
}
