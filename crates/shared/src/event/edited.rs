//! An event with other fields: what a replay is given is put into what is stored.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::request;
use crate::invocation::TriggerKind;
use crate::suggest::closest;

/// The fields of an event as they are stored: what is not given is kept to the letter, however deep
/// it is nested and however large its numbers are.
type Fields = BTreeMap<String, Box<RawValue>>;

/// Fields that are a script's own: any value will do.
const FREE: [&str; 4] = ["message", "value", "old", "args"];

/// The stored fields of an event with those that are given: what is not given stays, what the event
/// does not have is refused. The error says what is wrong.
pub fn edited(
    kind: TriggerKind,
    stored: &[u8],
    given: &Map<String, Value>,
) -> Result<Vec<u8>, String> {
    if matches!(kind, TriggerKind::Http | TriggerKind::Webhook) {
        return Ok(request::edited(stored, given)?.to_vec());
    }
    let mut fields = parsed(stored).ok_or("the stored event is damaged")?;
    for (name, value) in given {
        let value = match (kind, name.as_str(), value) {
            (TriggerKind::DeadLetter, "event", Value::Object(own)) => {
                told(fields.get(name).map(|event| &**event), own)?
            }
            _ => value.clone(),
        };
        set(&mut fields, kind, name, &value)?;
    }
    serde_json::to_vec(&fields).map_err(|error| error.to_string())
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
                json_of(&request::edited(request, fields)?)
            }
            ("fields", Some(_), _) => return Err("`event.fields` is an object".to_owned()),
            _ => field.clone(),
        };
        set(&mut event, TriggerKind::DeadLetter, name, &field)?;
    }
    serde_json::to_value(event).map_err(|error| error.to_string())
}

/// What is stored as JSON; null where it is none.
fn json_of(stored: &[u8]) -> Value {
    serde_json::from_slice(stored).unwrap_or(Value::Null)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_given_stays_and_what_is_not_there_is_refused() {
        let stored = br#"{"name":"q","message":{"n":12345678901234567890},"key":"kk"}"#;
        let edit = |given: Value| edited(TriggerKind::Queue, stored, given.as_object().unwrap());
        assert_eq!(
            String::from_utf8(edit(json!({"key": null})).unwrap()).unwrap(),
            r#"{"key":null,"message":{"n":12345678901234567890},"name":"q"}"#
        );
        assert_eq!(
            String::from_utf8(edit(json!({"message": 1})).unwrap()).unwrap(),
            r#"{"key":"kk","message":1,"name":"q"}"#
        );
        for (given, says) in [
            (json!({"nonsense": 1}), "not `nonsense`"),
            (json!({"mesage": 1}), "did you mean `message`?"),
            (json!({"name": 1}), "`name` is a text, not a number"),
            (json!({"key": 7}), "`key` is a text, not a number"),
        ] {
            let refused = edit(given).unwrap_err();
            assert!(refused.contains(says), "{refused}");
        }
    }
}
