//! What people see of an event's payload, and how they may change it. A request that is handled
//! later is stored whole, its callers' credentials included: those are for the handler, and the
//! scope `read` does not reveal them.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use shared::event::request;
use shared::invocation::TriggerKind;
use shared::suggest::closest;

use crate::error::{ApiError, ApiResult};
use crate::model::value;

const fn is_request(kind: TriggerKind) -> bool {
    matches!(kind, TriggerKind::Http | TriggerKind::Webhook)
}

/// The request a dead letter's own event was about.
fn told_request(payload: &Value) -> Option<Vec<u8>> {
    let fields = payload.get("event")?.get("fields")?;
    let stored = fields.to_string().into_bytes();
    request::shown(&stored).map(|_is_one| stored)
}

/// A payload as people see it.
pub(super) fn shown(kind: TriggerKind, payload: &[u8]) -> Value {
    if is_request(kind) {
        return request::shown(payload).unwrap_or(Value::Null);
    }
    let mut value = value(payload);
    if kind == TriggerKind::DeadLetter
        && let Some(request) = told_request(&value).and_then(|stored| request::shown(&stored))
    {
        value["event"]["fields"] = request;
    }
    value
}

/// The fields of an event as they are stored: what is not given is kept to the letter, however deep
/// it is nested and however large its numbers are.
type Fields = BTreeMap<String, Box<RawValue>>;

/// Fields that are a script's own: any value will do.
const FREE: [&str; 4] = ["message", "value", "old", "args"];

/// The payload a replay is given, as it is stored: a field that is not given stays.
pub(super) fn given(
    kind: TriggerKind,
    stored: &[u8],
    given: &Map<String, Value>,
) -> ApiResult<Vec<u8>> {
    let wrong = |why: String| ApiError::invalid(format!("`payload`: {why}"));
    if is_request(kind) {
        let edited = request::edited(stored, given).map_err(wrong)?;
        return Ok(edited.to_vec());
    }
    let mut fields = parsed(stored).ok_or_else(ApiError::internal)?;
    for (name, value) in given {
        let value = match (kind, name.as_str(), value) {
            (TriggerKind::DeadLetter, "event", Value::Object(own)) => {
                told(fields.get(name).map(|event| &**event), own).map_err(wrong)?
            }
            _ => value.clone(),
        };
        set(&mut fields, kind, name, &value).map_err(wrong)?;
    }
    serde_json::to_vec(&fields).map_err(|_never| ApiError::internal())
}

fn parsed(text: &[u8]) -> Option<Fields> {
    serde_json::from_slice(text).ok()
}

/// The event a dead letter tells of, with other fields.
fn told(stored: Option<&RawValue>, given: &Map<String, Value>) -> Result<Value, String> {
    let stored = stored.map(|event| event.get().as_bytes());
    let mut event = stored.and_then(parsed).ok_or("the event has no `event`")?;
    let request = event
        .get("fields")
        .map(|fields| fields.get().as_bytes().to_vec())
        .filter(|stored| request::shown(stored).is_some());
    for (name, field) in given {
        let field = match (name.as_str(), &request, field) {
            ("fields", Some(request), Value::Object(fields)) => {
                value(&request::edited(request, fields)?)
            }
            ("fields", Some(_), _) => return Err("`event.fields` is an object".to_owned()),
            _ => field.clone(),
        };
        set(&mut event, TriggerKind::DeadLetter, name, &field)?;
    }
    serde_json::to_value(event).map_err(|error| error.to_string())
}

/// Gives a field that is there another value of its type.
fn set(fields: &mut Fields, kind: TriggerKind, name: &str, value: &Value) -> Result<(), String> {
    let Some(before) = fields.get(name) else {
        let known: Vec<&str> = fields.keys().map(String::as_str).collect();
        let near = closest(name, known.iter().copied());
        let near = near.map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"));
        let shown: String = name.chars().take(60).collect();
        return Err(format!(
            "the event has {}, not `{shown}`{near}",
            known.join(", ")
        ));
    };
    let free = match kind {
        TriggerKind::Deploy | TriggerKind::Cron => false,
        TriggerKind::DeadLetter => name == "fields",
        _ => FREE.contains(&name),
    };
    let (was, is) = (type_of(before.get()), type_of(&value.to_string()));
    // A message may have a key or none.
    let optional = name == "key" && matches!(is, "text" | "null");
    if !free && !optional && was != is {
        return Err(format!("`{name}` is a {was}, not a {is}"));
    }
    let text = serde_json::value::to_raw_value(value).map_err(|error| error.to_string())?;
    fields.insert(name.to_owned(), text);
    Ok(())
}

/// What a JSON text is, in a word.
fn type_of(text: &str) -> &'static str {
    match text.as_bytes().first() {
        Some(b'"') => "text",
        Some(b'{') => "map",
        Some(b'[') => "list",
        Some(b't' | b'f') => "truth value",
        Some(b'n') | None => "null",
        Some(_) => "number",
    }
}
