//! Schedules on real servers: runs in order and one at a time, and a clock that is set while they
//! run.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::{Postgres, Server, Setup};

use crate::support::{APP, deploy_with, setup, started};

/// How long something that has to happen may take on a machine that does other things too.
const PATIENCE: Duration = Duration::from_mins(2);

/// Notes when a run begins and ends; the second one of three fails at its first attempt.
const HANDLER: &str = "fn on(event) {
    let log = kv::collection(\"runs\");
    log.append(\"log\", `start ${event.scheduled_for}`);
    time::sleep(\"WAIT\");
    log.append(\"log\", `end ${event.scheduled_for}`);
    if ctx().attempt == 1 && log.incr(\"count\") % 3 == 2 { throw \"once more\"; }
}";
const SHOW: &str = "kv::collection(\"runs\").get(\"log\") ?? []";

/// Deploys a schedule whose runs take a while, and what shows them.
fn schedule(server: &Server, wait: &str, settings: &Value) {
    let mut trigger = json!({
        "kind": "cron", "script": "tick", "handler": "on", "schedule": "* * * * * *",
        "retry": {"attempts": 3, "backoff": "fixed", "base": "10ms", "max": "10ms"},
    });
    let known = trigger.as_object_mut().unwrap();
    known.extend(settings.as_object().unwrap().clone());
    let handler = HANDLER.replace("WAIT", wait);
    deploy_with(
        server,
        &[("tick", &handler), ("show", SHOW)],
        &json!([trigger]),
    );
}

/// What runs have noted: `start` or `end`, and for which time.
fn log(server: &Server) -> Vec<(String, String)> {
    let reply = server.get("/show");
    let lines: Vec<String> = match reply.status {
        200 => serde_json::from_value(reply.json()).unwrap(),
        _ => Vec::new(),
    };
    let parts = |line: String| {
        let (what, time) = line.split_once(' ').unwrap();
        (what.to_owned(), time.to_owned())
    };
    lines.into_iter().map(parts).collect()
}

/// Waits for what the runs have noted to be as wanted.
fn until(server: &Server, wanted: impl Fn(&[(String, String)]) -> bool) -> Vec<(String, String)> {
    let start = Instant::now();
    loop {
        let log = log(server);
        if wanted(&log) {
            return log;
        }
        let shown = || (log.clone(), server.log());
        assert!(start.elapsed() < PATIENCE, "not in time: {:?}", shown());
    }
}

fn starts(log: &[(String, String)]) -> Vec<String> {
    let starts = log.iter().filter(|(what, _)| what == "start");
    starts.map(|(_, time)| time.clone()).collect()
}

/// One run at a time, each before the next, in order of time; a failed one again before the next.
fn is_one_lane(log: &[(String, String)]) {
    for pair in log.chunks(2) {
        if let [(start, began), (end, ended)] = pair {
            assert_eq!((&**start, &**end), ("start", "end"), "{log:?}");
            assert_eq!(began, ended, "{log:?}");
        }
    }
    assert!(starts(log).is_sorted(), "{log:?}");
}

fn skipped(server: &Server) -> u64 {
    let path = format!("/apps/{APP}/triggers");
    let listed = server.api("GET", &path, &Value::Null).expect(200).json();
    listed["items"][0]["skipped"].as_u64().unwrap()
}

/// Two servers on one database, and a run that takes longer than the schedule's second.
fn on_two_servers(overlap: &str) -> (Vec<Server>, Vec<(String, String)>) {
    let url = Postgres::shared().fresh();
    let first = started(setup().postgres(&url));
    let second = setup().postgres(&url).start();
    schedule(&first, "1300ms", &json!({"overlap": overlap}));
    let log = until(&first, |log| log.len() >= 14);
    (vec![first, second], log)
}

#[test]
fn queued_runs_are_one_lane_on_two_servers() {
    let (servers, log) = on_two_servers("queue");
    is_one_lane(&log);
    let mut times = starts(&log);
    let runs = times.len();
    times.dedup();
    assert!(
        times.len() < runs,
        "a run was repeated before the next: {log:?}"
    );
    assert_eq!(skipped(&servers[0]), 0);
}

#[test]
fn ticks_are_skipped_while_a_run_goes_on_on_two_servers() {
    let (servers, log) = on_two_servers("skip");
    is_one_lane(&log);
    let skipped = skipped(&servers[0]);
    assert!(skipped >= 4, "{skipped} of {log:?}");
    let name = "picloud_schedule_ticks_skipped_total";
    let counted: u64 = servers.iter().map(|server| server.metric(name)).sum();
    assert!(
        counted >= 4 && counted <= skipped + 4,
        "{counted} {skipped}"
    );
}

#[test]
fn runs_that_may_overlap_do() {
    let server = started(setup());
    schedule(&server, "2500ms", &json!({"overlap": "allow"}));
    until(&server, |log| {
        log.windows(2)
            .any(|pair| pair[0].0 == "start" && pair[1].0 == "start")
    });
}

/// A clock that a file sets.
struct Clock {
    folder: TempDir,
}

impl Clock {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Self { folder };
        clock.set("+0");
        clock
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("clock")
    }

    /// Sets it, at once for everybody who looks.
    fn set(&self, by: &str) {
        let next = self.folder.path().join("next");
        fs::write(&next, format!("{by}\n")).unwrap();
        fs::rename(next, self.file()).unwrap();
    }

    fn on(&self, setup: Setup) -> Setup {
        setup.clock_of(&self.file())
    }
}

#[test]
fn what_was_missed_is_made_up_for_in_order() {
    let clock = Clock::new();
    let mut server = started(clock.on(setup()));
    let settings = json!({"schedule": "*/30 * * * * *", "catch_up": "all"});
    schedule(&server, "200ms", &settings);
    server.stop();
    // Four minutes without a server.
    clock.set("+240s");
    server.restart();
    let times = |log: &[(String, String)]| BTreeSet::from_iter(starts(log)).len();
    is_one_lane(&until(&server, |log| times(log) >= 8));
}

/// The year of the newest run.
fn year(log: &[(String, String)]) -> String {
    let newest = starts(log).pop();
    newest.map(|time| time[..4].to_owned()).unwrap_or_default()
}

/// Runs come again after the clock was a year ahead; `restart`: on a server that starts then.
fn runs_again(server: &mut Server, set: &dyn Fn(bool), restart: bool) {
    schedule(server, "1ms", &json!({}));
    let right = year(&until(server, |log| !log.is_empty()));
    set(true);
    let ahead = |log: &[(String, String)]| year(log) > right;
    until(server, ahead);
    if restart {
        server.stop();
    }
    set(false);
    if restart {
        server.restart();
    }
    let first = until(server, |log| year(log) == right);
    // And it goes on.
    until(server, |log| {
        log.len() >= first.len() + 4 && year(log) == right
    });
}

#[test]
fn schedules_run_again_when_the_clock_was_a_year_ahead() {
    let clock = Clock::new();
    let mut server = started(clock.on(setup()));
    let set = |wrong| clock.set(if wrong { "+365d" } else { "+0" });
    runs_again(&mut server, &set, false);
    assert!(
        server.log().contains("the clock was set back"),
        "{}",
        server.log()
    );
}

#[test]
fn schedules_run_again_on_a_server_that_starts_after_the_clock_was_a_year_ahead() {
    let clock = Clock::new();
    let mut server = started(clock.on(setup()));
    let set = |wrong| clock.set(if wrong { "+365d" } else { "+0" });
    runs_again(&mut server, &set, true);
}

/// Makes the database tell another time.
const WRONG: &str = "CREATE SCHEMA wrong;
    CREATE TABLE wrong.clock (ahead INTERVAL NOT NULL);
    INSERT INTO wrong.clock VALUES ('0');
    CREATE FUNCTION wrong.clock_timestamp() RETURNS TIMESTAMPTZ LANGUAGE SQL VOLATILE AS
        'SELECT pg_catalog.clock_timestamp() + ahead FROM wrong.clock';";

#[test]
fn schedules_run_again_when_the_databases_clock_was_a_year_ahead() {
    let postgres = Postgres::shared();
    for restart in [false, true] {
        let url = postgres.fresh();
        let name = url.rsplit('/').next().unwrap();
        postgres.sql(&url, WRONG);
        let path = format!("ALTER DATABASE {name} SET search_path = public, wrong, pg_catalog");
        postgres.sql(&url, &path);
        let mut server = started(setup().postgres(&url));
        let set = |wrong| {
            let ahead = if wrong { "365 days" } else { "0" };
            postgres.sql(&url, &format!("UPDATE wrong.clock SET ahead = '{ahead}'"));
        };
        runs_again(&mut server, &set, restart);
    }
}
