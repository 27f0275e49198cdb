//! `pic check`: the manifest and the sources, and what the server would say.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use shared::api::System;
use shared::error::code;
use shared::limits::Limits;
use shared::name::AppSlug;
use shared::script_error::{Diagnostic, Severity};

use crate::client::Client;
use crate::context::Context;
use crate::diagnostics;
use crate::error::{Failure, Outcome};
use crate::finding::Finding;
use crate::project::{self, Folder};
use crate::release::{self, Options};
use crate::session;
use crate::ui::{Paint, Ui};

/// What to check.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The app's folder; else the nearest one with picloud.toml
    dir: Option<PathBuf>,
    /// Only what can be seen without a server
    #[arg(long)]
    offline: bool,
}

/// What `--json` answers.
#[derive(Serialize)]
struct Checked<'a> {
    ok: bool,
    compiled: bool,
    diagnostics: &'a [Diagnostic],
}

/// `pic check`.
pub(crate) fn run(context: &Context, args: &CheckArgs) -> Outcome {
    let dir = project::folder(args.dir.as_deref());
    let mut folder = Folder::read(&dir)?;
    let app = context.app_of(&folder.project.manifest);
    let signed_in = || {
        let target = session::target(&context.connection, &context.env).ok()?;
        target.token.as_ref()?;
        target.client().ok()
    };
    let named = context.connection.url.is_some()
        || context.connection.profile.is_some()
        || context.connection.data.is_some();
    let client = match (args.offline, named) {
        (true, _) => None,
        (false, true) => Some(context.client()?),
        (false, false) => signed_in(),
    };
    let seen = look(context, client.as_ref(), &app, &mut folder)?;
    let (ui, errors) = (context.ui, seen.errors());
    seen.say(ui, &folder);
    if ui.json {
        ui.answer(&Checked {
            ok: errors == 0,
            compiled: seen.depth != Depth::Offline,
            diagnostics: &seen.for_programs(),
        })?;
    }
    if errors > 0 {
        let plural = if errors == 1 { "" } else { "s" };
        ui.note(format!("{errors} error{plural} in {}", dir.display()));
        return Err(Failure::Answered);
    }
    if ui.json {
        return Ok(());
    }
    let text = seen.depth.text();
    ui.line(ui.out.paint(Paint::Good, &format!("{app}: {text}")))
}

/// Everything that was found.
#[derive(Debug)]
pub(crate) struct Seen {
    /// In the manifest and about files.
    folder: Vec<Finding>,
    /// In the sources, by the server.
    sources: Vec<Diagnostic>,
    depth: Depth,
}

impl Seen {
    /// How many things a deploy would refuse.
    pub(crate) fn errors(&self) -> usize {
        let sources = self.sources.iter();
        let sources = sources.filter(|found| found.severity == Severity::Error);
        self.folder.len() + sources.count()
    }

    /// Says all of it on stderr.
    pub(crate) fn say(&self, ui: Ui, folder: &Folder) {
        for found in &self.folder {
            ui.say(diagnostics::drawn(ui.err, found));
        }
        diagnostics::say_all(ui, &self.sources, |name| folder.project.source(name));
    }

    /// All of it for a program.
    pub(crate) fn for_programs(&self) -> Vec<Diagnostic> {
        let folder = self.folder.iter().map(Finding::diagnostic);
        folder.chain(self.sources.iter().cloned()).collect()
    }
}

/// Looks for everything a deploy of a folder would refuse.
pub(crate) fn look(
    context: &Context,
    client: Option<&Client>,
    app: &AppSlug,
    folder: &mut Folder,
) -> Outcome<Seen> {
    folder.check(client.and_then(ceiling).as_ref());
    let (sources, depth) = match client {
        Some(client) => with_server(context, client, app, folder)?,
        None => (Vec::new(), Depth::Offline),
    };
    Ok(Seen {
        folder: folder.findings.clone(),
        sources,
        depth,
    })
}

/// The highest limits of the server; where it does not say, its check does.
fn ceiling(client: &Client) -> Option<Limits> {
    let system: System = client.get("/system").ok()?;
    let most = Limits {
        wall: Duration::MAX,
        cpu: Duration::MAX,
        operations: u64::MAX,
        memory: u64::MAX,
        response: u64::MAX,
        logs: u64::MAX,
        host_calls: u32::MAX,
        concurrency: u32::MAX,
    };
    Some(most.with(&system.ceiling, &most))
}

/// How much was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Depth {
    Offline,
    Whole,
}

impl Depth {
    const fn text(self) -> &'static str {
        match self {
            Self::Offline => {
                "manifest, files, routes and triggers are right; no server was asked about the sources"
            }
            Self::Whole => "right; it can be deployed as it is",
        }
    }
}

/// What the server says about the sources, also where something else is wrong.
fn with_server(
    context: &Context,
    client: &Client,
    app: &AppSlug,
    folder: &Folder,
) -> Outcome<(Vec<Diagnostic>, Depth)> {
    let nothing = (Vec::new(), Depth::Offline);
    let project = if folder.is_wrong() {
        match folder.sources_alone() {
            Some(sources) => sources,
            None => return Ok(nothing),
        }
    } else {
        folder.project.clone()
    };
    let options = Options {
        dry_run: true,
        source: "cli",
        ..Options::default()
    };
    let new = Context::find_app(client, app)?.is_none();
    let deployed = if new {
        release::new_app(client, &project, &options)
    } else {
        release::folder(client, app, &project, &options)
    };
    match deployed {
        Ok(deployed) => Ok((deployed.diagnostics, Depth::Whole)),
        Err(Failure::Refused { problem, .. }) if !problem.diagnostics.is_empty() => {
            Ok((problem.diagnostics, Depth::Whole))
        }
        // A token of one app cannot look beyond it.
        Err(failure) if new && failure.code() == Some(code::SCOPE_REQUIRED) => Ok(nothing),
        // What is wrong is said already.
        Err(Failure::Refused { .. }) if folder.is_wrong() => Ok(nothing),
        Err(other) => Err(release::explain(context.ui, other, |name| {
            project.source(name)
        })),
    }
}
