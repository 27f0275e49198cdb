//! One server: killed, its database killed, its power cut.

use std::time::Duration;

use test_support::ledger::Ledger;
use test_support::{Disk, Postgres, Server, Setup, binary};

use super::app::{deploy, until};
use super::load::Load;
use super::report::Report;
use crate::{seed, size, turn};

/// Runs that can be under way or not yet written down when a server ends: per cycle a lane of
/// each of the four queue clients, and those handlers without a key that may run at once.
const IN_FLIGHT: u64 = 4 + 2 * 16;

type Fault<'a> = dyn FnMut(&Load<'_>, &Server, &mut fastrand::Rng) + 'a;

struct Loop {
    server: Server,
    ledger: Ledger,
    random: fastrand::Rng,
    seed: u64,
    folder: tempfile::TempDir,
}

impl Loop {
    fn new(setup: Setup) -> Self {
        let folder = tempfile::TempDir::new().unwrap();
        let server = setup.start();
        deploy(&server);
        let seed = seed();
        println!("seed {seed}");
        Self {
            server,
            ledger: Ledger::new(&folder.path().join("ledger")),
            random: fastrand::Rng::with_seed(seed),
            seed,
            folder,
        }
    }

    /// Load until a random moment, then `fault`, which leaves the server ended.
    fn cycle(&mut self, run: u64, fault: &mut Fault<'_>) {
        let (server, random) = (&self.server, &mut self.random);
        let servers = [server];
        let load = Load::new(&servers, &self.ledger, &format!("r{run}"));
        load.run(|load| {
            load.until_acknowledged(random.u64(0..60));
            // Not only right after an answer.
            std::thread::sleep(Duration::from_micros(random.u64(0..20_000)));
            fault(load, server, random);
            server.strike();
        });
    }

    fn judge(self, name: &'static str, cycles: u64) {
        let Self {
            server,
            ledger,
            seed,
            folder,
            ..
        } = self;
        let report = Report::of(name, (seed, cycles), &server, &ledger, cycles * IN_FLIGHT);
        report.judge();
        drop(folder);
    }
}

#[test]
fn a_killed_server_on_sqlite_loses_nothing() {
    let _turn = turn();
    let cycles = size("CRASH_CYCLES", 5);
    let mut run = Loop::new(Setup::new(binary("picloud")));
    for number in 0..cycles {
        run.cycle(number, &mut |_, _, _| {});
        run.server.restart();
    }
    run.judge("sigkill sqlite", cycles);
}

#[test]
fn a_killed_server_on_postgresql_loses_nothing() {
    let _turn = turn();
    let cycles = size("CRASH_CYCLES", 5);
    let mut postgres = Postgres::start();
    let url = postgres.fresh();
    let mut run = Loop::new(Setup::new(binary("picloud")).postgres(&url));
    for number in 0..cycles {
        let postgres = &mut postgres;
        run.cycle(number, &mut |load, _, random| match number % 10 {
            // The backends end in the middle of what they do; the server goes on.
            1 | 4 | 7 => {
                end_backends(postgres, &url);
                load.until_acknowledged(random.u64(1..40));
            }
            2 => {
                postgres.restart();
                load.until_acknowledged(random.u64(1..40));
            }
            5 => {
                postgres.crash();
                postgres.restart();
                load.until_acknowledged(random.u64(1..40));
            }
            _ => {}
        });
        run.server.restart();
    }
    run.judge("sigkill postgresql", cycles);
}

fn end_backends(postgres: &Postgres, url: &str) {
    let sql = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    postgres.sql(url, sql);
}

#[test]
fn a_power_cut_loses_no_event() {
    let _turn = turn();
    let cycles = size("CRASH_POWER_CYCLES", 3);
    let mut disk = Disk::new(512);
    let data = disk.path().join("data");
    let mut run = Loop::new(Setup::new(binary("picloud")).data(data));
    for number in 0..cycles {
        run.cycle(number, &mut |_, server, _| {
            // Frozen first: a process does not outlive the power, and the kernel may tell one that
            // does that its data is on the disk although the journal was given up meanwhile.
            server.freeze();
            disk.cut();
        });
        run.server.kill();
        disk.restore();
        run.server.restart();
    }
    until("the server is ready", &|| run.server.log(), &mut || {
        run.server.get("/readyz").status == 200
    });
    run.judge("power cut", cycles);
}
