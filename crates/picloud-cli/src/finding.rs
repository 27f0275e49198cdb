//! Something to look at in a text.

use shared::script_error::{Diagnostic, Severity};

/// Something to look at in a text.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    /// How bad it is.
    pub(crate) severity: Severity,
    /// The file.
    pub(crate) file: String,
    /// Its text.
    pub(crate) text: String,
    /// Line, from 1; 0 for the whole file.
    pub(crate) line: u32,
    /// Column in characters, from 1; 0 for the whole line.
    pub(crate) column: u32,
    /// What is wrong.
    pub(crate) message: String,
    /// What to write instead.
    pub(crate) hint: Option<String>,
}

impl Finding {
    /// The same for a program.
    pub(crate) fn diagnostic(&self) -> Diagnostic {
        Diagnostic {
            severity: self.severity,
            script: self.file.clone(),
            line: self.line,
            column: self.column,
            message: self.message.clone(),
            hint: self.hint.clone(),
        }
    }
}
