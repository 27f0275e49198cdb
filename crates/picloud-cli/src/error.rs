//! How a command fails: what happened, what to do next, and the exit status.

use std::io;

use shared::error::Problem;

use crate::finding::Finding;

/// Why a command did not end well.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line cannot be right. Exit status 2.
    Usage {
        /// What is wrong.
        what: String,
        /// What to write instead.
        next: Option<String>,
    },
    /// Something did not work. Exit status 1.
    Failed {
        /// What happened, and where.
        what: String,
        /// What to do next.
        next: Option<String>,
    },
    /// The server refused. Exit status 1.
    Refused {
        /// What it said.
        problem: Box<Problem>,
        /// What to do next, when `pic` knows more than the server.
        next: Option<String>,
    },
    /// A text that cannot be right. Exit status 1.
    Wrong(Box<Finding>),
    /// Several things did not work. Exit status 1.
    Several(Vec<Failure>),
    /// What was answered says it already. Exit status 1.
    Answered,
    /// Whoever read the output has left. Exit status 0.
    Closed,
}

/// What commands return.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

impl Failure {
    /// Something did not work.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self::Failed {
            what: what.into(),
            next: None,
        }
    }

    /// The command line cannot be right.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::Usage {
            what: what.into(),
            next: None,
        }
    }

    /// A file that cannot be used.
    pub(crate) fn file(verb: &str, path: &std::path::Path, error: &io::Error) -> Self {
        Self::new(format!("cannot {verb} {}: {error}", path.display()))
    }

    /// Adds what to do next.
    #[must_use]
    pub(crate) fn next(self, advice: impl Into<String>) -> Self {
        let next = Some(advice.into());
        match self {
            Self::Usage { what, .. } => Self::Usage { what, next },
            Self::Failed { what, .. } => Self::Failed { what, next },
            Self::Refused { problem, .. } => Self::Refused { problem, next },
            other => other,
        }
    }

    /// The server's error code, if it was the server.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { problem, .. } => Some(&problem.code),
            _ => None,
        }
    }
}
