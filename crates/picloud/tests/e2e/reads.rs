//! What a script reads is bounded before the database is read: the server does not grow.

use serde_json::{Value, json};
use test_support::{Postgres, Reply, Server, Setup};

use crate::support::{APP, setup, started};

/// Values of the collection, nearly 1 MiB each.
const VALUES: usize = 250;
/// What the process may grow by: the answer up to the limit of 32 MiB, and what was made of it.
const MOST: u64 = 64 << 20;
/// Each connection to PostgreSQL is a thread of its own that keeps some of what it read last; the
/// test has [`CONNECTIONS`].
const MOST_WITH_CONNECTIONS: u64 = 96 << 20;
/// How many take part decides how much is kept.
const CONNECTIONS: &str = "2";
/// What the process grows by when 200 MiB are read.
const CONTROL: u64 = 150 << 20;

const FILL: &str = r#"
    let from = req.query.from.parse_int();
    let big = kv::collection("big");
    for n in from..from + 25 { big.set(`k${n}`, "x".repeat(1040000)); }
    "filled"
"#;
const SAME_KEY: &str = r#"
    let keys = []; keys.pad(1000, "k1");
    kv::collection("big").get_many(keys).len
"#;
const LIST: &str = r#"kv::collection("big").list(#{ limit: 250 }).items.len"#;
const IN_TX: &str = r#"
    let keys = []; keys.pad(1000, "k1");
    tx::run(|| kv::collection("big").get_many(keys).len)
"#;
const ONE_BY_ONE_IN_TX: &str = r#"
    tx::run(|| { let all = []; for n in 0..250 { all.push(kv::collection("big").get(`k${n}`)); } all.len })
"#;
const ALL_KEYS: &str = r#"
    let keys = []; for n in 0..200 { keys.push(`k${n}`); }
    kv::collection("big").get_many(keys).len
"#;
/// What still fits is read.
const SOME: &str = r#"
    let big = kv::collection("big");
    [big.get_many(["k1", "k2", "none"]).len, big.list(#{ limit: 5 }).items.len,
     tx::run(|| big.get_many(["k3", "k3"]).len), big.get("k4").len]
"#;

fn deploy(server: &Server) {
    let script = |source: &str, memory: &str| json!({"source": source, "limits": {"wall": "5m", "cpu": "1m", "memory": memory}});
    let scripts = [
        ("fill", FILL, "32MiB"),
        ("same-key", SAME_KEY, "32MiB"),
        ("list", LIST, "32MiB"),
        ("in-tx", IN_TX, "32MiB"),
        ("one-by-one", ONE_BY_ONE_IN_TX, "32MiB"),
        ("all-keys", ALL_KEYS, "32MiB"),
        ("some", SOME, "32MiB"),
        ("control", ALL_KEYS, "256MiB"),
    ];
    let scripts: serde_json::Map<String, Value> = scripts
        .iter()
        .map(|(name, source, memory)| ((*name).to_owned(), script(source, memory)))
        .collect();
    let release = json!({ "scripts": scripts });
    let reply = server.api("POST", &format!("/apps/{APP}/releases"), &release);
    reply.expect(201);
}

fn is_the_memory_limit(reply: &Reply, path: &str) {
    assert_eq!(reply.status, 500, "{path}: {}", reply.text());
    let problem = reply.json();
    assert_eq!(problem["code"], "script_limit", "{path}: {problem}");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap_or_default()
            .contains("memory"),
        "{path}: {problem}"
    );
}

fn a_read_stops_where_the_run_would(setup: Setup, most: u64) {
    let server = started(setup.set("workers", "1"));
    deploy(&server);
    for from in (0..VALUES).step_by(25) {
        server.get(&format!("/fill?from={from}")).expect(200);
    }
    server.get("/some").expect(200);
    let before = server.peak_resident();
    for path in ["/same-key", "/list", "/in-tx", "/one-by-one", "/all-keys"] {
        is_the_memory_limit(&server.get(path), path);
        let grown = server.peak_resident().saturating_sub(before);
        assert!(
            grown <= most,
            "{path}: the process grew by {} MiB",
            grown >> 20
        );
    }
    assert_eq!(
        server.get("/some").text(),
        "[3,5,2,1040000]",
        "the others go on"
    );
    // The measurement would notice: with a higher limit the same read is allowed, and seen.
    assert_eq!(server.get("/control").text(), "200");
    let grown = server.peak_resident().saturating_sub(before);
    assert!(
        grown >= CONTROL,
        "200 MiB were read and the process grew by {} MiB",
        grown >> 20
    );
}

#[test]
fn a_read_stops_where_the_run_would_on_sqlite() {
    a_read_stops_where_the_run_would(setup(), MOST);
}

#[test]
fn a_read_stops_where_the_run_would_on_postgresql() {
    let setup = setup()
        .set("database.connections", CONNECTIONS)
        .postgres(&Postgres::shared().fresh());
    a_read_stops_where_the_run_would(setup, MOST_WITH_CONNECTIONS);
}
