//! Running a trigger by hand, with a given event.

use serde_json::{Map, Value, json};
use shared::api::{RunHttp, RunTriggerRequest, SendRequest, SentEvent};
use shared::clock::Timestamp;
use shared::event::limits::KEY_BYTES;
use shared::event::request::StoredRequest;
use shared::name::{AppSlug, CollectionName, TopicName};
use shared::routing::Method;
use shared::suggest::closest;
use shared::trigger::{Source, TriggerSpec, WebhookSource};
use store::outbox::{self, ByHand};

use super::queues::{json_of, message, refused, sent};
use super::triggers::no_trigger;
use crate::auth::{CanDeploy, InApp, audit};
use crate::error::{ApiError, ApiResult};
use crate::extract::Json;
use crate::model::{active_snapshot, time};
use crate::running;

/// The fields of an event.
type Fields = Map<String, Value>;

/// An event that is given for a trigger.
struct Given {
    /// As it is stored.
    fields: Vec<u8>,
    order_key: Option<String>,
}

/// Fields an event of a trigger has, with what follows from the trigger; null: has to be given.
fn template(spec: &TriggerSpec, caller: &InApp<CanDeploy>, now: Timestamp) -> Fields {
    let fields = match &spec.source {
        Source::Cron(cron) => json!({"schedule": cron.schedule, "timezone": cron.timezone(),
            "scheduled_for": time(now)}),
        Source::Deploy => json!({"release": caller.app.active_release, "message": "",
            "author": caller.principal.email}),
        Source::Kv { collection, .. } => json!({"collection": collection, "key": null, "op": "set",
            "value": null, "old": null}),
        Source::Queue { queue } => json!({"name": queue, "message": null, "key": null}),
        Source::Pubsub { topic } => {
            let topic: Option<TopicName> = topic.as_str().parse().ok();
            json!({"topic": topic, "message": null})
        }
        Source::DeadLetter { of } => json!({"dead_letter": null, "event": {}, "script": of,
            "error": null, "attempts": 1}),
        Source::Webhook(_) => json!({"method": null, "path": null, "headers": null, "params": null,
            "body": null, "body_base64": null}),
    };
    match fields {
        Value::Object(fields) => fields,
        _ => Fields::new(),
    }
}

/// Fields that an event cannot do without.
const fn needed(source: &Source) -> &'static [&'static str] {
    match source {
        Source::Kv { .. } => &["collection", "key"],
        Source::Queue { .. } => &["message"],
        Source::Pubsub { .. } => &["topic", "message"],
        Source::DeadLetter { .. } => &["event"],
        Source::Cron(_) | Source::Deploy | Source::Webhook(_) => &[],
    }
}

/// The fields of an event: those that are given, and those that follow from the trigger.
fn fields(
    spec: &TriggerSpec,
    given: Option<Fields>,
    caller: &InApp<CanDeploy>,
    now: Timestamp,
) -> ApiResult<Fields> {
    let mut fields = template(spec, caller, now);
    let given = given.unwrap_or_default();
    let kind = spec.source.kind().as_str();
    for name in given.keys() {
        if !fields.contains_key(name) {
            let known: Vec<&str> = fields.keys().map(String::as_str).collect();
            let near = closest(name, known.iter().copied());
            let near = near.map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"));
            let shown: String = name.chars().take(60).collect();
            return Err(ApiError::invalid(format!(
                "`event`: the event of a {kind} trigger has {}, not `{shown}`{near}",
                known.join(", ")
            )));
        }
    }
    for name in needed(&spec.source) {
        let is_there = given.contains_key(*name) || fields.get(*name).is_some_and(|v| !v.is_null());
        if !is_there {
            return Err(ApiError::invalid(format!(
                "`event`: the event of this {kind} trigger needs `{name}`"
            )));
        }
    }
    fields.extend(given);
    Ok(fields)
}

/// A field that names something.
fn text<'a>(fields: &'a Fields, name: &str) -> ApiResult<&'a str> {
    let text = fields.get(name).and_then(Value::as_str);
    text.ok_or_else(|| ApiError::invalid(format!("`event`: `{name}` is a text")))
}

/// A change of a key, as the store tells of one.
fn change(fields: &Fields) -> ApiResult<Given> {
    let (collection, key) = (text(fields, "collection")?, text(fields, "key")?);
    let named = collection.parse::<CollectionName>();
    named.map_err(|error| ApiError::invalid(format!("`event`: {error}")))?;
    if !matches!(text(fields, "op")?, "set" | "delete") {
        return Err(ApiError::invalid("`event`: `op` is `set` or `delete`"));
    }
    if key.is_empty() || key.len() > KEY_BYTES * 4 || key.contains('\0') {
        return Err(ApiError::invalid("`event`: `key` is no key"));
    }
    Ok(Given {
        order_key: Some(format!("{collection}/{key}")),
        fields: json_of("`event`", &Value::Object(fields.clone()))?,
    })
}

/// A call of a webhook. Who runs it by hand needs no signature.
fn call(
    webhook: &WebhookSource,
    mut fields: Fields,
    caller: &InApp<CanDeploy>,
) -> ApiResult<Given> {
    fields.retain(|_, value| !value.is_null());
    // What is sent to webhooks is JSON, mostly.
    if let Some(body) = fields.get_mut("body")
        && !body.is_string()
    {
        *body = Value::String(body.to_string());
    }
    let mut http: RunHttp = serde_json::from_value(Value::Object(fields))
        .map_err(|error| ApiError::invalid(format!("`event`: {error}")))?;
    http.method.get_or_insert(Method::Post);
    http.path.get_or_insert_with(|| webhook.path.to_string());
    let http = running::described(&caller.manager, http, &caller.app, &caller.peer)?;
    Ok(Given {
        fields: StoredRequest::encode(&http).to_vec(),
        order_key: None,
    })
}

fn given(spec: &TriggerSpec, fields: Fields, caller: &InApp<CanDeploy>) -> ApiResult<Given> {
    match &spec.source {
        Source::Kv { .. } => change(&fields),
        Source::Webhook(webhook) => call(webhook, fields, caller),
        Source::Pubsub { topic } => {
            let name: Result<TopicName, _> = text(&fields, "topic")?.parse();
            let name = name.map_err(|error| ApiError::invalid(format!("`event`: {error}")))?;
            if !topic.matches(&name) {
                let wrong = format!("`event`: the trigger is for topics like `{topic}`");
                return Err(ApiError::invalid(wrong));
            }
            plain(fields)
        }
        _ => plain(fields),
    }
}

fn plain(fields: Fields) -> ApiResult<Given> {
    Ok(Given {
        fields: json_of("`event`", &Value::Object(fields))?,
        order_key: None,
    })
}

/// A message for the queue of a trigger.
fn queued(mut fields: Fields) -> ApiResult<SendRequest> {
    let key = match fields.remove("key") {
        None | Some(Value::Null) => None,
        Some(Value::String(key)) => Some(key),
        Some(_) => return Err(ApiError::invalid("`event`: `key` is a text")),
    };
    Ok(SendRequest {
        message: fields.remove("message").unwrap_or_default(),
        key,
        delay: None,
        idempotency_key: None,
        attempts: None,
    })
}

/// Run a trigger by hand, with a given event. A webhook's needs no signature.
#[utoipa::path(post, path = "/apps/{app}/triggers/run", operation_id = "runTrigger",
    tag = "triggers",
    params(("app" = AppSlug, Path, description = "The app's name.")),
    request_body(content = RunTriggerRequest,
        example = json!({"trigger": "queue/emails", "event": {"message": {"to": "ada"}}})),
    responses((status = 200, description = "It is on its way.", body = SentEvent,
        example = json!({"event": "evt_019c1e6f4a4e7c1a9f7be1a5d2b3c4d5", "known": false,
            "paused": false}))))]
pub(crate) async fn fire(
    caller: InApp<CanDeploy>,
    Json(body): Json<RunTriggerRequest>,
) -> ApiResult<Json<SentEvent>> {
    let app = caller.app.clone();
    let snapshot = caller
        .manager
        .store()
        .read::<_, ApiError>(move |conn| active_snapshot(conn, &app))
        .await?;
    let mut triggers = snapshot.triggers.into_iter();
    let spec = triggers.find(|spec| spec.key() == body.trigger);
    let spec = spec.ok_or_else(no_trigger)?;
    let now = caller.manager.clock().now();
    let fields = fields(&spec, body.event, &caller, now)?;
    if let Source::Queue { queue } = &spec.source {
        let message = message(queued(fields)?, now)?;
        return sent(caller, queue.clone(), message, "triggers.run").await;
    }
    let given = given(&spec, fields, &caller)?;
    let (person, slug, app) = (caller.principal, caller.app.slug, caller.app.id);
    let sent = caller
        .manager
        .store()
        .write::<_, ApiError>(move |conn| {
            let key = spec.key();
            let by_hand = ByHand {
                app,
                kind: spec.source.kind(),
                trigger: &key,
                fields: &given.fields,
                order_key: given.order_key.as_deref(),
            };
            let event = outbox::fire(conn, by_hand, now).map_err(refused)?;
            let event = event.ok_or_else(no_trigger)?;
            let target = format!("{slug} {key} {event}");
            audit(conn, &person, now, "triggers.run", &target)?;
            let paused = outbox::paused(conn, app)?;
            Ok(SentEvent {
                event,
                known: false,
                paused: paused.iter().any(|paused| paused.trigger == key),
            })
        })
        .await?;
    Ok(Json(sent))
}
