//! `pic system`.

use shared::api::System;

use crate::context::Context;
use crate::error::{Failure, Outcome};

/// Shows the server: version, database, limits and their ceiling.
pub(crate) fn run(context: &Context) -> Outcome {
    let client = context.client()?;
    let system: System = client.get("/system")?;
    let ui = context.ui;
    if ui.json {
        return ui.answer(&system);
    }
    ui.say(format!("server    {}", client.address()));
    ui.say(format!("version   {}", system.version));
    ui.say(format!("database  {}", system.database));
    ui.say(format!("started   {}", system.started_at));
    let values = |limits| {
        serde_json::to_value(limits)
            .map_err(|error| Failure::new(format!("the limits cannot be shown: {error}")))
    };
    let (limits, ceiling) = (values(&system.limits)?, values(&system.ceiling)?);
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let rows: Vec<Vec<String>> = limits
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| vec![name.clone(), text(value), text(&ceiling[name])])
        .collect();
    ui.table(&["LIMIT", "DEFAULT", "CEILING"], &rows);
    Ok(())
}
