//! What people see of an event's payload, and how they may change it. A request that is handled
//! later is stored whole, its callers' credentials included: those are for the handler, and the
//! scope `read` does not reveal them.

use serde_json::{Map, Value};
use shared::event::request;
use shared::invocation::TriggerKind;

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

/// The payload a replay is given, as it is stored.
pub(super) fn given(
    kind: TriggerKind,
    stored: &[u8],
    mut given: Map<String, Value>,
) -> ApiResult<Vec<u8>> {
    let wrong = |why: String| ApiError::invalid(format!("`payload`: {why}"));
    if is_request(kind) {
        let edited = request::edited(stored, &given).map_err(wrong)?;
        return Ok(edited.to_vec());
    }
    if kind == TriggerKind::DeadLetter
        && let Some(request) = told_request(&value(stored))
    {
        let fields = given.get_mut("event").and_then(|it| it.get_mut("fields"));
        let Some(Value::Object(fields)) = fields else {
            return Err(wrong("`event.fields` is an object".to_owned()));
        };
        let edited = request::edited(&request, fields).map_err(wrong)?;
        if let Value::Object(stored) = value(&edited) {
            *fields = stored;
        }
    }
    Ok(Value::Object(given).to_string().into_bytes())
}
