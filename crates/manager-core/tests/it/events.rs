//! Events: what waits, what became of them, and what failed for good.

use std::time::Duration;

use serde_json::{Value, json};
use shared::clock::Clock as _;
use shared::event::{Cause, Destination, FailedAttempt, Message};
use shared::id::{AppId, DeadLetterId, EventId, ExecutionId, NodeId, RootId};
use shared::invocation::TriggerKind;
use store::dead_letters::DeadLetter;
use store::outbox::{self, Delivery, Failed, OutboxError, Sent, Span};
use store::{Room, StoreError, dead_letters};

use crate::world::{Ask, Reply, World};

/// An instance with a queue `emails` that the script `send` consumes.
pub(crate) async fn world() -> World {
    let world = World::with_app().await;
    let body = json!({"scripts": {"send": {"source": "1"}},
        "triggers": [{"kind": "queue", "queue": "emails", "script": "send"}]});
    world.post("/apps/shop/releases", &body).await.expect(201);
    world
}

pub(crate) async fn id_of(world: &World, app: &str) -> AppId {
    let app = world.get(&format!("/apps/{app}")).await.expect(200).json();
    app["id"].as_str().unwrap().parse().unwrap()
}

/// Puts a message into a queue of `shop`, as a run of a script would.
async fn send(world: &World, queue: &str, body: &Value) -> EventId {
    send_text(world, queue, body.to_string()).await
}

async fn send_text(world: &World, queue: &str, body: String) -> EventId {
    let app = id_of(world, "shop").await;
    let now = world.clock.now();
    let (event, execution) = (EventId::new(now), ExecutionId::new(now));
    let sent = Sent {
        app,
        cause: Cause::first(execution),
        execution,
        now,
    };
    let message = Message {
        id: event,
        body: body.into(),
        key: None,
        delay_ms: 0,
        idempotency_key: None,
        unique_for_ms: None,
        attempts: None,
    };
    let to = Destination::Queue(queue.parse().unwrap());
    let written: Result<_, OutboxError> = world
        .store
        .write(move |conn| outbox::emit(conn, &outbox::message(sent, &to, &message)?))
        .await;
    written.unwrap();
    world.clock.advance(Duration::from_millis(1));
    event
}

/// Takes everything that may be handled now, as a dispatcher would.
pub(crate) async fn claim(world: &World) -> Vec<Delivery> {
    let app = id_of(world, "shop").await;
    let now = world.clock.now();
    let claimed: Result<_, StoreError> = world
        .store
        .write(move |conn| {
            let mut all = Vec::new();
            for due in outbox::lines(conn)? {
                if due.line.app == app {
                    let (node, span) = (NodeId::new(now), Span::until(now));
                    all.extend(outbox::claim(conn, &due.line, node, span, 10_000)?);
                }
            }
            all.sort_by_key(|delivery| (delivery.due_at, delivery.seq));
            Ok(all)
        })
        .await;
    claimed.unwrap()
}

/// What the history says of the attempt that was the last.
fn last_attempt() -> FailedAttempt {
    FailedAttempt {
        attempt: 5,
        execution: ExecutionId::from_bytes([7; 16]),
        at: "2027-01-15T08:00:00.000Z".to_owned(),
        kind: "runtime".to_owned(),
        message: "no such\ncustomer".to_owned(),
    }
}

/// Everything that waits fails for good.
pub(crate) async fn die(world: &World) {
    let now = world.clock.now();
    let fail = |mut delivery: Delivery| {
        delivery.script = Some("send".to_owned());
        delivery.attempt = 5;
        delivery.history = json!([last_attempt()]).to_string();
        let error = r#"{"kind":"runtime","message":"no such\ncustomer"}"#.to_owned();
        Failed::Dead(Box::new(DeadLetter::of(&delivery, error, now)), delivery)
    };
    let failed: Vec<Failed> = claim(world).await.into_iter().map(fail).collect();
    let written: Result<_, StoreError> = world
        .store
        .write(move |conn| outbox::settle(conn, &[], &failed, now))
        .await;
    assert_eq!(written.unwrap(), outbox::Stale::default());
    world.clock.advance(Duration::from_millis(1));
}

/// So many dead letters, each a millisecond after the one before.
async fn dead(world: &World, count: usize) {
    for n in 0..count {
        send(world, "emails", &json!(n)).await;
        die(world).await;
    }
}

pub(crate) async fn items(world: &World, path: &str) -> Vec<Value> {
    let page = world.get(path).await.expect(200).json();
    page["items"].as_array().unwrap().clone()
}

/// What the audit log says about an action, sorted.
async fn audited(world: &World, action: &str) -> Vec<String> {
    let all = items(world, "/audit?limit=200").await;
    let all = all.iter().filter(|entry| entry["action"] == action);
    let mut targets: Vec<String> = all
        .map(|entry| entry["target"].as_str().unwrap().to_owned())
        .collect();
    targets.sort_unstable();
    targets
}

#[tokio::test]
async fn what_waits_is_listed() {
    let world = world().await;
    let first = send(&world, "emails", &json!(1)).await;
    let second = send(&world, "nobody", &json!(2)).await;
    let all = items(&world, "/apps/shop/deliveries").await;
    assert_eq!(
        all[0],
        json!({"seq": all[0]["seq"], "event": first, "kind": "queue", "subject": "emails",
            "trigger": "queue/emails", "script": "send", "handler": null, "state": "due",
            "paused": false, "attempt": 0, "snoozes": 0,
            "due_at": "2027-01-15T08:00:00.000000Z", "created_at": "2027-01-15T08:00:00.000000Z",
            "order_key": null, "root": all[0]["root"], "parent": all[0]["parent"]})
    );
    assert_eq!(
        (&all[1]["event"], &all[1]["script"]),
        (&json!(second), &Value::Null)
    );
    let page = world.get("/apps/shop/deliveries?limit=1").await.json();
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = items(&world, &format!("/apps/shop/deliveries?cursor={cursor}")).await;
    assert_eq!(rest, all[1..]);
    for bad in [
        "cursor=x",
        "limit=0",
        "limit=201",
        "queue=a/b",
        "state=x",
        "event=1",
        "queue=a&trigger=queue/a",
        "nothing=1",
    ] {
        let path = format!("/apps/shop/deliveries?{bad}");
        world.get(&path).await.problem(400, "invalid_query");
    }
    // Another app sees none of it.
    let blog = json!({"name": "blog"});
    world.post("/apps", &blog).await.expect(201);
    for what in ["deliveries", "queues", "dead-letters", "triggers"] {
        assert!(
            items(&world, &format!("/apps/blog/{what}"))
                .await
                .is_empty()
        );
    }
    let path = format!("/apps/blog/events/{first}");
    world.get(&path).await.problem(404, "not_found");
}

#[tokio::test]
async fn queues_show_their_depth_and_their_consumer() {
    let world = world().await;
    let of = |name: &str, depth: u64, at: Value, age: Value, consumer: Value| {
        json!({"name": name, "depth": depth, "oldest_at": at, "oldest_age_ms": age,
            "consumer": consumer, "paused_at": null})
    };
    let empty = of("emails", 0, json!(null), json!(null), json!("send"));
    assert_eq!(items(&world, "/apps/shop/queues").await, [empty]);
    for queue in ["zoo", "alone", "emails", "alone"] {
        send(&world, queue, &json!(1)).await;
    }
    world.clock.advance(Duration::from_mins(1));
    let at = |ms: u32| json!(format!("2027-01-15T08:00:00.00{ms}000Z"));
    let all = [
        of("alone", 2, at(1), json!(60_003), json!(null)),
        of("emails", 1, at(2), json!(60_002), json!("send")),
        of("zoo", 1, at(0), json!(60_004), json!(null)),
    ];
    assert_eq!(items(&world, "/apps/shop/queues").await, all);
    let mut found = Vec::new();
    let mut path = "/apps/shop/queues?limit=1".to_owned();
    loop {
        let page = world.get(&path).await.expect(200).json();
        found.extend(page["items"].as_array().unwrap().clone());
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/apps/shop/queues?limit=1&cursor={cursor}");
    }
    assert_eq!(found, all);
}

/// Two attempts at an event, and a run that follows from it.
async fn attempts_at(world: &World, event: EventId, root: RootId) {
    for _ in 0..3 {
        let run = world.post("/apps/shop/scripts/send/run", &json!({})).await;
        run.expect(200);
        world.clock.advance(Duration::from_millis(1));
    }
    for (n, record) in world.runner.log.lock().unwrap().iter_mut().enumerate() {
        record.trigger = TriggerKind::Queue;
        record.attempt = n as u32 + 1;
        record.cause = Cause {
            root,
            event: (n < 2).then_some(event),
            parent: Some(ExecutionId::from_bytes(*root.as_bytes())),
            depth: 1,
        };
    }
    world.flush().await;
}

#[tokio::test]
async fn an_event_shows_its_chain() {
    let world = world().await;
    let event = send(&world, "emails", &json!(1)).await;
    let path = format!("/apps/shop/events/{event}");
    let found = world.get(&path).await.expect(200).json();
    let root: RootId = found["root"].as_str().unwrap().parse().unwrap();
    assert_eq!(found["deliveries"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&found["executions"], &found["dead_letters"]),
        (&json!([]), &json!([]))
    );
    attempts_at(&world, event, root).await;
    die(&world).await;
    let found = world.get(&path).await.expect(200).json();
    let attempts = found["executions"].as_array().unwrap();
    let numbers: Vec<_> = attempts.iter().map(|run| &run["attempt"]).collect();
    assert_eq!(numbers, [1, 2]);
    assert_eq!(
        (&attempts[0]["event"], &attempts[0]["root"]),
        (&json!(event), &json!(root))
    );
    assert_eq!(attempts[0]["trigger"], "queue");
    let parent = attempts[0]["parent"].as_str().unwrap();
    assert!(parent.starts_with("exe_"), "{parent}");
    assert_eq!(found["chain"].as_array().unwrap().len(), 3);
    assert_eq!(found["deliveries"], json!([]));
    assert_eq!(found["dead_letters"].as_array().unwrap().len(), 1);
    let letter = found["dead_letters"][0]["id"].as_str().unwrap();
    let letter = world
        .get(&format!("/apps/shop/dead-letters/{letter}"))
        .await;
    let letter = letter.expect(200).json();
    assert_eq!(letter["executions"], found["executions"]);
    // The list of runs finds them as well.
    for (query, count) in [(format!("event={event}"), 2), (format!("root={root}"), 3)] {
        let path = format!("/apps/shop/executions?{query}");
        assert_eq!(items(&world, &path).await.len(), count);
    }
    for bad in ["event=x", "root=x"] {
        let path = format!("/apps/shop/executions?{bad}");
        world.get(&path).await.problem(400, "invalid_query");
    }
    let id = attempts[1]["id"].as_str().unwrap();
    let run = world.get(&format!("/apps/shop/executions/{id}")).await;
    assert_eq!(run.expect(200).json()["execution"], attempts[1]);
    for unknown in [
        "evt_0".to_owned(),
        EventId::new(world.clock.now()).to_string(),
    ] {
        let path = format!("/apps/shop/events/{unknown}");
        world.get(&path).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn dead_letters_are_listed_and_shown() {
    let world = world().await;
    dead(&world, 3).await;
    let all = items(&world, "/apps/shop/dead-letters").await;
    assert_eq!(all.len(), 3);
    assert_eq!(
        all[2],
        json!({"id": all[2]["id"], "event": all[2]["event"], "kind": "queue",
            "subject": "emails", "trigger": "queue/emails", "script": "send", "handler": null,
            "order_key": null, "error": "no such", "attempts": 5, "root": all[2]["root"],
            "parent": all[2]["parent"], "created_at": "2027-01-15T08:00:00.000000Z",
            "died_at": "2027-01-15T08:00:00.001000Z"})
    );
    let page = world.get("/apps/shop/dead-letters?limit=2").await.json();
    assert_eq!(page["items"], json!(all[..2]));
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = items(&world, &format!("/apps/shop/dead-letters?cursor={cursor}")).await;
    assert_eq!(rest, all[2..]);
    let path = format!("/apps/shop/dead-letters/{}", all[0]["id"].as_str().unwrap());
    let one = world.get(&path).await.expect(200).json();
    assert_eq!(one["dead_letter"], all[0]);
    assert_eq!(
        one["payload"],
        json!({"name": "emails", "message": 2, "key": null})
    );
    assert_eq!(one["error"]["message"], "no such\ncustomer");
    assert_eq!(one["history"], json!([last_attempt()]));
    world
        .post("/apps", &json!({"name": "blog"}))
        .await
        .expect(201);
    let other = path.replace("shop", "blog");
    for (method, path) in [
        ("GET", other.clone()),
        ("DELETE", other.clone()),
        ("POST", format!("{other}/replay")),
    ] {
        let ask = Ask::new(method, &path).auth(&world.local).json(&json!({}));
        world.send(ask).await.problem(404, "not_found");
    }
    assert_eq!(items(&world, "/apps/shop/dead-letters").await, all);
}

#[tokio::test]
async fn a_payload_is_shown_however_deep_it_is() {
    let world = world().await;
    let deep = (0..300).fold(json!(1), |value, _| json!([value]));
    let deep = deep.to_string();
    for body in [deep.as_str(), "1e999"] {
        send_text(&world, "emails", body.to_owned()).await;
        die(&world).await;
        let all = items(&world, "/apps/shop/dead-letters").await;
        let path = format!("/apps/shop/dead-letters/{}", all[0]["id"].as_str().unwrap());
        let one = world.get(&path).await.expect(200).json();
        let text = one["payload"].as_str().unwrap();
        assert!(text.contains(&format!(r#""message":{body}"#)), "{text}");
        // And is replayed as it was.
        replay(&world, &all[0]["id"], &json!({})).await.expect(200);
        let again = claim(&world).await;
        assert_eq!(again.last().unwrap().payload, text.as_bytes());
    }
}

pub(crate) async fn replay(world: &World, id: &Value, body: &Value) -> Reply {
    let path = format!("/apps/shop/dead-letters/{}/replay", id.as_str().unwrap());
    world.post(&path, body).await
}

#[tokio::test]
async fn a_dead_letter_is_delivered_again() {
    let world = world().await;
    dead(&world, 2).await;
    let all = items(&world, "/apps/shop/dead-letters").await;
    let replayed = replay(&world, &all[0]["id"], &json!({})).await.expect(200);
    assert_eq!(replayed.json(), json!({"event": all[0]["event"]}));
    replay(&world, &all[0]["id"], &json!({}))
        .await
        .problem(404, "not_found");
    let fixed = json!({"payload": {"name": "emails", "message": "fixed \u{0}"}});
    replay(&world, &all[1]["id"], &fixed).await.expect(200);
    assert!(items(&world, "/apps/shop/dead-letters").await.is_empty());
    let waiting = items(&world, "/apps/shop/deliveries").await;
    let events: Vec<_> = waiting.iter().map(|delivery| &delivery["event"]).collect();
    assert_eq!(events, [&all[0]["event"], &all[1]["event"]]);
    let claimed = claim(&world).await;
    let payload = |at: usize| {
        let event = all[at]["event"].as_str().unwrap();
        let delivery = claimed.iter().find(|d| d.event.to_string() == event);
        serde_json::from_slice::<Value>(&delivery.unwrap().payload).unwrap()
    };
    assert_eq!(payload(0)["message"], 1);
    let kept = json!({"name": "emails", "message": "fixed \u{0}", "key": null});
    assert_eq!(payload(1), kept);
    let id = |at: usize| all[at]["id"].as_str().unwrap();
    let mut told = [
        format!("shop {}", id(0)),
        format!("shop {} with another payload", id(1)),
    ];
    told.sort_unstable();
    assert_eq!(audited(&world, "dead_letters.replay").await, told);
}

#[tokio::test]
async fn a_payload_is_a_small_object() {
    let world = world().await;
    dead(&world, 1).await;
    let all = items(&world, "/apps/shop/dead-letters").await;
    let id = &all[0]["id"];
    for bad in [json!([]), json!(1), json!("{}"), json!([{}]), json!(true)] {
        replay(&world, id, &json!({ "payload": bad }))
            .await
            .problem(400, "invalid_json");
    }
    replay(&world, id, &json!({"fields": {}}))
        .await
        .problem(400, "invalid_json");
    let sized = |bytes: usize| json!({"payload": {"message": "x".repeat(bytes - r#"{"message":""}"#.len())}});
    replay(&world, id, &sized((256 << 10) + 1))
        .await
        .problem(400, "invalid_value");
    // None of that has changed anything.
    assert_eq!(items(&world, "/apps/shop/dead-letters").await, all);
    replay(&world, id, &sized(256 << 10)).await.expect(200);
}

async fn replay_many(world: &World, body: &Value) -> Reply {
    world.post("/apps/shop/dead-letters/replay", body).await
}

#[tokio::test]
async fn many_dead_letters_are_delivered_again() {
    let world = world().await;
    dead(&world, 120).await;
    let all = items(&world, "/apps/shop/dead-letters?limit=200").await;
    let ids: Vec<&Value> = all[..3].iter().map(|letter| &letter["id"]).collect();
    let gone = DeadLetterId::new(world.clock.now());
    let some = json!({"ids": [ids[1], ids[0], ids[1], gone]});
    let reply = replay_many(&world, &some).await.expect(200);
    assert_eq!(reply.json(), json!({"replayed": 2, "more": false}));
    let reply = replay_many(&world, &json!({"all": true})).await.expect(200);
    assert_eq!(reply.json(), json!({"replayed": 118, "more": false}));
    let none = replay_many(&world, &json!({"all": true})).await.expect(200);
    assert_eq!(none.json(), json!({"replayed": 0, "more": false}));
    assert!(items(&world, "/apps/shop/dead-letters").await.is_empty());
    // In the order in which they died.
    let waiting = items(&world, "/apps/shop/deliveries?limit=200").await;
    let events: Vec<_> = waiting.iter().map(|delivery| &delivery["event"]).collect();
    let oldest = all[2..].iter().rev().map(|letter| &letter["event"]);
    let expected: Vec<_> = [&all[1]["event"], &all[0]["event"]]
        .into_iter()
        .chain(oldest)
        .collect();
    assert_eq!(events, expected);
    assert_eq!(
        audited(&world, "dead_letters.replay").await,
        ["shop 4 dead letters", "shop all dead letters"]
    );
    for bad in [
        json!({}),
        json!({"all": false}),
        json!({"ids": []}),
        json!({"ids": [gone], "all": true}),
        json!({"ids": vec![gone; 1_001]}),
    ] {
        replay_many(&world, &bad)
            .await
            .problem(400, "invalid_value");
    }
    for bad in [
        json!({"ids": ["ded_0"]}),
        json!({"ids": [1]}),
        json!({"all": 1}),
    ] {
        replay_many(&world, &bad).await.problem(400, "invalid_json");
    }
}

#[tokio::test]
async fn dead_letters_are_removed() {
    let world = world().await;
    dead(&world, 4).await;
    let all = items(&world, "/apps/shop/dead-letters").await;
    let id = |at: usize| all[at]["id"].as_str().unwrap();
    let one = format!("/apps/shop/dead-letters/{}", id(3));
    world.delete(&one).await.expect(204);
    world.delete(&one).await.problem(404, "not_found");
    for bad in ["", "?up_to=", "?up_to=all", "?up_to=exe_0"] {
        let path = format!("/apps/shop/dead-letters{bad}");
        world.delete(&path).await.problem(400, "invalid_query");
    }
    let path = format!("/apps/shop/dead-letters?up_to={}", id(1));
    let purged = world.delete(&path).await.expect(200).json();
    assert_eq!(purged, json!({"removed": 2}));
    let purged = world.delete(&path).await.expect(200).json();
    assert_eq!(purged, json!({"removed": 0}));
    assert_eq!(items(&world, "/apps/shop/dead-letters").await, all[..1]);
    // Nothing of it runs again.
    assert!(items(&world, "/apps/shop/deliveries").await.is_empty());
    assert_eq!(
        audited(&world, "dead_letters.delete").await,
        [format!("shop {}", id(3))]
    );
    assert_eq!(
        audited(&world, "dead_letters.purge").await,
        [format!("shop up to {}", id(1))]
    );
}

#[tokio::test]
async fn looking_is_for_readers_and_changing_for_deployers() {
    let world = World::with_owner().await;
    let consumer = json!({"kind": "queue", "queue": "emails", "script": "send"});
    let body = json!({"scripts": {"send": {"source": "1"}}, "triggers": [consumer]});
    world.post("/apps/shop/releases", &body).await.expect(201);
    send(&world, "emails", &json!(1)).await;
    die(&world).await;
    let all = items(&world, "/apps/shop/dead-letters").await;
    let one = format!("/apps/shop/dead-letters/{}", all[0]["id"].as_str().unwrap());
    let (read, invoke) = (
        world.token(&["read"], Some("shop")).await,
        world.token(&["invoke"], Some("shop")).await,
    );
    let deploy = world.token(&["deploy"], Some("shop")).await;
    let ask = |method: &str, path: &str, token: &str| {
        let ask = Ask::new(method, path).auth(token);
        world.send(ask.json(&json!({})))
    };
    ask("GET", &one, &read).await.expect(200);
    ask("GET", &one, &invoke)
        .await
        .problem(403, "scope_required");
    let again = format!("{one}/replay");
    for token in [&read, &invoke] {
        ask("POST", &again, token)
            .await
            .problem(403, "scope_required");
        ask("DELETE", &one, token)
            .await
            .problem(403, "scope_required");
    }
    ask("POST", &again, &deploy).await.expect(200);
    assert!(dead_letters_of(&world).await.is_empty());
}

async fn dead_letters_of(world: &World) -> Vec<DeadLetter> {
    let app = id_of(world, "shop").await;
    let found: Result<_, StoreError> = world
        .store
        .read(move |conn| dead_letters::list(conn, app, 10, &mut Room::of(u64::MAX)))
        .await;
    found.unwrap()
}
