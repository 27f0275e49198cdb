//! Checking and running scripts through the API.

use serde_json::json;

use crate::world::{Ask, World};

async fn world(source: &str) -> World {
    let world = World::with_app().await;
    let body = json!({
        "scripts": {"hello": {"source": source, "limits": {"wall": "2s"}}},
        "modules": {"lib": {"source": "fn f() {}"}},
        "routes": [{"path": "/hello", "script": "hello"}],
    });
    world.post("/apps/shop/releases", &body).await.expect(201);
    world
}

#[tokio::test]
async fn a_draft_is_checked_with_the_apps_modules() {
    let world = world("1").await;
    let shop = &world;
    let validate =
        |body| async move { shop.post("/apps/shop/scripts/hello/validate", &body).await };
    let good = validate(json!({"source": "WARN"})).await.expect(200).json();
    assert_eq!(
        (&good["ok"], good["diagnostics"].as_array().unwrap().len()),
        (&json!(true), 1)
    );
    let bad = validate(json!({"source": "REJECT"}))
        .await
        .expect(200)
        .json();
    assert_eq!(bad["ok"], false);
    let module = json!({"source": "1", "modules": {"lib": "REJECT"}});
    assert_eq!(
        validate(module).await.expect(200).json()["diagnostics"][0]["script"],
        "lib"
    );
    validate(json!({"source": "x".repeat(300 << 10)}))
        .await
        .problem(413, "release_too_large");
    validate(json!({"source": "\0"}))
        .await
        .problem(400, "invalid_value");
    validate(json!({})).await.problem(400, "invalid_json");
    // A script that is not there yet.
    world
        .post("/apps/shop/scripts/new/validate", &json!({"source": "1"}))
        .await
        .expect(200);
}

#[tokio::test]
async fn a_draft_runs_with_the_request_described() {
    let world = world("1").await;
    let body = json!({
        "source": "draft",
        "handler": "on_order",
        "request": {"method": "POST", "path": "/orders?page=2", "headers": {"X-One": "1"},
            "params": {"id": "7"}, "body": "ü"},
    });
    let ran = world
        .post("/apps/shop/scripts/hello/run", &body)
        .await
        .expect(200)
        .json();
    assert_eq!(ran["response"]["status"], 200);
    assert_eq!(
        ran["response"]["headers"]["content-type"],
        "application/json"
    );
    let text = ran["response"]["body"].as_str().unwrap();
    let seen: serde_json::Value = serde_json::from_str(text).unwrap();
    assert_eq!(
        (&seen["method"], &seen["uri"]),
        (&json!("POST"), &json!("/orders?page=2"))
    );
    assert_eq!(
        (&seen["headers"]["x-one"], &seen["body"]),
        (&json!("1"), &json!("ü"))
    );
    assert_eq!(
        (&seen["params"]["id"], &seen["handler"]),
        (&json!("7"), &json!("on_order"))
    );
    assert_eq!(
        (&seen["script"], &seen["draft"]),
        (&json!("hello"), &json!("draft"))
    );
    assert_eq!(
        (&ran["operations"], &ran["logs"][0]["fields"]["n"]),
        (&json!(7), &json!(1))
    );
    assert!(ran["error"].is_null());
    // What is served, and what is not.
    let served = world
        .post("/apps/shop/scripts/hello/run", &json!({}))
        .await
        .expect(200)
        .json();
    let seen: serde_json::Value =
        serde_json::from_str(served["response"]["body"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&seen["method"], &seen["uri"], &seen["draft"]),
        (&json!("GET"), &json!("/"), &json!(null))
    );
    world
        .post("/apps/shop/scripts/new/run", &json!({}))
        .await
        .problem(404, "not_found");
    world
        .post("/apps/shop/scripts/new/run", &json!({"source": "1"}))
        .await
        .expect(200);
}

#[tokio::test]
async fn all_forms_of_answers_are_shown() {
    let world = world("1").await;
    let run = |source: &str| {
        let body = json!({"source": source});
        let world = &world;
        async move {
            world
                .post("/apps/shop/scripts/hello/run", &body)
                .await
                .expect(200)
                .json()
        }
    };
    let streamed = run("STREAM").await;
    assert_eq!(streamed["response"]["body"], "one two");
    assert_eq!(
        streamed["operations"], 7,
        "the end of the stream carries the usage"
    );
    let binary = run("BINARY").await;
    assert_eq!(binary["response"]["body_base64"], "/wA=");
    assert!(binary["response"]["body"].is_null());
    let failed = run("RUNTIME").await;
    assert!(failed["response"].is_null());
    assert_eq!(failed["error"]["kind"], "runtime");
    assert_eq!(failed["error"]["frames"][0]["line"], 1);
    assert_eq!(run("THROW").await["error"]["public"]["status"], 404);
}

#[tokio::test]
async fn described_requests_are_checked() {
    let world = world("1").await;
    for request in [
        json!({"method": "ANY"}),
        json!({"path": "no-slash"}),
        json!({"path": "/a b"}),
        json!({"headers": {"a b": "x"}}),
        json!({"headers": {"a": "x\r\ny: z"}}),
    ] {
        let body = json!({"request": request});
        world
            .post("/apps/shop/scripts/hello/run", &body)
            .await
            .problem(400, "invalid_value");
    }
    for body in [
        json!({"request": {"methd": "GET"}}),
        json!({"handler": "1x"}),
        json!([]),
    ] {
        world
            .post("/apps/shop/scripts/hello/run", &body)
            .await
            .problem(400, "invalid_json");
    }
}

fn invoke(method: &str, query: &str) -> Ask {
    Ask::new(method, &format!("/apps/shop/scripts/hello/invoke{query}"))
}

#[tokio::test]
async fn invoke_hands_the_request_over_and_answers_the_scripts_answer() {
    let world = world("1").await;
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        let ask = invoke(method, "?name=Ada&x=%00")
            .auth(&world.local)
            .header("x-one", "1");
        let ask = ask.header("cookie", "a=b").bytes("text/plain", "hi");
        let seen = world.send(ask).await.expect(200).json();
        assert_eq!(
            (&seen["method"], &seen["uri"]),
            (&json!(method), &json!("/hello?name=Ada&x=%00"))
        );
        assert_eq!(
            (&seen["headers"]["x-one"], &seen["body"]),
            (&json!("1"), &json!("hi"))
        );
        let hidden = |name: &str| seen["headers"].get(name).is_none();
        assert!(
            hidden("authorization") && hidden("cookie"),
            "credentials stay here"
        );
    }
    let big = invoke("POST", "")
        .auth(&world.local)
        .bytes("text/plain", vec![0; (6 << 20) + 1]);
    world.send(big).await.problem(413, "body_too_large");
    let missing = Ask::new("POST", "/apps/shop/scripts/nobody/invoke").auth(&world.local);
    world.send(missing).await.problem(404, "not_found");
}

#[tokio::test]
async fn invoke_tells_of_failures_what_a_client_may_know() {
    for (source, status, code) in [
        ("RUNTIME", 500, "script_failed"),
        ("TIMEOUT", 504, "script_timeout"),
        ("THROW", 404, "thrown"),
    ] {
        let world = world(source).await;
        let ask = invoke("POST", "").auth(&world.local);
        let reply = world.send(ask).await.problem(status, code);
        assert!(!String::from_utf8_lossy(&reply.body).contains("it broke"));
    }
}

#[tokio::test]
async fn a_scripts_answer_cannot_touch_the_session() {
    let world_nasty = world("NASTY").await;
    let reply = world_nasty
        .send(invoke("GET", "").auth(&world_nasty.local))
        .await
        .expect(200);
    assert!(reply.headers.get("set-cookie").is_none());
    assert!(reply.headers.get("clear-site-data").is_none());
    assert_eq!(reply.header("content-security-policy"), "sandbox");
    let bare = world("BARE404").await;
    let reply = bare
        .send(invoke("GET", "").auth(&bare.local))
        .await
        .expect(404);
    assert!(reply.body.is_empty(), "a script's own 404 stays as it is");
    let streaming = world("STREAM").await;
    let reply = streaming
        .send(invoke("GET", "").auth(&streaming.local))
        .await
        .expect(200);
    assert_eq!(reply.body, b"one two");
}
