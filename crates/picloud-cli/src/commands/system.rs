//! `pic system`.

use shared::api::{System, TimeZones};

use crate::context::Context;
use crate::error::{Failure, Outcome};
use crate::text::clean;

/// The version of the time zone data, and where it is.
fn zones(zones: &TimeZones) -> String {
    let version = zones.version.as_deref().unwrap_or("of an unknown version");
    match &zones.directory {
        Some(directory) => format!("{version} ({}, {directory})", zones.source),
        None => format!("{version} ({})", zones.source),
    }
}

/// Shows the server: version, database, time zone data, limits and their ceiling.
pub(crate) fn run(context: &Context) -> Outcome {
    let client = context.client()?;
    let system: System = client.get("/system")?;
    let ui = context.ui;
    if ui.json {
        return ui.answer(&system);
    }
    for (name, value) in [
        ("server", client.address().to_string()),
        ("version", system.version),
        ("database", system.database),
        ("started", system.started_at),
        ("zones", zones(&system.time_zones)),
    ] {
        ui.line(format!("{name:<9} {}", clean(&value)))?;
    }
    if let Some(warning) = &system.time_zones.warning {
        ui.warn(clean(warning));
    }
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
    ui.table(&["LIMIT", "DEFAULT", "CEILING"], &rows)?;
    Ok(())
}
