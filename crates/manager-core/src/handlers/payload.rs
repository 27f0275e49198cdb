//! What people see of an event's payload. A request that is handled later is stored whole, its
//! callers' credentials included: those are for the handler, and the scope `read` does not reveal
//! them.

use serde_json::Value;
use shared::event::request;
use shared::invocation::TriggerKind;

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
