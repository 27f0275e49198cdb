//! `pic events`: what waits, what became of one, and all of them live.

use clap::{Args, Subcommand};
use shared::api::Attempt;
use shared::id::EventId;
use shared::name::{AppSlug, ScriptName};

use super::logs::{self, Item, Tail, short_time};
use super::triggers::handler;
use super::waiting::{self, Which};
use crate::client::{Client, encode};
use crate::context::Context;
use crate::error::Outcome;
use crate::text::clean;
use crate::ui::Paint;

mod tree;

/// What becomes of events.
#[derive(Debug, Subcommand)]
pub(crate) enum Events {
    /// List those that wait for their handlers, oldest first
    #[command(visible_alias = "list")]
    Ls(waiting::ListArgs),
    /// Show what became of one: handlers, attempts, and what followed from them; of one on its way,
    /// by its number, the contents
    Show {
        /// Its id, or its number
        #[arg(value_name = "ID|NUMBER")]
        which: Which,
    },
    /// Run one now that waits for its time
    Run {
        /// Its number, or its id for all its handlers
        #[arg(value_name = "NUMBER|ID")]
        which: Which,
    },
    /// Let one wait, from now
    Delay {
        /// Its number, or its id for all its handlers
        #[arg(value_name = "NUMBER|ID")]
        which: Which,
        /// How long, like 10m
        delay: String,
    },
    /// Cancel one: nobody handles it
    Cancel {
        /// Its number, or its id for all its handlers
        #[arg(value_name = "NUMBER|ID")]
        which: Which,
    },
    /// Show every attempt at an event as it ends
    Tail(TailArgs),
}

/// Which attempts.
#[derive(Debug, Args)]
pub(crate) struct TailArgs {
    /// Of this script
    script: Option<ScriptName>,
}

/// `pic events …`.
pub(crate) fn run(context: &Context, command: &Events) -> Outcome {
    match command {
        Events::Ls(args) => waiting::list(context, args),
        Events::Show { which } => match which {
            Which::Event(id) => {
                let client = context.client()?;
                let app = context.app(&client)?;
                tree::show(context, &client, &app, *id)
            }
            Which::Number(number) => waiting::show(context, *number),
        },
        Events::Run { which } => waiting::run(context, *which),
        Events::Delay { which, delay } => waiting::delay(context, *which, delay),
        Events::Cancel { which } => waiting::cancel(context, *which),
        Events::Tail(args) => tail(context, args),
    }
}

/// Shows what became of an event of an app.
pub(super) fn show_event(
    context: &Context,
    client: &Client,
    app: &AppSlug,
    id: EventId,
) -> Outcome {
    tree::show(context, client, app, id)
}

fn tail(context: &Context, args: &TailArgs) -> Outcome {
    let client = context.client()?;
    let app = context.app(&client)?;
    let path = match &args.script {
        Some(script) => format!("/apps/{app}/events/tail?script={}", encode(script.as_str())),
        None => format!("/apps/{app}/events/tail"),
    };
    let mut tail = Tail::open(client.clone(), &path, None)?;
    let ui = context.ui;
    ui.note(format!("following the events of {app}; Ctrl-C ends it"));
    loop {
        match tail.next_of::<Attempt>("attempt")? {
            Some(Item::Told(attempt)) => show(context, &attempt)?,
            Some(Item::Missed(count)) => {
                ui.warn(format!("{count} attempts came too fast and are not shown"));
            }
            None => {
                ui.warn(format!("{} went away; waiting for it", client.address()));
                tail = logs::reopen(context, &path, None)?;
                ui.note("it is back");
            }
        }
    }
}

/// Shows an attempt as content: it was asked for.
fn show(context: &Context, attempt: &Attempt) -> Outcome {
    let ui = context.ui;
    if ui.json {
        return ui.answer(attempt);
    }
    let (colour, what) = match attempt.outcome.as_str() {
        "handled" => (Paint::Good, "handled".to_owned()),
        "retried" => {
            let at = attempt.retry_at.as_deref().map(short_time);
            let what = format!("failed, again at {}", at.unwrap_or_default());
            (Paint::Warning, what)
        }
        other => (Paint::Error, other.to_owned()),
    };
    let time: String = attempt.at.chars().skip(11).take(12).collect();
    let script = attempt.script.as_deref().unwrap_or("nobody");
    let took = attempt.duration_ms.map(|ms| format!(" {ms:.1} ms"));
    let error = attempt.error.as_ref().map(|error| format!(": {error}"));
    let paint = |paint, text: &str| ui.out.paint(paint, &clean(text));
    let what = paint(colour, &what);
    let about = format!("{} {}", attempt.kind, attempt.subject);
    ui.line(format!(
        "{} {} {} attempt {} {what}{}{} {}",
        paint(Paint::Dim, &time),
        clean(about.trim()),
        paint(Paint::Bold, &handler(script, attempt.handler.as_deref())),
        attempt.attempt,
        clean(&error.unwrap_or_default()),
        paint(Paint::Dim, &took.unwrap_or_default()),
        paint(Paint::Dim, &attempt.event.to_string()),
    ))
}
