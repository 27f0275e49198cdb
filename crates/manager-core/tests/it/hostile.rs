//! Any bytes anywhere: a clear error, never a 5xx, never a panic. What holds for every answer is
//! checked in `World::send`.

use serde_json::{Value, json};

use crate::matrix::{filled, operations};
use crate::world::{Ask, World};

/// Texts that break things: names, values, paths, cursors.
fn texts() -> Vec<String> {
    vec![
        String::new(),
        "\0".to_owned(),
        "a\0b".to_owned(),
        "\u{202e}\u{0301}\u{1f4a3}".to_owned(),
        "../../etc/passwd".to_owned(),
        "'; DROP TABLE apps; --".to_owned(),
        "%".to_owned(),
        "\r\nSet-Cookie: a=b".to_owned(),
        "\u{1b}[31m".to_owned(),
        "-9223372036854775809".to_owned(),
        "x".repeat(5_000),
    ]
}

fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        encoded.push_str(&format!("%{byte:02x}"));
        encoded
    })
}

/// One trigger of every kind.
fn triggers() -> Value {
    let mut all = Vec::new();
    for more in [
        json!({"kind": "kv", "collection": "orders", "prefix": "o-"}),
        json!({"kind": "queue", "queue": "emails", "concurrency": 4}),
        json!({"kind": "pubsub", "topic": "orders.*"}),
        json!({"kind": "cron", "schedule": "*/5 * * * *", "timezone": "Europe/Berlin",
            "catch_up": "all"}),
        json!({"kind": "dead_letter", "of": "hello"}),
        json!({"kind": "webhook", "path": "/hooks/a", "provider": "github", "secret": "SECRET"}),
        json!({"kind": "deploy"}),
    ] {
        let mut trigger = json!({"script": "hello", "handler": null, "retry": {"attempts": 8,
            "backoff": "exponential", "base": "2s", "max": "1h"}});
        let fields = trigger.as_object_mut().unwrap();
        fields.extend(more.as_object().unwrap().clone());
        all.push(trigger);
    }
    Value::Array(all)
}

/// A body for each operation on events that takes one.
fn event_bodies() -> Vec<(&'static str, Value)> {
    vec![
        ("delayDelivery", json!({"delay": "10m"})),
        ("pauseTrigger", json!({"trigger": "queue/emails"})),
        ("resumeTrigger", json!({"trigger": "queue/emails"})),
        (
            "runTrigger",
            json!({"trigger": "queue/emails", "event": {"message": [1], "key": "k"}}),
        ),
        (
            "sendMessage",
            json!({"message": {"a": 1}, "key": "k", "delay": "1s", "idempotency_key": "i",
                "attempts": 2}),
        ),
    ]
}

/// A good body for every operation that takes one.
fn bodies() -> Vec<(&'static str, Value)> {
    let source = json!({"source": "1", "hash": null, "description": "d",
        "limits": {"wall": "1s", "memory": "1MiB", "operations": 5}});
    let route = json!({"method": "GET", "path": "/x/:id", "script": "hello", "handler": null,
        "auth": "public", "cors": {"origins": ["*"], "headers": ["a"], "expose": ["b"],
            "credentials": false, "max_age": "1s"}});
    vec![
        (
            "createOwner",
            json!({"token": "t", "email": "a@b.c", "password": "0123456789"}),
        ),
        (
            "signIn",
            json!({"email": "a@b.c", "password": "0123456789"}),
        ),
        (
            "createToken",
            json!({"name": "n", "scopes": ["read"], "app": "shop",
            "expires_in_days": 1}),
        ),
        ("createApp", json!({"name": "other", "description": "d"})),
        (
            "updateApp",
            json!({"name": "shop", "description": "d", "default": true,
            "limits": {"wall": "1s", "memory": "1MiB"}}),
        ),
        ("claimDomain", json!({"domain": "a.example.com"})),
        ("missingContents", json!({"hashes": ["00".repeat(32)]})),
        (
            "deploy",
            json!({"message": "m", "dry_run": false, "replace": false,
            "scripts": {"hello": source}, "modules": {"lib": {"source": "1", "hash": null}},
            "routes": [route], "triggers": triggers(), "source": "cli"}),
        ),
        (
            "previewSchedule",
            json!({"schedule": "0 6 * * MON-FRI", "timezone": "Europe/Berlin"}),
        ),
        (
            "replayDeadLetter",
            json!({"payload": {"name": "emails", "message": [1, {"a": null}], "key": "k"}}),
        ),
        (
            "replayDeadLetters",
            json!({"ids": [format!("ded_{}", "0".repeat(32))], "all": false}),
        ),
        ("rollback", json!({"to": 1})),
        ("validate", json!({"source": "1", "modules": {"lib": "1"}})),
        (
            "run",
            json!({"source": "1", "handler": "f", "request": {"method": "GET",
            "path": "/a?b=c", "headers": {"a": "b"}, "params": {"c": "d"}, "body": "e"}}),
        ),
        ("matchRoute", json!({"method": "GET", "path": "/x"})),
        ("setEnv", json!({"value": "v"})),
    ]
}

/// Values of every wrong type, and texts that break things.
fn values() -> Vec<Value> {
    let mut values = vec![
        json!(null),
        json!(true),
        json!(-1),
        json!(u64::MAX),
        json!(1e300),
        json!([]),
        json!([[[]]]),
        json!({}),
        json!({"__proto__": {}}),
    ];
    values.extend(texts().into_iter().map(Value::String));
    values
}

/// All variants of a body with one value, or one key, replaced.
fn variants(body: &Value) -> Vec<Value> {
    let mut all = values();
    match body {
        Value::Object(map) => {
            for (key, value) in map {
                for variant in variants(value) {
                    let mut map = map.clone();
                    map.insert(key.clone(), variant);
                    all.push(Value::Object(map));
                }
                for text in texts() {
                    let mut map = map.clone();
                    map.remove(key);
                    map.insert(text, value.clone());
                    all.push(Value::Object(map));
                }
            }
        }
        Value::Array(items) => {
            for variant in items.iter().flat_map(variants) {
                all.push(Value::Array(vec![variant]));
            }
        }
        _ => {}
    }
    all
}

async fn world() -> World {
    let world = World::with_app().await;
    let body = json!({"scripts": {"hello": {"source": "1"}}, "modules": {"lib": {"source": "1"}}});
    world.post("/apps/shop/releases", &body).await.expect(201);
    world
}

async fn send(world: &World, ask: Ask) {
    if World::sendable(&ask) {
        let shown = format!("{ask:?}");
        let reply = world.send(ask).await;
        assert!(
            reply.status.as_u16() < 500,
            "{}: {shown:.600}",
            reply.status
        );
    }
}

#[tokio::test]
async fn bodies_of_the_wrong_shape() {
    let world = world().await;
    let mut sent = 0;
    for (id, body) in bodies().into_iter().chain(event_bodies()) {
        let all = operations();
        let operation = all
            .iter()
            .find(|o| o.id == id)
            .unwrap_or_else(|| panic!("no {id}"));
        for variant in variants(&body) {
            let ask = Ask::new(&operation.method, &filled(&operation.path)).auth(&world.local);
            send(&world, ask.json(&variant)).await;
            sent += 1;
        }
    }
    assert!(sent > 1_500, "{sent}");
    world.get("/apps/shop").await.expect(200);
}

#[tokio::test]
async fn bodies_that_are_not_json() {
    let world = world().await;
    let deep = "[".repeat(100_000);
    let bodies: Vec<Vec<u8>> = vec![
        Vec::new(),
        vec![0xFF, 0xFE, 0x00],
        b"{".to_vec(),
        b"{\"name\": \"a\", \"name\": \"b\"}".to_vec(),
        b"{\"name\": \"\\ud800\"}".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        b"{} {}".to_vec(),
        deep.into_bytes(),
        (0..4_096_u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect(),
    ];
    for operation in operations() {
        for body in &bodies {
            for kind in [
                "application/json",
                "text/plain",
                "multipart/form-data; boundary=x",
                "",
            ] {
                let ask = Ask::new(&operation.method, &filled(&operation.path)).auth(&world.local);
                send(&world, ask.bytes(kind, body.clone())).await;
            }
            if operation.id == "deleteApp" {
                world
                    .post("/apps", &json!({"name": "shop"}))
                    .await
                    .expect(201);
            }
        }
    }
    let broken = Ask::new("POST", "/apps").auth(&world.local);
    let broken = broken.bytes("application/json", "{\n  \"name\": 1\n}");
    let reply = world.send(broken).await.problem(400, "invalid_json");
    let detail = reply.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("line 2 column"), "{detail}");
}

#[tokio::test]
async fn paths_and_queries() {
    let world = world().await;
    for operation in operations() {
        let names: Vec<&str> = operation
            .path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .collect();
        for text in texts().into_iter().chain(["\u{fffd}".to_owned()]) {
            for name in &names {
                let bad = operation
                    .path
                    .replace(&format!("{{{name}}}"), &encode(&text));
                let ask = Ask::new(&operation.method, &filled(&bad)).auth(&world.local);
                send(&world, ask.json(&json!({}))).await;
            }
            for name in &operation.query {
                let path = format!("{}?{name}={}", filled(&operation.path), encode(&text));
                send(
                    &world,
                    Ask::new(&operation.method, &path).auth(&world.local),
                )
                .await;
            }
        }
        for query in ["?", "?&&", "?=", "?%ff=%ff", "?a=b", "?limit=1&limit=2"] {
            if operation.method == "GET" {
                let path = format!("{}{query}", filled(&operation.path));
                send(&world, Ask::new("GET", &path).auth(&world.local)).await;
            }
        }
    }
    let utf8 = Ask::new("GET", "/apps/%ff").auth(&world.local);
    world.send(utf8).await.problem(400, "invalid_value");
}

#[tokio::test]
async fn headers() {
    let world = world().await;
    for name in [
        "if-match",
        "last-event-id",
        "authorization",
        "cookie",
        "origin",
        "host",
        "sec-fetch-site",
        "content-type",
        "accept",
        "range",
    ] {
        for value in ["", "\"", "*", "\u{e9}", "a,b,,;=", &"x".repeat(9_000)] {
            for (method, path) in [("PATCH", "/apps/shop"), ("GET", "/apps/shop/logs/tail")] {
                let ask = Ask::new(method, path).header(name, value);
                let ask = if name == "authorization" {
                    ask
                } else {
                    ask.auth(&world.local)
                };
                send(&world, ask.json(&json!({}))).await;
            }
        }
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let world = world().await;
    let raw = |method: &str, path: &str| {
        world.send(Ask::new(method, "").raw_path(path).auth(&world.local))
    };
    for path in [
        "/admin",
        "/api",
        "/api/v1",
        "/api/v1/",
        "/api/v1/nowhere",
        "/api/v2/apps",
        "/apps",
        "/docs/errors/",
        "/docs/errors/nothing",
    ] {
        raw("GET", path).await.problem(404, "not_found");
    }
    let wrong = raw("PUT", "/api/v1/apps")
        .await
        .problem(405, "method_not_allowed");
    assert_eq!(wrong.header("allow"), "GET,HEAD,POST");
    raw("TRACE", "/api/v1/apps/shop")
        .await
        .problem(405, "method_not_allowed");
    let head = raw("HEAD", "/api/v1/apps/shop").await.expect(200);
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn a_defect_is_a_problem_and_tells_nothing() {
    let world = world().await;
    let reply = world
        .deploy(&[("hello", "PANIC")])
        .await
        .problem(500, "internal");
    assert!(!String::from_utf8_lossy(&reply.body).contains("validator"));
    world.get("/apps/shop").await.expect(200);
}
