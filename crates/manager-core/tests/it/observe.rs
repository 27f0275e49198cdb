//! Executions, logs, the live tail, the instance.

use std::sync::Arc;

use manager_core::TailEvent;
use serde_json::json;
use shared::clock::Timestamp;
use shared::id::ExecutionId;
use shared::invocation::LogLevel;
use store::executions::LogRow;

use crate::world::{Ask, World};

/// An instance with three stored runs: two good ones and a failed one.
async fn world() -> World {
    let world = World::with_app().await;
    world
        .deploy(&[("hello", "1"), ("bad", "RUNTIME")])
        .await
        .expect(201);
    for script in ["hello", "bad", "hello"] {
        let path = format!("/apps/shop/scripts/{script}/run");
        world.post(&path, &json!({})).await.expect(200);
        world.clock.advance(std::time::Duration::from_secs(1));
    }
    world.flush().await;
    world
}

#[tokio::test]
async fn executions_are_listed_and_filtered() {
    let world = world().await;
    let count = |query: &str| {
        let path = format!("/apps/shop/executions?{query}");
        let world = &world;
        async move {
            world.get(&path).await.expect(200).json()["items"]
                .as_array()
                .unwrap()
                .len()
        }
    };
    let all = world.get("/apps/shop/executions").await.expect(200).json();
    let first = &all["items"][0];
    assert_eq!(
        (&first["script"], &first["trigger"]),
        (&json!("hello"), &json!("manual"))
    );
    assert_eq!(
        (&first["target"], &first["status"]),
        (&json!("GET /"), &json!(200))
    );
    let failed = &all["items"][1];
    assert_eq!(
        (&failed["outcome"], &failed["error"]),
        (&json!("runtime"), &json!("it broke"))
    );
    assert_eq!(failed["status"], 500);
    assert_eq!(count("").await, 3);
    assert_eq!(count("script=bad").await, 1);
    assert_eq!(count("outcome=ok").await, 2);
    assert_eq!(count("status=500").await, 1);
    assert_eq!(count("since=2027-01-15T08:00:01Z").await, 2);
    assert_eq!(count("until=2027-01-15T09:00:01%2B01:00").await, 1);
    let page = world.get("/apps/shop/executions?limit=2").await.json();
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_eq!(count(&format!("cursor={cursor}")).await, 1);
    for bad in [
        "outcome=great",
        "since=yesterday",
        "cursor=x",
        "status=x",
        "limit=0",
        "scrip=a",
    ] {
        let path = format!("/apps/shop/executions?{bad}");
        world.get(&path).await.problem(400, "invalid_query");
    }
    world
        .get("/apps/shop/executions?script=%00")
        .await
        .problem(400, "invalid_value");
}

#[tokio::test]
async fn an_execution_has_everything() {
    let world = world().await;
    let all = world.get("/apps/shop/executions").await.json();
    let path = |i: usize| {
        format!(
            "/apps/shop/executions/{}",
            all["items"][i]["id"].as_str().unwrap()
        )
    };
    let good = world.get(&path(0)).await.expect(200).json();
    let messages: Vec<_> = good["logs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| &l["message"])
        .collect();
    assert_eq!(messages, ["hello log", "100% wrong"]);
    assert!(good["request_id"].as_str().unwrap().starts_with("req_"));
    let failed = world.get(&path(1)).await.expect(200).json();
    assert_eq!(failed["error"]["message"], "it broke\nbadly");
    // Another app's run is not there.
    world
        .post("/apps", &json!({"name": "blog"}))
        .await
        .expect(201);
    world
        .get(&path(0).replace("shop", "blog"))
        .await
        .problem(404, "not_found");
    world
        .get("/apps/shop/executions/exe_0")
        .await
        .problem(404, "not_found");
}

#[tokio::test]
async fn logs_are_listed_and_searched() {
    let world = world().await;
    let messages = |query: &str| {
        let path = format!("/apps/shop/logs?{query}");
        let world = &world;
        async move {
            let page = world.get(&path).await.expect(200).json();
            let items = page["items"].as_array().unwrap().clone();
            items
                .iter()
                .map(|l| l["message"].as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(
        messages("").await,
        ["100% wrong", "hello log", "100% wrong", "hello log"]
    );
    assert_eq!(messages("level=warn").await.len(), 2);
    assert_eq!(messages("q=0%25%20w").await.len(), 2);
    assert_eq!(messages("q=100_").await.len(), 0);
    assert_eq!(messages("script=bad").await.len(), 0);
    let page = world.get("/apps/shop/logs?limit=3").await.json();
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_eq!(messages(&format!("cursor={cursor}")).await, ["hello log"]);
    for bad in ["level=loud", "cursor=x", "cursor=exe_0:1", "until=1"] {
        world
            .get(&format!("/apps/shop/logs?{bad}"))
            .await
            .problem(400, "invalid_query");
    }
    world
        .get("/apps/shop/logs?q=%00")
        .await
        .problem(400, "invalid_value");
}

fn row(script: &str, level: LogLevel, message: &str) -> LogRow {
    LogRow {
        execution: ExecutionId::new(Timestamp(1_900_000_000_000_000)),
        line: 0,
        at: Timestamp(1),
        level,
        script: script.to_owned(),
        message: message.to_owned(),
        fields: None,
    }
}

#[tokio::test]
async fn the_tail_is_a_stream_of_events() {
    let world = World::with_app().await;
    let loud = row("hello", LogLevel::Error, "two\nlines");
    let id = format!("{}:0", loud.execution);
    *world.tail.lock().unwrap() = vec![
        TailEvent::Line(Arc::new(row("other", LogLevel::Error, "not this script"))),
        TailEvent::Line(Arc::new(row("hello", LogLevel::Debug, "too quiet"))),
        TailEvent::Line(Arc::new(loud)),
        TailEvent::Missed(3),
    ];
    let reply = world
        .get("/apps/shop/logs/tail?script=hello&level=info")
        .await
        .expect(200);
    assert_eq!(reply.header("content-type"), "text/event-stream");
    let text = String::from_utf8(reply.body).unwrap();
    let events: Vec<&str> = text.trim_end().split("\n\n").collect();
    assert_eq!(events.len(), 2, "{text}");
    assert!(
        events[0].contains(&format!("id: {id}")) && events[0].contains(r"two\nlines"),
        "{text}"
    );
    assert_eq!(events[1], "event: missed\ndata: 3");
    world
        .get("/apps/shop/logs/tail?level=x")
        .await
        .problem(400, "invalid_query");
}

#[tokio::test]
async fn a_tail_that_comes_back_gets_what_it_missed_once() {
    let world = world().await;
    let all = world.get("/apps/shop/logs").await.json();
    let oldest = all["items"][3]["execution"].as_str().unwrap();
    let newest: ExecutionId = all["items"][0]["execution"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let mut live = row("hello", LogLevel::Error, "live");
    *world.tail.lock().unwrap() = vec![
        TailEvent::Line(Arc::new(LogRow {
            execution: newest,
            line: 1,
            ..live.clone()
        })),
        TailEvent::Line({
            live.line = 5;
            Arc::new(live)
        }),
    ];
    let ask = Ask::new("GET", "/apps/shop/logs/tail").auth(&world.local);
    let reply = world
        .send(ask.header("last-event-id", &format!("{oldest}:0")))
        .await
        .expect(200);
    let text = String::from_utf8(reply.body).unwrap();
    let messages: Vec<String> = text
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str::<serde_json::Value>(data).unwrap()["message"].to_string())
        .collect();
    assert_eq!(
        messages,
        [
            "\"100% wrong\"",
            "\"hello log\"",
            "\"100% wrong\"",
            "\"live\""
        ]
    );
}

#[tokio::test]
async fn the_instance_shows_itself() {
    let world = World::with_app().await;
    let system = world.get("/system").await.expect(200).json();
    assert_eq!(
        (&system["version"], &system["database"]),
        (&json!("0.0.0-test"), &json!("sqlite"))
    );
    assert_eq!(
        (&system["limits"]["wall"], &system["ceiling"]["wall"]),
        (&json!("10s"), &json!("5m"))
    );
    assert_eq!(system["started_at"], "2027-01-15T08:00:00.000000Z");
    // A test does not take the machine's.
    let zones = &system["time_zones"];
    assert_eq!(
        (&zones["source"], &zones["directory"]),
        (&json!("bundled"), &json!(null))
    );
    assert!(
        zones["version"].as_str().unwrap().starts_with("20"),
        "{zones}"
    );
}
