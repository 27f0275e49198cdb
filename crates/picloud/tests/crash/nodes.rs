//! Several servers on one database: what one held when it ended is handled by the others, and a
//! schedule fires once however many there are.

use std::collections::BTreeSet;

use serde_json::Value;
use test_support::ledger::Ledger;
use test_support::{Postgres, Server, Setup, binary};

use super::app::{deploy, redeploy, until};
use super::load::Load;
use super::report::Report;
use crate::{seed, size, turn};

/// Servers.
const NODES: usize = 3;
/// Runs under way or not yet written down when one of them ends.
const IN_FLIGHT: u64 = 6 + 2 * 16;

fn servers(postgres: &Postgres, ticks: bool) -> Vec<Server> {
    let url = postgres.fresh();
    let start = || Setup::new(binary("picloud")).postgres(&url).start();
    let first = start();
    deploy(&first, ticks);
    let others = (1..NODES).map(|_| start());
    let mut servers = vec![first];
    servers.extend(others);
    servers
}

fn logs(servers: &[Server]) -> String {
    servers.iter().map(Server::log).collect()
}

#[test]
fn what_a_killed_server_held_is_handled_by_the_others() {
    let _turn = turn();
    let cycles = size("CRASH_NODE_CYCLES", 1);
    let folder = tempfile::TempDir::new().unwrap();
    let ledger = Ledger::new(&folder.path().join("ledger"));
    let postgres = Postgres::start();
    let mut servers = servers(&postgres, false);
    let seed = seed();
    println!("seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    for cycle in 0..cycles {
        let victim = random.usize(..NODES);
        let all: Vec<&Server> = servers.iter().collect();
        let load = Load::new(&all, &ledger, &format!("n{cycle}"));
        load.run(|load| {
            load.until_acknowledged(random.u64(20..120));
            all[victim].strike();
            // The clients of the others go on.
            load.until_acknowledged(random.u64(20..60));
        });
        // Nobody starts the victim again before all that it held is done.
        servers[victim].kill();
        let other = &servers[(victim + 1) % NODES];
        let report = Report::of(
            "several servers",
            (seed, cycle + 1),
            other,
            &ledger,
            (cycle + 1) * IN_FLIGHT,
        );
        report.judge();
        servers[victim].restart();
    }
}

/// The times for which the schedule has fired, in seconds since 1970, in the order of the runs.
fn ticks(server: &Server) -> Vec<i64> {
    let reply = server.get("/ticks");
    if reply.status == 204 {
        return Vec::new();
    }
    let all: Value = reply.expect(200).json();
    let all = all.as_array().expect("a list");
    all.iter()
        .map(|at| second(at.as_str().expect("a time")))
        .collect()
}

/// The second of a day a time in RFC 3339 names, on a scale that goes on past midnight.
fn second(time: &str) -> i64 {
    let number = |range: std::ops::Range<usize>| time[range].parse::<i64>().expect("a number");
    let day = number(8..10);
    ((day * 24 + number(11..13)) * 60 + number(14..16)) * 60 + number(17..19)
}

#[test]
fn a_schedule_fires_once_for_every_second_while_servers_are_killed() {
    let _turn = turn();
    let wanted = size("CRASH_TICKS", 6) as usize;
    let postgres = Postgres::start();
    let mut servers = servers(&postgres, true);
    let mut random = fastrand::Rng::with_seed(seed());
    let mut killed = 0;
    for round in 1..=3 {
        let victim = random.usize(..NODES);
        let count = || ticks(&servers[(victim + 1) % NODES]).len();
        until("no ticks", &|| logs(&servers), &mut || {
            count() >= wanted * round / 3
        });
        servers[victim].restart();
        killed += 1;
    }
    // Without the schedule nothing comes any more, and what it has fired is handled.
    redeploy(&servers[0], false);
    super::app::drain(&servers[0]);
    let mut all = ticks(&servers[0]);
    // At least once: a server that was killed may have run one whose end it could not write.
    let runs = all.len();
    all.sort_unstable();
    all.dedup();
    let expected: BTreeSet<i64> = (all[0]..=all[all.len() - 1]).collect();
    println!(
        "crash cron: servers killed {killed} ticks {} runs {runs} gaps {}",
        all.len(),
        expected.len() - all.len(),
    );
    assert_eq!(all, expected.into_iter().collect::<Vec<_>>(), "gaps");
    assert!(runs - all.len() <= killed, "{runs} runs of {}", all.len());
}
