//! `pic triggers` and `pic cron`.

use clap::Subcommand;
use shared::api::{Page, RunTriggerRequest, SchedulePreview, SentEvent, Trigger};
use shared::clock::{Clock as _, SystemClock};
use shared::moment::Precision;
use shared::name::{AppSlug, FunctionName};
use shared::schedule::Schedule;
use shared::suggest::closest;
use shared::trigger::{Source, TriggerSpec};
use shared::zone::ZoneData;

use super::by_hand::{self, paused, set_paused, told};
use super::logs::short_time;
use crate::context::Context;
use crate::error::{Failure, Outcome};

/// Triggers of an app.
#[derive(Debug, Subcommand)]
pub(crate) enum Triggers {
    /// List them, with their next runs
    #[command(visible_alias = "list")]
    Ls,
    /// Run one by hand
    Run {
        /// Its key; or its script, queue, topic or path, if no other trigger has that
        trigger: String,
        /// The event's fields: a file with JSON, the JSON itself, or - for standard input
        #[arg(long, value_name = "FILE|JSON|-")]
        event: Option<String>,
    },
    /// Pause one: what happens waits, and nothing of it is started; what runs goes on
    Pause {
        /// Its key; or its script, queue, topic or path, if no other trigger has that
        trigger: String,
    },
    /// Let one go on
    Resume {
        /// Its key; or its script, queue, topic or path, if no other trigger has that
        trigger: String,
    },
}

/// Schedules.
#[derive(Debug, Subcommand)]
pub(crate) enum Cron {
    /// Show when a schedule runs next; no server is asked
    Next {
        /// Five or six fields, or a nickname: "0 6 * * MON-FRI", @daily
        #[arg(allow_hyphen_values = true)]
        schedule: String,
        /// The zone it is in, like Europe/Berlin
        #[arg(long, default_value = "UTC")]
        timezone: String,
        /// How many times
        #[arg(long, short = 'n', default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
        count: u32,
    },
}

/// What a trigger waits for, as people read it.
pub(crate) fn waits_for(spec: &TriggerSpec) -> String {
    let subject = spec.source.subject();
    match &spec.source {
        Source::Cron(cron) => format!("{subject} ({})", cron.timezone()),
        Source::Kv { prefix, .. } => match prefix {
            Some(prefix) => format!("{subject}, keys {prefix}…"),
            None => subject,
        },
        Source::Webhook(_) => format!("POST {subject}"),
        Source::Deploy => "a release goes live".to_owned(),
        Source::DeadLetter { of: None } => "every script".to_owned(),
        Source::DeadLetter { .. } | Source::Queue { .. } | Source::Pubsub { .. } => subject,
    }
}

/// A script, with the function of it that is called.
pub(crate) fn handler(script: &str, function: Option<&str>) -> String {
    match function {
        Some(function) => format!("{script}::{function}"),
        None => script.to_owned(),
    }
}

/// `pic triggers …`.
pub(crate) fn run(context: &Context, command: &Triggers) -> Outcome {
    let client = context.client()?;
    let app = context.app(&client)?;
    let page: Page<Trigger> = client.get(&format!("/apps/{app}/triggers"))?;
    match command {
        Triggers::Ls => list(context, &app, &page),
        Triggers::Run { trigger, event } => {
            let request = RunTriggerRequest {
                trigger: meant(&page.items, trigger)?,
                event: event.as_deref().map(by_hand::event).transpose()?,
            };
            let sent: SentEvent = client.post(&format!("/apps/{app}/triggers/run"), &request)?;
            told(context, &sent)
        }
        Triggers::Pause { trigger } => {
            set_paused(context, &client, &meant(&page.items, trigger)?, true)
        }
        Triggers::Resume { trigger } => {
            // What was paused may go on after its trigger has gone.
            let key = meant(&page.items, trigger).unwrap_or_else(|_gone| trigger.clone());
            set_paused(context, &client, &key, false)
        }
    }
}

/// The key of the trigger that is meant.
fn meant(triggers: &[Trigger], text: &str) -> Outcome<String> {
    let is_queue = text.starts_with("queue/");
    if is_queue || triggers.iter().any(|trigger| trigger.key == text) {
        return Ok(text.to_owned());
    }
    let names = |trigger: &Trigger| {
        let spec = &trigger.spec;
        let function = spec.handler.as_ref().map(FunctionName::as_str);
        [
            spec.source.subject(),
            spec.script.to_string(),
            handler(spec.script.as_str(), function),
        ]
    };
    let found = triggers
        .iter()
        .filter(|trigger| names(trigger).iter().any(|name| name == text));
    let found: Vec<&str> = found.map(|trigger| trigger.key.as_str()).collect();
    match found.as_slice() {
        [one] => Ok((*one).to_owned()),
        [] => {
            let known = triggers.iter().map(|trigger| trigger.key.as_str());
            let near = closest(text, known);
            let failure = Failure::new(format!("no trigger is called `{text}`"));
            Err(match near {
                Some(near) => failure.next(format!("did you mean `{near}`?")),
                None => failure.next("`pic triggers ls` shows their keys"),
            })
        }
        several => Err(Failure::new(format!(
            "`{text}` may be several triggers: {}",
            several.join(", ")
        ))
        .next("give the key of the one you mean")),
    }
}

fn list(context: &Context, app: &AppSlug, page: &Page<Trigger>) -> Outcome {
    if context.ui.json {
        return context.ui.answer(page);
    }
    if page.items.is_empty() {
        context.ui.note(format!("{app} has no triggers"));
        return Ok(());
    }
    let row = |trigger: &Trigger| {
        let spec = &trigger.spec;
        let next = match (&trigger.next_run, &spec.source) {
            (Some(next), _) => short_time(next),
            (None, Source::Cron(_)) => "never again".to_owned(),
            (None, _) => String::new(),
        };
        let function = spec.handler.as_ref().map(FunctionName::as_str);
        vec![
            spec.source.kind().as_str().to_owned(),
            waits_for(spec),
            handler(spec.script.as_str(), function),
            next,
            trigger.skipped.map_or_else(String::new, |n| n.to_string()),
            paused(trigger.paused_at.as_deref()),
            trigger.key.clone(),
        ]
    };
    let rows: Vec<_> = page.items.iter().map(row).collect();
    let head = [
        "KIND",
        "WAITS FOR",
        "SCRIPT",
        "NEXT RUN (UTC)",
        "SKIPPED",
        "PAUSED SINCE (UTC)",
        "KEY",
    ];
    context.ui.table(&head, &rows)
}

/// `pic cron …`.
pub(crate) fn cron(context: &Context, command: &Cron) -> Outcome {
    let Cron::Next {
        schedule,
        timezone,
        count,
    } = command;
    let parsed = Schedule::parse(schedule, timezone).map_err(|error| {
        Failure::new(error.to_string())
            .next("`pic cron next \"0 6 * * MON-FRI\" --timezone Europe/Berlin` shows the form")
    })?;
    let now = SystemClock.now();
    let next = parsed.upcoming(now, *count as usize);
    let ui = context.ui;
    if parsed.timezone() != "UTC"
        && let Some(warning) = ZoneData::current().warning(now)
    {
        ui.warn(warning);
    }
    if ui.json {
        let next = next.into_iter().map(|at| at.written(Precision::Micros));
        return ui.answer(&SchedulePreview {
            next_runs: next.collect(),
        });
    }
    if next.is_empty() {
        ui.note("this schedule never runs");
    }
    let lines = next.into_iter().map(|at| at.written(Precision::Seconds));
    lines.into_iter().try_for_each(|line| ui.line(&line))
}
