//! The suite's second part: what all runs and clients together do to the instance. Each case has a
//! server with 512 MiB for itself and a neighbour that is served meanwhile.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use test_support::{Server, Setup};

use super::clients;
use super::probe::{self, Probe};
use super::script::{Script, parse};

/// Memory of the server, for everything.
const MEMORY: u64 = 512 << 20;
/// How much more than before a case may be resident after it.
const KEPT: u64 = 32 << 20;
/// How long records are written and memory is given back after a case, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the server's threads are watched at a time.
const GAP: Duration = Duration::from_millis(300);
/// Processor time the server may use in that gap when nobody asks it.
const IDLE_CPU: Duration = Duration::from_millis(30);
/// Calls before memory is looked at: caches and pools are made by the first ones.
const WARM: usize = 20;

/// What was seen of a case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// The server ended.
    pub ended: Option<String>,
    /// Errors of the neighbour meanwhile.
    pub neighbour_errors: Vec<String>,
    /// Calls of the neighbour meanwhile.
    pub neighbour_calls: u32,
    /// Resident bytes before and after.
    pub resident: [u64; 2],
    /// The most that was ever resident.
    pub peak: u64,
    /// Processor time in a gap in which nobody asked.
    pub idle_cpu: Duration,
    /// Answers that no script with such limits gives.
    pub odd_answers: Vec<String>,
}

/// What hurt others; empty when all is well.
pub(crate) fn violations(seen: &Seen) -> Vec<String> {
    if let Some(how) = &seen.ended {
        return vec![format!("the server ended: {how}")];
    }
    let mut found = Vec::new();
    let mib = |bytes: u64| bytes >> 20;
    if let Some(first) = seen.neighbour_errors.first() {
        let (errors, calls) = (seen.neighbour_errors.len(), seen.neighbour_calls);
        found.push(format!(
            "the neighbour had {errors} errors in {calls} calls: {first}"
        ));
    }
    if let Some(first) = seen.odd_answers.first() {
        found.push(format!("{} odd answers: {first}", seen.odd_answers.len()));
    }
    if seen.peak > MEMORY {
        found.push(format!("{} MiB were resident", mib(seen.peak)));
    }
    let [before, after] = seen.resident;
    if after > before + KEPT {
        let (before, after) = (mib(before), mib(after));
        found.push(format!(
            "{after} MiB stay resident, before it were {before}"
        ));
    }
    if seen.idle_cpu > IDLE_CPU {
        let used = seen.idle_cpu;
        found.push(format!(
            "{used:?} of processor time in {GAP:?} without a request"
        ));
    }
    found
}

/// How to start the server of a case.
pub(crate) fn setup() -> Setup {
    Setup::new(env!("CARGO_BIN_EXE_picloud"))
        .memory(MEMORY)
        .set("workers", "2")
}

/// Runs a case on a server of its own.
pub(crate) fn run(case: &Script, setup: Setup) -> Seen {
    let mut server = setup.start();
    let neighbour = parse("neighbour", probe::SOURCE, false);
    deploy(&server, &neighbour);
    deploy(&server, case);
    let url = server.url().to_owned();
    for _ in 0..WARM {
        probe::call(&super::server::agent(), &url).expect("the neighbour is served");
    }
    let before = server.resident();
    let probe = Probe::start(&url);
    let odd_answers = clients::attack(case, &server);
    // What was sent last must be answered or cut off while the neighbour is served.
    let report = probe.stop();
    let mut seen = Seen {
        ended: end_of(&mut server),
        neighbour_errors: report.errors,
        neighbour_calls: report.calls,
        odd_answers,
        ..Seen::default()
    };
    if seen.ended.is_none() {
        settle(&mut server, before, &mut seen);
    }
    seen
}

/// How the server ended, if it did.
fn end_of(server: &mut Server) -> Option<String> {
    let status = server.ended()?;
    let log = server.log();
    let tail: Vec<&str> = log.lines().rev().take(3).collect();
    Some(format!("{status}; its log ends: {}", tail.join(" | ")))
}

/// Waits until all is as before, or it is clear that it does not become so.
fn settle(server: &mut Server, before: u64, seen: &mut Seen) {
    let start = Instant::now();
    loop {
        let used = server.processor_time();
        std::thread::sleep(GAP);
        seen.idle_cpu = server.processor_time().saturating_sub(used);
        seen.resident = [before, server.resident()];
        seen.peak = server.peak_resident();
        seen.ended = end_of(server);
        // One that is being ended has no memory any more.
        let well = seen.resident[1] > 0 && violations(seen).is_empty();
        if seen.ended.is_some() || well || start.elapsed() > PATIENCE {
            return;
        }
    }
}

/// Deploys a case as an app of its own; one with several sources at `/0`, `/1`, and so on.
fn deploy(server: &Server, script: &Script) {
    let app = script.app();
    let made = server.api("POST", "/apps", &json!({"name": app}));
    made.expect(201);
    let release = if script.sources == 1 {
        json!({
            "scripts": {"main": {"source": script.source, "limits": script.limits}},
            "routes": [{"path": "/", "script": "main", "method": "ANY"}],
        })
    } else {
        // Nothing tells them apart but a line, so that none has another's program.
        let scripts: Map<String, Value> = (0..script.sources)
            .map(|number| {
                let source = format!("// {number}\n{}", script.source);
                (
                    format!("s{number}"),
                    json!({"source": source, "limits": script.limits}),
                )
            })
            .collect();
        let routes: Vec<Value> = (0..script.sources)
            .map(|number| json!({"path": format!("/{number}"), "script": format!("s{number}")}))
            .collect();
        json!({"scripts": scripts, "routes": routes})
    };
    let path = format!("/apps/{app}/releases");
    server.api("POST", &path, &release).expect(201);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_harm_is_seen() {
        assert_eq!(violations(&Seen::default()), Vec::<String>::new());
        type Harm = (&'static str, fn(&mut Seen));
        let harms: [Harm; 6] = [
            ("the server ended", |s| {
                s.ended = Some("signal 9".to_owned());
            }),
            ("the neighbour had 1 errors", |s| {
                s.neighbour_errors.push("503".to_owned());
            }),
            ("odd answers", |s| s.odd_answers.push("502".to_owned())),
            ("513 MiB were resident", |s| s.peak = MEMORY + (1 << 20)),
            ("stay resident", |s| s.resident = [1 << 20, (34 << 20) + 1]),
            ("of processor time", |s| s.idle_cpu = GAP),
        ];
        for (expected, harm) in harms {
            let mut seen = Seen::default();
            harm(&mut seen);
            let found = violations(&seen);
            assert!(found.len() == 1 && found[0].contains(expected), "{found:?}");
        }
    }
}
