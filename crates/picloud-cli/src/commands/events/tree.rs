//! What became of an event, as a tree: the event, who handled it, their attempts, and the events
//! that followed from each.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use shared::api::{DeadLetter, Delivery, Event, Execution};
use shared::id::{EventId, ExecutionId};
use shared::name::AppSlug;

use crate::client::Client;
use crate::commands::logs::short_time;
use crate::commands::triggers::handler;
use crate::context::Context;
use crate::error::Outcome;
use crate::text::clean;
use crate::ui::{Paint, Ui};

/// Events that are looked at.
const MOST: usize = 50;

/// A line and what is below it.
struct Node {
    paint: Option<Paint>,
    text: String,
    below: Vec<Node>,
}

impl Node {
    fn new(paint: Option<Paint>, text: String) -> Self {
        Self {
            paint,
            text,
            below: Vec::new(),
        }
    }
}

/// An event and the ones that followed from it.
struct Chain {
    events: BTreeMap<EventId, Event>,
    more: bool,
}

/// What `--json` answers: an event, and those its runs made, and theirs.
#[derive(Serialize)]
struct Shown<'a> {
    event: Option<&'a Event>,
    followed: Vec<&'a Event>,
}

/// Shows what became of an event of an app.
pub(super) fn show(context: &Context, client: &Client, app: &AppSlug, id: EventId) -> Outcome {
    let chain = Chain::load(client, app, id)?;
    let ui = context.ui;
    if ui.json {
        let followed = chain.events.values().filter(|event| event.event != id);
        return ui.answer(&Shown {
            event: chain.events.get(&id),
            followed: followed.collect(),
        });
    }
    let mut drawn = BTreeSet::new();
    if let Some(event) = chain.events.get(&id) {
        draw(ui, &chain.event(event, &mut drawn), "", "")?;
    }
    if chain.more {
        ui.note(format!("only {MOST} events of the chain are shown"));
    }
    Ok(())
}

impl Chain {
    /// Asks for the event, and for every event its runs made, and so on.
    fn load(client: &Client, app: &AppSlug, first: EventId) -> Outcome<Self> {
        let get = |id: EventId| client.get::<Event>(&format!("/apps/{app}/events/{id}"));
        let event = get(first)?;
        let mut made: BTreeMap<ExecutionId, BTreeSet<EventId>> = BTreeMap::new();
        for run in &event.chain {
            if let (Some(parent), Some(event)) = (run.parent, run.event) {
                made.entry(parent).or_default().insert(event);
            }
        }
        let mut chain = Self {
            events: BTreeMap::new(),
            more: false,
        };
        let mut wanted = vec![event];
        while let Some(event) = wanted.pop() {
            if chain.events.contains_key(&event.event) {
                continue;
            }
            let runs = event.executions.iter().map(|run| run.id);
            let followers = runs.filter_map(|run| made.get(&run)).flatten();
            for follower in followers {
                if chain.events.len() + wanted.len() >= MOST {
                    chain.more = true;
                    break;
                }
                // Its runs may have been removed in between.
                wanted.extend(get(*follower));
            }
            chain.events.insert(event.event, event);
        }
        Ok(chain)
    }

    /// Events that a run made.
    fn followers(&self, run: ExecutionId) -> Vec<&Event> {
        let all = self.events.values();
        let from = |event: &&Event| event.executions.iter().any(|e| e.parent == Some(run));
        all.filter(from).collect()
    }

    fn event(&self, event: &Event, drawn: &mut BTreeSet<EventId>) -> Node {
        let about = about(event);
        let mut node = Node::new(Some(Paint::Bold), format!("{about} {}", event.event));
        if !drawn.insert(event.event) {
            node.text.push_str(" (above)");
            return node;
        }
        let mut handlers: BTreeMap<String, Vec<&Execution>> = BTreeMap::new();
        for run in &event.executions {
            handlers
                .entry(run.script.to_string())
                .or_default()
                .push(run);
        }
        for script in event.deliveries.iter().map(|d| &d.script) {
            handlers.entry(named(script.as_deref())).or_default();
        }
        for script in event.dead_letters.iter().map(|d| &d.script) {
            handlers.entry(named(script.as_deref())).or_default();
        }
        for (script, runs) in handlers {
            let mut below = state(event, &script, &runs);
            for run in runs {
                let mut attempt = attempt(run);
                for follower in self.followers(run.id) {
                    attempt.below.push(self.event(follower, drawn));
                }
                below.below.push(attempt);
            }
            node.below.push(below);
        }
        node
    }
}

fn named(script: Option<&str>) -> String {
    script.unwrap_or("nobody").to_owned()
}

/// What happened.
fn about(event: &Event) -> String {
    let waiting = event.deliveries.first();
    let dead = event.dead_letters.first();
    let subject = waiting
        .map(|d| (&d.kind, &d.subject))
        .or_else(|| dead.map(|d| (&d.kind, &d.subject)));
    if let Some((kind, subject)) = subject {
        return format!("{kind} {subject}").trim().to_owned();
    }
    let run = event.executions.first();
    run.map_or("event", |run| run.trigger.as_str()).to_owned()
}

/// What became of the event at one script.
fn state(event: &Event, script: &str, runs: &[&Execution]) -> Node {
    let is = |of: &Option<String>| named(of.as_deref()) == script;
    let dead: Option<&DeadLetter> = event.dead_letters.iter().find(|d| is(&d.script));
    let waits: Option<&Delivery> = event.deliveries.iter().find(|d| is(&d.script));
    let (paint, what) = if let Some(dead) = dead {
        let error = dead.error.as_deref().unwrap_or_default();
        let who = handler(script, dead.handler.as_deref());
        let text = format!("{who}: given up as {}: {error}", dead.id);
        return Node::new(Some(Paint::Error), text);
    } else if let Some(waits) = waits {
        match &waits.due_at {
            Some(due) => (Paint::Warning, format!("waits until {}", short_time(due))),
            None => (Paint::Warning, "waits for a consumer".to_owned()),
        }
    } else if runs.last().is_some_and(|run| run.outcome == "ok") {
        (Paint::Good, "handled".to_owned())
    } else {
        (
            Paint::Error,
            "not handled, and not waiting any more".to_owned(),
        )
    };
    Node::new(Some(paint), format!("{script}: {what}"))
}

fn attempt(run: &Execution) -> Node {
    let outcome = match &run.error {
        Some(error) => format!("{}: {error}", run.outcome),
        None => run.outcome.clone(),
    };
    let number = run.attempt.unwrap_or(1);
    let text = format!(
        "attempt {number} {} {outcome} ({:.1} ms, {})",
        short_time(&run.started_at),
        run.duration_ms,
        run.id
    );
    Node::new(run.error.is_none().then_some(Paint::Dim), text)
}

fn draw(ui: Ui, node: &Node, first: &str, rest: &str) -> Outcome {
    let text = clean(&node.text);
    let text = match node.paint {
        Some(paint) => ui.out.paint(paint, &text),
        None => text,
    };
    ui.line(format!("{first}{text}"))?;
    for (at, below) in node.below.iter().enumerate() {
        let last = at + 1 == node.below.len();
        let (branch, line) = if last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        draw(
            ui,
            below,
            &format!("{rest}{branch}"),
            &format!("{rest}{line}"),
        )?;
    }
    Ok(())
}
