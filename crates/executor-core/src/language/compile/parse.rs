//! From one source to its tree, or to what is wrong with it and how to mend it.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use rhai::{
    AST, ASTNode, Engine, Expr, LexError, Module, OptimizationLevel, Position, Scope, Shared, Stmt,
    Token,
};
use shared::limits::fixed;
use shared::script_error::{Diagnostic, Severity};

use super::names::Names;
use crate::language::cells::not_noted;
use crate::language::engine::Language;
use crate::language::functions::Functions;
use crate::language::hints;
use crate::language::places::{Shifts, with_places};
use crate::language::program::SourceMap;

/// What a script may refer to besides its own names.
const SCOPE: [&str; 3] = ["req", "ctx", "event"];
/// Arguments of one call.
const ARGUMENTS: usize = 16;
/// Warnings kept of one source.
const WARNINGS: usize = 20;

/// A source that compiles.
pub(crate) struct Parsed {
    /// Its tree. It has no name: two scripts may have the same source.
    pub(crate) ast: AST,
    /// What is probably not meant.
    doubts: Vec<(Doubt, Position)>,
    /// What is run in its place, where that differs; made when it is asked for.
    placed: OnceLock<Option<(AST, Shifts)>>,
}

impl Parsed {
    /// Warnings about what is probably not meant, for a source of this name.
    pub(crate) fn warnings(&self, name: &str) -> impl Iterator<Item = Diagnostic> {
        let doubts = self.doubts.iter();
        doubts.map(move |(doubt, position)| warning(name, *doubt, *position))
    }

    /// What is run of the source it was parsed from, under this name.
    pub(crate) fn runnable(
        &self,
        language: &Language,
        (name, source): (&str, &str),
        started: Instant,
    ) -> Result<Runnable, Box<Diagnostic>> {
        if self.placed.get().is_none() {
            let placed = placed(language, (name, source), &self.ast, started)?;
            self.placed.get_or_init(|| placed);
        }
        let placed = self.placed.get().and_then(Option::as_ref);
        let (ast, shifts) = match placed {
            Some((ast, shifts)) => (ast, shifts.clone()),
            None => (&self.ast, Shifts::default()),
        };
        let functions = Functions::of(ast);
        let map = SourceMap { shifts, functions };
        let ast = named(ast, name);
        Ok(Runnable { ast, map })
    }
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
    /// What leads from its places to those that were written.
    pub(crate) map: SourceMap,
}

/// A copy of a tree under a name, which its functions have too: a tree whose functions are shared
/// names only its statements.
fn named(ast: &AST, name: &str) -> AST {
    let mut functions = Module::new();
    for function in ast.iter_fn_def() {
        functions.set_script_fn(Shared::clone(function));
    }
    AST::new_with_source(ast.statements().to_vec(), functions, name)
}

/// Parses one source with the names it may refer to. Takes at most two seconds from `started`. `name`
/// is what a finding is about.
pub(crate) fn parse(
    language: &Language,
    name: &str,
    source: &str,
    started: Instant,
) -> Result<Parsed, Box<Diagnostic>> {
    let doubts = Doubts::default();
    let mut engine = language.compile_engine();
    watch_tokens(&mut engine, started, Arc::clone(&doubts));
    let ast = tree(&engine, name, source)?;
    let doubts = std::mem::take(&mut *doubts.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Parsed {
        ast,
        doubts,
        placed: OnceLock::new(),
    })
}

/// The source as it is run, where that differs: with what tells places and what closures share.
fn placed(
    language: &Language,
    (name, source): (&str, &str),
    ast: &AST,
    started: Instant,
) -> Result<Option<(AST, Shifts)>, Box<Diagnostic>> {
    let unknown_place = |at| {
        let message = "the language counts lines and columns up to 65,534, and cannot tell where \
                       this `try` or closure is";
        let hint = "break the line, or move parts into modules".to_owned();
        at_place(name, at, message.to_owned(), Some(hint))
    };
    let placed = match with_places(program_of(source), ast).map_err(unknown_place)? {
        None => None,
        Some((text, shifts)) => {
            let mut engine = language.placing_engine();
            watch_tokens(&mut engine, started, Doubts::default());
            let placed = engine.compile_with_scope(&names(), text).map_err(|error| {
                let at = place(error.position());
                at_place(name, at, error.err_type().to_string(), None)
            })?;
            let known = Names::of(&placed);
            Some((optimized(&engine, placed, &known), shifts))
        }
    };
    let runs = placed.as_ref().map_or(ast, |(placed, _)| placed);
    match not_noted(runs) {
        Some(position) => Err(unknown_place(place(position))),
        None => Ok(placed),
    }
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

fn place(position: Position) -> (u32, u32) {
    (
        position.line().unwrap_or(0) as u32,
        position.position().unwrap_or(0) as u32,
    )
}

fn tree(engine: &Engine, name: &str, source: &str) -> Result<AST, Box<Diagnostic>> {
    let wrong = |at, message, hint| at_place(name, at, message, hint);
    if source.len() > fixed::SOURCE_BYTES {
        let message = "the source is larger than 256 KiB; move parts of it into modules";
        return Err(wrong((0, 0), message.to_owned(), None));
    }
    let ast = engine
        .compile_with_scope(&names(), program_of(source))
        .map_err(|error| {
            let place = place(error.position());
            let at = (source, place.0 as usize);
            let hint = hints::for_parse_error(error.err_type(), at);
            wrong(place, error.err_type().to_string(), hint)
        })?;
    if let Some((count, position)) = crowded_call(&ast) {
        let message = format!("a call has {count} arguments; the limit is {ARGUMENTS}");
        let hint = "give it one array or map".to_owned();
        return Err(wrong(place(position), message, Some(hint)));
    }
    if let Some(position) = asked_for_timestamp(&ast) {
        let message = "there is no `timestamp`".to_owned();
        let hint = "the time is time::now() as a text, time::now_ms() as a number".to_owned();
        return Err(wrong(place(position), message, Some(hint)));
    }
    let names = Names::of(&ast);
    if let Some((name, position)) = names.changed_constant(&SCOPE) {
        let message = format!("Cannot modify constant {name}");
        let hint = format!("copy it first: let copy = {name};");
        return Err(wrong(place(position), message, Some(hint)));
    }
    Ok(optimized(engine, ast, &names))
}

/// The tree that is run, of one that was only parsed.
fn optimized(engine: &Engine, tree: AST, names: &Names) -> AST {
    if names.hide_constants() {
        return tree;
    }
    engine.optimize_ast(&self::names(), tree, OptimizationLevel::Simple)
}

/// What there is to parse of a source: editors put a byte order mark before it, and a file that is
/// run by itself begins with the name of a program, after `#!`. Lines stay as they are.
fn program_of(source: &str) -> &str {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    if source.starts_with("#!") {
        return source.find('\n').map_or("", |end| &source[end..]);
    }
    source
}

/// A call of the one function of the standard library that is missing, unless the script has it.
fn asked_for_timestamp(ast: &AST) -> Option<Position> {
    const NAME: &str = "timestamp";
    if ast.iter_functions().any(|function| function.name == NAME) {
        return None;
    }
    let mut found = None;
    ast.walk(&mut |path| {
        if let Some(ASTNode::Expr(Expr::FnCall(call, at)) | ASTNode::Stmt(Stmt::FnCall(call, at))) =
            path.last()
            && call.name == NAME
            && call.args.is_empty()
            && call.namespace.is_empty()
        {
            found = Some(*at);
        }
        found.is_none()
    });
    found
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
fn watch_tokens(engine: &mut Engine, started: Instant, doubts: Doubts) {
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
