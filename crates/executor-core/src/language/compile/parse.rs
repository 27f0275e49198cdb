//! From one source to its tree, or to what is wrong with it and how to mend it.

pub(crate) mod findings;
mod text;
mod tokens;

use std::sync::OnceLock;
use std::time::Instant;

use rhai::{AST, ASTNode, Engine, Expr, Module, OptimizationLevel, Position, Shared, Stmt};
use shared::limits::fixed;
use shared::script_error::Diagnostic;

use super::clashes::{Clashes, Taken};
use super::names::Names;
use crate::language::cells::not_noted;
use crate::language::engine::Language;
use crate::language::functions::Functions;
use crate::language::places::{Shifts, with_places};
use crate::language::program::SourceMap;
use findings::{Findings, at_place, place};
use text::{SCOPE, program_of, scope};
use tokens::{Doubt, Doubts, Renamed, warning, watch_tokens};

/// Arguments of one call.
const ARGUMENTS: usize = 16;

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

    /// What is run of the source it was parsed from, under this name, in a program with these
    /// functions.
    pub(crate) fn runnable(
        &self,
        language: &Language,
        (name, source): (&str, &str),
        (taken, started): (&Taken, Instant),
    ) -> Result<Runnable, Box<Diagnostic>> {
        let clashes = taken.clashes(&self.ast, || language.known());
        if !clashes.is_empty() {
            let placed = placed(language, (name, source), &self.ast, (clashes, started))?;
            return Ok(self.named(name, placed.as_ref()));
        }
        if self.placed.get().is_none() {
            let placed = placed(language, (name, source), &self.ast, (clashes, started))?;
            self.placed.get_or_init(|| placed);
        }
        Ok(self.named(name, self.placed.get().and_then(Option::as_ref)))
    }

    fn named(&self, name: &str, placed: Option<&(AST, Shifts)>) -> Runnable {
        let (ast, shifts) = match placed {
            Some((ast, shifts)) => (ast, shifts.clone()),
            None => (&self.ast, Shifts::default()),
        };
        let functions = Functions::of(ast);
        let map = SourceMap { shifts, functions };
        let ast = named(ast, name);
        Runnable { ast, map }
    }
}

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
) -> Result<Parsed, Findings> {
    if source.len() > fixed::SOURCE_BYTES {
        let message = "the source is larger than 256 KiB; move parts of it into modules";
        return Err(at_place(name, (0, 0), message.to_owned(), None).into());
    }
    let text::Tree { ast, doubts } = text::tree(language, (name, source), started)?;
    let names = Names::of(&ast);
    let found = refused(name, &ast, &names);
    if !found.is_empty() {
        return Err(Findings::of(found));
    }
    Ok(Parsed {
        ast: optimized(&language.compile_engine(), ast, &names),
        doubts,
        placed: OnceLock::new(),
    })
}

/// What is the language's, but not for scripts of this platform.
fn refused(name: &str, ast: &AST, names: &Names) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut wrong = |at, message: String, hint: &str| {
        found.push(*at_place(name, place(at), message, Some(hint.to_owned())));
    };
    if let Some((count, position)) = crowded_call(ast) {
        let message = format!("a call has {count} arguments; the limit is {ARGUMENTS}");
        wrong(position, message, "give it one array or map");
    }
    if let Some(position) = asked_for_timestamp(ast) {
        let hint = "the time is time::now() as a text, time::now_ms() as a number";
        wrong(position, "there is no `timestamp`".to_owned(), hint);
    }
    if let Some((constant, position)) = names.changed_constant(&SCOPE) {
        let message = format!("Cannot modify constant {constant}");
        let hint = format!("copy it first: let copy = {constant};");
        wrong(position, message, &hint);
    }
    found.sort_by_key(|one| (one.line, one.column));
    found
}

/// The source as it is run, where that differs: with what tells places and what closures share, and
/// with names of ours for methods that clash with a function.
fn placed(
    language: &Language,
    (name, source): (&str, &str),
    ast: &AST,
    (clashes, started): (Clashes, Instant),
) -> Result<Option<(AST, Shifts)>, Box<Diagnostic>> {
    let unknown_place = |at| {
        let message = "the language counts lines and columns up to 65,534, and cannot tell where \
                       this `try` or closure is";
        let hint = "break the line, or move parts into modules".to_owned();
        at_place(name, at, message.to_owned(), Some(hint))
    };
    let source = program_of(source);
    let text = match with_places(source, ast).map_err(unknown_place)? {
        None if clashes.is_empty() => None,
        None => Some((source.to_owned(), Shifts::default())),
        placed => placed,
    };
    let placed = match text {
        None => None,
        Some((text, shifts)) => {
            let mut engine = language.placing_engine();
            let renamed = Renamed::new(clashes, shifts.clone());
            watch_tokens(&mut engine, started, Doubts::default(), Some(renamed));
            let placed = engine.compile_with_scope(&scope(), text).map_err(|error| {
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

/// The tree that is run, of one that was only parsed.
fn optimized(engine: &Engine, tree: AST, names: &Names) -> AST {
    if names.hide_constants() {
        return tree;
    }
    engine.optimize_ast(&scope(), tree, OptimizationLevel::Simple)
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
