//! `pic queues` and `pic deliveries`: what waits.

use clap::Subcommand;
use shared::api::{Delivery, Queue};

use super::logs::short_time;
use crate::context::Context;
use crate::error::Outcome;

/// Queues of an app.
#[derive(Debug, Subcommand)]
pub(crate) enum Queues {
    /// List them with their depth and their consumer
    #[command(visible_alias = "list")]
    Ls,
}

/// Events on their way to handlers.
#[derive(Debug, Subcommand)]
pub(crate) enum Deliveries {
    /// List them, oldest first
    #[command(visible_alias = "list")]
    Ls {
        /// How many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
    },
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
    let Queues::Ls = command;
    let client = context.client()?;
    let app = context.app(&client)?;
    let page = client.list::<Queue>(&format!("/apps/{app}/queues"), usize::MAX)?;
    if context.ui.json {
        return context.ui.answer(&page);
    }
    if page.items.is_empty() {
        context.ui.note(format!("{app} has no queues"));
        return Ok(());
    }
    let row = |queue: &Queue| {
        let consumer = queue.consumer.as_ref().map(ToString::to_string);
        vec![
            queue.name.clone(),
            queue.depth.to_string(),
            queue.oldest_age_ms.map(age).unwrap_or_default(),
            consumer.unwrap_or_else(|| "nobody; messages wait".to_owned()),
        ]
    };
    let rows: Vec<_> = page.items.iter().map(row).collect();
    let head = ["QUEUE", "MESSAGES", "OLDEST", "CONSUMER"];
    context.ui.table(&head, &rows)?;
    Ok(())
}

/// `pic deliveries …`.
pub(crate) fn deliveries(context: &Context, command: &Deliveries) -> Outcome {
    let Deliveries::Ls { limit } = command;
    let client = context.client()?;
    let app = context.app(&client)?;
    let path = format!("/apps/{app}/deliveries");
    let page = client.list::<Delivery>(&path, *limit as usize)?;
    if context.ui.json {
        return context.ui.answer(&page);
    }
    if page.items.is_empty() {
        context.ui.note(format!("{app}: nothing waits"));
        return Ok(());
    }
    let row = |delivery: &Delivery| {
        let due = delivery.due_at.as_deref().map(short_time);
        vec![
            delivery.event.to_string(),
            format!("{} {}", delivery.kind, delivery.subject),
            delivery.script.clone().unwrap_or_default(),
            delivery.attempt.to_string(),
            due.unwrap_or_else(|| "when somebody consumes it".to_owned()),
            delivery.order_key.clone().unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = page.items.iter().map(row).collect();
    let head = ["EVENT", "WHAT", "SCRIPT", "FAILED", "DUE (UTC)", "KEY"];
    context.ui.table(&head, &rows)?;
    Ok(())
}
