//! From Rhai's errors to ours: kind, message, frames innermost first, excerpt.

use rhai::{Dynamic, EvalAltResult, ImmutableString, Map};
use shared::script_error::{Frame, LimitKind, PublicError, ScriptError, ScriptErrorKind};

use super::caught::Caught;
use super::ended::{FRAMES, noted_in};
use super::excerpt::excerpt;
use super::functions::script_name;
use super::hints;
use super::kinds::{in_script_terms, kind_of};
use super::program::Program;
use super::wish::wish_of;
use crate::sandbox::context::stop_reason;
use crate::sandbox::signal::StopReason;

/// Characters kept of a message.
const MESSAGE: usize = 2_000;

/// What a failed evaluation tells the script's author.
pub(crate) fn script_error(error: &EvalAltResult, main: &str, program: &Program) -> ScriptError {
    let mut frames = Vec::new();
    let inner = frames_of(error, main, program, &mut frames);
    frames.reverse();
    if let Some(ended) = noted_in(inner) {
        frames.splice(0..0, ended.frames);
    }
    if let Some(origin) = origin_of(inner, &frames) {
        frames.insert(0, origin);
    }
    if frames.is_empty() {
        frames.push(program.place(main, 0, 0).frame);
    }
    frames.truncate(FRAMES);
    let (kind, message, public) = describe(inner);
    let mut result = ScriptError::new(kind, message.chars().take(MESSAGE).collect::<String>());
    result.public = public.map(Box::new);
    match wish_of(inner) {
        Ok(wish) => result.retry = wish,
        Err(why) => result
            .message
            .push_str(&format!(" (how it goes on: {why})")),
    }
    if let Some(first) = frames.first()
        && let Some(source) = program.sources.get(&first.script)
    {
        result.excerpt = excerpt(source, first.line, first.column);
    }
    result.frames = frames;
    result
}

/// Where an error that was caught and thrown again happened first.
fn origin_of(error: &EvalAltResult, frames: &[Frame]) -> Option<Frame> {
    let EvalAltResult::ErrorRuntime(value, _) = error else {
        return None;
    };
    let origin = value.read_lock::<Caught>()?.origin()?.clone();
    (frames.first() != Some(&origin)).then_some(origin)
}

/// Collects frames outermost first, the first of them in this script; returns the innermost error.
/// What has no place is left out.
pub(super) fn frames_of<'e>(
    error: &'e EvalAltResult,
    main: &'e str,
    program: &'e Program,
    frames: &mut Vec<Frame>,
) -> &'e EvalAltResult {
    let mut function = None;
    let mut script = main;
    let mut error = error;
    loop {
        let position = error.position();
        let mut calls = None;
        if let (Some(line), Some(column)) = (position.line(), position.position()) {
            let mut at = program.place(script, line as u32, column as u32);
            if let Some(name) = function {
                script_name(name).clone_into(&mut at.frame.function);
            }
            frames.push(at.frame);
            calls = at.calls;
        }
        match error {
            EvalAltResult::ErrorInFunctionCall(name, source, inner, _) => {
                function = Some(name);
                let said = if source.is_empty() { script } else { source };
                script = program.script_with(name, said);
                error = inner;
            }
            EvalAltResult::ErrorInModule(name, inner, _) => {
                script = name;
                error = inner;
            }
            _ => {
                if error.is_system_exception()
                    && let Some((line, column)) = calls
                {
                    frames.push(program.place(script, line, column).frame);
                }
                return error;
            }
        }
    }
}

/// What kind of error it is, what it says, and what of it is the client's.
pub(super) fn describe(error: &EvalAltResult) -> (ScriptErrorKind, String, Option<PublicError>) {
    if let Some(ended) = noted_in(error) {
        return (ended.kind, ended.message, None);
    }
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
        other => (ScriptErrorKind::Runtime, message_of(other), None),
    }
}

/// What an error of the language says, without its place and in the terms of scripts, and what to do
/// about it.
pub(super) fn message_of(error: &EvalAltResult) -> String {
    let text = text_of(error);
    match hints::for_error(error) {
        Some(hint) => format!("{text}; {hint}"),
        None => text,
    }
}

fn text_of(error: &EvalAltResult) -> String {
    let text = match error {
        EvalAltResult::ErrorFunctionNotFound(signature, _) => {
            format!(
                "Function not found: {}",
                in_script_terms(&hints::named(signature))
            )
        }
        EvalAltResult::ErrorDotExpr(text, _) => about_property(text),
        EvalAltResult::ErrorMismatchDataType(..)
        | EvalAltResult::ErrorMismatchOutputType(..)
        | EvalAltResult::ErrorIndexingType(..) => in_script_terms(&error.to_string()),
        other => other.to_string(),
    };
    // The place is in the frames; the text would repeat it.
    text.replace(&format!(" ({})", error.position()), "")
}

fn about_property(text: &str) -> String {
    if let Some((name, kind)) = hints::unknown_property(text) {
        return format!("Unknown property '{name}' of {}", in_script_terms(kind));
    }
    if let Some((name, kind, new)) = hints::fixed_property(text) {
        let (kind, new) = (in_script_terms(kind), in_script_terms(new));
        return format!("{kind} has no property '{name}' that can be set to {new}");
    }
    in_script_terms(text)
}

fn thrown(value: &Dynamic) -> (ScriptErrorKind, String, Option<PublicError>) {
    if let Some(caught) = value.read_lock::<Caught>() {
        return (caught.record(), caught.message().to_string(), None);
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
    if let Some(caught) = value.read_lock::<Caught>() {
        return caught.message().chars().take(MESSAGE).collect();
    }
    if value.is_int() || value.is_float() || value.is_bool() || value.is_char() {
        return value.to_string();
    }
    format!("the script threw a value of the kind {}", kind_of(value))
}
