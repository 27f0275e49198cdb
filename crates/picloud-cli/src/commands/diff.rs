//! `pic diff`: what a deploy of a folder would change, line by line.

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use shared::api::{ModuleDetail, ReleaseDetail, ScriptDetail};
use shared::error::code;
use shared::id::ContentHash;
use shared::name::AppSlug;
use shared::release::{PlanItem, Snapshot};
use shared::script_error::Diagnostic;
use similar::ChangeTag;

use super::check;
use crate::client::Client;
use crate::context::Context;
use crate::error::{Failure, Outcome};
use crate::linediff::{self, Line};
use crate::plan;
use crate::project::{self, Folder, Project};
use crate::release;
use crate::sources::Source;
use crate::text::clean_line;
use crate::ui::Paint;

/// Which folder.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The app's folder; else the nearest one with picloud.toml
    dir: Option<PathBuf>,
}

/// One source that differs.
#[derive(Serialize)]
struct Changed {
    what: &'static str,
    name: String,
    old: Option<String>,
    new: Option<String>,
}

/// What `--json` answers.
#[derive(Serialize)]
struct Diff<'a> {
    sources: &'a [Changed],
    plan: &'a [PlanItem],
    /// What a deploy would refuse or warn of.
    diagnostics: &'a [Diagnostic],
}

/// `pic diff`.
pub(crate) fn run(context: &Context, args: &DiffArgs) -> Outcome {
    let mut folder = Folder::read(&project::folder(args.dir.as_deref()))?.sound()?;
    let project = folder.project.clone();
    let client = context.client()?;
    let app = &context.app_of(&project.manifest);
    let snapshot = live(&client, app)?;
    let mut changed = scripts(&client, app, &project, &snapshot)?;
    changed.extend(modules(&client, app, &project, &snapshot)?);
    let plan = plan::changes(&snapshot, &release::of_folder(&project))?;
    let seen = check::look(context, Some(&client), app, &mut folder);
    // Who may read may not be allowed to try a deploy.
    let seen = match seen {
        Err(failure) if failure.code() == Some(code::SCOPE_REQUIRED) => None,
        seen => Some(seen?),
    };
    let refused = seen.as_ref().is_some_and(|seen| seen.errors() > 0);
    let outcome = if refused {
        Err(Failure::Answered)
    } else {
        Ok(())
    };
    let ui = context.ui;
    if ui.json {
        let diagnostics = seen.map(|seen| seen.for_programs());
        ui.answer(&Diff {
            sources: &changed,
            plan: &plan,
            diagnostics: &diagnostics.unwrap_or_default(),
        })?;
        return outcome;
    }
    for change in &changed {
        show(context, change)?;
    }
    for item in &plan {
        ui.line(release::planned(ui.out, item))?;
    }
    if plan.is_empty() {
        ui.note(format!("{app}: the folder is what is live"));
    }
    if let Some(seen) = seen.filter(|_| refused) {
        seen.say(ui, &folder);
        ui.note(format!("{app}: a deploy of this would be refused"));
    }
    outcome
}

/// The snapshot being served; empty for an app that has none.
fn live(client: &Client, app: &AppSlug) -> Outcome<Snapshot> {
    let active = Context::find_app(client, app)?.and_then(|app| app.active_release);
    let Some(number) = active else {
        return Ok(Snapshot::default());
    };
    let detail: ReleaseDetail = client.get(&format!("/apps/{app}/releases/{number}"))?;
    Ok(detail.snapshot)
}

fn differs(
    old: Option<ContentHash>,
    new: Option<&Source>,
    fetch: impl FnOnce() -> Outcome<String>,
) -> Outcome<Option<(Option<String>, Option<String>)>> {
    if old == new.map(|source| source.hash) {
        return Ok(None);
    }
    let before = old.map(|_| fetch()).transpose()?;
    Ok(Some((before, new.map(|source| source.text.clone()))))
}

fn scripts(
    client: &Client,
    app: &AppSlug,
    project: &Project,
    live: &Snapshot,
) -> Outcome<Vec<Changed>> {
    let mut names: Vec<_> = live.scripts.keys().chain(project.scripts.keys()).collect();
    names.sort();
    names.dedup();
    let mut all = Vec::new();
    for name in names {
        let fetch = || {
            let detail: ScriptDetail = client.get(&format!("/apps/{app}/scripts/{name}"))?;
            Ok(detail.source)
        };
        let old = live.scripts.get(name).map(|spec| spec.hash);
        if let Some((old, new)) = differs(old, project.scripts.get(name), fetch)? {
            all.push(Changed {
                what: "script",
                name: name.to_string(),
                old,
                new,
            });
        }
    }
    Ok(all)
}

fn modules(
    client: &Client,
    app: &AppSlug,
    project: &Project,
    live: &Snapshot,
) -> Outcome<Vec<Changed>> {
    let mut names: Vec<_> = live.modules.keys().chain(project.modules.keys()).collect();
    names.sort();
    names.dedup();
    let mut all = Vec::new();
    for name in names {
        let fetch = || {
            let detail: ModuleDetail = client.get(&format!("/apps/{app}/modules/{name}"))?;
            Ok(detail.source)
        };
        let old = live.modules.get(name).map(|spec| spec.hash);
        if let Some((old, new)) = differs(old, project.modules.get(name), fetch)? {
            all.push(Changed {
                what: "module",
                name: name.to_string(),
                old,
                new,
            });
        }
    }
    Ok(all)
}

fn show(context: &Context, change: &Changed) -> Outcome {
    let ui = context.ui;
    let side = |text: &Option<String>, what: &str| match text {
        Some(_) => format!("{what} {} {}", change.what, change.name),
        None => "nothing".to_owned(),
    };
    let head = [
        format!("--- {}", side(&change.old, "live")),
        format!("+++ {}", side(&change.new, "here")),
    ];
    for line in &head {
        ui.line(ui.out.paint(Paint::Bold, line))?;
    }
    let (old, new) = (change.old.as_deref(), change.new.as_deref());
    for line in linediff::unified(old.unwrap_or_default(), new.unwrap_or_default()) {
        let (paint, line) = match line {
            Line::Place(place) => (Paint::Note, place),
            Line::Text(ChangeTag::Equal, line) => (Paint::Dim, format!(" {line}")),
            Line::Text(ChangeTag::Delete, line) => (Paint::Error, format!("-{line}")),
            Line::Text(ChangeTag::Insert, line) => (Paint::Good, format!("+{line}")),
            Line::NoLineFeed => (Paint::Dim, "\\ no line feed at the end".to_owned()),
        };
        ui.line(ui.out.paint(paint, &clean_line(&line)))?;
    }
    Ok(())
}
