//! How a failure is told.

use std::process::ExitCode;

use crate::error::Failure;
use crate::ui::{Paint, Ui, clean};

/// Says it on stderr and gives the exit status.
pub(crate) fn failure(ui: Ui, failure: &Failure) -> ExitCode {
    let (what, next, status) = match failure {
        Failure::Closed => return ExitCode::SUCCESS,
        Failure::Reported => return ExitCode::FAILURE,
        Failure::Usage { what, next } => (what.clone(), next.clone(), 2),
        Failure::Failed { what, next } => (what.clone(), next.clone(), 1),
        Failure::Refused { problem, next } => {
            let code = ui.paint(Paint::Dim, &format!("[{}]", problem.code));
            let mut what = format!("{} {code}", clean(&problem.detail));
            if problem.status >= 500
                && let Some(id) = &problem.request_id
            {
                what = format!("{what} (request {})", clean(id));
            }
            (what, next.clone(), 1)
        }
    };
    ui.say(format!("{} {what}", ui.paint(Paint::Error, "error:")));
    if let Some(next) = next {
        ui.say(format!("  {} {next}", ui.paint(Paint::Note, "next:")));
    }
    ExitCode::from(status)
}
