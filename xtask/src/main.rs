//! `cargo xtask tidy` and `cargo xtask check-layers`: checks of the repository itself. They run
//! as tests too, so that `make test` covers them.

mod layers;
mod repository;
mod rooms;
mod services;
mod tidy;

use std::io::Write as _;
use std::process::ExitCode;

use repository::Repository;
use shared::service::ServiceKind;

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    at: String,
    what: String,
}

impl Finding {
    fn new(at: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            at: at.into(),
            what: what.into(),
        }
    }
}

fn main() -> ExitCode {
    let mut out = std::io::stdout().lock();
    let wanted = std::env::args().nth(1);
    let findings = match wanted.as_deref() {
        Some("tidy") => tidy::check(&Repository::read()),
        Some("check-layers") => {
            let mut findings = layers::check(&layers::packages());
            let repository = Repository::read();
            findings.extend(rooms::check(&repository));
            let names = ServiceKind::ALL.iter().map(|kind| kind.as_str());
            findings.extend(services::check(&repository, names));
            findings
        }
        _ => vec![Finding::new("usage", "cargo xtask tidy | check-layers")],
    };
    for Finding { at, what } in &findings {
        // A closed pipe is the reader's choice.
        drop(writeln!(out, "{at}: {what}"));
    }
    if findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
