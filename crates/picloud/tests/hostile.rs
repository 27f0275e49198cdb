//! Every script of `tests/hostile` is contained: it ends within its limits, the server stays, a
//! neighbour notices nothing, and what was stopped really stopped.
#![expect(
    clippy::disallowed_methods,
    reason = "a client on its own threads: it waits for the server and reads one variable"
)]

mod hostile {
    pub(crate) mod check;
    pub(crate) mod probe;
    pub(crate) mod run;
    pub(crate) mod script;
    pub(crate) mod server;
}

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use hostile::check::{Seen, violations};
use hostile::script::{Script, all, parse};
use hostile::{run, script};

/// Timings count, so the tests that start a server take turns.
static TURN: Mutex<()> = Mutex::new(());

/// Scripts that share a server. Fewer find a crash sooner, more save starts.
const BATCH: usize = 30;
/// Servers side by side. Most of a script's time is the gap after it, in which its server is to be
/// idle.
const SERVERS: usize = 3;

#[test]
fn every_hostile_script_is_contained() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let wanted = std::env::var("HOSTILE").unwrap_or_default();
    let scripts: Vec<Script> = all()
        .into_iter()
        .filter(|s| s.name.contains(&wanted))
        .collect();
    assert!(!scripts.is_empty(), "no script has `{wanted}` in its name");
    let seen = side_by_side(&scripts);
    let mut escaped = Vec::new();
    for (script, seen) in &seen {
        let outcomes: BTreeSet<&str> = seen.runs.iter().map(|r| r.outcome.as_str()).collect();
        println!(
            "{:45} {outcomes:?} {} {:?}",
            script.name,
            seen.refused,
            seen.runs.first()
        );
        for violation in violations(script, seen) {
            escaped.push(format!("{}: {violation}", script.name));
        }
    }
    assert!(
        escaped.is_empty(),
        "{} of {}:\n{}",
        escaped.len(),
        seen.len(),
        escaped.join("\n")
    );
}

/// Runs all scripts in batches; every server takes the next batch when it is done with one.
fn side_by_side(scripts: &[Script]) -> Vec<(Script, Seen)> {
    let batches = Mutex::new(scripts.chunks(BATCH));
    let next = || {
        batches
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .next()
    };
    let mut seen: Vec<_> = std::thread::scope(|scope| {
        let server = || {
            std::iter::from_fn(next)
                .flat_map(run::batch)
                .collect::<Vec<_>>()
        };
        let servers: Vec<_> = (0..SERVERS).map(|_| scope.spawn(server)).collect();
        let ended = servers.into_iter().map(std::thread::ScopedJoinHandle::join);
        ended
            .flat_map(|seen| seen.expect("a server's thread does not panic"))
            .collect()
    });
    seen.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
    seen
}

#[test]
fn a_script_without_its_guard_is_seen_to_escape() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let text = "// about: spins\n// limit: cpu, operations\nloop {}\n";
    let guarded = parse("unguarded", text, false);
    let mut unguarded = guarded.clone();
    unguarded.limits.wall = Some(std::time::Duration::from_secs(3));
    unguarded.limits.cpu = Some(std::time::Duration::from_secs(3));
    unguarded.limits.operations = Some(500_000_000);
    let seen = run::batch(&[unguarded]);
    let found = violations(&guarded, &seen[0].1);
    assert!(
        found
            .iter()
            .any(|v| v.contains("processor time, its limit is 500ms")),
        "{found:?}"
    );
}

#[test]
fn the_suite_is_complete() {
    let scripts = all();
    assert!(
        scripts.len() >= 80,
        "{} scripts in {:?}",
        scripts.len(),
        script::folder()
    );
    for poc in 'a'..='o' {
        let start = format!("poc_{poc}_");
        assert!(
            scripts.iter().any(|s| s.name.starts_with(&start)),
            "no script for {start}"
        );
    }
    let ends = [
        "wall",
        "cpu",
        "operations",
        "memory",
        "call_depth",
        "string_size",
        "nesting",
        "response",
        "host_calls",
        "source",
        "compile",
        "runtime",
        "thrown",
        "host",
        "ok",
    ];
    for script in &scripts {
        assert!(
            script.app().len() <= 40,
            "{}: the name is too long for an app",
            script.name
        );
        for allowed in &script.allowed {
            assert!(
                ends.contains(&allowed.as_str()),
                "{}: `{allowed}`",
                script.name
            );
        }
    }
}
