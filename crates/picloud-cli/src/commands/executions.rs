//! `pic executions`.

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use shared::api::{Execution, ExecutionDetail};
use shared::id::ExecutionId;
use shared::invocation::Completion;
use shared::name::{AppSlug, ScriptName};

use super::logs::{self, short_time};
use crate::client::{Client, encode};
use crate::context::Context;
use crate::error::Outcome;
use crate::text::clean;
use crate::ui::Paint;

/// Runs of scripts.
#[derive(Debug, Subcommand)]
pub(crate) enum Executions {
    /// List them, newest first
    #[command(visible_alias = "list")]
    Ls(ListArgs),
    /// Show one with its error and its log
    Show {
        /// Its id
        id: ExecutionId,
    },
}

/// Which runs.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Of this script
    script: Option<ScriptName>,
    /// That ended so
    #[arg(long, value_parser = PossibleValuesParser::new(Completion::OUTCOMES))]
    outcome: Option<String>,
    /// That answered with this status
    #[arg(long)]
    status: Option<u16>,
    /// Since then: 10m, 2h, 7d, or 2026-01-31T12:00:00Z
    #[arg(long, value_parser = logs::since)]
    since: Option<String>,
    /// How many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

/// `pic executions …`.
pub(crate) fn run(context: &Context, command: &Executions) -> Outcome {
    match command {
        Executions::Ls(args) => list(context, args),
        Executions::Show { id } => {
            let client = context.client()?;
            let app = context.app(&client)?;
            show(context, &client, &app, *id)
        }
    }
}

fn list(context: &Context, args: &ListArgs) -> Outcome {
    let client = context.client()?;
    let app = context.app(&client)?;
    let status = args.status.map(|status| status.to_string());
    let filters = [
        ("script", args.script.as_ref().map(ScriptName::as_str)),
        ("outcome", args.outcome.as_deref()),
        ("status", status.as_deref()),
        ("since", args.since.as_deref()),
    ];
    let query: Vec<String> = filters
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", encode(value?))))
        .collect();
    let path = match query.join("&") {
        query if query.is_empty() => format!("/apps/{app}/executions"),
        query => format!("/apps/{app}/executions?{query}"),
    };
    let page = client.list::<Execution>(&path, args.limit as usize)?;
    if context.ui.json {
        return context.ui.answer(&page);
    }
    if page.items.is_empty() {
        context
            .ui
            .say(format!("{app}: no runs (a run shows within a second)"));
        return Ok(());
    }
    table(context, &page.items)
}

/// Runs as a table.
pub(super) fn table(context: &Context, runs: &[Execution]) -> Outcome {
    let row = |run: &Execution| {
        let status = run.status.map(|status| status.to_string());
        vec![
            run.id.to_string(),
            short_time(&run.started_at),
            run.script.to_string(),
            run.target.clone().unwrap_or_else(|| run.trigger.clone()),
            status.unwrap_or_default(),
            format!("{:.1} ms", run.duration_ms),
            run.error.as_ref().map_or_else(
                || run.outcome.clone(),
                |error| format!("{}: {error}", run.outcome),
            ),
        ]
    };
    let rows: Vec<_> = runs.iter().map(row).collect();
    let head = [
        "ID", "STARTED", "SCRIPT", "REQUEST", "STATUS", "TOOK", "OUTCOME",
    ];
    context.ui.table(&head, &rows)
}

/// Shows a run of an app.
pub(super) fn show(context: &Context, client: &Client, app: &AppSlug, id: ExecutionId) -> Outcome {
    let detail: ExecutionDetail = client.get(&format!("/apps/{app}/executions/{id}"))?;
    let ui = context.ui;
    if ui.json {
        return ui.answer(&detail);
    }
    let run = &detail.execution;
    let what = run.target.as_deref().unwrap_or(&run.trigger);
    let title = format!("{} {}", run.script, clean(what));
    ui.line(ui.out.paint(Paint::Bold, &title))?;
    let status = run.status.map(|status| status.to_string());
    for (name, value) in [
        ("outcome", run.outcome.clone()),
        ("status", status.unwrap_or_else(|| "no answer".to_owned())),
        ("started", run.started_at.clone()),
        (
            "took",
            format!("{:.1} ms, processor {:.1} ms", run.duration_ms, run.cpu_ms),
        ),
        (
            "used",
            format!(
                "{} operations, {} KiB of memory, {} host calls",
                run.operations,
                run.memory_peak >> 10,
                run.host_calls
            ),
        ),
        (
            "code",
            format!("version {}, release {}", run.version, run.release),
        ),
        ("request", detail.request_id.to_string()),
    ] {
        ui.line(format!("  {name:<8} {}", clean(&value)))?;
    }
    if let Some(error) = &detail.error {
        // The source may have changed since; the excerpt is of the run.
        let script = run.script.as_str();
        ui.line(crate::diagnostics::why(ui.out, script, error, |_| None))?;
    }
    for line in &detail.logs {
        ui.line(logs::line_text(line, ui.out))?;
    }
    Ok(())
}
