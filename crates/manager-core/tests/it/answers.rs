//! Answers as clients of HTTP expect them.

use http::Method;
use serde_json::{Value, json};

use crate::matrix::{filled, operations};
use crate::world::{Ask, World};

#[tokio::test]
async fn other_methods_are_named() {
    let world = World::with_app().await;
    for (method, path, allowed) in [
        ("PUT", "/tokens", &["GET", "POST"][..]),
        ("PATCH", "/apps", &["GET", "POST"]),
        ("POST", "/apps/shop", &["GET", "PATCH", "DELETE"]),
        ("POST", "/apps/shop/env/KEY", &["PUT", "DELETE"]),
        ("DELETE", "/setup", &["GET", "POST"]),
    ] {
        let ask = Ask::new(method, path).auth(&world.local);
        let reply = world.send(ask).await.problem(405, "method_not_allowed");
        for method in allowed {
            assert!(reply.header("allow").contains(method), "{path}: {reply:?}");
            let detail = reply.json()["detail"].to_string();
            assert!(detail.contains(method), "{path}: {detail}");
        }
    }
}

#[tokio::test]
async fn bodies_in_another_form_are_refused_as_that() {
    let world = World::with_owner().await;
    let text = json!({"name": "blog"}).to_string();
    let ask = |path: &str| Ask::new("POST", path).auth(&world.local);
    let plain = ask("/apps").bytes("text/plain", text.clone());
    let form = ask("/apps").bytes("application/x-www-form-urlencoded", "name=blog");
    let gzip = ask("/apps")
        .bytes("application/json", text.clone())
        .header("content-encoding", "gzip");
    let rollback = ask("/apps/shop/rollback").bytes("text/plain", "{}");
    let sign_in = Ask::new("POST", "/sessions").bytes("text/plain", "{}");
    for ask in [plain, form, gzip, rollback, sign_in] {
        world.send(ask).await.problem(415, "unsupported_media_type");
    }
    let identity = ask("/apps")
        .bytes("application/json; charset=utf-8", text)
        .header("content-encoding", "identity");
    world.send(identity).await.expect(201);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_as_that() {
    let world = World::with_app().await;
    let large = json!({"message": "x".repeat(8 << 20)});
    let reply = world.post("/apps/shop/releases", &large).await;
    reply.problem(413, "body_too_large");
}

#[tokio::test]
async fn objects_are_objects_at_every_depth() {
    let world = World::with_app().await;
    for (method, path, body) in [
        ("PATCH", "/apps/shop", json!({"limits": ["5s"]})),
        (
            "POST",
            "/apps/shop/scripts/a/run",
            json!({"source": "1", "request": ["GET", "/x"]}),
        ),
        (
            "POST",
            "/apps/shop/releases",
            json!({"scripts": {"a": ["1"]}}),
        ),
        (
            "POST",
            "/apps/shop/releases",
            json!({"routes": [["GET", "/", "a"]]}),
        ),
    ] {
        let ask = Ask::new(method, path).auth(&world.local).json(&body);
        let reply = world.send(ask).await.problem(400, "invalid_json");
        let detail = reply.json()["detail"].to_string();
        assert!(detail.contains("expected an object"), "{path}: {detail}");
    }
}

#[tokio::test]
async fn errors_name_no_types_of_the_program() {
    let world = World::with_owner().await;
    let token = |days: Value| json!({"name": "t", "scopes": ["read"], "expires_in_days": days});
    let mut details = Vec::new();
    for days in [
        json!(-1),
        json!("x"),
        json!(1.5),
        json!(99_999_999_999_u64),
        json!([]),
    ] {
        let reply = world.post("/tokens", &token(days)).await;
        details.push(reply.problem(400, "invalid_json").json());
    }
    for path in [
        "/apps?limit=x",
        "/apps?limit=-1",
        "/apps?limit=99999999999",
        "/apps?limit=",
    ] {
        let reply = world.get(path).await.problem(400, "invalid_query");
        details.push(reply.json());
    }
    for path in ["/apps/shop/releases/x", "/apps/shop/scripts/a/versions/1.5"] {
        details.push(world.get(path).await.problem(404, "not_found").json());
    }
    for problem in details {
        let detail = problem["detail"].as_str().unwrap();
        let words = detail.split(|c: char| !c.is_ascii_alphanumeric());
        for word in words {
            let types = ["i64", "u32", "u64", "struct", "usize", "digit"];
            assert!(!types.contains(&word), "{detail}");
        }
    }
}

#[tokio::test]
async fn what_a_client_has_is_not_sent_again() {
    let world = World::with_app().await;
    for path in [
        "/apps/shop",
        "/apps/shop/env",
        "/apps/shop/releases",
        "/apps",
        "/tokens",
        "/me",
        "/apps/shop/scripts",
        "/apps/shop/routes",
        "/apps/shop/triggers",
        "/apps/shop/modules",
        "/apps/shop/domains",
        "/openapi.json",
    ] {
        let whole = world.get(path).await.expect(200);
        let tag = whole.header("etag").to_owned();
        assert!(!tag.is_empty(), "{path}");
        for known in [
            tag.clone(),
            format!("W/{}", tag.trim_start_matches("W/")),
            format!("\"x\", {tag}"),
            "*".to_owned(),
        ] {
            let ask = || Ask::new("GET", path).auth(&world.local);
            let same = world.send(ask().header("if-none-match", &known)).await;
            let same = same.expect(304);
            assert!(same.body.is_empty() && same.header("etag") == tag, "{path}");
            let other = world.send(ask().header("if-none-match", "\"other\"")).await;
            assert_eq!(other.expect(200).body, whole.body);
        }
    }
    let before = world.get("/apps/shop").await.header("etag").to_owned();
    let change = json!({"description": "changed"});
    let change = Ask::new("PATCH", "/apps/shop")
        .auth(&world.local)
        .header("if-none-match", &before)
        .json(&change);
    world.send(change).await.expect(200);
    let ask = Ask::new("GET", "/apps/shop").auth(&world.local);
    world
        .send(ask.header("if-none-match", &before))
        .await
        .expect(200);
}

#[tokio::test]
async fn what_was_made_is_found_where_the_answer_says() {
    let world = World::with_owner().await;
    let release = json!({"scripts": {"main": {"source": "1"}}});
    let token = json!({"name": "t", "scopes": ["read"]});
    for (path, body) in [
        ("/apps", json!({"name": "blog"})),
        ("/tokens", token),
        ("/apps/shop/domains", json!({"domain": "shop.example.com"})),
        ("/apps/shop/releases", release),
    ] {
        let made = world.post(path, &body).await.expect(201);
        let location = made.header("location").to_owned();
        let below = location.strip_prefix("/api/v1").unwrap();
        let found = world.get(below).await.expect(200).json();
        assert!(found.get("secret").is_none(), "{location}");
        let (found, made) = (found.as_object().unwrap(), made.json());
        let shown = made.as_object().unwrap();
        for name in ["name", "domain", "id"] {
            assert!(!shown.contains_key(name) || found.get(name) == shown.get(name));
        }
    }
    for gone in [
        "/tokens/tok_00000000000000000000000000000000",
        "/apps/shop/domains/x.example.com",
    ] {
        world.get(gone).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn the_next_page_comes_though_the_last_item_is_gone() {
    let world = World::with_owner().await;
    for name in ["a", "b", "c", "d"] {
        world
            .post("/apps", &json!({"name": name}))
            .await
            .expect(201);
        let token = json!({"name": name, "scopes": ["read"]});
        world.post("/tokens", &token).await.expect(201);
    }
    for (list, key, item) in [("/apps", "name", "/apps/"), ("/tokens", "id", "/tokens/")] {
        let first = world
            .get(&format!("{list}?limit=2"))
            .await
            .expect(200)
            .json();
        let cursor = first["next_cursor"].as_str().unwrap();
        let last = first["items"][1][key].as_str().unwrap();
        assert!(!cursor.contains(last), "a cursor is opaque: {cursor}");
        world.delete(&format!("{item}{last}")).await.expect(204);
        let next = format!("{list}?limit=50&cursor={cursor}");
        let rest = world.get(&next).await.expect(200).json();
        let rest = rest["items"].as_array().unwrap();
        assert!(rest.len() >= 2, "{list}: {rest:?}");
        assert!(rest.iter().all(|item| item[key] != last), "{list}");
    }
}

/// What a request with a key makes.
fn make(path: &str, key: &str, body: &Value) -> Ask {
    let ask = Ask::new("POST", path).header("idempotency-key", key);
    ask.json(body)
}

#[tokio::test]
async fn what_is_sent_twice_with_one_key_is_made_once() {
    let world = World::with_owner().await;
    let token = json!({"name": "t", "scopes": ["admin"]});
    for (path, body) in [
        ("/tokens", &token),
        ("/apps", &json!({"name": "blog"})),
        ("/apps/shop/domains", &json!({"domain": "shop.example.com"})),
    ] {
        let send = |key: &str| world.send(make(path, key, body).auth(&world.local));
        let first = send("k-1").await.expect(201);
        let again = send("k-1").await.expect(201);
        assert_eq!(first.body, again.body, "{path}");
        assert_eq!(first.header("location"), again.header("location"));
        assert_eq!(again.header("idempotency-replayed"), "true");
    }
    let tokens = world.get("/tokens").await.json();
    assert_eq!(tokens["items"].as_array().unwrap().len(), 1);
    // Another key, and another caller with the same key, are other requests.
    let other = world
        .send(make("/tokens", "k-2", &token).auth(&world.local))
        .await;
    let bearer = format!(
        "Bearer {}",
        other.expect(201).json()["secret"].as_str().unwrap()
    );
    let theirs = world
        .send(make("/tokens", "k-1", &token).auth(&bearer))
        .await;
    assert_eq!(theirs.expect(201).header("idempotency-replayed"), "");
    // Another body is told from the first one.
    let blog = json!({"name": "other"});
    let reused = world
        .send(make("/apps", "k-1", &blog).auth(&world.local))
        .await;
    reused.problem(409, "idempotency_key_reused");
}

#[tokio::test]
async fn what_came_to_nothing_is_tried_again_and_nothing_is_answered_without_a_credential() {
    let world = World::with_owner().await;
    let shop = json!({"name": "shop"});
    for _ in 0..2 {
        let taken = world
            .send(make("/apps", "k", &shop).auth(&world.local))
            .await;
        taken.problem(409, "already_exists");
    }
    world.delete("/apps/shop").await.expect(204);
    let made = world
        .send(make("/apps", "k", &shop).auth(&world.local))
        .await;
    assert_eq!(made.expect(201).header("idempotency-replayed"), "");
    let nobody = world.send(make("/apps", "k", &shop)).await;
    nobody.problem(401, "unauthenticated");
    for bad in ["", &"k".repeat(256)] {
        let refused = world
            .send(make("/apps", bad, &shop).auth(&world.local))
            .await;
        refused.problem(400, "invalid_value");
    }
    world.clock.advance(std::time::Duration::from_hours(25));
    let later = world
        .send(make("/apps", "k", &shop).auth(&world.local))
        .await;
    later.problem(409, "already_exists");
}

#[tokio::test]
async fn requests_at_the_same_time_with_one_key_make_one_thing() {
    let world = World::with_owner().await;
    let token = json!({"name": "t", "scopes": ["read"]});
    let send = || world.send(make("/tokens", "k", &token).auth(&world.local));
    let (one, two, three) = tokio::join!(send(), send(), send());
    assert_eq!(one.expect(201).body, two.expect(201).body);
    three.expect(201);
    let tokens = world.get("/tokens").await.json();
    assert_eq!(tokens["items"].as_array().unwrap().len(), 1);
}

/// Every GET of the document, with every header that asks for something special.
#[tokio::test]
async fn no_operation_fails_on_conditions_and_keys() {
    let world = World::with_owner().await;
    for operation in operations() {
        let method: Method = operation.method.parse().unwrap();
        if operation.id.starts_with("tail") || method == Method::DELETE {
            continue;
        }
        let ask = Ask::new(&operation.method, &filled(&operation.path))
            .auth(&world.local)
            .header("if-none-match", "\"x\", W/\"y\",,*junk")
            .header("idempotency-key", "k")
            .json(&json!({}));
        let reply = world.send(ask).await;
        assert!(reply.status.as_u16() < 500, "{}: {reply:?}", operation.id);
    }
}
