//! From one source to its tree, or to what is wrong with it and how to mend it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rhai::{AST, ASTNode, Engine, Expr, LexError, ParseErrorType, Position, Scope, Stmt, Token};
use shared::limits::fixed;
use shared::script_error::{Diagnostic, Severity};

use crate::language::engine::Language;
use crate::language::hints;
use crate::language::places::{Shifts, with_places};

/// What a script may refer to besides its own names.
const SCOPE: [&str; 3] = ["req", "ctx", "event"];
/// Arguments of one call.
const ARGUMENTS: usize = 16;
/// Warnings kept of one source.
const WARNINGS: usize = 20;

/// A source that compiles.
pub(crate) struct Parsed {
    /// Its tree.
    pub(crate) ast: AST,
    /// What is probably not meant.
    pub(crate) warnings: Vec<Diagnostic>,
}

#[derive(Clone, Copy)]
enum Doubt {
    Template,
    Length,
}

type Doubts = Arc<Mutex<Vec<(Doubt, Position)>>>;

/// A source that is run.
pub(crate) struct Runnable {
    /// Its tree.
    pub(crate) ast: AST,
    /// Where its columns differ from those that were written.
    pub(crate) shifts: Shifts,
}

/// Parses one source with the names it may refer to. Takes at most two seconds from `started`.
pub(crate) fn parse(
    language: &Language,
    name: &str,
    source: &str,
    started: Instant,
) -> Result<Runnable, Box<Diagnostic>> {
    let mut engine = language.compile_engine();
    watch_tokens(&mut engine, started, None);
    let ast = tree(language, &engine, name, source)?;
    let Some((text, shifts)) = with_places(source, &ast) else {
        let shifts = Shifts::default();
        return Ok(Runnable { ast, shifts });
    };
    let mut engine = language.placing_engine();
    watch_tokens(&mut engine, started, None);
    let mut placed = engine.compile_with_scope(&names(), text).map_err(|error| {
        let at = place(error.position());
        at_place(name, at, error.err_type().to_string(), None)
    })?;
    placed.set_source(name);
    Ok(Runnable {
        ast: placed,
        shifts,
    })
}

/// What every script may refer to.
fn names() -> Scope<'static> {
    let mut scope = Scope::new();
    for variable in SCOPE {
        scope.push(variable, ());
    }
    scope
}

fn at_place(
    script: &str,
    (line, column): (u32, u32),
    message: String,
    hint: Option<String>,
) -> Box<Diagnostic> {
    Box::new(Diagnostic {
        severity: Severity::Error,
        script: script.to_owned(),
        line,
        column,
        message,
        hint,
    })
}

/// The same, looking for what is probably not meant.
pub(crate) fn parse_checked(
    language: &Language,
    name: &str,
    source: &str,
    started: Instant,
) -> Result<Parsed, Box<Diagnostic>> {
    let doubts = Doubts::default();
    let mut engine = language.compile_engine();
    watch_tokens(&mut engine, started, Some(Arc::clone(&doubts)));
    let ast = tree(language, &engine, name, source)?;
    let doubts = doubts.lock().unwrap_or_else(PoisonError::into_inner);
    let warnings = doubts
        .iter()
        .map(|(doubt, position)| warning(name, *doubt, *position));
    Ok(Parsed {
        ast,
        warnings: warnings.collect(),
    })
}

fn place(position: Position) -> (u32, u32) {
    (
        position.line().unwrap_or(0) as u32,
        position.position().unwrap_or(0) as u32,
    )
}

fn tree(
    language: &Language,
    engine: &Engine,
    name: &str,
    source: &str,
) -> Result<AST, Box<Diagnostic>> {
    let wrong = |at, message, hint| at_place(name, at, message, hint);
    if source.len() > fixed::SOURCE_BYTES {
        let message = "the source is larger than 256 KiB; move parts of it into modules";
        return Err(wrong((0, 0), message.to_owned(), None));
    }
    let mut ast = engine
        .compile_with_scope(&names(), source)
        .map_err(|error| {
            let place = place(error.position());
            let hint = match error.err_type() {
                ParseErrorType::VariableUndefined(unknown) => {
                    hints::for_unknown_name(language, unknown)
                }
                _ => None,
            };
            let hint = hint.or_else(|| hints::for_source(source, place.0 as usize));
            wrong(place, error.err_type().to_string(), hint)
        })?;
    if let Some((count, position)) = crowded_call(&ast) {
        let message = format!("a call has {count} arguments; the limit is {ARGUMENTS}");
        let hint = "give it one array or map".to_owned();
        return Err(wrong(place(position), message, Some(hint)));
    }
    ast.set_source(name);
    Ok(ast)
}

/// A call with too many arguments. A native with that many is looked for under 65,536 signatures,
/// each as long as the list, in one operation.
fn crowded_call(ast: &AST) -> Option<(usize, Position)> {
    let mut found = None;
    ast.walk(&mut |path| {
        let call = match path.last() {
            Some(
                ASTNode::Expr(Expr::FnCall(call, at) | Expr::MethodCall(call, at))
                | ASTNode::Stmt(Stmt::FnCall(call, at)),
            ) => Some((call, *at)),
            _ => None,
        };
        // What a closure captures is bound by a call of this name, and found under one signature.
        found = call
            .filter(|(call, _)| call.args.len() > ARGUMENTS && call.name != "curry")
            .map(|(call, at)| (call.args.len(), at));
        found.is_none()
    });
    found
}

fn warning(script: &str, doubt: Doubt, position: Position) -> Diagnostic {
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

#[expect(
    deprecated,
    reason = "rhai marks this hook as volatile; the version is pinned"
)]
fn watch_tokens(engine: &mut Engine, started: Instant, doubts: Option<Doubts>) {
    let before = Mutex::new(Before::Other);
    engine.on_parse_token(move |token, position, _state| {
        if started.elapsed() > fixed::COMPILE_TIME {
            let message = "compiling took longer than 2 s; make the script smaller";
            return Token::LexError(LexError::Runtime(message.to_owned()).into());
        }
        let mut before = before.lock().unwrap_or_else(PoisonError::into_inner);
        let after = std::mem::replace(&mut *before, Before::of(&token));
        if let Some(doubts) = &doubts {
            let doubt = match &token {
                Token::StringConstant(text) if text.contains("${") => Some(Doubt::Template),
                Token::Identifier(name) if after == Before::Dot && name.as_str() == "length" => {
                    Some(Doubt::Length)
                }
                _ => None,
            };
            let mut doubts = doubts.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(doubt) = doubt.filter(|_| doubts.len() < WARNINGS) {
                doubts.push((doubt, position));
            }
        }
        match token {
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
