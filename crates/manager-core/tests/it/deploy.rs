//! Deploying: what one request makes of what is served.

use serde_json::{Value, json};
use shared::id::ContentHash;

use crate::world::{Ask, World};

fn routes(reply: &Value) -> Vec<String> {
    let items = reply["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| {
            let route = &item["route"];
            let text = |key: &str| route[key].as_str().unwrap().to_owned();
            format!("{} {} {}", text("method"), text("path"), text("script"))
        })
        .collect()
}

fn plan(reply: &Value) -> Vec<String> {
    let items = reply["plan"].as_array().unwrap();
    items
        .iter()
        .map(|item| {
            let text = |key: &str| item[key].as_str().unwrap().to_owned();
            format!("{} {} {}", text("action"), text("what"), text("name"))
        })
        .collect()
}

#[tokio::test]
async fn a_script_becomes_an_endpoint() {
    let world = World::with_app().await;
    let deployed = world.deploy(&[("hello", "1 + 1")]).await.expect(201);
    assert_eq!(deployed.header("location"), "/api/v1/apps/shop/releases/1");
    assert_eq!(deployed.header("etag"), "\"1\"");
    let body = deployed.json();
    assert_eq!(body["release"]["number"], 1);
    assert_eq!(body["release"]["author"], "local");
    assert_eq!(body["release"]["source"], "api");
    assert_eq!(body["urls"], json!(["http://localhost:8080/hello"]));
    assert_eq!(plan(&body), ["add script hello", "add route ANY /hello"]);
    assert_eq!(world.active().await, Some(1));
    let script = world
        .get("/apps/shop/scripts/hello")
        .await
        .expect(200)
        .json();
    assert_eq!(script["source"], "1 + 1");
    assert_eq!(script["script"]["routes"], json!(["ANY /hello"]));
}

#[tokio::test]
async fn deploying_the_same_again_changes_nothing() {
    let world = World::with_app().await;
    world.deploy(&[("hello", "1")]).await.expect(201);
    let again = world.deploy(&[("hello", "1")]).await.expect(200).json();
    assert!(again["release"].is_null());
    assert_eq!(plan(&again), ["keep script hello", "keep route ANY /hello"]);
    assert_eq!(world.active().await, Some(1));
}

#[tokio::test]
#[expect(
    clippy::too_many_lines,
    reason = "one story: each step needs the one before"
)]
async fn a_patch_adds_and_a_replacement_is_everything() {
    let world = World::with_app().await;
    world.deploy(&[("a", "1"), ("b", "2")]).await.expect(201);
    let patch = json!({
        "scripts": {"b": {"source": "3"}, "c": {"source": "4"}},
        "modules": {"lib/money": {"source": "fn f() {}"}},
        "routes": [{"method": "POST", "path": "/bee", "script": "b"}],
    });
    let patched = world
        .post("/apps/shop/releases", &patch)
        .await
        .expect(201)
        .json();
    assert_eq!(
        plan(&patched),
        [
            "keep script a",
            "change script b",
            "add script c",
            "add module lib/money",
            "keep route ANY /a",
            "remove route ANY /b",
            "add route ANY /c",
            "add route POST /bee",
        ]
    );
    let list = world.get("/apps/shop/routes").await.json();
    assert_eq!(routes(&list), ["ANY /a a", "POST /bee b", "ANY /c c"]);
    let module = world
        .get("/apps/shop/modules/lib/money")
        .await
        .expect(200)
        .json();
    assert_eq!(module["source"], "fn f() {}");
    world
        .get("/apps/shop/modules/lib%2Fmoney")
        .await
        .expect(200);
    world
        .get("/apps/shop/modules/lib/other")
        .await
        .problem(404, "not_found");
    // Changing the source of b keeps its routes.
    world.deploy(&[("b", "5")]).await.expect(201);
    assert_eq!(
        routes(&world.get("/apps/shop/routes").await.json())[1],
        "POST /bee b"
    );

    let replace = json!({"replace": true, "scripts": {"c": {}}});
    let replaced = world
        .post("/apps/shop/releases", &replace)
        .await
        .expect(201)
        .json();
    assert_eq!(
        plan(&replaced),
        [
            "remove script a",
            "remove script b",
            "keep script c",
            "remove module lib/money",
            "remove route ANY /a",
            "keep route ANY /c",
            "remove route POST /bee",
        ]
    );
    world
        .get("/apps/shop/scripts/a")
        .await
        .problem(404, "not_found");
    // The same folder deployed twice is the same release.
    let again = world
        .post("/apps/shop/releases", &replace)
        .await
        .expect(200)
        .json();
    assert!(again["release"].is_null());
}

#[tokio::test]
async fn settings_stay_unless_given() {
    let world = World::with_app().await;
    let first = json!({"scripts": {"a": {"source": "1", "description": "One",
        "limits": {"wall": "3s"}}}});
    world.post("/apps/shop/releases", &first).await.expect(201);
    world.deploy(&[("a", "2")]).await.expect(201);
    let script = world.get("/apps/shop/scripts/a").await.json()["script"].clone();
    assert_eq!(
        (&script["description"], &script["version"]),
        (&json!("One"), &json!(2))
    );
    assert_eq!(script["limits"], json!({"wall": "3s"}));
    let only = json!({"scripts": {"a": {"limits": {}}}});
    let deployed = world
        .post("/apps/shop/releases", &only)
        .await
        .expect(201)
        .json();
    assert_eq!(plan(&deployed)[0], "change script a");
    let script = world.get("/apps/shop/scripts/a").await.json()["script"].clone();
    assert_eq!(
        (&script["limits"], &script["version"]),
        (&json!({}), &json!(2))
    );
}

#[tokio::test]
async fn versions_grow_with_new_contents_only() {
    let world = World::with_app().await;
    for source in ["one", "two", "one", "three"] {
        world.deploy(&[("a", source)]).await.expect(201);
    }
    let versions = world
        .get("/apps/shop/scripts/a/versions")
        .await
        .expect(200)
        .json();
    let numbers: Vec<i64> = versions["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|v| v["version"].as_i64().unwrap())
        .collect();
    assert_eq!(numbers, [3, 2, 1]);
    assert_eq!(versions["items"][0]["active"], true);
    assert_eq!(versions["items"][0]["size"], 5);
    let third = world.get("/apps/shop/releases/3").await.expect(200).json();
    assert_eq!(third["snapshot"]["scripts"]["a"]["version"], 1);
    let old = world
        .get("/apps/shop/scripts/a/versions/2")
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&old["source"], &old["version"]["active"]),
        (&json!("two"), &json!(false))
    );
    world
        .get("/apps/shop/scripts/a/versions/9")
        .await
        .problem(404, "not_found");
    world
        .get("/apps/shop/scripts/b/versions")
        .await
        .problem(404, "not_found");
    let page = world
        .get("/apps/shop/scripts/a/versions?limit=2")
        .await
        .json();
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = format!("/apps/shop/scripts/a/versions?cursor={cursor}");
    let rest = world.get(&rest).await.json();
    let rest = rest["items"].as_array().unwrap();
    assert!(
        rest.iter().all(|version| version["version"] == 1),
        "{rest:?}"
    );
}

#[tokio::test]
async fn a_release_that_does_not_validate_changes_nothing() {
    let world = World::with_app().await;
    world.deploy(&[("a", "1")]).await.expect(201);
    let bad = world
        .deploy(&[("a", "2"), ("b", "REJECT")])
        .await
        .problem(400, "invalid_release");
    let diagnostic = &bad.json()["diagnostics"][0];
    assert_eq!(
        (&diagnostic["script"], &diagnostic["line"]),
        (&json!("b"), &json!(1))
    );
    assert_eq!(world.active().await, Some(1));
    world
        .get("/apps/shop/scripts/b")
        .await
        .problem(404, "not_found");
    let versions = world.get("/apps/shop/scripts/a/versions").await.json();
    assert_eq!(versions["items"].as_array().unwrap().len(), 1);
    // The whole graph is checked: a module breaks it as well, and so does a missing handler.
    let module = json!({"modules": {"m": {"source": "REJECT"}}});
    world
        .post("/apps/shop/releases", &module)
        .await
        .problem(400, "invalid_release");
    let handler = json!({"routes": [{"path": "/a", "script": "a", "handler": "on_a"}]});
    world
        .post("/apps/shop/releases", &handler)
        .await
        .problem(400, "invalid_release");
    let warned = world.deploy(&[("a", "WARN")]).await.expect(201).json();
    assert_eq!(warned["diagnostics"][0]["severity"], "warning");
}

#[tokio::test]
async fn a_dry_run_plans_and_changes_nothing() {
    let world = World::with_app().await;
    let body = |source: &str| json!({"dry_run": true, "scripts": {"a": {"source": source}}});
    let planned = world
        .post("/apps/shop/releases", &body("1"))
        .await
        .expect(200)
        .json();
    assert!(planned["release"].is_null());
    assert_eq!(plan(&planned), ["add script a", "add route ANY /a"]);
    assert_eq!(planned["urls"], json!(["http://localhost:8080/a"]));
    world
        .post("/apps/shop/releases", &body("REJECT"))
        .await
        .problem(400, "invalid_release");
    assert_eq!(world.active().await, None);
    world
        .get("/apps/shop/scripts/a/versions")
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn contents_are_uploaded_once() {
    let world = World::with_app().await;
    world.deploy(&[("a", "known")]).await.expect(201);
    let (known, new) = (ContentHash::of(b"known"), ContentHash::of(b"new"));
    let ask = json!({"hashes": [known.to_string(), new.to_string()]});
    let missing = world
        .post("/apps/shop/contents/missing", &ask)
        .await
        .expect(200)
        .json();
    assert_eq!(missing["missing"], json!([new.to_string()]));
    let by_hash = |hash: ContentHash| json!({"scripts": {"b": {"hash": hash.to_string()}}});
    world
        .post("/apps/shop/releases", &by_hash(known))
        .await
        .expect(201);
    let refused = world.post("/apps/shop/releases", &by_hash(new)).await;
    let refused = refused.problem(404, "contents_missing");
    assert!(
        refused.json()["detail"]
            .as_str()
            .unwrap()
            .contains(&new.to_string())
    );
    // Another app's contents are not this app's.
    world
        .post("/apps", &json!({"name": "blog"}))
        .await
        .expect(201);
    let other = world.post("/apps/blog/contents/missing", &ask).await.json();
    assert_eq!(other["missing"].as_array().unwrap().len(), 2);
    world
        .post("/apps/blog/releases", &by_hash(known))
        .await
        .problem(404, "contents_missing");
    let lie = json!({"scripts": {"b": {"source": "x", "hash": known.to_string()}}});
    world
        .post("/apps/shop/releases", &lie)
        .await
        .problem(400, "invalid_value");
    let nothing = json!({"scripts": {"nobody": {}}});
    world
        .post("/apps/shop/releases", &nothing)
        .await
        .problem(400, "invalid_value");
}

#[tokio::test]
async fn routes_must_fit_together() {
    let world = World::with_app().await;
    let shop = &world;
    let deploy = |body: Value| async move { shop.post("/apps/shop/releases", &body).await };
    let two = |routes: Value| json!({"scripts": {"a": {"source": "1"}, "b": {"source": "2"}}, "routes": routes});
    for routes in [
        json!([{"path": "/x/:a", "script": "a"}, {"path": "/x/:b", "script": "b"}]),
        json!([{"path": "/x", "script": "a"}, {"path": "/x", "script": "a"}]),
        json!([{"path": "/b", "script": "a"}]),
        json!([{"path": "/x", "script": "nobody"}]),
        json!([{"path": "/x", "script": "a", "cors": {"origins": ["*"], "credentials": true}}]),
        json!([{"path": "/x", "script": "a", "cors": {"origins": ["https://a.b/path"]}}]),
        json!([{"path": "/x", "script": "a", "cors": {"origins": ["*"], "headers": ["a b"]}}]),
        json!([{"path": "/x", "script": "a", "cors": {}}]),
        json!([{"path": "/livez", "script": "a"}]),
        json!([{"path": "/files/*path", "script": "a"}]),
        json!([{"path": "/.well-known/picloud", "script": "a"}]),
    ] {
        deploy(two(routes)).await.problem(400, "invalid_routes");
    }
    for routes in [
        json!([{"path": "no-slash", "script": "a"}]),
        json!([{"path": "/x", "script": "a", "method": "TRACE"}]),
        json!([{"path": "/x", "script": "a", "colour": "red"}]),
    ] {
        deploy(two(routes)).await.problem(400, "invalid_json");
    }
    // A script whose default route is the platform's needs one of its own.
    let files = json!({"scripts": {"files": {"source": "1"}}});
    deploy(files).await.problem(400, "invalid_routes");
    let hook = json!({"scripts": {"a": {"source": "1"}}, "routes": [{"path": "/x", "script": "a"}],
        "triggers": [{"kind": "webhook", "path": "/email-inbound/x", "secret": "KEY", "script": "a"}]});
    deploy(hook).await.problem(400, "invalid_triggers");
    assert_eq!(world.active().await, None);
    let good = json!([{"path": "/x/:a", "script": "a"}, {"method": "GET", "path": "/x/y",
        "script": "b", "cors": {"origins": ["https://shop.example.com"], "credentials": true}}]);
    deploy(two(good)).await.expect(201);
    let ask = json!({"method": "GET", "path": "/x/1"});
    let found = world
        .post("/apps/shop/routes/match", &ask)
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&found["route"]["script"], &found["params"]),
        (&json!("a"), &json!({"a": "1"}))
    );
    let ask = json!({"method": "GET", "path": "/nowhere"});
    let none = world.post("/apps/shop/routes/match", &ask).await.json();
    assert_eq!(
        none,
        json!({"route": null, "trigger": null, "params": {}, "allow": []})
    );
    let any = json!({"method": "ANY", "path": "/"});
    world
        .post("/apps/shop/routes/match", &any)
        .await
        .problem(400, "invalid_value");
}

#[tokio::test]
async fn releases_have_a_size() {
    let world = World::with_app().await;
    let big = "x".repeat((256 << 10) + 1);
    world
        .deploy(&[("a", &big)])
        .await
        .problem(413, "release_too_large");
    let full = "y".repeat(256 << 10);
    // Seventeen different sources of the largest size are more than a release may have.
    let scripts: serde_json::Map<String, Value> = (0..17)
        .map(|i| {
            (
                format!("s{i}"),
                json!({"source": format!("{i:02}{}", &full[2..])}),
            )
        })
        .collect();
    let body = json!({"scripts": scripts});
    world
        .post("/apps/shop/releases", &body)
        .await
        .problem(413, "release_too_large");
    let many: serde_json::Map<String, Value> = (0..501)
        .map(|i| (format!("s{i}"), json!({"source": "1"})))
        .collect();
    let body = json!({"scripts": many});
    world
        .post("/apps/shop/releases", &body)
        .await
        .problem(413, "release_too_large");
    let routes: Vec<Value> = (0..1001)
        .map(|i| json!({"path": format!("/r{i}"), "script": "a"}))
        .collect();
    let body = json!({"scripts": {"a": {"source": "1"}}, "routes": routes});
    world
        .post("/apps/shop/releases", &body)
        .await
        .problem(413, "release_too_large");
    let body = Ask::new("POST", "/apps/shop/releases").auth(&world.local);
    let body = body.bytes("application/json", vec![b' '; (8 << 20) + 1]);
    world.send(body).await.problem(413, "body_too_large");
    assert_eq!(world.active().await, None);
}

#[tokio::test]
async fn fields_of_a_deploy_are_checked() {
    let world = World::with_app().await;
    for (body, code) in [
        (json!({"message": "x".repeat(1001)}), "invalid_value"),
        (json!({"message": "a\u{1b}[31m"}), "invalid_value"),
        (json!({"source": "elsewhere"}), "invalid_value"),
        (
            json!({"scripts": {"a": {"source": "a\0b"}}}),
            "invalid_value",
        ),
        (
            json!({"scripts": {"a": {"source": "1", "limits": {"cpu": "2h"}}}}),
            "limit_out_of_range",
        ),
        (
            json!({"scripts": {"a": {"source": "1", "limits": {"memory": "0B"}}}}),
            "limit_out_of_range",
        ),
        (json!({"scripts": {"A": {"source": "1"}}}), "invalid_json"),
        (json!({"modules": {"kv": {"source": "1"}}}), "invalid_json"),
        (json!({"script": {}}), "invalid_json"),
    ] {
        world
            .post("/apps/shop/releases", &body)
            .await
            .problem(400, code);
    }
    let nothing = world
        .post("/apps/shop/releases", &json!({}))
        .await
        .expect(200)
        .json();
    assert!(nothing["release"].is_null());
}

#[tokio::test]
async fn if_match_names_the_release_a_deploy_is_based_on() {
    let world = World::with_app().await;
    let deploy = |tag: &str, source: &str| {
        let ask = Ask::new("POST", "/apps/shop/releases").auth(&world.local);
        let body = json!({"scripts": {"a": {"source": source}}});
        world.send(ask.header("if-match", tag).json(&body))
    };
    deploy("\"1\"", "1")
        .await
        .problem(412, "precondition_failed");
    deploy("\"0\"", "1").await.expect(201);
    deploy("\"1\"", "2").await.expect(201);
    deploy("\"1\"", "3")
        .await
        .problem(412, "precondition_failed");
    assert_eq!(world.active().await, Some(2));
}

#[tokio::test]
async fn deploys_at_the_same_time_both_count() {
    let world = World::with_app().await;
    let (a, b) = (("a", "1"), ("b", "2"));
    let (one, two) = (
        world.deploy(std::slice::from_ref(&a)),
        world.deploy(std::slice::from_ref(&b)),
    );
    let (one, two) = tokio::join!(one, two);
    let mut numbers = [
        one.expect(201).json()["release"]["number"].as_i64(),
        two.expect(201).json()["release"]["number"].as_i64(),
    ];
    numbers.sort_unstable();
    assert_eq!(numbers, [Some(1), Some(2)]);
    assert_eq!(world.active().await, Some(2));
    world.get("/apps/shop/scripts/a").await.expect(200);
    world.get("/apps/shop/scripts/b").await.expect(200);
}

#[tokio::test]
async fn of_two_deploys_from_the_same_base_one_loses() {
    let world = World::with_app().await;
    world.deploy(&[("a", "0")]).await.expect(201);
    let deploy = |source: &str| {
        let ask = Ask::new("POST", "/apps/shop/releases").auth(&world.local);
        let body = json!({"scripts": {"a": {"source": source}}});
        world.send(ask.header("if-match", "\"1\"").json(&body))
    };
    let (one, two) = tokio::join!(deploy("1"), deploy("2"));
    let mut statuses = [one.status.as_u16(), two.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 412]);
    assert_eq!(world.active().await, Some(2));
}
