//! `pic logs`: the history and the live tail.

use std::collections::HashSet;
use std::io::BufReader;
use std::time::Duration;

use clap::Args;
use serde::de::DeserializeOwned;
use shared::api::LogEntry;
use shared::clock::{Clock as _, SystemClock};
use shared::error::code;
use shared::invocation::LogLevel;
use shared::moment::{Moment, Precision};
use shared::name::{AppSlug, ScriptName};
use shared::units::parse_duration;
use ureq::http::Method;

use crate::client::{Client, encode};
use crate::context::Context;
use crate::error::{Failure, Outcome};
use crate::sse;
use crate::text::{clean, clean_line};
use crate::ui::{Colours, Paint};

/// Between two attempts to reach a server that went away.
const AGAIN: Duration = Duration::from_secs(1);

/// Which lines.
#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// Of this script
    script: Option<ScriptName>,
    /// Stay and show lines as they come
    #[arg(long, short)]
    follow: bool,
    /// Since then: 10m, 2h, 7d, or 2026-01-31T12:00:00Z
    #[arg(long, value_parser = since)]
    since: Option<String>,
    /// At least this loud: trace, debug, info, warn, error
    #[arg(long, value_parser = level)]
    level: Option<LogLevel>,
    /// Containing this text
    #[arg(long, conflicts_with = "follow")]
    grep: Option<String>,
    /// How many lines of the past
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

/// A moment as the API takes it, from a duration before now or a moment.
pub(crate) fn since(text: &str) -> Result<String, String> {
    let at = match parse_duration(text) {
        Ok(ago) => Some(SystemClock.now().minus(ago)),
        Err(_not_a_duration) => Moment::parse(text).map(Moment::at),
    };
    at.map(|at| at.written(Precision::Micros)).ok_or_else(|| {
        "write how long ago, like 10m, 2h or 7d, or a moment like 2026-01-31T12:00:00Z".to_owned()
    })
}

fn level(text: &str) -> Result<LogLevel, String> {
    let found = LogLevel::ALL.into_iter().find(|l| l.as_str() == text);
    found.ok_or_else(|| "a level is trace, debug, info, warn or error".to_owned())
}

/// A time of the API to the second.
pub(crate) fn short_time(text: &str) -> String {
    let short: String = text.chars().take(19).collect();
    short.replace('T', " ")
}

/// The message of a line with a mark before each line after its first, so that none of them looks
/// like a line of the log.
fn message(text: &str) -> String {
    let mut lines = text.trim_end().split('\n');
    let first = clean(lines.next().unwrap_or_default());
    lines.fold(first, |shown, line| {
        format!("{shown}\n  | {}", clean_line(line))
    })
}

/// A line of a log for people.
pub(crate) fn line_text(line: &LogEntry, colours: Colours) -> String {
    let paint = |paint, text: &str| colours.paint(paint, text);
    let time: String = line.at.chars().skip(11).take(12).collect();
    let level = match line.level {
        LogLevel::Error => Paint::Error,
        LogLevel::Warn => Paint::Warning,
        LogLevel::Info => Paint::Good,
        LogLevel::Debug | LogLevel::Trace => Paint::Dim,
    };
    let fields = line.fields.as_ref().map(|fields| format!(" {fields}"));
    format!(
        "{} {} {}: {}{}",
        paint(Paint::Dim, &clean(&time)),
        paint(level, &format!("{:<5}", line.level.as_str())),
        paint(Paint::Bold, line.script.as_str()),
        message(&line.message),
        paint(Paint::Dim, &clean(&fields.unwrap_or_default())),
    )
}

/// `pic logs`.
pub(crate) fn run(context: &Context, args: &LogsArgs) -> Outcome {
    let client = context.client()?;
    let app = context.app(&client)?;
    if args.follow {
        follow(context, &client, &app, args)
    } else {
        let lines = history(&client, &app, args)?;
        if lines.is_empty() {
            context.ui.note(format!(
                "{app}: no log lines (a line shows within a second)"
            ));
        }
        lines.iter().try_for_each(|line| show(context, line))
    }
}

/// Shows a line as content: it was asked for.
fn show(context: &Context, line: &LogEntry) -> Outcome {
    let ui = context.ui;
    if ui.json {
        return ui.answer(line);
    }
    ui.line(line_text(line, ui.out))
}

fn filters(args: &LogsArgs, past: bool) -> Vec<String> {
    let filters = [
        ("script", args.script.as_ref().map(ScriptName::as_str)),
        ("level", args.level.map(LogLevel::as_str)),
        ("since", args.since.as_deref().filter(|_| past)),
        ("q", args.grep.as_deref().filter(|_| past)),
    ];
    filters
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", encode(value?))))
        .collect()
}

/// Lines of the past, oldest first.
fn history(client: &Client, app: &AppSlug, args: &LogsArgs) -> Outcome<Vec<LogEntry>> {
    let query = filters(args, true).join("&");
    let path = format!("/apps/{app}/logs?{query}");
    let path = path.trim_end_matches('?');
    let mut lines = client.list::<LogEntry>(path, args.limit as usize)?.items;
    lines.reverse();
    Ok(lines)
}

fn follow(context: &Context, client: &Client, app: &AppSlug, args: &LogsArgs) -> Outcome {
    let path = format!("/apps/{app}/logs/tail?{}", filters(args, false).join("&"));
    let mut tail = Tail::open(client.clone(), &path, None)?;
    context.ui.note(format!("following {app}; Ctrl-C ends it"));
    // The tail is open: a line is in the past, or comes, or both.
    let mut shown = HashSet::new();
    if args.since.is_some() {
        for line in history(client, app, args)? {
            shown.insert((line.execution, line.at.clone(), line.message.clone()));
            show(context, &line)?;
        }
    }
    loop {
        match tail.next()? {
            Some(Line::Entry(line)) => {
                if !shown.remove(&(line.execution, line.at.clone(), line.message.clone())) {
                    show(context, &line)?;
                }
            }
            Some(Line::Missed(count)) => {
                context
                    .ui
                    .warn(format!("{count} lines came too fast and are not shown"));
            }
            None => {
                let address = client.address();
                context
                    .ui
                    .warn(format!("{address} went away; waiting for it"));
                tail = reopen(context, &path, tail.last.as_deref())?;
                context.ui.note("it is back");
            }
        }
    }
}

/// Waits for the server. One of this machine comes back with another credential.
pub(crate) fn reopen(context: &Context, path: &str, last: Option<&str>) -> Outcome<Tail> {
    let mut refusals = 0;
    loop {
        std::thread::park_timeout(AGAIN);
        let tail = context
            .client()
            .and_then(|client| Tail::open(client, path, last.map(str::to_owned)));
        match tail {
            Ok(tail) => return Ok(tail),
            Err(Failure::Failed { .. }) => {}
            // It answers a moment before it has written its new credential.
            Err(refused) if refused.code() == Some(code::UNAUTHENTICATED) && refusals < 10 => {
                refusals += 1;
            }
            Err(refused) => return Err(refused),
        }
    }
}

/// What a tail shows.
pub(crate) enum Line {
    /// A line.
    Entry(Box<LogEntry>),
    /// So many came too fast.
    Missed(String),
}

/// What any tail has.
pub(crate) enum Item<T> {
    /// What it is about.
    Told(Box<T>),
    /// So many came too fast.
    Missed(String),
}

/// An open tail.
pub(crate) struct Tail {
    from: BufReader<ureq::BodyReader<'static>>,
    client: Client,
    last: Option<String>,
}

impl Tail {
    /// Opens it; it continues after `last`.
    pub(crate) fn open(client: Client, path: &str, last: Option<String>) -> Outcome<Self> {
        let id = last.clone().map(|id| ("last-event-id".to_owned(), id));
        let headers: Vec<_> = id.into_iter().collect();
        let path = path.trim_end_matches('?');
        let response = client.send(Method::GET, path, &headers, Vec::new())?;
        let response = client.accept(response)?;
        let body = response.into_body().into_with_config().limit(u64::MAX);
        Ok(Self {
            from: BufReader::new(body.reader()),
            client,
            last,
        })
    }

    /// The next line; `None` when the server ends it.
    pub(crate) fn next(&mut self) -> Outcome<Option<Line>> {
        Ok(self.next_of("log")?.map(|item| match item {
            Item::Told(entry) => Line::Entry(entry),
            Item::Missed(count) => Line::Missed(count),
        }))
    }

    /// The next event of a name; `None` when the server ends it.
    pub(crate) fn next_of<T: DeserializeOwned>(&mut self, name: &str) -> Outcome<Option<Item<T>>> {
        loop {
            // A connection that breaks is one that ended.
            let Ok(Some(event)) = sse::next(&mut self.from) else {
                return Ok(None);
            };
            if event.id.is_some() {
                self.last.clone_from(&event.id);
            }
            if event.name == name {
                let told = serde_json::from_str(&event.data).map_err(|error| {
                    let address = self.client.address();
                    Failure::new(format!("{address} sent a line that is none: {error}"))
                })?;
                return Ok(Some(Item::Told(Box::new(told))));
            }
            if event.name == "missed" {
                return Ok(Some(Item::Missed(clean(&event.data))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_several_lines_is_shown_as_such_and_forges_no_line_of_the_log() {
        for (text, shown) in [
            ("plain", "plain"),
            ("", ""),
            (
                "boom\n  3 | let x;\n    | ^\n",
                "boom\n  |   3 | let x;\n  |     | ^",
            ),
            ("a\n\nb", "a\n  | \n  | b"),
            ("a\r\n12:00 ERROR b", "a\\r\n  | 12:00 ERROR b"),
            ("tab\n\there\u{1b}[2J", "tab\n  | \there\\u{1b}[2J"),
        ] {
            assert_eq!(message(text), shown, "{text:?}");
        }
    }

    #[test]
    fn moments_are_ages_or_times() {
        assert_eq!(
            since("2026-01-31T12:00:00+01:00").unwrap(),
            "2026-01-31T11:00:00.000000Z"
        );
        assert!(since("10m").unwrap().ends_with('Z'));
        for bad in ["", "yesterday", "10", "-5m"] {
            assert!(since(bad).is_err(), "{bad}");
        }
    }
}
