//! `pic diff`: what a deploy of a folder would change, line by line.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use shared::api::{ModuleDetail, ReleaseDetail, ScriptDetail};
use shared::id::ContentHash;
use shared::name::AppSlug;
use shared::release::Snapshot;
use shared::trigger::TriggerSpec;
use similar::ChangeTag;

use crate::client::Client;
use crate::context::Context;
use crate::error::Outcome;
use crate::linediff::{self, Line};
use crate::project::{self, Project};
use crate::sources::Source;
use crate::text::{clean, clean_line};
use crate::ui::Paint;

/// Which folder.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The app's folder; else the nearest one with picloud.toml
    dir: Option<PathBuf>,
}

/// One source that differs.
struct Changed {
    what: &'static str,
    name: String,
    old: Option<String>,
    new: Option<String>,
}

/// `pic diff`.
pub(crate) fn run(context: &Context, args: &DiffArgs) -> Outcome {
    let project = Project::load(&project::folder(args.dir.as_deref()))?;
    let client = context.client()?;
    let app = &context.app_of(&project.manifest);
    let snapshot = live(&client, app)?;
    let mut changed = scripts(&client, app, &project, &snapshot)?;
    changed.extend(modules(&client, app, &project, &snapshot)?);
    let (gone, new) = routes(&project, &snapshot);
    let (ended, begun) = triggers(&project, &snapshot);
    let settings = settings(&project, &snapshot);
    let ui = context.ui;
    if ui.json {
        let sources: Vec<_> = changed
            .iter()
            .map(|c| json!({ "what": c.what, "name": c.name, "old": c.old, "new": c.new }))
            .collect();
        return ui.answer(&json!({
            "sources": sources, "routes_removed": gone, "routes_added": new,
            "triggers_removed": ended, "triggers_added": begun, "settings": settings
        }));
    }
    for change in &changed {
        show(context, change)?;
    }
    for (sign, paint, what, items) in [
        ("-", Paint::Error, "route", &gone),
        ("+", Paint::Good, "route", &new),
        ("-", Paint::Error, "trigger", &ended),
        ("+", Paint::Good, "trigger", &begun),
    ] {
        for item in items {
            let line = format!("{sign}{what} {}", clean(item));
            ui.line(ui.out.paint(paint, &line))?;
        }
    }
    for name in &settings {
        ui.line(
            ui.out
                .paint(Paint::Warning, &format!("~settings of script {name}")),
        )?;
    }
    let same = [&gone, &new, &ended, &begun, &settings];
    if changed.is_empty() && same.iter().all(|all| all.is_empty()) {
        ui.note(format!("{app}: the folder is what is live"));
    }
    Ok(())
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

/// Routes that would go, and that would come.
fn routes(project: &Project, live: &Snapshot) -> (Vec<String>, Vec<String>) {
    let text = |cells: Vec<String>| cells.join(" ");
    let old: Vec<String> = live
        .routes
        .iter()
        .map(|r| text(super::routes::row(r)))
        .collect();
    let given = &project.manifest.routes;
    let mut new: Vec<String> = given.iter().map(|r| text(super::routes::row(r))).collect();
    let default = project.with_default_route();
    new.extend(default.map(|name| format!("ANY /{name} {name} everybody")));
    (without(&old, &new), without(&new, &old))
}

fn without(all: &[String], other: &[String]) -> Vec<String> {
    let kept = all.iter().filter(|item| !other.contains(item));
    kept.cloned().collect()
}

/// Triggers that would go, and that would come. One that changes does both.
fn triggers(project: &Project, live: &Snapshot) -> (Vec<String>, Vec<String>) {
    let text = |spec: &TriggerSpec| {
        let said = serde_json::to_string(spec).unwrap_or_default();
        format!("{} {said}", spec.key())
    };
    let old: Vec<String> = live.triggers.iter().map(text).collect();
    let new: Vec<String> = project.manifest.triggers.iter().map(text).collect();
    (without(&old, &new), without(&new, &old))
}

/// Scripts whose description or limits differ.
fn settings(project: &Project, live: &Snapshot) -> Vec<String> {
    let differs = |(name, spec): &(&shared::name::ScriptName, &shared::release::ScriptSpec)| {
        project.manifest.scripts.get(*name).is_some_and(|entry| {
            entry.description != spec.description || entry.limits != spec.limits
        })
    };
    live.scripts
        .iter()
        .filter(differs)
        .map(|(name, _)| name.to_string())
        .collect()
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
