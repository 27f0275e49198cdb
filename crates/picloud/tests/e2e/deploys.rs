//! Deploys under load: every answer is entirely the old or entirely the new release.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::{Value, json};
use test_support::Server;

use crate::support::{APP, setup, started};

const DEPLOYS: u64 = 1_000;
const CLIENTS: usize = 4;

/// Release `n`: the script's text and the module's value both say so.
fn release(n: u64) -> Value {
    let script = format!("import \"lib\" as lib;\n[{n}, lib::number(), lib::NUMBER]");
    let module = format!("export const NUMBER = {n};\nfn number() {{ {n} }}");
    json!({
        "scripts": {"main": {"source": script}},
        "modules": {"lib": {"source": module}},
        "routes": [{"path": "/", "script": "main"}],
    })
}

fn deploy(server: &Server, n: u64) {
    let path = format!("/apps/{APP}/releases");
    server.api("POST", &path, &release(n)).expect(201);
}

/// The release an answer is from. `least` is the newest that was acknowledged, or seen by the same
/// client, before the request was sent.
fn release_of(body: &str, least: u64) -> Result<u64, String> {
    let parts: [u64; 3] = serde_json::from_str(body).map_err(|error| format!("{error}: {body}"))?;
    let [script, function, constant] = parts;
    if function != script || constant != script {
        return Err(format!("parts of two releases in one answer: {body}"));
    }
    if script < least {
        return Err(format!(
            "release {script} answered after release {least} was live"
        ));
    }
    Ok(script)
}

#[test]
fn a_thousand_deploys_under_load_are_never_seen_in_parts() {
    let server = started(setup());
    deploy(&server, 0);
    let (live, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let client = || {
        let (mut last, mut seen) = (0, 0_u64);
        while !done.load(Ordering::Acquire) {
            let least = last.max(live.load(Ordering::Acquire));
            let reply = server.get("/").expect(200);
            last = release_of(&reply.text(), least).unwrap();
            seen += 1;
        }
        seen
    };
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(client)).collect();
        for n in 1..=DEPLOYS {
            // A client that found something wrong has panicked; the rest is not worth the time.
            if clients
                .iter()
                .any(std::thread::ScopedJoinHandle::is_finished)
            {
                break;
            }
            deploy(&server, n);
            live.store(n, Ordering::Release);
            let reply = server.get("/").expect(200);
            assert_eq!(release_of(&reply.text(), n), Ok(n));
        }
        done.store(true, Ordering::Release);
        for client in clients {
            assert!(client.join().unwrap() > 0, "every client was answered");
        }
    });
}

/// Sources compiled by a server so far.
fn compiled(server: &Server) -> u64 {
    server.metric("picloud_sources_compiled_total")
}

#[test]
fn each_source_is_compiled_once_for_a_deploy() {
    let server = started(setup());
    let release = |version: &str, scripts: &[&str]| {
        let script = |name: &&str| {
            let source = format!("import \"lib\" as lib;\nlib::version() + \" {name}\"");
            ((*name).to_owned(), json!({ "source": source }))
        };
        let lib = format!("fn version() {{ \"{version}\" }}");
        let body = json!({
            "scripts": scripts.iter().map(script).collect::<serde_json::Map<_, _>>(),
            "modules": {"lib": {"source": lib}},
        });
        let before = compiled(&server);
        let path = format!("/apps/{APP}/releases");
        server.api("POST", &path, &body).expect(201);
        for name in scripts {
            let reply = server.get(&format!("/{name}")).expect(200);
            assert_eq!(reply.text(), format!("{version} {name}"));
        }
        compiled(&server) - before
    };
    assert_eq!(
        release("1", &["a", "b", "c"]),
        4,
        "three scripts and their module"
    );
    assert_eq!(
        release("2", &["a", "b", "c"]),
        4,
        "all of them use the new module"
    );
}

/// Some hundred kilobytes of sources take as long to compile as several other deploys together.
#[test]
fn deploys_of_other_apps_do_not_wait_for_a_slow_one() {
    let server = started(setup());
    deploy(&server, 0);
    server
        .api("POST", "/apps", &json!({"name": "slow"}))
        .expect(201);
    let script = |of: usize| {
        let body = "a += 1; ".repeat(50);
        let functions = (0..100).map(|n| format!("fn f{n}(a) {{ {body} a + {of} }}\n"));
        let source: String = functions.chain(["f0(1)".to_owned()]).collect();
        (format!("s{of}"), json!({ "source": source }))
    };
    let scripts: serde_json::Map<_, _> = (0..20).map(script).collect();
    let slow = json!({ "scripts": scripts });
    let done = AtomicBool::new(false);
    let during = std::thread::scope(|scope| {
        let deploying = scope.spawn(|| {
            let reply = server.api("POST", "/apps/slow/releases", &slow);
            done.store(true, Ordering::Release);
            reply.expect(201)
        });
        let mut during = 0;
        while !done.load(Ordering::Acquire) {
            deploy(&server, during + 1);
            during += u64::from(!done.load(Ordering::Acquire));
        }
        deploying.join().unwrap();
        during
    });
    assert!(during > 0, "others were deployed meanwhile");
}

#[test]
fn the_check_sees_parts_and_steps_back() {
    assert_eq!(release_of("[7,7,7]", 7), Ok(7));
    for (body, least) in [("[7,6,7]", 0), ("[7,7,8]", 0), ("[7,7,7]", 8), ("no", 0)] {
        assert!(release_of(body, least).is_err(), "{body} after {least}");
    }
}
