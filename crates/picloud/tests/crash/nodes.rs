//! Several servers on one database, each with a clock of its own: what one held when it ended is
//! handled by the others.

use test_support::ledger::Ledger;
use test_support::{Postgres, Server, Setup, binary};

use super::app::deploy;
use super::load::Load;
use super::report::Report;
use crate::{seed, size, turn};

/// Servers.
pub(crate) const NODES: usize = 3;
/// By how many seconds their clocks are wrong.
pub(crate) const SKEW: [i64; NODES] = [120, -120, 0];
/// Runs under way or not yet written down when one of them ends.
const IN_FLIGHT: u64 = 6 + 2 * 16;

/// Starts them on a new database, whose URL is the first answer. `deploy` gets the first of them
/// before there are others.
pub(crate) fn servers(postgres: &Postgres, deploy: &dyn Fn(&Server)) -> (String, Vec<Server>) {
    let url = postgres.fresh();
    let start = |off: i64| {
        let setup = Setup::new(binary("picloud")).postgres(&url);
        let setup = if off == 0 {
            setup
        } else {
            setup.clock_off_by(off)
        };
        setup.start()
    };
    let mut servers = Vec::new();
    for off in SKEW {
        servers.push(start(off));
        if servers.len() == 1 {
            deploy(&servers[0]);
        }
    }
    (url, servers)
}

pub(crate) fn logs(servers: &[Server]) -> String {
    servers.iter().map(Server::log).collect()
}

#[test]
fn what_a_killed_server_held_is_handled_by_the_others() {
    let _turn = turn();
    let cycles = size("CRASH_NODE_CYCLES", 1);
    let folder = tempfile::TempDir::new().unwrap();
    let ledger = Ledger::new(&folder.path().join("ledger"));
    let postgres = Postgres::start();
    let (_url, mut servers) = servers(&postgres, &deploy);
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
