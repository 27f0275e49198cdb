//! `event`: what happened, its fields not parsed before a script asks, and not twice.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rhai::plugin::{Dynamic, ImmutableString, RhaiResult, export_module};
use rhai::{Array, Map};
use shared::event::EventInput;
use shared::invocation::Input;

use crate::language::cost::charge_bytes;
use crate::language::error::{Result, wrong};
use crate::language::json::{Failure, decode_wrapped};
use crate::sandbox::context;
use crate::sandbox::meter::{Unmetered, unmetered};

/// The value of `event`.
#[derive(Clone, Default)]
pub(crate) struct Event(Arc<OnceLock<Map>>);

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Event")
    }
}

/// Fields every event has, beside its kind's own.
const COMMON: [&str; 3] = ["id", "kind", "time"];

/// Reads the event of the run. `event` exists only in runs that have one.
fn input<R: Default>(read: impl FnOnce(&EventInput) -> R) -> R {
    context::with(|c| match c.invocation.input.as_ref() {
        Some(Input::Event(event)) => read(event),
        _ => R::default(),
    })
}

fn fields(event: &Event) -> Result<&Map> {
    if let Some(fields) = event.0.get() {
        return Ok(fields);
    }
    // A copy may make what all copies share, which the first of them keeps.
    let text = Unmetered::new(unmetered(|| input(|event| event.fields.clone())));
    context::reserve(text.len() as u64)?;
    let decoded = decode_wrapped(&text).map_err(|failure| match failure {
        Failure::Stopped(stopped) => stopped.into(),
        Failure::Wrong(error) => wrong(format!("the event's fields are damaged: {error}")),
    })?;
    let fields = decoded
        .try_cast::<Map>()
        .ok_or_else(|| wrong("the event's fields are damaged: they are not a JSON object"))?;
    Ok(event.0.get_or_init(|| fields))
}

fn common(name: &str) -> Option<Dynamic> {
    let text = match name {
        "id" => input(|event| event.id.to_string()),
        "kind" => context::with(|c| c.invocation.trigger.as_str().to_owned()),
        "time" => input(|event| event.time.to_rfc3339()),
        _ => return None,
    };
    Some(Dynamic::from(text))
}

fn field(event: &Event, name: &str) -> RhaiResult {
    if let Some(value) = common(name) {
        return Ok(value);
    }
    let Some(value) = fields(event)?.get(name) else {
        return Ok(Dynamic::UNIT);
    };
    // A copy of a whole message takes time that operations do not show.
    charge_bytes(input(|event| event.fields.len()))?;
    Ok(value.clone())
}

#[export_module(root = "crate::language::placed")]
pub(super) mod functions {
    /// A field of the event, `()` when it has none of this name: `event.message`,
    /// `event["message"]`. Every event has `kind`, `id` (the same in every attempt) and `time`.
    #[rhai_fn(name = "get", index_get, pure, return_raw)]
    pub fn get(event: &mut Event, name: ImmutableString) -> RhaiResult {
        field(event, &name)
    }

    /// Whether the event has a field of this name.
    #[rhai_fn(pure, return_raw)]
    pub fn contains(event: &mut Event, name: ImmutableString) -> Result<bool> {
        Ok(COMMON.contains(&name.as_str()) || fields(event)?.contains_key(name.as_str()))
    }

    /// The names of the event's fields.
    #[rhai_fn(pure, return_raw)]
    pub fn keys(event: &mut Event) -> Result<Array> {
        let own = fields(event)?.keys();
        let own = own.filter(|name| !COMMON.contains(&name.as_str()));
        let common = COMMON.into_iter().map(Dynamic::from);
        Ok(common
            .chain(own.map(|name| Dynamic::from(name.to_string())))
            .collect())
    }

    /// The event as a map.
    #[rhai_fn(pure, return_raw)]
    pub fn to_map(event: &mut Event) -> Result<Map> {
        charge_bytes(input(|event| event.fields.len()))?;
        let mut map = fields(event)?.clone();
        map.extend(
            COMMON
                .iter()
                .filter_map(|name| Some(((*name).into(), common(name)?))),
        );
        Ok(map)
    }
}
