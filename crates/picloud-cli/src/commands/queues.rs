//! `pic queues`: what waits in them, holding them, messages by hand.

use clap::{Args, Subcommand};
use shared::api::{Cancelled, Queue, QueueDetail, SendRequest, SentEvent};
use shared::name::{AppSlug, QueueName};
use ureq::http::Method;

use super::by_hand::{self, paused, set_paused, told};
use super::logs::short_time;
use crate::client::{Client, encode};
use crate::context::Context;
use crate::error::Outcome;
use crate::prompt;
use crate::ui::Paint;

/// Queues of an app.
#[derive(Debug, Subcommand)]
pub(crate) enum Queues {
    /// List them with their depth and their consumer
    #[command(visible_alias = "list")]
    Ls,
    /// Show one, and what its messages wait for
    Show {
        /// Its name
        queue: QueueName,
    },
    /// Put a message into one
    Send(SendArgs),
    /// Pause one: its messages wait, and none is started; what runs goes on
    Pause {
        /// Its name
        queue: QueueName,
    },
    /// Let one go on
    Resume {
        /// Its name
        queue: QueueName,
    },
    /// Cancel all messages that are in one now
    Purge(PurgeArgs),
}

/// A message to send.
#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    /// The queue
    queue: QueueName,
    /// The message: JSON, @FILE, or - for standard input
    #[arg(value_name = "JSON|@FILE|-", allow_hyphen_values = true)]
    message: String,
    /// Messages with the same key are handled one after the other
    #[arg(long)]
    key: Option<String>,
    /// When it may be handled, from now, like 10m
    #[arg(long)]
    delay: Option<String>,
    /// A message with the same key within a day is the same message
    #[arg(long)]
    idempotency_key: Option<String>,
    /// How often it is tried at most
    #[arg(long)]
    attempts: Option<u32>,
}

/// Which messages to cancel.
#[derive(Debug, Args)]
pub(crate) struct PurgeArgs {
    /// The queue
    queue: QueueName,
    /// Only those with this key
    #[arg(long)]
    key: Option<String>,
    /// Only those that wait for this
    #[arg(long, value_parser = super::waiting::STATES)]
    state: Option<String>,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// How long that is, in one unit.
pub(crate) fn age(millis: i64) -> String {
    match millis / 1_000 {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ ..7_200 => format!("{} min", seconds / 60),
        seconds @ ..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

/// `pic queues …`.
pub(crate) fn run(context: &Context, command: &Queues) -> Outcome {
    let client = context.client()?;
    let app = context.app(&client)?;
    match command {
        Queues::Ls => list(context, &client, &app),
        Queues::Show { queue } => show(context, &client, &app, queue),
        Queues::Send(args) => send(context, &client, &app, args),
        Queues::Pause { queue } => set_paused(context, &client, &format!("queue/{queue}"), true),
        Queues::Resume { queue } => set_paused(context, &client, &format!("queue/{queue}"), false),
        Queues::Purge(args) => purge(context, &client, &app, args),
    }
}

fn consumer(queue: &Queue) -> String {
    let consumer = queue.consumer.as_ref().map(ToString::to_string);
    consumer.unwrap_or_else(|| "nobody; messages wait".to_owned())
}

fn list(context: &Context, client: &Client, app: &AppSlug) -> Outcome {
    let page = client.list::<Queue>(&format!("/apps/{app}/queues"), usize::MAX)?;
    if context.ui.json {
        return context.ui.answer(&page);
    }
    if page.items.is_empty() {
        context.ui.note(format!("{app} has no queues"));
        return Ok(());
    }
    let row = |queue: &Queue| {
        vec![
            queue.name.clone(),
            queue.depth.to_string(),
            queue.oldest_age_ms.map(age).unwrap_or_default(),
            consumer(queue),
            paused(queue.paused_at.as_deref()),
        ]
    };
    let rows: Vec<_> = page.items.iter().map(row).collect();
    let head = [
        "QUEUE",
        "MESSAGES",
        "OLDEST",
        "CONSUMER",
        "PAUSED SINCE (UTC)",
    ];
    context.ui.table(&head, &rows)
}

fn show(context: &Context, client: &Client, app: &AppSlug, queue: &QueueName) -> Outcome {
    let ui = context.ui;
    let path = format!("/apps/{app}/queues/{}", encode(queue.as_str()));
    let detail: QueueDetail = client.get(&path)?;
    if ui.json {
        return ui.answer(&detail);
    }
    let (queue, states) = (&detail.queue, &detail.states);
    ui.line(ui.out.paint(Paint::Bold, &queue.name))?;
    if let Some(since) = &queue.paused_at {
        ui.line(format!("paused    since {} UTC", short_time(since)))?;
    }
    ui.line(format!("consumer  {}", consumer(queue)))?;
    let oldest = queue.oldest_age_ms.map(age);
    let oldest = oldest.map_or_else(String::new, |age| format!(", the oldest for {age}"));
    ui.line(format!("messages  {}{oldest}", queue.depth))?;
    for (what, count) in [
        ("in flight", states.in_flight),
        ("due", states.due),
        ("delayed", states.delayed),
        ("retrying", states.retrying),
        ("unconsumed", states.unconsumed),
    ] {
        if count > 0 {
            ui.line(format!("          {count} {what}"))?;
        }
    }
    Ok(())
}

fn send(context: &Context, client: &Client, app: &AppSlug, args: &SendArgs) -> Outcome {
    let request = SendRequest {
        message: by_hand::json(&args.message, "the message")?,
        key: args.key.clone(),
        delay: args.delay.clone(),
        idempotency_key: args.idempotency_key.clone(),
        attempts: args.attempts,
    };
    let path = format!(
        "/apps/{app}/queues/{}/messages",
        encode(args.queue.as_str())
    );
    let sent: SentEvent = client.post(&path, &request)?;
    told(context, &sent)
}

fn purge(context: &Context, client: &Client, app: &AppSlug, args: &PurgeArgs) -> Outcome {
    let queue = &args.queue;
    prompt::confirm("cancel what waits in queue", queue.as_str(), args.yes)?;
    let query = super::waiting::query(&[
        ("queue", Some(queue.as_str())),
        ("key", args.key.as_deref()),
        ("state", args.state.as_deref()),
    ]);
    let path = format!("/apps/{app}/deliveries?{query}");
    let done: Cancelled = client.call(Method::DELETE, &path, &[], None::<&()>)?;
    super::waiting::cancelled(context, &done)
}
