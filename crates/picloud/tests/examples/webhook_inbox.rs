//! `examples/webhook-inbox`, with calls signed as Standard Webhooks says, and `pic` for what was
//! given up.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use shared::clock::{Clock as _, SystemClock};
use test_support::{Reply, Server, binary};

use crate::support::serve;

const KEY: &[u8] = b"a key of at least twenty-four bytes";
/// How long something that must happen may take on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

fn with_secret() -> Server {
    let server = serve("webhook-inbox");
    let secret = format!("whsec_{}", STANDARD.encode(KEY));
    set(&server, "WEBHOOK_SECRET", &secret);
    server
}

fn set(server: &Server, name: &str, value: &str) {
    let path = format!("/apps/webhook-inbox/env/{name}");
    server
        .api("PUT", &path, &json!({ "value": value }))
        .expect(200);
}

fn now() -> i64 {
    SystemClock.now().as_micros() / 1_000_000
}

/// Calls as the sender does, signed with a key.
fn call(server: &Server, key: &[u8], id: &str, body: &[u8]) -> Reply {
    let time = now().to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(format!("{id}.{time}.").as_bytes());
    mac.update(body);
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let headers = [
        ("content-type", "application/json"),
        ("webhook-id", id),
        ("webhook-timestamp", &time),
        ("webhook-signature", &signature),
    ];
    server.request("POST", "/hooks/orders", &headers, body)
}

fn order(recipients: &[&str]) -> Vec<u8> {
    let data = json!({ "order": "7", "recipients": recipients });
    json!({ "type": "order.created", "data": data })
        .to_string()
        .into_bytes()
}

/// The state, once it is as wanted.
fn state(server: &Server, wanted: impl Fn(&Value) -> bool) -> Value {
    let until = Instant::now() + PATIENCE;
    loop {
        let state = server.get("/state").expect(200).json();
        if wanted(&state) {
            return state;
        }
        assert!(Instant::now() < until, "{state}");
    }
}

fn count(state: &Value, what: &str) -> usize {
    state[what].as_object().unwrap().len()
}

/// Runs `pic` as the server's user.
fn run(server: &Server, args: &[&str]) -> Output {
    let command = Command::new(binary("pic"))
        .args(args)
        .args(["--app", "webhook-inbox", "--json"])
        .env_clear()
        .env("HOME", server.home())
        .env("XDG_STATE_HOME", server.home().join("state"))
        .output();
    command.unwrap()
}

fn pic(server: &Server, args: &[&str]) -> Value {
    let output = run(server, args);
    assert!(output.status.success(), "{args:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What became of an event, once its run is stored.
fn chain(server: &Server, event: &str) -> Value {
    let until = Instant::now() + PATIENCE;
    loop {
        let output = run(server, &["events", "show", event]);
        if output.status.success() {
            return serde_json::from_slice(&output.stdout).unwrap();
        }
        assert!(Instant::now() < until, "{output:?}");
    }
}

#[test]
fn a_call_reaches_every_recipient_once_however_often_it_is_sent() {
    let server = with_secret();
    let body = order(&["ada@example.com", "busy@example.com", "ada@example.com"]);
    let first = call(&server, KEY, "msg_1", &body).expect(202).json();
    let again = call(&server, KEY, "msg_1", &body).expect(202).json();
    assert_eq!(first["id"], again["id"]);
    let seen = state(&server, |state| count(state, "delivered") == 2);
    assert_eq!(count(&seen, "received"), 1);
    assert_eq!(seen["delivered"]["msg_1/ada@example.com"]["attempt"], 1);
    assert_eq!(seen["delivered"]["msg_1/busy@example.com"]["attempt"], 3);
    // Another call afterwards: everything of the first has been handled by then.
    let other = call(&server, KEY, "msg_2", &order(&["ada@example.com"]));
    other.expect(202);
    let all = state(&server, |state| count(state, "received") == 2);
    assert_eq!(count(&all, "failed"), 0, "{all}");
    let event = first["id"].as_str().unwrap();
    let chain = chain(&server, event);
    assert_eq!(chain["event"]["executions"].as_array().unwrap().len(), 1);
    let page = server.get("/").expect(200).text();
    assert!(
        page.contains("msg_1/busy@example.com<td>delivered, attempt 3"),
        "{page}"
    );
}

#[test]
fn what_is_not_signed_with_the_secret_has_no_effect() {
    let server = with_secret();
    let body = order(&["ada@example.com"]);
    call(&server, b"another key of twenty-four bytes", "msg_1", &body).expect(401);
    let unsigned = [("content-type", "application/json")];
    server
        .request("POST", "/hooks/orders", &unsigned, body.clone())
        .expect(401);
    // A signed one comes after them; it alone has an effect.
    call(&server, KEY, "msg_2", &body).expect(202);
    let seen = state(&server, |state| count(state, "delivered") == 1);
    assert_eq!(count(&seen, "received"), 1);
    assert_eq!(seen["delivered"]["msg_2/ada@example.com"]["order"], "7");
}

#[test]
fn without_a_secret_nothing_is_accepted() {
    let server = serve("webhook-inbox");
    call(&server, KEY, "msg_1", &order(&["ada@example.com"])).expect(503);
}

#[test]
fn a_signed_call_that_says_nothing_useful_is_noted_and_not_repeated() {
    let server = with_secret();
    for (id, body) in [
        ("a", "nonsense"),
        ("b", "[1]"),
        ("c", "{}"),
        ("d", r#"{"data": 7}"#),
    ] {
        call(&server, KEY, id, body.as_bytes()).expect(202);
    }
    call(&server, KEY, "e", &order(&["ada@example.com"])).expect(202);
    let seen = state(&server, |state| count(state, "delivered") == 1);
    assert_eq!(count(&seen, "received"), 1);
    let dead = pic(&server, &["dead-letters", "ls"]);
    assert_eq!(dead["items"], json!([]));
}

#[test]
fn what_was_given_up_is_delivered_when_the_reason_is_gone() {
    let server = with_secret();
    set(&server, "DOWN", "example.net example.org");
    let body = order(&["ada@example.com", "bob@example.org"]);
    call(&server, KEY, "msg_1", &body).expect(202);
    let seen = state(&server, |state| {
        count(state, "failed") == 1 && count(state, "delivered") == 1
    });
    let failed = &seen["failed"]["msg_1/bob@example.org"];
    assert_eq!(failed["attempts"], 4);
    assert!(
        failed["error"]
            .to_string()
            .contains("example.org does not answer"),
        "{failed}"
    );

    let dead = pic(&server, &["dlq", "ls"]);
    assert_eq!(dead["items"].as_array().unwrap().len(), 1);
    assert_eq!(dead["items"][0]["id"], failed["dead_letter"]);
    let id = failed["dead_letter"].as_str().unwrap();
    let shown = pic(&server, &["dead-letters", "show", id]);
    assert_eq!(shown["payload"]["message"]["recipient"], "bob@example.org");
    assert_eq!(shown["history"].as_array().unwrap().len(), 4);

    set(&server, "DOWN", "");
    let replayed = pic(&server, &["dead-letters", "replay", id]);
    assert_eq!(replayed["event"], dead["items"][0]["event"]);
    let mended = state(&server, |state| count(state, "delivered") == 2);
    assert_eq!(count(&mended, "failed"), 0);
    assert_eq!(pic(&server, &["dead-letters", "ls"])["items"], json!([]));
}
