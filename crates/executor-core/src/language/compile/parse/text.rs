//! From a text to a tree, with all names in it that nobody knows.
//!
//! The language stops at the first one. So a text is parsed again, as if that name were known, until
//! nothing is left to find. Functions are known wherever they stand.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use rhai::{AST, Engine, Module, ParseError, ParseErrorType, Scope};
use shared::limits::fixed;
use shared::script_error::Diagnostic;

use super::findings::{Findings, at_place, place};
use super::tokens::{Doubt, Doubts, watch_tokens};
use crate::language::engine::Language;
use crate::language::hints;

/// What a script may refer to besides its own names.
pub(super) const SCOPE: [&str; 3] = ["req", "ctx", "event"];
/// Unknown names that are found at once; the rest shows when these are mended.
const FOUND: usize = 20;

/// A tree that no optimizer has seen.
pub(super) struct Tree {
    pub(super) ast: AST,
    /// What is probably not meant.
    pub(super) doubts: Vec<(Doubt, rhai::Position)>,
}

/// Parses a text.
pub(super) fn tree(
    language: &Language,
    (name, source): (&str, &str),
    started: Instant,
) -> Result<Tree, Findings> {
    let mut text = Text {
        language,
        name,
        source,
        started,
        scope: scope(),
        modules: Vec::new(),
        functions: false,
        found: Vec::new(),
    };
    loop {
        let doubts = Doubts::default();
        match text.parsed(&doubts) {
            Ok(_) if !text.found.is_empty() => return Err(Findings::of(text.found)),
            Ok(ast) => {
                let mut doubts = doubts.lock().unwrap_or_else(PoisonError::into_inner);
                let doubts = std::mem::take(&mut *doubts);
                return Ok(Tree { ast, doubts });
            }
            Err(error) => text.after(&error)?,
        }
    }
}

/// A text that is parsed once more for each name that nobody knows.
struct Text<'a> {
    language: &'a Language,
    name: &'a str,
    source: &'a str,
    started: Instant,
    /// Known names, and those that were found already.
    scope: Scope<'static>,
    /// The same of namespaces.
    modules: Vec<String>,
    /// All functions are known.
    functions: bool,
    found: Vec<Diagnostic>,
}

impl Text<'_> {
    fn engine(&self, doubts: &Doubts) -> Engine {
        let mut engine = self.language.compile_engine();
        watch_tokens(&mut engine, self.started, Arc::clone(doubts), None);
        for module in &self.modules {
            engine.register_static_module(module.as_str(), Module::new().into());
        }
        engine
    }

    fn parsed(&self, doubts: &Doubts) -> Result<AST, ParseError> {
        let engine = self.engine(doubts);
        engine.compile_with_scope(&self.scope, program_of(self.source))
    }

    /// Goes on after an error, if it is one that leaves the rest as it is.
    fn after(&mut self, error: &ParseError) -> Result<(), Findings> {
        match error.err_type() {
            ParseErrorType::VariableUndefined(unknown) => {
                if !self.functions
                    && let Err(later) = self.know_functions()
                {
                    let function = defines(self.source, unknown);
                    self.find(if function { &later } else { error })?;
                    return Err(Findings::of(std::mem::take(&mut self.found)));
                }
                if !self.scope.contains(unknown) {
                    self.find(error)?;
                    self.scope.push(unknown.as_str(), ());
                }
                Ok(())
            }
            ParseErrorType::ModuleUndefined(unknown) => {
                self.find(error)?;
                self.modules.push(unknown.clone());
                Ok(())
            }
            _ => {
                self.find(error)?;
                Err(Findings::of(std::mem::take(&mut self.found)))
            }
        }
    }

    /// Makes the functions of the text known, also above where they stand. What does not parse further
    /// down has none.
    fn know_functions(&mut self) -> Result<(), ParseError> {
        self.functions = true;
        let mut engine = self.engine(&Doubts::default());
        engine.set_strict_variables(false);
        let ast = engine.compile_with_scope(&self.scope, program_of(self.source))?;
        for function in ast.iter_functions() {
            self.scope.push(function.name, ());
        }
        Ok(())
    }

    /// Notes what is wrong; the last one that is noted ends the search.
    fn find(&mut self, error: &ParseError) -> Result<(), Findings> {
        let late = self.started.elapsed() > fixed::COMPILE_TIME;
        if self.found.is_empty() || !late {
            self.found.push(self.told(error));
        }
        if late || self.found.len() >= FOUND {
            return Err(Findings::of(std::mem::take(&mut self.found)));
        }
        Ok(())
    }

    fn told(&self, error: &ParseError) -> Diagnostic {
        let place = place(error.position());
        let at = (self.source, place.0 as usize);
        let hint = hints::for_parse_error(error.err_type(), at);
        *at_place(self.name, place, error.err_type().to_string(), hint)
    }
}

/// Whether a text that does not parse seems to define a function of this name.
fn defines(source: &str, name: &str) -> bool {
    let word = |letter: char| letter.is_alphanumeric() || letter == '_';
    source.split("fn ").skip(1).any(|rest| {
        let after = rest.trim_start().strip_prefix(name);
        after.is_some_and(|after| !after.starts_with(word))
    })
}

/// What there is to parse of a source: editors put a byte order mark before it, and a file that is
/// run by itself begins with the name of a program, after `#!`. Lines stay as they are.
pub(super) fn program_of(source: &str) -> &str {
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    if source.starts_with("#!") {
        return source.find('\n').map_or("", |end| &source[end..]);
    }
    source
}

/// What every script may refer to.
pub(super) fn scope() -> Scope<'static> {
    let mut scope = Scope::new();
    for variable in SCOPE {
        scope.push(variable, ());
    }
    scope
}
