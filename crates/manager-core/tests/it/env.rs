//! The environment.

use serde_json::json;

use crate::world::{Ask, World};

#[tokio::test]
async fn variables_are_live_at_once() {
    let world = World::with_app().await;
    let put = |name: &str, value: &str| {
        let ask = Ask::new("PUT", &format!("/apps/shop/env/{name}")).auth(&world.local);
        world.send(ask.json(&json!({"value": value})))
    };
    let set = put("GREETING", "hi").await.expect(200);
    assert_eq!(set.json()["value"], "hi");
    let live_value = {
        let live = world.catalog.live.lock().unwrap();
        live.values().next().unwrap().env[0].value.clone()
    };
    assert_eq!(live_value, "hi");
    put("GREETING", "hello").await.expect(200);
    let list = world.get("/apps/shop/env").await.expect(200);
    assert_eq!(list.json()["items"][0]["value"], "hello");
    world.delete("/apps/shop/env/GREETING").await.expect(204);
    world
        .delete("/apps/shop/env/GREETING")
        .await
        .problem(404, "not_found");
    put("lower", "x").await.problem(400, "invalid_value");
    put("BIG", &"x".repeat((32 << 10) + 1))
        .await
        .problem(400, "invalid_value");
    put("NUL", "a\0b").await.problem(400, "invalid_value");
}

#[tokio::test]
async fn an_environment_that_changed_meanwhile_is_not_overwritten() {
    let world = World::with_app().await;
    let put = |value: &str, tag: &str| {
        let ask = Ask::new("PUT", "/apps/shop/env/A")
            .auth(&world.local)
            .header("if-match", tag);
        world.send(ask.json(&json!({"value": value})))
    };
    let empty = world.get("/apps/shop/env").await.header("etag").to_owned();
    let one = put("1", &empty).await.expect(200).header("etag").to_owned();
    put("2", &empty).await.problem(412, "precondition_failed");
    put("2", &one).await.expect(200);
    let stale = Ask::new("DELETE", "/apps/shop/env/A")
        .auth(&world.local)
        .header("if-match", &one);
    world.send(stale).await.problem(412, "precondition_failed");
}

#[tokio::test]
async fn there_are_at_most_a_hundred_variables() {
    let world = World::with_app().await;
    for i in 0..100 {
        let ask = Ask::new("PUT", &format!("/apps/shop/env/V{i}")).auth(&world.local);
        world
            .send(ask.json(&json!({"value": ""})))
            .await
            .expect(200);
    }
    let ask = |name: &str| {
        let ask = Ask::new("PUT", &format!("/apps/shop/env/{name}")).auth(&world.local);
        world.send(ask.json(&json!({"value": "x"})))
    };
    ask("ONE_MORE").await.problem(409, "env_full");
    ask("V7").await.expect(200);
}
