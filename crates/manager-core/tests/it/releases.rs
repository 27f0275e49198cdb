//! Looking at releases and going back.

use serde_json::json;

use crate::world::{Ask, World};

#[tokio::test]
async fn rollback_restores_code_and_routes_together() {
    let world = World::with_app().await;
    world.deploy(&[("a", "one")]).await.expect(201);
    let second = json!({"message": "second", "scripts": {"a": {"source": "two"}},
        "routes": [{"path": "/new", "script": "a"}]});
    world.post("/apps/shop/releases", &second).await.expect(201);
    let back = world
        .post("/apps/shop/rollback", &json!({}))
        .await
        .expect(200);
    assert_eq!(back.json()["number"], 1);
    assert_eq!(back.json()["active"], true);
    assert_eq!(world.active().await, Some(1));
    let script = world.get("/apps/shop/scripts/a").await.json();
    assert_eq!(
        (&script["source"], &script["script"]["routes"]),
        (&json!("one"), &json!(["ANY /a"]))
    );
    world
        .post("/apps/shop/rollback", &json!({}))
        .await
        .problem(404, "not_found");
    world
        .post("/apps/shop/rollback", &json!({"to": 2}))
        .await
        .expect(200);
    assert_eq!(world.active().await, Some(2));
    world
        .post("/apps/shop/rollback", &json!({"to": 2}))
        .await
        .expect(200);
    for to in [0, -1, 3, i64::MAX] {
        world
            .post("/apps/shop/rollback", &json!({"to": to}))
            .await
            .problem(404, "not_found");
    }
    // The next deploy goes on from what is active, with the next free number.
    world
        .post("/apps/shop/rollback", &json!({"to": 1}))
        .await
        .expect(200);
    let third = world.deploy(&[("b", "b")]).await.expect(201).json();
    assert_eq!(third["release"]["number"], 3);
    assert_eq!(
        world.get("/apps/shop/scripts/a").await.json()["source"],
        "one"
    );
    let audit = world.get("/audit").await.json();
    let rollbacks = audit["items"].as_array().unwrap().iter();
    assert_eq!(
        rollbacks
            .filter(|e| e["action"] == "releases.rollback")
            .count(),
        3
    );
}

#[tokio::test]
async fn a_rollback_from_a_stale_view_is_refused() {
    let world = World::with_app().await;
    world
        .post("/apps/shop/rollback", &json!({}))
        .await
        .problem(404, "not_found");
    world.deploy(&[("a", "1")]).await.expect(201);
    world.deploy(&[("a", "2")]).await.expect(201);
    let ask = |tag: &str| {
        let ask = Ask::new("POST", "/apps/shop/rollback").auth(&world.local);
        world.send(ask.header("if-match", tag).json(&json!({"to": 1})))
    };
    ask("\"1\"").await.problem(412, "precondition_failed");
    ask("\"2\"").await.expect(200);
}

#[tokio::test]
async fn releases_are_listed_newest_first() {
    let world = World::with_app().await;
    assert_eq!(
        world.get("/apps/shop/releases").await.header("etag"),
        "\"0\""
    );
    for source in ["1", "2", "3"] {
        world.deploy(&[("a", source)]).await.expect(201);
    }
    let page = world.get("/apps/shop/releases?limit=2").await.expect(200);
    assert_eq!(page.header("etag"), "\"3\"");
    let page = page.json();
    let number = |i: usize| page["items"][i]["number"].as_i64().unwrap();
    assert_eq!((number(0), number(1)), (3, 2));
    assert_eq!(page["items"][0]["active"], true);
    assert_eq!(page["items"][1]["active"], false);
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = world
        .get(&format!("/apps/shop/releases?limit=2&cursor={cursor}"))
        .await
        .json();
    assert_eq!(rest["items"].as_array().unwrap().len(), 1);
    assert!(rest["next_cursor"].is_null());
    world
        .get("/apps/shop/releases/4")
        .await
        .problem(404, "not_found");
    world
        .get("/apps/shop/releases/x")
        .await
        .problem(404, "not_found");
    let one = world.get("/apps/shop/releases/1").await.expect(200);
    assert_eq!(one.header("etag"), "\"1\"");
    assert_eq!(one.json()["snapshot"]["scripts"]["a"]["version"], 1);
}

#[tokio::test]
async fn scripts_modules_and_routes_are_listed() {
    let world = World::with_app().await;
    for what in ["scripts", "modules", "routes", "domains", "env"] {
        let empty = world
            .get(&format!("/apps/shop/{what}"))
            .await
            .expect(200)
            .json();
        assert_eq!(empty, json!({"items": [], "next_cursor": null}), "{what}");
    }
    let body = json!({"scripts": {"a": {"source": "1"}}, "modules": {"lib/m": {"source": "2"}}});
    world.post("/apps/shop/releases", &body).await.expect(201);
    let scripts = world.get("/apps/shop/scripts").await.json();
    assert_eq!(scripts["items"][0]["name"], "a");
    let modules = world.get("/apps/shop/modules").await.json();
    assert_eq!(
        (
            &modules["items"][0]["name"],
            &modules["items"][0]["version"]
        ),
        (&json!("lib/m"), &json!(1))
    );
    let routes = world.get("/apps/shop/routes").await.json();
    assert_eq!(routes["items"][0]["url"], "http://localhost:8080/a");
}
