//! Stored requests as events: shown without credentials, and delivered again as they came; and the
//! live tail of events.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use manager_core::AttemptEvent;
use serde_json::{Value, json};
use shared::clock::Clock as _;
use shared::event::request::StoredRequest;
use shared::id::{AppId, EventId, ExecutionId};
use shared::invocation::{HttpInput, TriggerKind};
use shared::record::{AttemptEnd, AttemptRecord};
use store::outbox::{self, OutboxError};

use crate::events::{claim, die, id_of, items, replay, world};
use crate::world::World;

fn stored() -> Bytes {
    let mut headers = http::HeaderMap::new();
    for (name, value) in [
        ("authorization", "Bearer the-callers-secret"),
        ("cookie", "sid=the-callers-secret"),
        ("x-api-key", "the-callers-secret"),
        ("content-type", "application/json"),
    ] {
        headers.insert(name, value.parse().unwrap());
    }
    StoredRequest::encode(&HttpInput {
        method: http::Method::POST,
        uri: "/orders".parse().unwrap(),
        scheme: "http",
        host: Arc::from("shop.localhost"),
        headers: headers.into(),
        params: Vec::new(),
        ip: [127, 0, 0, 1].into(),
        body: Bytes::from_static(b"{\"total\": 5}"),
    })
}

/// A request to an async route.
async fn request(world: &World) -> EventId {
    let app = id_of(world, "shop").await;
    let now = world.clock.now();
    let event = EventId::new(now);
    let written: Result<_, OutboxError> = world
        .store
        .write(move |conn| {
            let request = outbox::Request {
                app,
                event,
                kind: TriggerKind::Http,
                trigger: "",
                script: &"send".parse().unwrap(),
                handler: None,
                path: "/orders",
                payload: &stored(),
                idempotency_key: None,
            };
            outbox::emit(conn, &request.event(now))
        })
        .await;
    assert_eq!(written.unwrap().id(), event);
    world.clock.advance(Duration::from_millis(1));
    event
}

async fn dead_ids(world: &World) -> Vec<Value> {
    let all = items(world, "/apps/shop/dead-letters").await;
    all.into_iter().map(|mut dead| dead["id"].take()).collect()
}

async fn shown(world: &World, id: &Value) -> Value {
    let path = format!("/apps/shop/dead-letters/{}", id.as_str().unwrap());
    let reply = world.get(&path).await.expect(200).json();
    assert!(!reply.to_string().contains("secret"), "{reply}");
    reply["payload"].clone()
}

#[tokio::test]
async fn a_request_is_shown_without_what_its_caller_signs_in_with() {
    let world = world().await;
    let event = request(&world).await;
    let path = format!("/apps/shop/events/{event}");
    for died in [false, true] {
        if died {
            die(&world).await;
        }
        let view = world.get(&path).await.expect(200).json().to_string();
        assert!(
            !view.contains("secret") && !view.contains("YmVhcmVy"),
            "{view}"
        );
    }
    let ids = dead_ids(&world).await;
    let payload = shown(&world, &ids[0]).await;
    assert_eq!(
        payload,
        json!({"method": "POST", "path": "/orders", "body": "{\"total\": 5}", "headers": {
            "authorization": "[redacted]", "cookie": "[redacted]", "x-api-key": "[redacted]",
            "content-type": "application/json"}})
    );
}

#[tokio::test]
async fn a_request_is_delivered_again_as_it_came_or_with_another_body() {
    let world = world().await;
    request(&world).await;
    die(&world).await;
    let id = dead_ids(&world).await.remove(0);
    replay(&world, &id, &json!({})).await.expect(200);
    assert_eq!(claim(&world).await[0].payload, stored(), "byte for byte");

    request(&world).await;
    die(&world).await;
    let id = dead_ids(&world).await.remove(0);
    for (bad, says) in [
        (json!({"name": "emails", "message": 1}), "not `message`"),
        (json!({"path": "/other"}), "`path` cannot be changed"),
        (json!({"body": {"total": 5}}), "`body` is a text"),
        (json!({"headers": {"a": 1}}), "header `a`"),
    ] {
        let reply = replay(&world, &id, &json!({ "payload": bad })).await;
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        reply.problem(400, "invalid_value");
        assert!(detail.contains(says), "{detail}");
    }
    let mut payload = shown(&world, &id).await;
    payload["body"] = json!("{\"total\": 6}");
    replay(&world, &id, &json!({ "payload": payload }))
        .await
        .expect(200);
    let again = claim(&world).await;
    let again = StoredRequest::decode(&again[0].payload).unwrap();
    assert_eq!(again.body, "{\"total\": 6}");
    assert_eq!(again.headers["authorization"], "Bearer the-callers-secret");
}

#[tokio::test]
async fn a_dead_letter_handlers_own_failure_shows_no_credentials_either() {
    let world = world().await;
    let body = json!({"scripts": {"told": {"source": "1"}},
        "triggers": [{"kind": "dead_letter", "script": "told"}]});
    world.post("/apps/shop/releases", &body).await.expect(201);
    request(&world).await;
    die(&world).await;
    die(&world).await;
    let ids = dead_ids(&world).await;
    assert_eq!(ids.len(), 2);
    let payload = shown(&world, &ids[0]).await;
    assert_eq!(
        payload["event"]["fields"]["headers"]["cookie"],
        "[redacted]"
    );
    shown(&world, &ids[1]).await;
    replay(&world, &ids[0], &json!({ "payload": payload }))
        .await
        .expect(200);
    let again = claim(&world).await;
    let again: Value = serde_json::from_slice(&again[0].payload).unwrap();
    let again = again["event"]["fields"].to_string();
    let again = StoredRequest::decode(again.as_bytes()).unwrap();
    let before = StoredRequest::decode(&stored()).unwrap();
    assert_eq!((again.headers, again.body), (before.headers, before.body));
}

fn attempt(app: AppId, script: &str, end: AttemptEnd) -> AttemptEvent {
    let now = shared::clock::Timestamp(1_800_000_000_000_000);
    let ran = matches!(end, AttemptEnd::Handled);
    AttemptEvent::Ended(Arc::new(AttemptRecord {
        app,
        event: EventId::from_bytes([1; 16]),
        kind: TriggerKind::Queue,
        subject: "emails".to_owned(),
        script: Some(script.to_owned()),
        handler: None,
        attempt: 2,
        end,
        run: ran.then(|| {
            (
                ExecutionId::from_bytes([2; 16]),
                Duration::from_micros(1_500),
            )
        }),
        at: now,
    }))
}

#[tokio::test]
async fn the_tail_of_events_shows_attempts_as_they_end() {
    let world = world().await;
    let app = id_of(&world, "shop").await;
    let error = "no such customer".to_owned();
    let retried = AttemptEnd::Retried {
        error: error.clone(),
        at: shared::clock::Timestamp(1_800_000_004_000_000),
    };
    *world.attempts.lock().unwrap() = vec![
        attempt(app, "send", AttemptEnd::Handled),
        attempt(app, "other", AttemptEnd::Handled),
        attempt(app, "send", retried),
        attempt(app, "send", AttemptEnd::Dead { error }),
        AttemptEvent::Missed(3),
    ];
    let path = "/apps/shop/events/tail?script=send";
    let reply = world.get(path).await.expect(200);
    assert_eq!(reply.header("content-type"), "text/event-stream");
    let text = String::from_utf8(reply.body).unwrap();
    let events: Vec<&str> = text.trim_end().split("\n\n").collect();
    let data = |at: usize| -> Value {
        let data = events[at].strip_prefix("event: attempt\ndata: ").unwrap();
        serde_json::from_str(data).unwrap()
    };
    assert_eq!(events.len(), 4, "{text}");
    let handled = json!({"event": "evt_01010101010101010101010101010101", "kind": "queue",
        "subject": "emails", "script": "send", "handler": null, "attempt": 2,
        "outcome": "handled", "error": null, "retry_at": null,
        "execution": "exe_02020202020202020202020202020202", "duration_ms": 1.5,
        "at": "2027-01-15T08:00:00.000000Z"});
    assert_eq!(data(0), handled);
    assert_eq!(data(1)["outcome"], "retried");
    assert_eq!(data(1)["retry_at"], "2027-01-15T08:00:04.000000Z");
    assert_eq!(data(2)["outcome"], "dead");
    assert_eq!(
        (&data(2)["error"], &data(2)["execution"]),
        (&json!("no such customer"), &Value::Null)
    );
    assert_eq!(events[3], "event: missed\ndata: 3");
    world
        .get("/apps/shop/events/tail?level=info")
        .await
        .problem(400, "invalid_query");
}
