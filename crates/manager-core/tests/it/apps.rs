//! Apps and domains.

use serde_json::json;

use crate::world::{Ask, World};

#[tokio::test]
async fn the_first_app_is_the_default() {
    let world = World::new().await;
    let shop = world
        .post("/apps", &json!({"name": "shop", "description": "Sells"}))
        .await;
    let shop = shop.expect(201);
    assert_eq!(shop.header("location"), "/api/v1/apps/shop");
    let shop = shop.json();
    assert_eq!(
        (&shop["default"], &shop["url"]),
        (&json!(true), &json!("http://localhost:8080"))
    );
    let blog = world
        .post("/apps", &json!({"name": "blog"}))
        .await
        .expect(201)
        .json();
    assert_eq!(blog["default"], false);
    assert_eq!(blog["url"], "http://blog.localhost:8080");
    let list = world.get("/apps").await.expect(200).json();
    let names: Vec<_> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| &a["name"])
        .collect();
    assert_eq!(names, ["blog", "shop"]);
    world
        .post("/apps", &json!({"name": "shop"}))
        .await
        .problem(409, "already_exists");
    for bad in ["", "Shop", "a b", "admin", "a\0b", &"a".repeat(41)] {
        world
            .post("/apps", &json!({"name": bad}))
            .await
            .problem(400, "invalid_json");
    }
}

#[tokio::test]
async fn lists_come_in_pages() {
    let world = World::new().await;
    for i in 0..5 {
        world
            .post("/apps", &json!({"name": format!("app{i}")}))
            .await
            .expect(201);
    }
    let mut seen = Vec::new();
    let mut path = "/apps?limit=2".to_owned();
    loop {
        let page = world.get(&path).await.expect(200).json();
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|a| a["name"].clone()),
        );
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/apps?limit=2&cursor={next}");
    }
    assert_eq!(seen, ["app0", "app1", "app2", "app3", "app4"]);
    for bad in [
        "limit=0",
        "limit=201",
        "limit=x",
        "cursor=nope",
        "limt=2",
        "limit=1&limit=2",
    ] {
        world
            .get(&format!("/apps?{bad}"))
            .await
            .problem(400, "invalid_query");
    }
}

#[tokio::test]
async fn an_app_changes_and_keeps_its_old_name() {
    let world = World::with_app().await;
    let patch =
        |path: &str, body| world.send(Ask::new("PATCH", path).auth(&world.local).json(&body));
    let changed = json!({"name": "store", "description": "new", "limits": {"wall": "2s"}});
    let app = patch("/apps/shop", changed).await.expect(200).json();
    assert_eq!(app["name"], "store");
    assert_eq!(app["limits"], json!({"wall": "2s"}));
    assert_eq!(
        world.get("/apps/shop").await.expect(200).json()["name"],
        "store"
    );
    // Another app may take the old name.
    world
        .post("/apps", &json!({"name": "shop"}))
        .await
        .expect(201);
    assert_eq!(
        world.get("/apps/shop").await.expect(200).json()["name"],
        "shop"
    );
    patch("/apps/shop", json!({"name": "store"}))
        .await
        .problem(409, "already_exists");

    let second = patch("/apps/shop", json!({"default": true}))
        .await
        .expect(200)
        .json();
    assert_eq!(second["default"], true);
    assert_eq!(world.get("/apps/store").await.json()["default"], false);
    let default_apps = {
        let live = world.catalog.live.lock().unwrap();
        live.values().filter(|live| live.app.is_default).count()
    };
    assert_eq!(default_apps, 1, "live at once");

    for (body, code) in [
        (json!({"default": false}), "invalid_value"),
        (json!({"limits": {"wall": "0s"}}), "limit_out_of_range"),
        (json!({"limits": {"memory": "1GiB"}}), "limit_out_of_range"),
        (json!({"limits": {"wall": "soon"}}), "invalid_json"),
        (json!({"owner": "me"}), "invalid_json"),
        (json!({"description": "x".repeat(1001)}), "invalid_value"),
    ] {
        patch("/apps/shop", body).await.problem(400, code);
    }
}

#[tokio::test]
async fn a_stale_change_is_refused() {
    let world = World::with_app().await;
    let tag = world.get("/apps/shop").await.header("etag").to_owned();
    let patch = |tag: &str, text: &str| {
        let ask = Ask::new("PATCH", "/apps/shop")
            .auth(&world.local)
            .header("if-match", tag);
        world.send(ask.json(&json!({"description": text})))
    };
    let next = patch(&tag, "one")
        .await
        .expect(200)
        .header("etag")
        .to_owned();
    assert_ne!(tag, next);
    patch(&tag, "two").await.problem(412, "precondition_failed");
    patch("W/\"x\"", "two")
        .await
        .problem(412, "precondition_failed");
    patch(&format!("\"other\", {next}"), "two")
        .await
        .expect(200);
    patch("*", "three").await.expect(200);
    let delete = Ask::new("DELETE", "/apps/shop")
        .auth(&world.local)
        .header("if-match", &tag);
    world.send(delete).await.problem(412, "precondition_failed");
    world.get("/apps/shop").await.expect(200);
}

#[tokio::test]
async fn a_deleted_app_is_gone_with_everything() {
    let world = World::with_owner().await;
    world.deploy(&[("hello", "1")]).await.expect(201);
    let bearer = world.token(&["read"], Some("shop")).await;
    world.delete("/apps/shop").await.expect(204);
    world.get("/apps/shop").await.problem(404, "not_found");
    assert!(world.catalog.live.lock().unwrap().is_empty());
    world
        .send(Ask::new("GET", "/apps").auth(&bearer))
        .await
        .problem(401, "unauthenticated");
    world.delete("/apps/shop").await.problem(404, "not_found");
}

#[tokio::test]
async fn what_an_app_keeps_is_shown_and_only_the_instances_owner_says_how_much() {
    let world = World::with_owner().await;
    world.deploy(&[("hello", "1")]).await.expect(201);
    let path = "/apps/shop/storage";
    let seen = world.get(path).await.expect(200).json();
    assert_eq!((&seen["bytes"], &seen["limit"]), (&json!(1), &json!(null)));
    let [bound, deploy, whole] = [
        world.token(&["admin"], Some("shop")).await,
        world.token(&["deploy"], None).await,
        world.token(&["admin"], None).await,
    ];
    let set = |bearer: &str, limit| {
        let ask = Ask::new("PUT", path).auth(bearer);
        world.send(ask.json(&json!({ "limit": limit })))
    };
    for bearer in [&bound, &deploy] {
        set(bearer, json!("8GiB"))
            .await
            .problem(403, "scope_required");
    }
    let now = set(&whole, json!("8GiB")).await.expect(200).json();
    assert_eq!(
        (&now["limit"], &now["own_limit"]),
        (&json!(8_u64 << 30), &json!(true))
    );
    set(&whole, json!("lots"))
        .await
        .problem(400, "invalid_json");
    let back = set(&whole, json!(null)).await.expect(200).json();
    assert_eq!(back["own_limit"], json!(false));
}

#[tokio::test]
async fn domains_belong_to_one_app() {
    let world = World::with_app().await;
    world
        .post("/apps", &json!({"name": "blog"}))
        .await
        .expect(201);
    let body = json!({"domain": "shop.example.com"});
    world.post("/apps/shop/domains", &body).await.expect(201);
    world
        .post("/apps/blog/domains", &body)
        .await
        .problem(409, "already_exists");
    world
        .post("/apps/shop/domains", &json!({"domain": "*.example.com"}))
        .await
        .expect(201);
    let list = world.get("/apps/shop/domains").await.expect(200).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 2);
    let url = world.get("/apps/shop").await.json()["url"].clone();
    assert_eq!(url, "http://shop.example.com:8080");
    for bad in ["localhost", "1.2.3.4", "A.com", "a..b", "x.localhost"] {
        let body = json!({"domain": bad});
        world
            .post("/apps/shop/domains", &body)
            .await
            .problem(400, "invalid_json");
    }
    world
        .delete("/apps/blog/domains/shop.example.com")
        .await
        .problem(404, "not_found");
    world
        .delete("/apps/shop/domains/shop.example.com")
        .await
        .expect(204);
    world.post("/apps/blog/domains", &body).await.expect(201);
}

#[tokio::test]
async fn a_change_that_cannot_be_loaded_says_so() {
    let world = World::with_app().await;
    *world.catalog.broken.lock().unwrap() = true;
    world
        .deploy(&[("hello", "1")])
        .await
        .problem(503, "not_live");
    *world.catalog.broken.lock().unwrap() = false;
    // The release is there; what makes it live again is any refresh, for instance a rollback.
    world
        .post("/apps/shop/rollback", &json!({"to": 1}))
        .await
        .expect(200);
    assert_eq!(world.active().await, Some(1));
}
