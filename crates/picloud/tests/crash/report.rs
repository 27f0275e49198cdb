//! What a run of faults has shown, as one line, and whether that is allowed.

use test_support::Server;
use test_support::ledger::{Ledger, Order, Verdict, check};

use super::app::{drain, history};

/// The result of one loop.
#[derive(Debug)]
pub(crate) struct Report {
    name: &'static str,
    seed: u64,
    cycles: u64,
    given_up: usize,
    verdict: Verdict,
    /// Runs repeated at most.
    duplicates: u64,
}

impl Report {
    /// Waits for the end of what was sent to `server`, and compares. At most `duplicates` runs
    /// may be repeats.
    pub(crate) fn of(
        name: &'static str,
        (seed, cycles): (u64, u64),
        server: &Server,
        ledger: &Ledger,
        duplicates: u64,
    ) -> Self {
        let given_up = drain(server);
        let history = history(server);
        let order = Order {
            kinds: vec!["queue"],
            given_up,
        };
        let verdict = check(&ledger.acknowledged(), &history, &order);
        for (lane, _) in &verdict.inverted {
            println!(
                "{lane}, given up {:?}: {:#?}",
                order.given_up, history.0[lane]
            );
        }
        Self {
            name,
            seed,
            cycles,
            given_up: order.given_up.len(),
            verdict,
            duplicates,
        }
    }

    /// Prints it; panics when something is not allowed.
    pub(crate) fn judge(&self) {
        let found = &self.verdict;
        println!(
            "crash {}: seed {} cycles {} acknowledged {} lost {} duplicated {} (of at most {}) doubled {} \
             stale {} inversions {} given up and replayed {}",
            self.name,
            self.seed,
            self.cycles,
            found.acknowledged,
            found.lost.len(),
            found.duplicated.len(),
            self.duplicates,
            found.doubled.len(),
            found.stale.len(),
            found.inverted.len(),
            self.given_up,
        );
        assert!(found.acknowledged > 0, "nothing was acknowledged");
        assert_eq!(found.lost, [], "lost");
        assert_eq!(found.doubled, [], "two events of one send");
        assert_eq!(found.stale, [], "stale ends accepted");
        assert_eq!(found.inverted, [], "out of order");
        let repeated = found.duplicated.len() as u64;
        assert!(
            repeated <= self.duplicates,
            "{repeated} runs repeated, {:?}",
            found.duplicated
        );
    }
}
