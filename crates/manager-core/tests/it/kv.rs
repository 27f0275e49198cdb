//! The key-value store through the API.

use serde_json::{Value, json};

use crate::world::{Ask, World};

#[tokio::test]
async fn keys_are_set_seen_and_removed() {
    let world = World::with_app().await;
    let put = |path: &str, body: Value| {
        let ask = Ask::new("PUT", &format!("/apps/shop/kv/{path}")).auth(&world.local);
        world.send(ask.json(&body))
    };
    let set = put("orders/a%2Fb", json!({"value": {"sum": 3}})).await;
    let version = set.expect(200).json()["version"].clone();
    let got = world
        .get("/apps/shop/kv/orders/a%2Fb")
        .await
        .expect(200)
        .json();
    let item = json!({"key": "a/b", "value": {"sum": 3}, "base64": null, "version": version,
        "expires_at": null});
    assert_eq!(got, item);
    put("orders/a%2Fb", json!({"value": 1, "if_absent": true}))
        .await
        .problem(412, "precondition_failed");
    put("orders/a%2Fb", json!({"value": 1, "if_version": 999}))
        .await
        .problem(412, "precondition_failed");
    put(
        "orders/a%2Fb",
        json!({"value": null, "if_version": version}),
    )
    .await
    .expect(200);
    put("blobs/b", json!({"base64": "AP8=", "ttl": "1h"}))
        .await
        .expect(200);
    let list = world.get("/apps/shop/kv").await.expect(200).json();
    assert_eq!(
        list["items"],
        json!([{"name": "blobs"}, {"name": "orders"}])
    );
    let list = world.get("/apps/shop/kv/blobs").await.expect(200).json();
    assert_eq!(list["items"][0]["base64"], "AP8=", "{list}");
    assert!(list["items"][0]["expires_at"].is_string(), "{list}");
    world.delete("/apps/shop/kv/orders/a%2Fb").await.expect(204);
    world
        .delete("/apps/shop/kv/orders/a%2Fb")
        .await
        .problem(404, "not_found");
    world
        .get("/apps/shop/kv/orders/a%2Fb")
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn what_cannot_be_kept_is_refused() {
    let world = World::with_app().await;
    let put = |path: String, body: Value| {
        let ask = Ask::new("PUT", &format!("/apps/shop/kv/{path}")).auth(&world.local);
        world.send(ask.json(&body))
    };
    for body in [
        json!({}),
        json!({"value": 1, "base64": "AA=="}),
        json!({"base64": "%"}),
        json!({"value": 1, "ttl": "soon"}),
        json!({"value": 1, "ttl": "0s"}),
        json!({"value": 1, "if_version": 1, "if_absent": true}),
        json!({"value": "x".repeat((1 << 20) + 1)}),
    ] {
        put("c/k".to_owned(), body)
            .await
            .problem(400, "invalid_value");
    }
    put("c/k".to_owned(), json!({"value": 1, "colour": "red"}))
        .await
        .problem(400, "invalid_json");
    let long = "x".repeat(513);
    for key in ["%00", long.as_str()] {
        put(format!("c/{key}"), json!({"value": 1}))
            .await
            .problem(400, "invalid_value");
    }
    put("no%20collection%21/k".to_owned(), json!({"value": 1}))
        .await
        .problem(404, "not_found");
    let list = world.get("/apps/shop/kv").await.expect(200).json();
    assert_eq!(list["items"], json!([]), "nothing was kept");
}

/// A page of large values is short, and the pages together are all.
#[tokio::test]
async fn pages_hold_all_keys_also_of_large_values() {
    let world = World::with_app().await;
    let value = json!({"value": "x".repeat(900 << 10)});
    for at in 0..12 {
        let path = format!("/apps/shop/kv/large/{at:02}");
        let ask = Ask::new("PUT", &path).auth(&world.local).json(&value);
        world.send(ask).await.expect(200);
    }
    let (mut seen, mut pages, mut cursor) = (Vec::new(), 0, String::new());
    loop {
        let path = format!("/apps/shop/kv/large?limit=200{cursor}");
        let page = world.get(&path).await.expect(200).json();
        let items = page["items"].as_array().unwrap();
        seen.extend(
            items
                .iter()
                .map(|item| item["key"].as_str().unwrap().to_owned()),
        );
        pages += 1;
        let Some(next) = page["next_cursor"].as_str() else {
            break;
        };
        cursor = format!("&cursor={next}");
    }
    let all: Vec<String> = (0..12).map(|at| format!("{at:02}")).collect();
    assert_eq!(seen, all);
    assert!(pages > 1, "12 values of 900 KiB are more than a page");
}
