//! What can be wrong with triggers.

use std::collections::BTreeMap;

use shared::error::{Kind, code};
use shared::name::ScriptName;
use shared::release::Snapshot;
use shared::routing::{Method, RouteTable};
use shared::trigger::{MAX_TRIGGERS, Source, TriggerSpec};

use super::reserved::platforms;
use crate::error::{ApiError, ApiResult};

/// Characters of a trigger's key in a message.
const SHOWN: usize = 120;

fn refused(detail: String) -> ApiError {
    ApiError::new(Kind::InvalidInput, code::INVALID_TRIGGERS, detail)
}

fn bad(key: &str, reason: &str) -> ApiError {
    let shown: String = key
        .chars()
        .take(SHOWN)
        .flat_map(char::escape_debug)
        .collect();
    refused(format!("trigger `{shown}`: {reason}"))
}

fn few(triggers: &[TriggerSpec]) -> ApiResult<()> {
    if triggers.len() > MAX_TRIGGERS {
        return Err(refused(format!(
            "an app has at most {MAX_TRIGGERS} triggers"
        )));
    }
    Ok(())
}

/// Each trigger by itself, before anything is read.
pub(super) fn complete(triggers: &[TriggerSpec]) -> ApiResult<()> {
    few(triggers)?;
    triggers
        .iter()
        .try_for_each(|trigger| trigger.check().map_err(|why| bad(&trigger.key(), &why)))
}

/// All triggers of a release together, and with its scripts and routes.
pub(super) fn fit(next: &Snapshot, mut routes: RouteTable<()>) -> ApiResult<()> {
    few(&next.triggers)?;
    let mut known: BTreeMap<String, &TriggerSpec> = BTreeMap::new();
    for trigger in &next.triggers {
        let key = trigger.key();
        there(next, &key, &trigger.script)?;
        match &trigger.source {
            Source::DeadLetter { of: Some(script) } => there(next, &key, script)?,
            Source::Webhook(webhook) => {
                if let Some(reason) = platforms(&webhook.path) {
                    return Err(bad(&key, &reason));
                }
                let inserted = routes.insert(Method::Post, webhook.path.clone(), ());
                inserted.map_err(|conflict| bad(&key, &conflict.to_string()))?;
            }
            _ => {}
        }
        if let Some(other) = known.get(&key) {
            return Err(bad(&key, &twice(trigger, other)));
        }
        known.insert(key, trigger);
    }
    Ok(())
}

fn there(next: &Snapshot, key: &str, script: &ScriptName) -> ApiResult<()> {
    if next.scripts.contains_key(script) {
        return Ok(());
    }
    Err(bad(key, &format!("the release has no script `{script}`")))
}

fn twice(trigger: &TriggerSpec, other: &TriggerSpec) -> String {
    let (one, two) = (&other.script, &trigger.script);
    if matches!(trigger.source, Source::Queue { .. }) && one != two {
        return format!(
            "a queue has one consumer, and both `{one}` and `{two}` would be; to move it, replace \
             the whole release"
        );
    }
    "it is there twice; remove one".to_owned()
}
