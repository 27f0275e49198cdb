//! Every script of `tests/hostile` is contained: it ends within its limits, the server stays, a
//! neighbour notices nothing, and what was stopped really stopped.
#![expect(
    clippy::disallowed_methods,
    reason = "a client on its own threads: it waits for the server and reads one variable"
)]

mod hostile {
    pub(crate) mod check;
    pub(crate) mod clients;
    pub(crate) mod instance;
    pub(crate) mod probe;
    pub(crate) mod run;
    pub(crate) mod script;
    pub(crate) mod server;
}

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use hostile::check::{Seen, violations};
use hostile::script::{Script, all, parse};
use hostile::{instance, run, script};

const SUITE: &str = "hostile";

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
    let scripts: Vec<Script> = all(SUITE)
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
    let scripts = all(SUITE);
    assert!(
        scripts.len() >= 80,
        "{} scripts in {:?}",
        scripts.len(),
        script::folder(SUITE)
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

/// Cases side by side: most of a case's time its server waits for clients to give up.
const CASES_AT_ONCE: usize = 3;

#[test]
fn nothing_hostile_hurts_the_instance() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let wanted = std::env::var("HOSTILE").unwrap_or_default();
    let mut cases = all("hostile_instance");
    assert!(cases.len() >= 5, "{} cases", cases.len());
    cases.retain(|case| case.name.contains(&wanted));
    let next = Mutex::new(cases.iter());
    let next = || next.lock().unwrap_or_else(PoisonError::into_inner).next();
    let hurt: Vec<String> = std::thread::scope(|scope| {
        let worker = || {
            let one = |case: &Script| {
                let seen = instance::run(case, instance::setup());
                println!("{:30} {seen:?}", case.name);
                let found = instance::violations(&seen);
                found
                    .into_iter()
                    .map(|v| format!("{}: {v}", case.name))
                    .collect::<Vec<_>>()
            };
            std::iter::from_fn(next).flat_map(one).collect::<Vec<_>>()
        };
        let workers: Vec<_> = (0..CASES_AT_ONCE).map(|_| scope.spawn(worker)).collect();
        let ended = workers.into_iter().map(std::thread::ScopedJoinHandle::join);
        ended
            .flat_map(|found| found.expect("a case does not panic"))
            .collect()
    });
    assert!(hurt.is_empty(), "{}", hurt.join("\n"));
}

fn case_of_the_instance(name: &str) -> Script {
    let cases = all("hostile_instance").into_iter();
    let mut found = cases.filter(|case| case.name == name);
    found.next().expect("the case is there")
}

fn assert_hurt(case: &Script, setup: test_support::Setup) {
    let seen = instance::run(case, setup);
    let found = instance::violations(&seen);
    let wanted = ["the server ended", "were resident"];
    assert!(
        wanted
            .iter()
            .any(|wanted| found.iter().any(|v| v.contains(wanted))),
        "{}: {found:?} {seen:?}",
        case.name
    );
}

/// A control of the test above: one script that may take what it likes is enough.
#[test]
fn a_server_whose_scripts_have_no_limit_is_seen_to_be_hurt() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut unlimited = case_of_the_instance("reads_get_many");
    unlimited.limits.memory = Some(2 << 30);
    let unlimited_budget = instance::setup().set("memory.budget", "8GiB");
    assert_hurt(&unlimited, unlimited_budget.set("ceiling.memory", "4GiB"));
}

/// Another: scripts within their limits and clients are enough where nothing bounds all of them.
#[test]
fn a_server_without_a_memory_budget_is_seen_to_be_hurt() {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    for name in ["runs_at_once", "answers_unread", "answers_unread_h2"] {
        let setup = instance::setup().set("memory.budget", "8GiB");
        assert_hurt(&case_of_the_instance(name), setup);
    }
}
