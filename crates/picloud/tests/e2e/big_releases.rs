//! Two servers on one PostgreSQL and an app of hundreds of scripts: what one of them deploys, the
//! other serves before it has compiled all of it.

use serde_json::{Map, Value, json};
use test_support::{Postgres, Server};

use crate::following::{pair, wait_until};

const SCRIPTS: usize = 240;

fn name(of: usize) -> String {
    format!("s{of}")
}

/// A script of some length that answers with a version.
fn script(of: usize, version: &str) -> Value {
    let function = |n| {
        let body = "a += 1; ".repeat(30);
        format!("fn f{n}(a) {{ {body} a + {of} }}\n")
    };
    let functions: String = (0..14).map(function).collect();
    json!({"source": format!("{functions}\"{version}\"")})
}

/// Deploys all scripts in a version, each at a path of its own.
fn deploy(server: &Server, version: &str) {
    let scripts = (0..SCRIPTS).map(|of| (name(of), script(of, version)));
    let body = json!({ "scripts": scripts.collect::<Map<_, _>>() });
    server.api("POST", "/apps/big/releases", &body).expect(201);
}

fn text(server: &Server, of: usize) -> String {
    let path = format!("/{}", name(of));
    let reply = server.request("GET", &path, &[("host", "big.localhost")], "");
    reply.expect(200).text()
}

fn compiled(server: &Server) -> u64 {
    server.metric("picloud_sources_compiled_total")
}

/// Two servers that serve the first version; the other one has compiled all of it.
fn serving() -> (Server, Server, String) {
    let (here, there, url) = pair();
    here.api("POST", "/apps", &json!({"name": "big"}))
        .expect(201);
    deploy(&here, "one");
    let served = || {
        let reply = there.request("GET", "/s0", &[("host", "big.localhost")], "");
        reply.status == 200
    };
    wait_until(&there, "the first version", served);
    for of in 0..SCRIPTS {
        assert_eq!(text(&there, of), "one");
    }
    (here, there, url)
}

/// The other server follows; told of the change or not.
fn follows(here: &Server, there: &Server) {
    // What was called most comes first.
    assert_eq!(text(there, SCRIPTS - 1), "one");
    let before = compiled(there);
    deploy(here, "two");
    wait_until(there, "the second version", || {
        text(there, SCRIPTS - 1) == "two"
    });
    let by_then = compiled(there) - before;
    assert!(
        by_then < SCRIPTS as u64,
        "all {by_then} were compiled before any was served"
    );
    // None is old, whether it is compiled or not.
    for of in 0..SCRIPTS / 2 {
        assert_eq!(text(there, of), "two");
    }
    let all = || compiled(there) - before >= SCRIPTS as u64;
    wait_until(there, "the rest is compiled, though nobody calls it", all);
    for of in 0..SCRIPTS {
        assert_eq!(text(there, of), "two");
    }
    assert_eq!(compiled(there) - before, SCRIPTS as u64, "each source once");
}

#[test]
fn a_big_release_is_served_before_all_of_it_is_compiled() {
    let (here, there, _url) = serving();
    follows(&here, &there);
}

#[test]
fn a_big_release_nobody_was_told_of_is_served_as_soon() {
    let (here, there, url) = serving();
    Postgres::shared().sql(&url, "INSERT INTO swallowed VALUES (1)");
    follows(&here, &there);
}

/// What compiles nowhere any more cannot be deployed; it can be in the database of an older version.
#[test]
fn a_script_that_compiles_no_more_answers_with_its_error_and_the_others_as_ever() {
    let (here, there, url) = serving();
    Postgres::shared().sql(&url, "INSERT INTO swallowed VALUES (1)");
    deploy(&here, "two");
    Postgres::shared().sql(
        &url,
        "UPDATE contents SET source = 'let = 1; // two' WHERE source LIKE '%a + 7 }%\"two\"'",
    );
    wait_until(&there, "the second version", || text(&there, 0) == "two");
    for _ in 0..2 {
        let reply = there.request("GET", "/s7", &[("host", "big.localhost")], "");
        let problem = reply.expect(500).json();
        assert_eq!(problem["code"], "script_failed", "{problem}");
    }
    assert_eq!(text(&there, 8), "two");
}
