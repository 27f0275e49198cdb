//! `pic events ls`, `run`, `delay` and `cancel`: events on their way to handlers.

use std::str::FromStr;

use clap::Args;
use serde::Serialize;
use shared::api::{Cancelled, DelayRequest, Delivery, DeliveryDetail};
use shared::id::EventId;
use shared::name::{AppSlug, QueueName};
use ureq::http::Method;

use super::logs::short_time;
use super::triggers::handler;
use crate::client::{Client, encode};
use crate::context::Context;
use crate::error::{Failure, Outcome};
use crate::ui::Paint;

/// What deliveries wait for.
pub(super) const STATES: [&str; 5] = ["in_flight", "due", "delayed", "retrying", "unconsumed"];
/// Deliveries of one event that are looked at.
const MOST: usize = 200;

/// An event on its way to a handler: its number there, or the event's id for all its handlers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Which {
    /// One handler's.
    Number(i64),
    /// An event.
    Event(EventId),
}

impl FromStr for Which {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(number) = text.parse() {
            return Ok(Self::Number(number));
        }
        let id = text.parse().map(Self::Event);
        id.map_err(|_neither| {
            "a number of `pic events ls`, or the id of an event, is expected".to_owned()
        })
    }
}

/// Which deliveries to list.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Of this queue
    #[arg(long, conflicts_with = "trigger")]
    queue: Option<QueueName>,
    /// Of this trigger: its key
    #[arg(long)]
    trigger: Option<String>,
    /// With this key
    #[arg(long)]
    key: Option<String>,
    /// That wait for this
    #[arg(long, value_parser = STATES)]
    state: Option<String>,
    /// How many
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

/// The parts of a query that are there.
pub(super) fn query(parts: &[(&str, Option<&str>)]) -> String {
    let given = parts.iter().filter_map(|(name, value)| {
        let value = (*value)?;
        Some(format!("{name}={}", encode(value)))
    });
    given.collect::<Vec<_>>().join("&")
}

/// `pic events ls`.
pub(super) fn list(context: &Context, args: &ListArgs) -> Outcome {
    let client = context.client()?;
    let app = context.app(&client)?;
    let query = query(&[
        ("queue", args.queue.as_ref().map(QueueName::as_str)),
        ("trigger", args.trigger.as_deref()),
        ("key", args.key.as_deref()),
        ("state", args.state.as_deref()),
    ]);
    let path = format!("/apps/{app}/deliveries?{query}");
    let page = client.list::<Delivery>(path.trim_end_matches('?'), args.limit as usize)?;
    if context.ui.json {
        return context.ui.answer(&page);
    }
    if page.items.is_empty() {
        context.ui.note(format!("{app}: nothing waits"));
        return Ok(());
    }
    let row = |delivery: &Delivery| {
        vec![
            delivery.seq.to_string(),
            delivery.event.to_string(),
            format!("{} {}", delivery.kind, delivery.subject),
            handled_by(delivery),
            state(delivery),
            delivery.attempt.to_string(),
            due(delivery),
            delivery.order_key.clone().unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = page.items.iter().map(row).collect();
    let head = [
        "NUMBER",
        "EVENT",
        "WHAT",
        "SCRIPT",
        "STATE",
        "FAILED",
        "DUE (UTC)",
        "KEY",
    ];
    context.ui.table(&head, &rows)
}

/// What a delivery waits for, as people read it.
pub(super) fn state(delivery: &Delivery) -> String {
    let state = delivery.state.replace('_', " ");
    if delivery.paused {
        format!("{state}, paused")
    } else {
        state
    }
}

fn due(delivery: &Delivery) -> String {
    let due = delivery.due_at.as_deref().map(short_time);
    due.unwrap_or_else(|| "when somebody consumes it".to_owned())
}

fn handled_by(delivery: &Delivery) -> String {
    let script = delivery.script.as_deref();
    script.map_or_else(String::new, |script| {
        handler(script, delivery.handler.as_deref())
    })
}

/// Shows one with its contents.
pub(super) fn show(context: &Context, number: i64) -> Outcome {
    let client = context.client()?;
    let app = context.app(&client)?;
    let detail: DeliveryDetail = client.get(&format!("/apps/{app}/deliveries/{number}"))?;
    let ui = context.ui;
    if ui.json {
        return ui.answer(&detail);
    }
    let delivery = &detail.delivery;
    let head = format!("{} {} {}", delivery.kind, delivery.subject, delivery.event);
    ui.line(ui.out.paint(Paint::Bold, &head))?;
    ui.line(format!("script   {}", handled_by(delivery)))?;
    ui.line(format!("state    {}", state(delivery)))?;
    ui.line(format!("due      {}", due(delivery)))?;
    if let Some(key) = &delivery.order_key {
        ui.line(format!("key      {key}"))?;
    }
    for failed in &detail.history {
        let at = short_time(&failed.at);
        ui.line(format!(
            "attempt {} failed at {at}: {}",
            failed.attempt, failed.message
        ))?;
    }
    let payload = serde_json::to_string_pretty(&detail.payload);
    let payload = payload.map_err(|error| Failure::new(error.to_string()))?;
    ui.line(payload)
}

/// The numbers something is to be done with.
fn numbers(client: &Client, app: &AppSlug, which: Which) -> Outcome<Vec<i64>> {
    let id = match which {
        Which::Number(number) => return Ok(vec![number]),
        Which::Event(id) => id,
    };
    let path = format!("/apps/{app}/deliveries?event={id}");
    let found = client.list::<Delivery>(&path, MOST)?;
    if found.items.is_empty() {
        return Err(Failure::new(format!("{id} does not wait for a handler"))
            .next(format!("`pic events show {id}` tells what became of it")));
    }
    Ok(found.items.iter().map(|delivery| delivery.seq).collect())
}

fn each(
    context: &Context,
    which: Which,
    what: impl Fn(&Client, &str) -> Outcome<Delivery>,
) -> Outcome {
    #[derive(Serialize)]
    struct Moved {
        items: Vec<Delivery>,
    }
    let client = context.client()?;
    let app = context.app(&client)?;
    let mut items = Vec::new();
    for number in numbers(&client, &app, which)? {
        let delivery = what(&client, &format!("/apps/{app}/deliveries/{number}"))?;
        if !context.ui.json {
            let paused = if delivery.paused {
                "; its trigger is paused, so it waits for that"
            } else {
                ""
            };
            let due = due(&delivery);
            context
                .ui
                .line(format!("{number} is due at {due}{paused}"))?;
        }
        items.push(delivery);
    }
    if context.ui.json {
        return context.ui.answer(&Moved { items });
    }
    Ok(())
}

/// `pic events run`.
pub(super) fn run(context: &Context, which: Which) -> Outcome {
    each(context, which, |client, path| {
        client.post(&format!("{path}/run"), &serde_json::json!({}))
    })
}

/// `pic events delay`.
pub(super) fn delay(context: &Context, which: Which, delay: &str) -> Outcome {
    let request = DelayRequest {
        delay: delay.to_owned(),
    };
    each(context, which, |client, path| {
        client.post(&format!("{path}/delay"), &request)
    })
}

/// `pic events cancel`.
pub(super) fn cancel(context: &Context, which: Which) -> Outcome {
    let client = context.client()?;
    let app = context.app(&client)?;
    let mut total = Cancelled {
        cancelled: 0,
        in_flight: 0,
    };
    for number in numbers(&client, &app, which)? {
        let path = format!("/apps/{app}/deliveries/{number}");
        let done: Cancelled = client.call(Method::DELETE, &path, &[], None::<&()>)?;
        total.cancelled += done.cancelled;
        total.in_flight += done.in_flight;
    }
    cancelled(context, &total)
}

/// Tells how many were cancelled.
pub(super) fn cancelled(context: &Context, done: &Cancelled) -> Outcome {
    let count = match done.cancelled {
        1 => "1 event is cancelled".to_owned(),
        count => format!("{count} events are cancelled"),
    };
    let in_flight = match done.in_flight {
        0 => String::new(),
        count => {
            format!("; {count} of them were in a server's hands, and a run that had begun goes on")
        }
    };
    context.ui.done(done, format!("{count}{in_flight}"))
}
