//! What is new is compiled before it is called, but a change does not wait long for that.

use std::time::Duration;

use orchestrator_core::Format;
use serde_json::json;
use shared::id::AppId;

use crate::server::{Server, Setup, all_to_main};

/// A server whose changes wait for nothing: each `slow` source is served before it is compiled.
fn hurried() -> Server {
    Server::with(Setup {
        warm_first: Duration::ZERO,
        ..Setup::default()
    })
}

/// Waits until a `slow` source is being compiled.
fn compiles(server: &Server) {
    let permit = server.runtime.block_on(server.fake.compiling.acquire());
    permit.unwrap().forget();
}

fn compile(server: &Server) {
    server.fake.compile.add_permits(1);
}

fn warmed(server: &Server) -> Vec<String> {
    server.fake.warmed.lock().unwrap().clone()
}

/// Deploys scripts `a`, `b` and `c`, each at a path of its own.
fn deploy(server: &Server, app: AppId, sources: [&str; 3]) {
    let routes = ["a", "b", "c"].map(|name| json!({"path": format!("/{name}"), "script": name}));
    let [a, b, c] = sources;
    server.deploy(app, &[("a", a), ("b", b), ("c", c)], &json!(routes));
}

#[test]
fn what_is_not_compiled_in_time_is_served_and_compiled_after_that() {
    let server = hurried();
    let app = server.app("shop", false);
    deploy(&server, app, ["text a1", "text b1", "text c1"]);
    deploy(&server, app, ["slow a2", "slow b2", "slow c2"]);
    for (path, body) in [("/c", "c2"), ("/b", "b2"), ("/a", "a2")] {
        assert_eq!(
            server.get(path).body,
            body,
            "none is served in its old form"
        );
    }
    for compiled in ["slow a2", "slow b2", "slow c2"] {
        compiles(&server);
        assert_eq!(warmed(&server).last().unwrap(), compiled, "one by one");
        compile(&server);
    }
    assert_eq!(warmed(&server).len(), 3, "each of them once");
}

#[test]
fn what_is_called_most_is_compiled_first() {
    let server = hurried();
    let app = server.app("shop", false);
    deploy(&server, app, ["text 1", "text 1", "text 1"]);
    for path in ["/b", "/c", "/b"] {
        server.get(path);
    }
    let counted = |line: &str| {
        let text = server.orchestrator.metrics().text(Format::Classic);
        text.lines().any(|shown| shown == line)
    };
    let line = |script, n| {
        format!("picloud_http_requests_total{{app=\"shop\",script=\"{script}\",code=\"2xx\"}} {n}")
    };
    while !counted(&line("b", 2)) || !counted(&line("c", 1)) {}
    deploy(&server, app, ["slow a", "slow b", "slow c"]);
    for _ in 0..3 {
        compiles(&server);
        compile(&server);
    }
    assert_eq!(warmed(&server), ["slow b", "slow c", "slow a"]);
}

#[test]
fn what_is_served_no_more_is_not_compiled() {
    let server = hurried();
    let app = server.app("shop", false);
    deploy(&server, app, ["text a1", "text b1", "text c1"]);
    deploy(&server, app, ["slow a2", "slow b2", "slow c2"]);
    compiles(&server);
    // One of them goes on into the next release, and is compiled for that.
    deploy(&server, app, ["slow a3", "slow b2", "slow c3"]);
    compiles(&server);
    for _ in 0..2 {
        compile(&server);
    }
    for _ in 0..2 {
        compiles(&server);
        compile(&server);
    }
    let mut warmed = warmed(&server);
    warmed.sort_unstable();
    assert_eq!(warmed, ["slow a2", "slow a3", "slow b2", "slow c3"]);
}

#[test]
fn of_what_is_served_already_one_is_compiled_at_a_time() {
    let server = hurried();
    let apps = ["one", "two"].map(|slug| server.app(slug, false));
    for app in apps {
        deploy(&server, app, ["text 1", "text 1", "text 1"]);
        deploy(&server, app, ["slow a", "slow b", "slow c"]);
        // The first is begun before it is served.
        compiles(&server);
    }
    compile(&server);
    compile(&server);
    for begun in 3..=6 {
        compiles(&server);
        assert_eq!(warmed(&server).len(), begun);
        compile(&server);
    }
}

#[test]
fn an_app_that_is_deleted_is_not_compiled_any_more() {
    let server = hurried();
    let (app, other) = (server.shop("text one"), server.app("other", false));
    server.refresh(other).unwrap();
    server.deploy(
        app,
        &[("main", "slow one"), ("more", "slow two")],
        &all_to_main(),
    );
    compiles(&server);
    server.change(move |change| store::apps::delete(change, app));
    server.refresh(app).unwrap();
    compile(&server);
    server.deploy(other, &[("main", "slow other")], &all_to_main());
    compiles(&server);
    compile(&server);
    assert_eq!(warmed(&server), ["slow one", "slow other"]);
}
