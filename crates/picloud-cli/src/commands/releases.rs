//! `pic releases` and `pic rollback`.

use clap::{Args, Subcommand};
use shared::api::{Release, ReleaseDetail, RollbackRequest};
use shared::release::{PlanItem, Snapshot};
use ureq::http::Method;

use crate::context::Context;
use crate::error::Outcome;
use crate::plan;
use crate::text::clean;
use crate::ui::Paint;

/// Releases of an app.
#[derive(Debug, Subcommand)]
pub(crate) enum Releases {
    /// List them, newest first
    #[command(visible_alias = "list")]
    Ls {
        /// How many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
    /// Show everything in a release
    Show {
        /// Its number
        number: i64,
    },
    /// Serve an earlier release again
    Rollback(RollbackArgs),
}

/// Which release to serve again.
#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// The release; else the one before the live one
    #[arg(value_name = "N")]
    to: Option<i64>,
    /// Only if this release is live
    #[arg(long, value_name = "N")]
    if_match: Option<i64>,
}

/// `pic releases …`.
pub(crate) fn run(context: &Context, command: &Releases) -> Outcome {
    match command {
        Releases::Ls { limit } => list(context, *limit),
        Releases::Show { number } => show(context, *number),
        Releases::Rollback(args) => rollback(context, args),
    }
}

/// `pic rollback`.
pub(crate) fn rollback(context: &Context, args: &RollbackArgs) -> Outcome {
    let client = context.client()?;
    let app = context.app(&client)?;
    let request = RollbackRequest { to: args.to };
    let tag = args
        .if_match
        .map(|n| ("if-match".to_owned(), format!("\"{n}\"")));
    let headers: Vec<_> = tag.into_iter().collect();
    let path = format!("/apps/{app}/rollback");
    let release: Release = client.call(Method::POST, &path, &headers, Some(&request))?;
    if context.ui.json {
        return context.ui.answer(&release);
    }
    let headline = format!("{app}: release {} is live again", release.number);
    context
        .ui
        .line(context.ui.out.paint(Paint::Bold, &headline))?;
    if !release.message.is_empty() {
        context.ui.note(format!("  {}", clean(&release.message)));
    }
    Ok(())
}

fn list(context: &Context, limit: u32) -> Outcome {
    let client = context.client()?;
    let app = context.app(&client)?;
    let page = client.list::<Release>(&format!("/apps/{app}/releases"), limit as usize)?;
    if context.ui.json {
        return context.ui.answer(&page);
    }
    if page.items.is_empty() {
        context
            .ui
            .say(format!("{app} has no release yet; `pic deploy` makes one"));
        return Ok(());
    }
    let row = |release: &Release| {
        vec![
            release.number.to_string(),
            if release.active { "live" } else { "" }.to_owned(),
            crate::commands::logs::short_time(&release.created_at),
            release.author.clone(),
            release.source.clone(),
            release.message.clone(),
        ]
    };
    let rows: Vec<_> = page.items.iter().map(row).collect();
    context
        .ui
        .table(&["RELEASE", "", "MADE", "BY", "FROM", "MESSAGE"], &rows)?;
    Ok(())
}

fn show(context: &Context, number: i64) -> Outcome {
    let client = context.client()?;
    let app = context.app(&client)?;
    let detail: ReleaseDetail = client.get(&format!("/apps/{app}/releases/{number}"))?;
    let ui = context.ui;
    if ui.json {
        return ui.answer(&detail);
    }
    let release = &detail.release;
    let live = if release.active { ", live" } else { "" };
    ui.line(
        ui.out
            .paint(Paint::Bold, &format!("{app}: release {number}{live}")),
    )?;
    let made = format!(
        "  {} by {} ({})",
        release.created_at, release.author, release.source
    );
    ui.line(clean(&made))?;
    if !release.message.is_empty() {
        ui.note(format!("  {}", clean(&release.message)));
    }
    for item in &detail.contents {
        let version = version(&detail.snapshot, item).map(|v| format!(" (version {v})"));
        let name = clean(&format!("{} {}", item.what, item.name));
        let head = format!("{name}{}", version.unwrap_or_default());
        ui.line(format!("  {}", ui.out.paint(Paint::Bold, &head)))?;
        plan::fields(item).try_for_each(|line| ui.line(line))?;
    }
    Ok(())
}

/// The version of a script or module.
fn version(snapshot: &Snapshot, item: &PlanItem) -> Option<i64> {
    let Snapshot {
        scripts, modules, ..
    } = snapshot;
    match item.what.as_str() {
        "script" => Some(scripts.get(item.name.as_str())?.version),
        "module" => Some(modules.get(item.name.as_str())?.version),
        _ => None,
    }
}
