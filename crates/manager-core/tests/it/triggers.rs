//! Triggers: what a deploy makes of them, and how they are shown.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::id::AppId;
use shared::manifest::Manifest;
use shared::release::Snapshot;
use store::StoreError;
use store::releases::{self, ReleaseRow};

use crate::world::{Ask, World};

fn queue(name: &str, script: &str) -> Value {
    json!({"kind": "queue", "queue": name, "script": script})
}

fn cron(schedule: &str, script: &str) -> Value {
    json!({"kind": "cron", "schedule": schedule, "script": script})
}

fn hook(path: &str, script: &str) -> Value {
    json!({"kind": "webhook", "path": path, "secret": "SECRET", "script": script})
}

/// A release with the scripts `a` and `b`, which hold the function `on_event`.
fn release(triggers: &[Value]) -> Value {
    json!({
        "scripts": {"a": {"source": "fn on_event() {}"}, "b": {"source": "fn on_event() { 1 }"}},
        "triggers": triggers,
    })
}

async fn deploy(world: &World, body: &Value) -> crate::world::Reply {
    world.post("/apps/shop/releases", body).await
}

fn keys(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item["key"].as_str().unwrap())
        .collect()
}

fn plan(reply: &Value) -> Vec<String> {
    let items = reply["plan"].as_array().unwrap().iter();
    let items = items.filter(|item| item["what"] == "trigger");
    items
        .map(|item| {
            let text = |key: &str| item[key].as_str().unwrap().to_owned();
            format!("{} {}", text("action"), text("name"))
        })
        .collect()
}

#[tokio::test]
async fn a_release_has_triggers() {
    let world = World::with_app().await;
    let all = [
        queue("emails", "a"),
        cron("0 6 * * *", "a"),
        json!({"kind": "kv", "collection": "orders", "prefix": "o/", "script": "b",
            "handler": "on_event"}),
        json!({"kind": "dead_letter", "of": "a", "script": "b"}),
        json!({"kind": "deploy", "script": "b"}),
        json!({"kind": "pubsub", "topic": "orders", "script": "b"}),
        hook("/hooks/github", "b"),
    ];
    let made = deploy(&world, &release(&all)).await.expect(201).json();
    let names = [
        "cron/0 6 * * */UTC/a",
        "dead_letter/a/b",
        "deploy//b",
        "kv/orders/o//b.on_event",
        "pubsub/orders/b",
        "queue/emails",
        "webhook//hooks/github",
    ];
    assert_eq!(plan(&made), names.map(|name| format!("add {name}")));
    // What handles events is not served to everybody.
    assert_eq!(made["urls"], json!([]));
    let list = world.get("/apps/shop/triggers").await.expect(200).json();
    assert_eq!(keys(&list), names);
    assert_eq!(list["items"][5]["spec"], all[0]);
    // In another order it is the same release.
    let mut turned = all.to_vec();
    turned.reverse();
    let again = deploy(&world, &release(&turned)).await.expect(200).json();
    assert!(again["release"].is_null());
    assert_eq!(plan(&again), names.map(|name| format!("keep {name}")));
}

#[tokio::test]
async fn given_triggers_replace_those_of_the_scripts_they_name() {
    let world = World::with_app().await;
    let first = [queue("one", "a"), queue("two", "a"), queue("three", "b")];
    deploy(&world, &release(&first)).await.expect(201);
    let patch = json!({"triggers": [queue("two", "a"), cron("@daily", "a")]});
    let patched = deploy(&world, &patch).await.expect(201).json();
    assert_eq!(
        plan(&patched),
        [
            "add cron/@daily/UTC/a",
            "remove queue/one",
            "keep queue/three",
            "keep queue/two",
        ]
    );
    // New sources leave the triggers alone.
    let source = world.deploy(&[("a", "fn on_event() { 2 }")]).await;
    assert_eq!(plan(&source.expect(201).json()).len(), 3);
    let list = world.get("/apps/shop/triggers").await.json();
    assert_eq!(keys(&list).len(), 3);
    // A change of anything else keeps the key.
    let change = json!({"triggers": [{"kind": "queue", "queue": "three", "script": "b",
        "concurrency": 1}]});
    let changed = deploy(&world, &change).await.expect(201).json();
    assert!(plan(&changed).contains(&"change queue/three".to_owned()));
    // A replacement is everything.
    let mut body = release(&[queue("three", "a")]);
    body["replace"] = json!(true);
    let replaced = deploy(&world, &body).await.expect(201).json();
    assert_eq!(
        plan(&replaced),
        [
            "remove cron/@daily/UTC/a",
            "change queue/three",
            "remove queue/two"
        ]
    );
    // `b` has neither a route nor a trigger now.
    assert_eq!(replaced["urls"], json!(["http://localhost:8080/b"]));
    let back = json!({"to": 1});
    world.post("/apps/shop/rollback", &back).await.expect(200);
    let list = world.get("/apps/shop/triggers").await.json();
    assert_eq!(keys(&list), ["queue/one", "queue/three", "queue/two"]);
}

#[tokio::test]
async fn a_script_does_not_go_while_a_trigger_names_it() {
    let world = World::with_app().await;
    deploy(&world, &release(&[queue("q", "a")]))
        .await
        .expect(201);
    let body = json!({"replace": true, "scripts": {"b": {}}, "triggers": [queue("q", "a")]});
    let reply = deploy(&world, &body).await.problem(400, "invalid_triggers");
    let detail = reply.json()["detail"].as_str().unwrap().to_owned();
    assert_eq!(detail, "trigger `queue/q`: the release has no script `a`");
    assert_eq!(world.active().await, Some(1));
    let body = json!({"replace": true, "scripts": {"b": {}}, "triggers": [queue("q", "b")]});
    deploy(&world, &body).await.expect(201);
}

#[tokio::test]
async fn triggers_must_fit() {
    let world = World::with_app().await;
    let many: Vec<Value> = (0..201).map(|i| queue(&format!("q{i}"), "a")).collect();
    let retry = json!({"kind": "deploy", "script": "a", "retry": {"attempts": 0}});
    let elsewhere = json!({"kind": "dead_letter", "of": "c", "script": "a"});
    let two = |a: Value, b: Value| vec![a, b];
    for (triggers, says) in [
        (vec![cron("61 * * * *", "a")], "not a valid minute"),
        (vec![cron("0 0 30 2 *", "a")], "never runs"),
        (
            vec![cron("\u{1b}[31m", "a")],
            r"trigger `cron/\u{1b}[31m/UTC/a`",
        ),
        (vec![retry], "between 1 and 100"),
        (vec![queue("q", "c")], "the release has no script `c`"),
        (vec![elsewhere], "the release has no script `c`"),
        (two(queue("q", "a"), queue("q", "b")), "both `a` and `b`"),
        (
            two(cron("@daily", "a"), cron("@daily", "a")),
            "it is there twice",
        ),
        (
            two(hook("/x/:a", "a"), hook("/x/:b", "b")),
            "match the same requests",
        ),
        (many, "at most 200 triggers"),
    ] {
        let reply = deploy(&world, &release(&triggers)).await;
        let reply = reply.problem(400, "invalid_triggers").json();
        let detail = reply["detail"].as_str().unwrap();
        assert!(detail.contains(says) && detail.len() < 1_000, "{detail}");
    }
    for (field, bad) in [
        ("kind", json!("http")),
        ("script", json!("../a")),
        ("colour", json!("red")),
        ("concurrency", json!(-1)),
        ("retry", json!({"base": 2})),
        ("schedule", json!("@daily")),
        ("queue", Value::Null),
    ] {
        let mut trigger = queue("q", "a");
        trigger[field] = bad;
        let reply = deploy(&world, &release(&[trigger])).await;
        let reply = reply.problem(400, "invalid_json").json();
        let detail = reply["detail"].as_str().unwrap();
        let says = match field {
            "schedule" => "a queue trigger has no `schedule`, which is a setting of cron triggers",
            "queue" => "a queue trigger needs `queue`",
            _ => "",
        };
        assert!(detail.contains(says), "{detail}");
    }
    // Handlers are checked as those of routes are.
    let mut handler = queue("q", "a");
    handler["handler"] = json!("on_nothing");
    let reply = deploy(&world, &release(&[handler.clone()])).await;
    let reply = reply.problem(400, "invalid_release").json();
    assert_eq!(reply["diagnostics"][0]["message"], "no function on_nothing");
    assert_eq!(world.active().await, None);
    handler["handler"] = json!("on_event");
    deploy(&world, &release(&[handler])).await.expect(201);
}

#[tokio::test]
async fn a_webhook_and_a_route_do_not_answer_the_same_requests() {
    let world = World::with_app().await;
    let with_route = |method: &str| {
        let mut body = release(&[hook("/hook", "a")]);
        body["routes"] = json!([{"method": method, "path": "/hook", "script": "b"}]);
        body
    };
    deploy(&world, &with_route("POST"))
        .await
        .problem(400, "invalid_triggers");
    // As among routes, a method goes before ANY, and other methods are others.
    deploy(&world, &with_route("ANY")).await.expect(201);
    let found = |method: &'static str| {
        let body = json!({"method": method, "path": "/hook"});
        let world = &world;
        async move {
            let reply = world.post("/apps/shop/routes/match", &body).await;
            let reply = reply.expect(200).json();
            (reply["route"]["script"].clone(), reply["trigger"].clone())
        }
    };
    assert_eq!(found("POST").await, (Value::Null, json!("webhook//hook")));
    assert_eq!(found("PUT").await, (json!("b"), Value::Null));
}

/// The guide's triggers can be deployed as they stand there.
#[tokio::test]
async fn the_guides_manifest_deploys() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/deploying.md");
    let guide = std::fs::read_to_string(file).unwrap();
    let manifests = guide.split("```toml\n").skip(1);
    let manifests = manifests.map(|rest| Manifest::parse(rest.split("```").next().unwrap()));
    let manifest = manifests
        .map(Result::unwrap)
        .find(|manifest| !manifest.triggers.is_empty())
        .unwrap();
    let handlers: Vec<String> = manifest
        .triggers
        .iter()
        .filter_map(|trigger| trigger.handler.as_ref())
        .map(|handler| format!("fn {handler}() {{}}"))
        .collect();
    let source = format!("fn on_order() {{}} {}", handlers.join(" "));
    let scripts = manifest.scripts.keys();
    let scripts: BTreeMap<_, _> = scripts
        .map(|name| (name, json!({ "source": source })))
        .collect();
    let body = json!({"replace": true, "scripts": scripts, "routes": manifest.routes,
        "triggers": manifest.triggers});
    let world = World::with_app().await;
    let made = deploy(&world, &body).await.expect(201).json();
    // Every kind there is.
    let keys = plan(&made);
    let kinds = keys.iter().map(|key| key.split('/').next().unwrap());
    let kinds: Vec<&str> = kinds.collect();
    assert_eq!(
        kinds,
        [
            "cron",
            "dead_letter",
            "deploy",
            "kv",
            "pubsub",
            "queue",
            "webhook"
        ]
        .map(|kind| format!("add {kind}"))
    );
    assert_eq!(made["urls"], json!(["http://localhost:8080/orders"]));
    let release = world.get("/apps/shop/releases/1").await.expect(200).json();
    assert_eq!(release["snapshot"]["routes"][0]["mode"], "async");
}

/// The database itself refuses what the types do not let happen.
#[tokio::test]
async fn no_trigger_points_to_another_apps_script() {
    let world = World::with_app().await;
    deploy(&world, &release(&[])).await.expect(201);
    let blog = world.post("/apps", &json!({"name": "blog"})).await;
    let blog: AppId = blog.expect(201).json()["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    // Through the API it is a script that is not there.
    let body = json!({"triggers": [queue("q", "a")]});
    let reply = world.post("/apps/blog/releases", &body).await;
    reply.problem(400, "invalid_triggers");
    let forged = ReleaseRow {
        number: 0,
        snapshot: Snapshot {
            triggers: vec![serde_json::from_value(queue("q", "a")).unwrap()],
            ..Snapshot::default()
        },
        message: String::new(),
        author: String::new(),
        source: "api".to_owned(),
        created_at: shared::clock::Timestamp(1),
    };
    let written: Result<_, StoreError> = world
        .store
        .change(move |change| releases::activate_new(change, blog, None, &forged))
        .await;
    assert!(
        matches!(written, Err(StoreError::OwnerGone(_))),
        "{written:?}"
    );
    let app = world.get("/apps/blog").await.expect(200).json();
    assert!(app["active_release"].is_null());
}

#[tokio::test]
async fn schedules_show_when_they_run() {
    let world = World::with_app().await;
    let mut report = cron("30 9 * * *", "a");
    report["timezone"] = json!("Europe/Berlin");
    let body = release(&[report, queue("q", "b")]);
    deploy(&world, &body).await.expect(201);
    let list = world.get("/apps/shop/triggers").await.expect(200).json();
    let (report, queue) = (&list["items"][0], &list["items"][1]);
    let runs: Vec<String> = (15..20)
        .map(|day| format!("2027-01-{day}T08:30:00.000000Z"))
        .collect();
    assert_eq!(report["next_run"], runs[0]);
    assert_eq!(report["next_runs"], json!(runs));
    assert_eq!(
        (&queue["next_run"], &queue["next_runs"]),
        (&Value::Null, &json!([]))
    );
    let preview =
        |body: Value| async move { world.post("/apps/shop/triggers/preview", &body).await };
    let zone = json!({"schedule": "30 9 * * *", "timezone": "Europe/Berlin"});
    let preview_of = preview(zone).await.expect(200).json();
    assert_eq!(preview_of, json!({"next_runs": runs}));
}

#[tokio::test]
async fn a_schedule_that_is_wrong_is_told_why() {
    let world = World::with_app().await;
    for (body, says) in [
        (json!({"schedule": "0 6"}), "2 fields"),
        (json!({"schedule": "99 6 * * *"}), "minute"),
        (json!({"schedule": "0 0 31 2 *"}), "never runs"),
        (
            json!({"schedule": "@daily", "timezone": "Mars/Olympus"}),
            "Mars/Olympus",
        ),
        (json!({"schedule": "@daily", "timezone": "\0"}), ""),
        (json!({"schedule": "* ".repeat(100_000)}), "at most"),
    ] {
        let reply = world.post("/apps/shop/triggers/preview", &body).await;
        let reply = reply.problem(400, "invalid_value").json();
        let detail = reply["detail"].as_str().unwrap();
        assert!(detail.contains(says) && detail.len() < 1_000, "{detail}");
    }
    let none = Ask::new("POST", "/apps/shop/triggers/preview").auth(&world.local);
    let none = none.json(&json!({"timezone": "UTC"}));
    world.send(none).await.problem(400, "invalid_json");
}
