//! The faults.

use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use test_support::Postgres;

use crate::error::Result;
use crate::server::pause;

/// How long others have all connections.
const TAKEN: Duration = Duration::from_secs(6);
/// How long a table is locked: longer than a lock is waited for, and than a lease.
const LOCKED: Duration = Duration::from_secs(15);
/// How long connections are killed again and again.
const KILLED: Duration = Duration::from_secs(5);

/// A fault.
pub(super) struct Fault {
    /// Causes it, and returns when it is over.
    pub(super) cause: fn(&mut Postgres, &str) -> Result<()>,
    /// How its recovery, its ratio and the rate before it are called.
    pub(super) names: [&'static str; 3],
}

pub(super) const FAULTS: [Fault; 5] = [
    Fault {
        // Cut off as by a crash: it recovers from its log.
        cause: |postgres, _url| {
            postgres.stop_immediately();
            postgres.restart();
            Ok(())
        },
        names: [
            "restarted: recovery, s",
            "restarted: rate after / before",
            "restarted: rate before, ev/s",
        ],
    },
    Fault {
        cause: kill,
        names: [
            "backends killed: recovery, s",
            "backends killed: rate after / before",
            "backends killed: rate before, ev/s",
        ],
    },
    Fault {
        cause: kill_again_and_again,
        names: [
            "killed for 5 s: recovery, s",
            "killed for 5 s: rate after / before",
            "killed for 5 s: rate before, ev/s",
        ],
    },
    Fault {
        cause: take_all,
        names: [
            "no connections for 6 s: recovery, s",
            "no connections for 6 s: rate after / before",
            "no connections for 6 s: rate before, ev/s",
        ],
    },
    Fault {
        cause: lock,
        names: [
            "all connections stuck for 15 s: recovery, s",
            "all connections stuck for 15 s: rate after / before",
            "all connections stuck for 15 s: rate before, ev/s",
        ],
    },
];

const END_BACKENDS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                            WHERE application_name = 'picloud'";

fn kill(_postgres: &mut Postgres, url: &str) -> Result<()> {
    Client::connect(url, NoTls)?.query(END_BACKENDS, &[])?;
    Ok(())
}

fn kill_again_and_again(_postgres: &mut Postgres, url: &str) -> Result<()> {
    let mut client = Client::connect(url, NoTls)?;
    let start = Instant::now();
    while start.elapsed() < KILLED {
        client.query(END_BACKENDS, &[])?;
        pause(Duration::from_millis(250));
    }
    Ok(())
}

/// Somebody else has every connection the server gives out.
fn take_all(_postgres: &mut Postgres, url: &str) -> Result<()> {
    let mut first = Client::connect(url, NoTls)?;
    let mut taken = Vec::new();
    let start = Instant::now();
    while start.elapsed() < TAKEN {
        while let Ok(client) = Client::connect(url, NoTls) {
            taken.push(client);
        }
        // Those PiCloud still has are freed and taken in turn.
        if first.query(END_BACKENDS, &[])?.is_empty() {
            pause(Duration::from_millis(20));
        }
    }
    Ok(())
}

/// Every transaction that sends or settles hangs, until no connection is left for anything else.
fn lock(_postgres: &mut Postgres, url: &str) -> Result<()> {
    let mut client = Client::connect(url, NoTls)?;
    let mut transaction = client.transaction()?;
    transaction.batch_execute("LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE")?;
    pause(LOCKED);
    transaction.rollback()?;
    Ok(())
}
