//! What is seen of a source while it is read: the time that takes, and what is probably not meant.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rhai::{Engine, LexError, Position, Token};
use shared::limits::fixed;
use shared::script_error::{Diagnostic, Severity};

use super::super::clashes::Clashes;
use super::findings::place;
use crate::language::methods::Clash;
use crate::language::places::Shifts;

/// Warnings kept of one source.
const WARNINGS: usize = 20;

/// What is probably not meant.
#[derive(Clone, Copy)]
pub(super) enum Doubt {
    Template,
    Length,
}

/// What is found of it.
pub(super) type Doubts = Arc<Mutex<Vec<(Doubt, Position)>>>;

/// The warning about it.
pub(super) fn warning(script: &str, doubt: Doubt, position: Position) -> Diagnostic {
    let (line, column) = place(position);
    let (message, hint) = match doubt {
        Doubt::Template => (
            "this text has ${…} in it, but double quotes do not fill it in",
            "write the text in backticks: `Hello ${name}`",
        ),
        Doubt::Length => (
            "`.length` is a property of maps only",
            "the length of a text, array or map is x.len",
        ),
    };
    Diagnostic {
        severity: Severity::Warning,
        script: script.to_owned(),
        line,
        column,
        message: message.to_owned(),
        hint: Some(hint.to_owned()),
    }
}

/// Methods that are read under a name of ours, in a text with shifted columns.
pub(super) struct Renamed {
    clashes: Clashes,
    shifts: Shifts,
}

impl Renamed {
    pub(super) fn new(clashes: Clashes, shifts: Shifts) -> Self {
        Self { clashes, shifts }
    }

    fn name(&self, method: &str, at: Position) -> Option<String> {
        if self.clashes.is_empty() {
            return None;
        }
        let (line, column) = place(at);
        let written = self.shifts.written(line, column);
        let uses_this = *self.clashes.get(&(line, written))?;
        let at = (u16::try_from(line).ok()?, u16::try_from(column).ok()?);
        Some(Clash { uses_this, at }.name(method))
    }
}

/// What a token follows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// `.` or `?.`
    Dot,
    /// `::`
    Path,
    Other,
}

impl Before {
    fn of(token: &Token) -> Self {
        match token {
            Token::Period | Token::Elvis => Self::Dot,
            Token::DoubleColon => Self::Path,
            _ => Self::Other,
        }
    }
}

/// Ends parsing when its time is over, and notes what is probably not meant.
#[expect(
    deprecated,
    reason = "rhai marks this hook as volatile; the version is pinned"
)]
pub(super) fn watch_tokens(
    engine: &mut Engine,
    started: Instant,
    doubts: Doubts,
    renamed: Option<Renamed>,
) {
    let before = Mutex::new(Before::Other);
    engine.on_parse_token(move |token, position, _state| {
        if started.elapsed() > fixed::COMPILE_TIME {
            let message = "compiling took longer than 2 s; make the script smaller";
            return Token::LexError(LexError::Runtime(message.to_owned()).into());
        }
        let mut before = before.lock().unwrap_or_else(PoisonError::into_inner);
        let after = std::mem::replace(&mut *before, Before::of(&token));
        let doubt = match &token {
            Token::StringConstant(text) if text.contains("${") => Some(Doubt::Template),
            Token::Identifier(name) if after == Before::Dot && name.as_str() == "length" => {
                Some(Doubt::Length)
            }
            _ => None,
        };
        if let Some(doubt) = doubt {
            let mut doubts = doubts.lock().unwrap_or_else(PoisonError::into_inner);
            if doubts.len() < WARNINGS {
                doubts.push((doubt, position));
            }
        }
        match token {
            Token::Identifier(name) if after == Before::Dot => {
                let ours = renamed.as_ref().and_then(|it| it.name(&name, position));
                Token::Identifier(ours.map_or(name, |ours| Box::new(ours.into())))
            }
            // The language keeps these words for functions of its own; in a namespace they are
            // names like any other: `invoke::call`, `log::debug`.
            Token::Reserved(word)
                if after == Before::Path && matches!(word.as_str(), "call" | "debug") =>
            {
                Token::Identifier(word)
            }
            token => token,
        }
    });
}
