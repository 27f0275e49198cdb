//! How a failure is told: in words on stderr, and to a program as one problem on stdout.

use std::process::ExitCode;

use serde::Serialize;
use shared::script_error::Diagnostic;

use crate::diagnostics;
use crate::error::Failure;
use crate::text::clean;
use crate::ui::{Paint, Ui};

/// A failure for a program. What a server said is as it said it.
#[derive(Default, Serialize)]
struct Told {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    type_: Option<String>,
    title: String,
    /// The status of the server's answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// The server's code; `usage`, `failed` or `invalid_file` when it was not the server.
    code: String,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    diagnostics: Vec<Diagnostic>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl Told {
    fn own(code: &str, title: &str, detail: &str, next: Option<&String>) -> Self {
        Self {
            code: code.to_owned(),
            title: title.to_owned(),
            detail: detail.to_owned(),
            next: next.cloned(),
            ..Self::default()
        }
    }

    /// `None` for what needs no words.
    fn of(failure: &Failure) -> Option<Self> {
        Some(match failure {
            Failure::Closed | Failure::Answered => return None,
            Failure::Usage { what, next } => {
                Self::own("usage", "The command line is wrong", what, next.as_ref())
            }
            Failure::Failed { what, next } => {
                Self::own("failed", "It did not work", what, next.as_ref())
            }
            Failure::Wrong(finding) => Self {
                diagnostics: vec![finding.diagnostic()],
                ..Self::own("invalid_file", "A file is wrong", &finding.message, None)
            },
            Failure::Several(all) => {
                let mut all: Vec<Self> = all.iter().filter_map(Self::of).collect();
                let mut told = all.pop()?;
                all.iter().rev().for_each(|one| {
                    told.detail = format!("{}; {}", one.detail, told.detail);
                });
                let before = all.into_iter().flat_map(|one| one.diagnostics);
                told.diagnostics = before.chain(told.diagnostics).collect();
                told
            }
            Failure::Refused { problem, next } => Self {
                type_: Some(problem.type_.clone()),
                title: problem.title.clone(),
                status: Some(problem.status),
                code: problem.code.clone(),
                detail: problem.detail.clone(),
                request_id: problem.request_id.clone(),
                diagnostics: problem.diagnostics.clone(),
                next: next.clone(),
            },
        })
    }
}

/// Tells it and gives the exit status.
pub(crate) fn failure(ui: Ui, failure: &Failure) -> ExitCode {
    let status = match failure {
        Failure::Closed => return ExitCode::SUCCESS,
        Failure::Usage { .. } => 2,
        _ => 1,
    };
    if !ui.json {
        in_words(ui, failure);
    } else if let Some(told) = Told::of(failure) {
        // Nobody is left to tell when stdout is closed.
        drop(ui.answer(&told));
    }
    ExitCode::from(status)
}

/// Says it on stderr.
pub(crate) fn in_words(ui: Ui, failure: &Failure) {
    match failure {
        Failure::Closed | Failure::Answered => {}
        Failure::Usage { what, next } | Failure::Failed { what, next } => {
            say(ui, &clean(what), next.as_deref());
        }
        Failure::Wrong(finding) => ui.say(diagnostics::drawn(ui.err, finding)),
        Failure::Several(all) => all.iter().for_each(|one| in_words(ui, one)),
        Failure::Refused { problem, next } => {
            let code = clean(&format!("[{}]", problem.code));
            let code = ui.err.paint(Paint::Dim, &code);
            let mut what = format!("{} {code}", clean(&problem.detail));
            if problem.status >= 500
                && let Some(id) = &problem.request_id
            {
                what = format!("{what} (request {})", clean(id));
            }
            say(ui, &what, next.as_deref());
        }
    }
}

fn say(ui: Ui, what: &str, next: Option<&str>) {
    ui.say(format!("{} {what}", ui.err.paint(Paint::Error, "error:")));
    if let Some(next) = next {
        let word = ui.err.paint(Paint::Note, "next:");
        ui.say(format!("  {word} {}", clean(next)));
    }
}

/// A command line that cannot be read, for a program.
pub(crate) fn usage(ui: Ui, error: &clap::Error) -> ExitCode {
    let text = error.to_string();
    let mut parts = text.trim().splitn(2, "\n\n");
    let what = parts.next().unwrap_or_default();
    let what = what.strip_prefix("error: ").unwrap_or(what);
    let next = parts.next().map(|rest| rest.trim().to_owned());
    let what = what.to_owned();
    failure(ui, &Failure::Usage { what, next })
}
