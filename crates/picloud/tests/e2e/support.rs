//! A server with one app that has every host.

use serde_json::{Value, json};
use test_support::{Server, Setup};

/// The app.
pub(crate) const APP: &str = "shop";

/// How to start the program under test.
pub(crate) fn setup() -> Setup {
    Setup::new(env!("CARGO_BIN_EXE_picloud"))
}

/// Starts a server with the app.
pub(crate) fn started(setup: Setup) -> Server {
    let server = setup.start();
    server.default_app(APP);
    server
}

/// Deploys scripts, each at `/<name>`; all of them may run as long as tests need.
pub(crate) fn deploy(server: &Server, scripts: &[(&str, &str)]) {
    deploy_with(server, scripts, &json!([]));
}

/// The same with triggers. A script that a trigger names has no route.
pub(crate) fn deploy_with(server: &Server, scripts: &[(&str, &str)], triggers: &Value) {
    let limits = json!({"wall": "5m", "cpu": "1m", "operations": 500_000_000});
    let script = |source: &str| json!({"source": source, "limits": limits});
    let scripts = scripts.iter();
    let scripts: serde_json::Map<String, Value> = scripts
        .map(|(name, source)| ((*name).to_owned(), script(source)))
        .collect();
    server
        .api(
            "POST",
            &format!("/apps/{APP}/releases"),
            &json!({ "scripts": scripts, "triggers": triggers }),
        )
        .expect(201);
}

/// Sends a message to a queue.
const SEND: &str = "queue::send(\"mail\", req.query.n.parse_int())";
/// Counts how often each message is handled.
const HANDLE: &str = "kv::collection(\"seen\").incr(`${event.message}`, 1)";

/// A server whose app sends to a queue at `/send?n=1`, tells at `/seen` what `seen` makes of the
/// counts of its handler, and has a script without state at `/pure`.
pub(crate) fn with_a_queue(setup: Setup, seen: &str) -> Server {
    let server = started(setup);
    let scripts = [
        ("send", SEND),
        ("handle", HANDLE),
        ("seen", seen),
        ("pure", "\"still here\""),
    ];
    let consumer = json!([{"kind": "queue", "queue": "mail", "script": "handle"}]);
    deploy_with(&server, &scripts, &consumer);
    server
}
