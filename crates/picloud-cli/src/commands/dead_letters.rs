//! `pic dead-letters`: what was given up, and trying it again.

use std::path::Path;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use shared::api::{
    DeadLetter, DeadLetterDetail, Purged, ReplayManyRequest, ReplayRequest, Replayed, ReplayedMany,
};
use shared::id::DeadLetterId;
use shared::name::AppSlug;
use ureq::http::Method;

use super::logs::short_time;
use super::triggers::handler;
use crate::client::Client;
use crate::context::Context;
use crate::error::{Failure, Outcome};
use crate::text::{self, clean};
use crate::ui::Paint;
use crate::{prompt, sources};

/// Bytes of a payload that is read; the server takes 256 KiB.
const PAYLOAD: u64 = 1 << 20;
/// Ids in one request.
const IDS: usize = 1_000;

/// Events that were given up.
#[derive(Debug, Subcommand)]
pub(crate) enum DeadLetters {
    /// List them, newest first
    #[command(visible_alias = "list")]
    Ls {
        /// How many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
    /// Show one with its error, its attempts and its payload
    Show {
        /// Its id
        id: DeadLetterId,
        /// Print the payload only, as JSON
        #[arg(long)]
        payload: bool,
    },
    /// Deliver some again, as the same events
    Replay(ReplayArgs),
    /// Remove some
    #[command(visible_alias = "rm")]
    Discard {
        /// Their ids
        #[arg(required = true)]
        ids: Vec<DeadLetterId>,
    },
    /// Remove all
    Purge {
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

/// Which to deliver again.
#[derive(Debug, Args)]
#[command(
    after_help = "To change what an event says: `pic dead-letters show ID --payload > payload.json`, edit, \
                        and `pic dead-letters replay ID --payload @payload.json`."
)]
pub(crate) struct ReplayArgs {
    /// Their ids
    #[arg(required_unless_present = "all")]
    ids: Vec<DeadLetterId>,
    /// All there are
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    /// Another payload for one event: JSON, `@FILE`, or `-` for standard input
    #[arg(long, value_name = "JSON|@FILE|-", conflicts_with = "all")]
    payload: Option<String>,
}

/// `pic dead-letters …`.
pub(crate) fn run(context: &Context, command: &DeadLetters) -> Outcome {
    if let DeadLetters::Replay(args) = command
        && args.payload.is_some()
        && args.ids.len() != 1
    {
        return Err(Failure::usage("--payload is for one dead letter"));
    }
    let client = context.client()?;
    let app = context.app(&client)?;
    match command {
        DeadLetters::Ls { limit, .. } => list(context, &client, &app, *limit as usize),
        DeadLetters::Show { id, payload } => show(context, &client, &app, *id, *payload),
        DeadLetters::Replay(args) => replay(context, &client, &app, args),
        DeadLetters::Discard { ids, .. } => discard(context, &client, &app, ids),
        DeadLetters::Purge { yes, .. } => purge(context, &client, &app, *yes),
    }
}

fn who(dead: &DeadLetter) -> String {
    let script = dead.script.as_deref().unwrap_or("nobody");
    handler(script, dead.handler.as_deref())
}

fn list(context: &Context, client: &Client, app: &AppSlug, limit: usize) -> Outcome {
    let page = client.list::<DeadLetter>(&format!("/apps/{app}/dead-letters"), limit)?;
    if context.ui.json {
        return context.ui.answer(&page);
    }
    if page.items.is_empty() {
        context.ui.note(format!("{app} has no dead letters"));
        return Ok(());
    }
    let row = |dead: &DeadLetter| {
        vec![
            dead.id.to_string(),
            short_time(&dead.died_at),
            format!("{} {}", dead.kind, dead.subject),
            who(dead),
            dead.attempts.to_string(),
            dead.error.clone().unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = page.items.iter().map(row).collect();
    let head = ["ID", "DIED (UTC)", "WHAT", "SCRIPT", "ATTEMPTS", "ERROR"];
    context.ui.table(&head, &rows)?;
    if page.next_cursor.is_some() {
        context.ui.note("there are more; --limit shows them");
    }
    Ok(())
}

/// Shows a dead letter of an app.
pub(super) fn show(
    context: &Context,
    client: &Client,
    app: &AppSlug,
    id: DeadLetterId,
    payload_only: bool,
) -> Outcome {
    let detail: DeadLetterDetail = client.get(&format!("/apps/{app}/dead-letters/{id}"))?;
    let ui = context.ui;
    let payload = text::json(&detail.payload, true)?;
    if payload_only {
        return ui.line(payload);
    }
    if ui.json {
        return ui.answer(&detail);
    }
    let dead = &detail.dead_letter;
    let title = format!("{} {} {}", who(dead), dead.kind, dead.subject);
    ui.line(ui.out.paint(Paint::Bold, &clean(&title)))?;
    let died = format!(
        "{} after {} attempts",
        short_time(&dead.died_at),
        dead.attempts
    );
    for (name, value) in [
        ("event", dead.event.to_string()),
        ("made", short_time(&dead.created_at)),
        ("died", died),
        ("key", dead.order_key.clone().unwrap_or_default()),
        ("error", dead.error.clone().unwrap_or_default()),
    ] {
        if !value.is_empty() {
            ui.note(format!("  {name:<8} {}", clean(&value)));
        }
    }
    for attempt in &detail.history {
        let line = format!(
            "  attempt {} {} {}: {} {}",
            attempt.attempt,
            short_time(&attempt.at),
            attempt.kind,
            attempt.message,
            attempt.execution,
        );
        ui.line(ui.out.paint(Paint::Dim, &clean(&line)))?;
    }
    ui.line("  payload")?;
    let indented: Vec<String> = payload.lines().map(|line| format!("    {line}")).collect();
    ui.line(indented.join("\n"))
}

/// The payload of the command line.
fn payload(text: &str) -> Outcome<Map<String, Value>> {
    let (from, bytes) = match text.strip_prefix('@').unwrap_or(text) {
        "-" => ("standard input".to_owned(), sources::stdin(PAYLOAD)?),
        file if text.starts_with('@') => {
            (file.to_owned(), sources::read(Path::new(file), PAYLOAD)?)
        }
        text => ("--payload".to_owned(), text.as_bytes().to_vec()),
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        Failure::new(format!("{from} is not a JSON object: {error}"))
            .next("`pic dead-letters show ID --payload` prints the payload the event has")
    })
}

fn replay(context: &Context, client: &Client, app: &AppSlug, args: &ReplayArgs) -> Outcome {
    let path = format!("/apps/{app}/dead-letters");
    if let ([id], false) = (args.ids.as_slice(), args.all) {
        let payload = args.payload.as_deref().map(payload).transpose()?;
        let request = ReplayRequest { payload };
        let replayed: Replayed = client.post(&format!("{path}/{id}/replay"), &request)?;
        if context.ui.json {
            return context.ui.answer(&replayed);
        }
        let event = replayed.event;
        context
            .ui
            .say(format!("{app}: {event} is on its way again"));
        context
            .ui
            .note(format!("`pic events show {event}` tells how it goes"));
        return Ok(());
    }
    let mut total = 0;
    for wanted in requests(args) {
        loop {
            let path = format!("{path}/replay");
            let replayed: ReplayedMany = client.post(&path, &wanted)?;
            total += replayed.replayed;
            if !replayed.more || replayed.replayed == 0 {
                break;
            }
        }
    }
    let gone = (args.ids.len() as u64).saturating_sub(total);
    let value = json!({ "replayed": total, "missing": gone });
    let line = format!("{app}: {total} are on their way again");
    context.ui.done(&value, line)?;
    if gone == 0 {
        return Ok(());
    }
    if context.ui.json {
        return Err(Failure::Answered);
    }
    Err(Failure::new(format!("{gone} were not there any more")))
}

fn requests(args: &ReplayArgs) -> Vec<ReplayManyRequest> {
    if args.all {
        return vec![ReplayManyRequest {
            ids: None,
            all: true,
        }];
    }
    let some = |ids: &[DeadLetterId]| ReplayManyRequest {
        ids: Some(ids.to_vec()),
        all: false,
    };
    args.ids.chunks(IDS).map(some).collect()
}

fn discard(context: &Context, client: &Client, app: &AppSlug, ids: &[DeadLetterId]) -> Outcome {
    for id in ids {
        client.delete(&format!("/apps/{app}/dead-letters/{id}"))?;
        if !context.ui.json {
            context.ui.line(format!("{app}: {id} is removed"))?;
        }
    }
    let removed = ids.len() as u64;
    if context.ui.json {
        return context.ui.answer(&Purged { removed });
    }
    Ok(())
}

/// Removes what is there when it asks: what dies while somebody answers stays.
fn purge(context: &Context, client: &Client, app: &AppSlug, yes: bool) -> Outcome {
    let path = format!("/apps/{app}/dead-letters");
    let newest = client.list::<DeadLetter>(&path, 1)?;
    let removed = match newest.items.first() {
        Some(newest) => {
            let what = format!("This removes all dead letters of {app}");
            prompt::confirm(&what, app.as_str(), yes)?;
            let path = format!("{path}?up_to={}", newest.id);
            client.call(Method::DELETE, &path, &[], None::<&()>)?
        }
        None => Purged { removed: 0 },
    };
    if context.ui.json {
        return context.ui.answer(&removed);
    }
    context
        .ui
        .say(format!("{app}: {} are removed", removed.removed));
    Ok(())
}
