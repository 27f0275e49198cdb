//! `examples/github-webhook`, with genuine payloads.

use std::fmt::Write as _;
use std::fs;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use test_support::{Reply, Server};

use crate::support::{folder, serve};

const SECRET: &str = "It's a Secret to Everybody";

fn payload(name: &str) -> Vec<u8> {
    let path = folder("github-webhook").join("tests").join(name);
    fs::read(path).unwrap()
}

fn signature(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body);
    let mut signature = "sha256=".to_owned();
    for byte in mac.finalize().into_bytes() {
        write!(signature, "{byte:02x}").unwrap();
    }
    signature
}

fn with_secret() -> Server {
    let server = serve("github-webhook");
    let secret = json!({ "value": SECRET });
    server
        .api(
            "PUT",
            "/apps/github-webhook/env/GITHUB_WEBHOOK_SECRET",
            &secret,
        )
        .expect(200);
    server
}

/// Sends what GitHub would, but for the signature.
fn deliver(server: &Server, event: &str, signature: Option<&str>, body: &[u8]) -> Reply {
    let mut headers = vec![
        ("content-type", "application/json"),
        ("user-agent", "GitHub-Hookshot/044aadd"),
        ("x-github-event", event),
        ("x-github-delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
        ("x-github-hook-id", "292430182"),
    ];
    headers.extend(signature.map(|value| ("x-hub-signature-256", value)));
    server.request("POST", "/github", &headers, body)
}

fn counts(server: &Server) -> Value {
    server.get("/counts").expect(200).json()
}

#[test]
fn the_signature_of_githubs_own_documentation_is_the_same_here() {
    let documented = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    assert_eq!(signature(SECRET, b"Hello, World!"), documented);
    // It passes the signature, and only then is found not to be a payload.
    let server = with_secret();
    deliver(&server, "push", Some(documented), b"Hello, World!").expect(400);
}

#[test]
fn genuine_deliveries_are_counted_by_repository_and_event() {
    let server = with_secret();
    assert_eq!(counts(&server), json!({}));
    server.get("/counts/Codertocat/Hello-World").expect(404);
    for (event, file) in [("push", "push.json"), ("issues", "issues.json")] {
        let body = payload(file);
        assert!(body.len() > 7_000, "{file} has its full size");
        let right = signature(SECRET, &body);
        let reply = deliver(&server, event, Some(&right), &body)
            .expect(200)
            .json();
        let counted = json!({
            "repository": "Codertocat/Hello-World", "event": event, "counted": true, "count": 1,
        });
        assert_eq!(reply, counted);
    }
    let both = json!({ "push": 1, "issues": 1 });
    assert_eq!(counts(&server), json!({ "Codertocat/Hello-World": both }));
    let one = server
        .get("/counts/Codertocat/Hello-World")
        .expect(200)
        .json();
    assert_eq!(one, both);
}

#[test]
fn a_delivery_that_comes_again_is_not_counted_again() {
    let server = with_secret();
    let body = payload("push.json");
    let right = signature(SECRET, &body);
    deliver(&server, "push", Some(&right), &body).expect(200);
    for event in ["push", "issues"] {
        let again = deliver(&server, event, Some(&right), &body)
            .expect(200)
            .json();
        assert_eq!(again["counted"], false);
    }
    assert_eq!(
        counts(&server),
        json!({ "Codertocat/Hello-World": { "push": 1 } })
    );
}

#[test]
fn what_is_not_signed_with_the_secret_is_refused_and_counts_nothing() {
    let server = with_secret();
    let body = payload("push.json");
    let right = signature(SECRET, &body);
    let other = signature("another secret", &body);
    let upper = right.to_uppercase();
    let bare = right.trim_start_matches("sha256=");
    for wrong in [
        None,
        Some(""),
        Some("sha256="),
        Some(other.as_str()),
        Some(upper.as_str()),
        Some(bare),
        Some(&right[..right.len() - 1]),
    ] {
        deliver(&server, "push", wrong, &body).expect(401);
    }
    let mut altered = body.clone();
    altered[20] ^= 1;
    deliver(&server, "push", Some(&right), &altered).expect(401);
    let spaced = [body.as_slice(), b" "].concat();
    deliver(&server, "push", Some(&right), &spaced).expect(401);
    assert_eq!(counts(&server), json!({}));
}

#[test]
fn without_a_secret_nothing_is_accepted() {
    let server = serve("github-webhook");
    let body = payload("push.json");
    for secret in ["", SECRET] {
        let signed = signature(secret, &body);
        deliver(&server, "push", Some(&signed), &body).expect(503);
    }
}

#[test]
fn signed_nonsense_is_a_clear_error() {
    let server = with_secret();
    for (event, body) in [
        ("push", "payload=%7B%7D"),
        ("push", ""),
        ("push", "[1]"),
        ("push", "7"),
        ("push", r#"{"repository": "octo/hello"}"#),
        ("push", r#"{"repository": {}}"#),
        ("push", r#"{"repository": {"full_name": 7}}"#),
        ("push", r#"{"repository": {"full_name": "a#b"}}"#),
        ("", "{}"),
        ("pu#sh", "{}"),
        ("PUSH", "{}"),
    ] {
        let right = signature(SECRET, body.as_bytes());
        deliver(&server, event, Some(&right), body.as_bytes()).expect(400);
    }
    let right = signature(SECRET, b"{}");
    deliver(&server, "ping", Some(&right), b"{}").expect(200);
    assert_eq!(counts(&server), json!({ "-": { "ping": 1 } }));
}
