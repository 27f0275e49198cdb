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

#[test]
fn the_check_sees_parts_and_steps_back() {
    assert_eq!(release_of("[7,7,7]", 7), Ok(7));
    for (body, least) in [("[7,6,7]", 0), ("[7,7,8]", 0), ("[7,7,7]", 8), ("no", 0)] {
        assert!(release_of(body, least).is_err(), "{body} after {least}");
    }
}
