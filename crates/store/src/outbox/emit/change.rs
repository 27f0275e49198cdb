//! Keys of the key-value store that changed.

use serde_json::value::RawValue;
use shared::id::{AppId, EventId};
use shared::invocation::TriggerKind;
use shared::kv::KvValue;

use super::event::{Event, To, raw};
use super::message::Sent;
use crate::conn::Conn;
use crate::error::StoreError;
use crate::text::to_json;
use crate::triggers::{self, Target};

/// The key of a collection that changed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key<'a> {
    pub(crate) collection: &'a str,
    pub(crate) key: &'a str,
}

/// The triggers that want to know about a key.
pub(crate) fn listeners(
    conn: &mut dyn Conn,
    app: AppId,
    at: Key<'_>,
) -> Result<Vec<Target>, StoreError> {
    triggers::wanting(conn, app, TriggerKind::Kv, at.collection, Some(at.key))
}

/// A key that changed, for those who listen.
pub(crate) fn change<'a>(
    sent: Sent,
    listeners: &'a [Target],
    at: Key<'a>,
    old: Option<&KvValue>,
    new: Option<&KvValue>,
) -> Result<Event<'a>, StoreError> {
    #[derive(serde::Serialize)]
    struct Fields<'a> {
        collection: &'a str,
        key: &'a str,
        op: &'static str,
        value: Box<RawValue>,
        old: Box<RawValue>,
    }
    let fields = Fields {
        collection: at.collection,
        key: at.key,
        op: if new.is_some() { "set" } else { "delete" },
        value: shown(new)?,
        old: shown(old)?,
    };
    let id = EventId::new(sent.now);
    // All changes of one key are one lane.
    let lane = format!("{}/{}", at.collection, at.key);
    Ok(Event {
        app: sent.app,
        id,
        kind: TriggerKind::Kv,
        subject: at.collection,
        filter: Some(at.key),
        fields: to_json("event", &fields)?.into_bytes().into(),
        cause: sent.cause.follows(sent.execution, id),
        order_key: Some(lane.into()),
        to: To::Those(listeners),
        once: None,
        attempts: None,
        at: sent.now,
        due_at: sent.now,
    })
}

/// A value of the key-value store as an event shows it: raw bytes in base64.
fn shown(value: Option<&KvValue>) -> Result<Box<RawValue>, StoreError> {
    use base64::Engine as _;
    match value {
        None => raw(b"null"),
        Some(KvValue::Json(text)) => raw(text),
        Some(KvValue::Blob(bytes)) => {
            let text = base64::engine::general_purpose::STANDARD.encode(bytes);
            raw(format!("\"{text}\"").as_bytes())
        }
    }
}
