//! `pic check`: the manifest and the sources, and what the server would say.

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use shared::error::code;
use shared::name::{AppSlug, ScriptName};
use shared::routing::{Method, RouteTable};
use shared::script_error::{Diagnostic, Severity};
use shared::trigger::Source;

use crate::client::Client;
use crate::context::Context;
use crate::diagnostics;
use crate::error::{Failure, Outcome};
use crate::project::{self, Project};
use crate::release::{self, Options};
use crate::session;
use crate::ui::Paint;

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
    let project = Project::load(&dir)?;
    let app = context.app_of(&project.manifest);
    let table = routes(&project)?;
    triggers(&project, table)?;
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
    let (diagnostics, depth) = match client {
        Some(client) => with_server(context, &client, &app, &project)?,
        None => (Vec::new(), Depth::Offline),
    };
    let failed = diagnostics.iter().any(|d| d.severity == Severity::Error);
    let ui = context.ui;
    diagnostics::say_all(ui, &diagnostics, |name| project.source(name));
    if ui.json {
        ui.answer(&Checked {
            ok: !failed,
            compiled: depth != Depth::Offline,
            diagnostics: &diagnostics,
        })?;
    }
    if failed {
        let errors = diagnostics
            .iter()
            .filter(|d| d.severity == Severity::Error)
            .count();
        let plural = if errors == 1 { "" } else { "s" };
        ui.note(format!("{errors} error{plural} in {}", dir.display()));
        return Err(Failure::Answered);
    }
    if ui.json {
        return Ok(());
    }
    ui.line(
        ui.out
            .paint(Paint::Good, &format!("{app}: {}", depth.text())),
    )
}

/// How much was checked.
#[derive(Clone, Copy, PartialEq, Eq)]
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

/// Routes name scripts of the folder, and no two answer the same requests.
fn routes(project: &Project) -> Outcome<RouteTable<()>> {
    let mut table = RouteTable::default();
    for route in &project.manifest.routes {
        let what = format!("route {} {}", route.method, route.path);
        there(project, &what, &route.script)?;
        table
            .insert(route.method, route.path.clone(), ())
            .map_err(|conflict| Failure::new(format!("picloud.toml: {conflict}")))?;
    }
    Ok(table)
}

/// A script that is named is there.
fn there(project: &Project, what: &str, script: &ScriptName) -> Outcome {
    let scripts = &project.manifest.scripts;
    if scripts.contains_key(script) {
        return Ok(());
    }
    let near = shared::suggest::closest(script.as_str(), scripts.keys().map(ScriptName::as_str));
    let failure = Failure::new(format!(
        "picloud.toml: {what} names the script `{script}`, which is not there"
    ));
    Err(match near {
        Some(near) => failure.next(format!("did you mean `{near}`?")),
        None => failure.next(format!("add [scripts.{script}]")),
    })
}

/// Triggers keep the rules of their values, name scripts of the folder, and are there once.
fn triggers(project: &Project, mut routes: RouteTable<()>) -> Outcome {
    let mut keys = BTreeSet::new();
    for trigger in &project.manifest.triggers {
        let what = format!("trigger `{}`", trigger.key());
        let wrong = |why: String| Failure::new(format!("picloud.toml: {what}: {why}"));
        trigger.check().map_err(wrong)?;
        there(project, &what, &trigger.script)?;
        match &trigger.source {
            Source::DeadLetter { of: Some(script) } => there(project, &what, script)?,
            Source::Webhook(webhook) => {
                let inserted = routes.insert(Method::Post, webhook.path.clone(), ());
                inserted.map_err(|conflict| wrong(conflict.to_string()))?;
            }
            _ => {}
        }
        if !keys.insert(trigger.key()) {
            return Err(wrong(
                "it is there twice, or its queue has two consumers".to_owned(),
            ));
        }
    }
    Ok(())
}

fn with_server(
    context: &Context,
    client: &Client,
    app: &AppSlug,
    project: &Project,
) -> Outcome<(Vec<Diagnostic>, Depth)> {
    let options = Options {
        dry_run: true,
        source: "cli",
        ..Options::default()
    };
    let new = Context::find_app(client, app)?.is_none();
    let deployed = if new {
        release::new_app(client, project, &options)
    } else {
        release::folder(client, app, project, &options)
    };
    match deployed {
        Ok(deployed) => Ok((deployed.diagnostics, Depth::Whole)),
        Err(Failure::Refused { problem, .. }) if !problem.diagnostics.is_empty() => {
            Ok((problem.diagnostics, Depth::Whole))
        }
        // A token of one app cannot look beyond it.
        Err(failure) if new && failure.code() == Some(code::SCOPE_REQUIRED) => {
            Ok((Vec::new(), Depth::Offline))
        }
        Err(other) => Err(release::explain(context.ui, other, |name| {
            project.source(name)
        })),
    }
}
