//! Fifty schedules of every second over three servers whose clocks differ by four minutes, while
//! the servers are killed: every time fires once, near its time by the database's clock.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Value, json};
use test_support::ticks::{self, Run, Tick, Verdict};
use test_support::{Postgres, Server};

use super::app::{self, APP, until};
use super::nodes::{NODES, SKEW, logs, servers};
use crate::{seed, size, turn};

/// Schedules, all of every second.
const SCHEDULES: usize = 50;
/// Servers are killed so many ticks apart: four seconds.
const STEP: u64 = 4 * SCHEDULES as u64;
/// Runs under way or not yet written down when a server ends: all that one second brings.
const IN_FLIGHT: u64 = SCHEDULES as u64;
/// No tick may be fired so much before its time, in microseconds: what the measurement of the
/// database's clock may be off by on a machine that is busy.
const EARLY: i64 = 500_000;
/// Nor so much after it: others fire what a killed server does not, and wait for nothing.
const LATE: i64 = 15_000_000;

fn handlers() -> BTreeSet<String> {
    (0..SCHEDULES).map(|at| format!("t{at:02}")).collect()
}

/// The app's next release: with all schedules, or none.
fn deploy(server: &Server, fire: bool) {
    let mut source = "fn note(handler, event) {
    let run = `${event.scheduled_for} ${event.id} ${ctx().attempt}`;
    kv::collection(\"runs\").append(handler, run);
}\n"
    .to_owned();
    for name in handlers() {
        writeln!(source, "fn {name}(event) {{ note(\"{name}\", event); }}").unwrap();
    }
    let trigger = |handler: &String| {
        json!({"kind": "cron", "schedule": "* * * * * *", "catch_up": "all",
               "overlap": "queue", "script": "tick", "handler": handler})
    };
    let all: Vec<Value> = handlers().iter().map(trigger).collect();
    let release = json!({
        "replace": true,
        "scripts": {
            "tick": {"source": source},
            "runs": {"source": "kv::collection(\"runs\").get(req.query.of)"},
        },
        "routes": [{"path": "/runs", "script": "runs"}],
        "triggers": if fire { all } else { Vec::new() },
    });
    let path = format!("/apps/{APP}/releases");
    server.api("POST", &path, &release).expect(201);
}

/// What the handlers did.
fn runs(server: &Server) -> Vec<Run> {
    let mut runs = Vec::new();
    for handler in handlers() {
        let reply = server.get(&format!("/runs?of={handler}"));
        if reply.status == 204 {
            continue;
        }
        let all: Value = reply.expect(200).json();
        for run in all.as_array().expect("a list") {
            let mut parts = run.as_str().expect("a text").split(' ');
            let mut next = || parts.next().expect("a time, an event and an attempt");
            runs.push(Run {
                tick: Tick {
                    handler: handler.clone(),
                    second: second(next()),
                },
                event: next().to_owned(),
            });
        }
    }
    runs
}

/// The seconds since 1970 of a time in RFC 3339, in UTC.
fn second(time: &str) -> i64 {
    let number = |range: std::ops::Range<usize>| time[range].parse::<i64>().expect("a number");
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    // Years that begin in March have their leap day at the end.
    let year = if month < 3 { year - 1 } else { year };
    let days =
        365 * year + year / 4 - year / 100 + year / 400 + (153 * ((month + 9) % 12) + 2) / 5 + day
            - 719_469;
    ((days * 24 + number(11..13)) * 60 + number(14..16)) * 60 + number(17..19)
}

#[test]
fn times_are_read_as_seconds() {
    assert_eq!(second("1970-01-01T00:00:00.000Z"), 0);
    assert_eq!(second("2024-02-29T23:59:59.000Z"), 1_709_251_199);
    assert_eq!(second("2026-11-24T06:00:00.000Z"), 1_795_500_000);
}

/// Kills one server after the other while the schedules fire `wanted` times; how often. Some are
/// started again at once, others when the next is killed: what those held is freed when their
/// lease is over.
fn kill(
    servers: &mut [Server],
    wanted: u64,
    random: &mut fastrand::Rng,
    fired: &dyn Fn() -> u64,
) -> u64 {
    let mut killed = 0;
    let mut gone: Option<usize> = None;
    for step in 0..wanted / STEP {
        // In the middle of a second's ticks, or between two seconds.
        let place = step * STEP + random.u64(..SCHEDULES as u64);
        until("no ticks", &|| logs(servers), &mut || fired() >= place);
        let victim = random.usize(..NODES);
        if let Some(before) = gone.take() {
            servers[before].restart();
        }
        servers[victim].kill();
        killed += 1;
        if wanted > 2 * STEP && random.bool() {
            gone = Some(victim);
        } else {
            servers[victim].restart();
        }
    }
    if let Some(before) = gone {
        servers[before].restart();
    }
    killed
}

#[test]
fn every_tick_fires_once_on_servers_that_are_killed_and_whose_clocks_differ() {
    let _turn = turn();
    let wanted = size("CRASH_TICKS", 300);
    let postgres = Postgres::start();
    let (url, mut servers) = servers(&postgres, &|first| {
        first.default_app(APP);
        deploy(first, false);
    });
    ticks::observe(&postgres, &url);
    let seed = seed();
    println!("seed {seed}");
    deploy(&servers[0], true);
    let reached = |servers: &[Server], wanted: i64| {
        let mut last = 0;
        until("no ticks", &|| logs(servers), &mut || {
            last = ticks::reached(&postgres, &url, SCHEDULES).unwrap_or(last);
            last >= wanted
        });
        last
    };
    let last = reached(&servers, 1) + (wanted / SCHEDULES as u64) as i64 - 1;
    let mut random = fastrand::Rng::with_seed(seed);
    let fired = || ticks::fired(&postgres, &url);
    let killed = kill(&mut servers, wanted, &mut random, &fired);
    reached(&servers, last);
    // Without the schedules nothing comes any more, and what they have fired is handled.
    deploy(&servers[0], false);
    let given_up = app::drain(&servers[0]);
    let changes = ticks::observed(&postgres, &url);
    let found = ticks::check(&changes, &runs(&servers[0]), &handlers(), last);
    judge(&found, seed, killed, wanted, given_up.len());
}

/// Prints what was found; panics when something is not allowed.
fn judge(found: &Verdict, seed: u64, killed: u64, wanted: u64, given_up: usize) {
    let most = killed * IN_FLIGHT;
    let seconds = |micros: i64| micros as f64 / 1e6;
    println!(
        "crash cron: seed {seed} servers {NODES} clocks off by {SKEW:?} s kills {killed} ticks {} (of {wanted}) \
         duplicates {} gaps {} unhandled {} repeated runs {} (of at most {most}) unexplained {} \
         processes taken for dead {} live ones among them {} given up and replayed {given_up} \
         early at most {:.3} s late p99 {:.3} s late at most {:.3} s",
        found.ticks,
        found.duplicates.len(),
        found.gaps.len(),
        found.unhandled.len(),
        found.repeated.len(),
        found.unexplained.len(),
        found.dead.len(),
        found.robbed.len(),
        seconds(found.earliest),
        seconds(found.late_99),
        seconds(found.latest),
    );
    assert!(found.ticks >= wanted, "{} ticks", found.ticks);
    assert_eq!(found.duplicates, [], "one time, two events");
    assert_eq!(found.gaps, [], "times that did not fire");
    assert_eq!(found.unhandled, [], "fired and not handled");
    assert_eq!(found.unexplained, [], "repeated without a reason");
    assert!(found.robbed.is_empty(), "taken from the living");
    assert!(found.dead.len() as u64 <= killed, "{:?}", found.dead);
    assert!(found.repeated.len() as u64 <= most, "{:?}", found.repeated);
    assert!(found.earliest <= EARLY, "fired before its time");
    assert!(found.latest <= LATE, "fired too late");
}
