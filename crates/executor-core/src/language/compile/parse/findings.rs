//! What is wrong with a source, and where.

use rhai::Position;
use shared::script_error::{Diagnostic, Severity};

/// What is wrong with a source that does not compile; at least one thing, by place.
#[derive(Debug)]
pub(crate) struct Findings(Vec<Diagnostic>);

impl Findings {
    /// At least one.
    pub(super) fn of(found: Vec<Diagnostic>) -> Self {
        debug_assert!(!found.is_empty(), "something was found");
        Self(found)
    }

    /// All of it.
    pub(crate) fn all(self) -> Vec<Diagnostic> {
        self.0
    }
}

impl From<Box<Diagnostic>> for Findings {
    fn from(one: Box<Diagnostic>) -> Self {
        Self(vec![*one])
    }
}

/// The first of them.
impl From<Findings> for Box<Diagnostic> {
    fn from(findings: Findings) -> Self {
        let first = findings.0.into_iter().next();
        Box::new(first.expect("there is at least one"))
    }
}

/// An error of a source at a line and column, with what to do.
pub(in crate::language::compile) fn at_place(
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

/// Line and column; zeros where they are unknown.
pub(super) fn place(position: Position) -> (u32, u32) {
    (
        position.line().unwrap_or(0) as u32,
        position.position().unwrap_or(0) as u32,
    )
}
