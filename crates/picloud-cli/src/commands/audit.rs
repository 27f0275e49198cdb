//! `pic audit`: who changed what.

use clap::Args;
use shared::api::AuditEntry;

use super::logs::short_time;
use crate::context::Context;
use crate::error::Outcome;

/// How much of it.
#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// How many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

/// `pic audit`.
pub(crate) fn run(context: &Context, args: &AuditArgs) -> Outcome {
    let client = context.client()?;
    let page = client.list::<AuditEntry>("/audit", args.limit as usize)?;
    let ui = context.ui;
    if ui.json {
        return ui.answer(&page);
    }
    if page.items.is_empty() {
        ui.note("nothing was changed yet");
        return Ok(());
    }
    let row = |entry: &AuditEntry| {
        vec![
            short_time(&entry.at),
            entry.actor.clone(),
            entry.via.clone(),
            entry.action.clone(),
            entry.target.clone(),
        ]
    };
    let rows: Vec<_> = page.items.iter().map(row).collect();
    ui.table(&["WHEN (UTC)", "WHO", "VIA", "WHAT", "OF"], &rows)?;
    if page.next_cursor.is_some() {
        ui.note("there are more; --limit shows them");
    }
    Ok(())
}
