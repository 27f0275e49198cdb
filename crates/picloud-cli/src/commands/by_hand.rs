//! Events by hand and pauses: the JSON that people give, and what they are told.

use std::path::Path;

use serde_json::{Map, Value};
use shared::api::{SentEvent, TriggerRequest, TriggerState};

use super::logs::short_time;
use crate::client::Client;
use crate::context::Context;
use crate::error::{Failure, Outcome};
use crate::sources;

/// Bytes that are read; the server takes 256 KiB.
const MOST: u64 = 1 << 20;

/// JSON as text, `@FILE`, or `-` for standard input; `what` it is.
pub(super) fn json(text: &str, what: &str) -> Outcome<Value> {
    let (from, bytes) = match text.strip_prefix('@').unwrap_or(text) {
        "-" => ("standard input".to_owned(), sources::stdin(MOST)?),
        file if text.starts_with('@') => (file.to_owned(), sources::read(Path::new(file), MOST)?),
        text => (what.to_owned(), text.as_bytes().to_vec()),
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        Failure::new(format!("{from} is not JSON: {error}"))
            .next("a text has quotes of its own: '\"hello\"'; `@FILE` is read from a file")
    })
}

/// The fields of an event: a file, a JSON object, or `-` for standard input.
pub(super) fn event(text: &str) -> Outcome<Map<String, Value>> {
    let is_file = !text.trim_start().starts_with('{') && text != "-" && !text.starts_with('@');
    let value = if is_file {
        json(&format!("@{text}"), text)?
    } else {
        json(text, "--event")?
    };
    match value {
        Value::Object(fields) => Ok(fields),
        _ => Err(Failure::new("an event is a JSON object")
            .next("the message of a queue is one field of it: {\"message\": …}")),
    }
}

/// Pauses a trigger, or lets it go on.
pub(super) fn set_paused(
    context: &Context,
    client: &Client,
    trigger: &str,
    paused: bool,
) -> Outcome {
    let app = context.app(client)?;
    let request = TriggerRequest {
        trigger: trigger.to_owned(),
    };
    let action = if paused { "pause" } else { "resume" };
    let path = format!("/apps/{app}/triggers/{action}");
    let state: TriggerState = client.post(&path, &request)?;
    let line = match (paused, state.changed) {
        (true, true) => format!("{trigger} is paused: what happens waits"),
        (true, false) => format!("{trigger} was paused already"),
        (false, true) => format!("{trigger} goes on"),
        (false, false) => format!("{trigger} was not paused"),
    };
    context.ui.done(&state, line)
}

/// Since when something is paused, for a table.
pub(super) fn paused(since: Option<&str>) -> String {
    since.map(short_time).unwrap_or_default()
}

/// Tells what became of an event that was sent.
pub(super) fn told(context: &Context, sent: &SentEvent) -> Outcome {
    let (ui, event) = (context.ui, sent.event);
    let line = match (sent.known, sent.paused) {
        (true, _) => format!("{event} was sent before under this key"),
        (false, true) => format!("{event} waits: its trigger is paused"),
        (false, false) => format!("{event} is on its way"),
    };
    ui.done(sent, line)
}
