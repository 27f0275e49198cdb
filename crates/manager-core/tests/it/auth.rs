//! API tokens: their life, their scopes, their binding to an app.

use std::time::Duration;

use serde_json::json;

use crate::world::{Ask, World};

#[tokio::test]
async fn a_token_lives_and_ends() {
    let world = World::with_owner().await;
    let body = json!({"name": "ci", "scopes": ["deploy", "read", "read"], "app": "shop"});
    let made = world.post("/tokens", &body).await.expect(201);
    let view = made.json()["token"].clone();
    assert_eq!(view["scopes"], json!(["read", "deploy"]));
    assert_eq!(view["app"], "shop");
    assert_eq!(view["expires_at"], "2027-04-15T08:00:00.000000Z");
    let secret = made.json()["secret"].as_str().unwrap().to_owned();
    assert!(
        secret.starts_with("pic_pat_") && secret.len() == 44,
        "{secret}"
    );

    let me = || world.send(Ask::new("GET", "/me").auth(&format!("Bearer {secret}")));
    let seen = me().await.expect(200).json();
    assert_eq!(seen["token"]["name"], "ci");
    world.clock.advance(Duration::from_secs(90));
    me().await.expect(200);
    let list = world.get("/tokens").await.expect(200);
    let text = String::from_utf8(list.body.clone()).unwrap();
    assert!(!text.contains(&secret), "the secret is shown once");
    assert_eq!(
        list.json()["items"][0]["last_used_at"],
        "2027-01-15T08:01:00.000000Z"
    );

    world.clock.advance(Duration::from_hours(24 * 90));
    me().await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_deleted_token_ends_at_once() {
    let world = World::with_owner().await;
    let made = world
        .post("/tokens", &json!({"name": "ci", "scopes": ["admin"]}))
        .await;
    let made = made.expect(201).json();
    let bearer = format!("Bearer {}", made["secret"].as_str().unwrap());
    let path = format!("/tokens/{}", made["token"]["id"].as_str().unwrap());
    world
        .send(Ask::new("GET", "/tokens").auth(&bearer))
        .await
        .expect(200);
    world.delete(&path).await.expect(204);
    world
        .send(Ask::new("GET", "/tokens").auth(&bearer))
        .await
        .problem(401, "unauthenticated");
    world.delete(&path).await.problem(404, "not_found");
}

#[tokio::test]
async fn bad_token_requests_say_why() {
    let world = World::with_owner().await;
    for body in [
        json!({"name": "", "scopes": ["read"]}),
        json!({"name": "a\u{7}", "scopes": ["read"]}),
        json!({"name": "x".repeat(101), "scopes": ["read"]}),
        json!({"name": "a", "scopes": []}),
        json!({"name": "a", "scopes": ["read"], "expires_in_days": 0}),
        json!({"name": "a", "scopes": ["read"], "expires_in_days": 3651}),
        json!({"name": "a", "scopes": ["read"], "app": "nowhere"}),
    ] {
        world
            .post("/tokens", &body)
            .await
            .problem(400, "invalid_value");
    }
    world
        .post("/tokens", &json!({"name": "a", "scopes": ["everything"]}))
        .await
        .problem(400, "invalid_json");
}

#[tokio::test]
async fn malformed_credentials_are_refused() {
    let world = World::with_owner().await;
    let good = world.token(&["admin"], None).await;
    for bad in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Basic YTpi",
        "Bearer pic_pat_",
        "pic_pat_x",
        "Bearer pic_ses_000000000000000000000000000000000000",
        "Bearer \u{e9}",
        &good[..good.len() - 1],
        &format!("{good}0"),
        &good.replace("pic_pat", "pic_loc"),
    ] {
        let ask = Ask::new("GET", "/apps").header("authorization", bad);
        world.send(ask).await.problem(401, "unauthenticated");
    }
    let ask = Ask::new("GET", "/apps").auth(&good.replace("Bearer", "bearer"));
    world.send(ask).await.expect(200);
}

#[tokio::test]
async fn a_token_of_one_app_sees_only_that_app() {
    let world = World::with_owner().await;
    world
        .post("/apps", &json!({"name": "blog"}))
        .await
        .expect(201);
    let bearer = world.token(&["admin"], Some("shop")).await;
    let get = |path: &str| world.send(Ask::new("GET", path).auth(&bearer));
    let apps = get("/apps").await.expect(200).json();
    assert_eq!(apps["items"].as_array().unwrap().len(), 1);
    assert_eq!(apps["items"][0]["name"], "shop");
    get("/apps/shop").await.expect(200);
    // The same answer whether it exists or not.
    let there = get("/apps/blog").await.problem(404, "not_found").json();
    let nowhere = get("/apps/nowhere").await.problem(404, "not_found").json();
    assert_eq!(there["detail"], nowhere["detail"]);
    get("/tokens").await.problem(403, "scope_required");
    let ask = Ask::new("POST", "/apps")
        .auth(&bearer)
        .json(&json!({"name": "more"}));
    world.send(ask).await.problem(403, "scope_required");
}

#[tokio::test]
async fn scopes_include_one_another_as_documented() {
    let world = World::with_owner().await;
    let read = world.token(&["read"], None).await;
    let deploy = world.token(&["deploy"], None).await;
    let invoke = world.token(&["invoke"], None).await;
    let get = |path: &str, bearer: &str| world.send(Ask::new("GET", path).auth(bearer));
    get("/apps/shop", &read).await.expect(200);
    get("/apps/shop/env", &read)
        .await
        .problem(403, "scope_required");
    get("/apps/shop", &deploy).await.expect(200);
    get("/apps/shop/env", &deploy).await.expect(200);
    get("/tokens", &deploy).await.problem(403, "scope_required");
    get("/apps/shop", &invoke)
        .await
        .problem(403, "scope_required");
    get("/me", &invoke).await.expect(200);
}

#[tokio::test]
async fn changes_are_in_the_audit_log() {
    // Entries are ordered by the millisecond.
    let world = World::with_app().await;
    world.clock.advance(Duration::from_secs(1));
    world.set_up().await.expect(201);
    world.clock.advance(Duration::from_secs(1));
    let bearer = world.token(&["admin"], None).await;
    world.clock.advance(Duration::from_secs(1));
    let ask = Ask::new("POST", "/apps")
        .auth(&bearer)
        .json(&json!({"name": "blog"}));
    world.send(ask).await.expect(201);
    let first = world.get("/audit?limit=2").await.expect(200).json();
    let item = &first["items"][0];
    assert_eq!(item["action"], "apps.create");
    assert_eq!(
        (&item["actor"], &item["via"]),
        (&json!("ada@example.com"), &json!("token"))
    );
    assert_eq!(first["items"][1]["action"], "tokens.create");
    assert_eq!(first["items"][1]["via"], "local");
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = world
        .get(&format!("/audit?cursor={cursor}"))
        .await
        .expect(200)
        .json();
    let actions: Vec<&str> = second["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["setup.create_owner", "apps.create"]);
    assert!(second["next_cursor"].is_null());
    world
        .get("/audit?cursor=x")
        .await
        .problem(400, "invalid_query");
}
