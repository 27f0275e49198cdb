//! One clock for everybody who uses a database.
//!
//! A time that one process writes and another compares with must not depend on whose machine is
//! right. So where processes share a database, its clock counts. Each of them tells the time by a
//! clock of its machine that nobody sets, and by what the database's showed when it was last
//! asked (`docs/adr/0015-the-databases-clock-counts.md`).

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use shared::clock::{Clock, SystemClock, Timestamp};

use crate::conn::Conn;
use crate::dialect;
use crate::error::StoreError;
use crate::steady::steady;

/// A difference between the machine's clock and the database's that is worth a warning.
const NOTABLE: Duration = Duration::from_secs(1);

/// What time it is for everybody who uses the database: the machine's time where one process does,
/// the database's where several may.
#[derive(Debug)]
pub struct StoreClock {
    /// What the database's clock shows when the steady one shows zero; `None`: it does not count.
    ahead: Option<AtomicI64>,
}

impl StoreClock {
    /// The machine's clock.
    pub(crate) fn of_machine() -> Self {
        Self { ahead: None }
    }

    /// The clock of a database.
    pub(crate) fn of_database(conn: &mut dyn Conn) -> Result<Self, StoreError> {
        let ahead = Measured::take(conn)?.middle();
        let clock = Self {
            ahead: Some(AtomicI64::new(ahead)),
        };
        let (here, there) = (SystemClock.now(), clock.now());
        if here.since(there).max(there.since(here)) > NOTABLE {
            tracing::warn!(
                machine = %here.to_rfc3339(),
                database = %there.to_rfc3339(),
                "the clocks of this machine and of the database differ; the database's counts"
            );
        }
        Ok(clock)
    }

    /// Asks the database what time it is. Nothing to do where its clock does not count.
    pub fn measure(&self, conn: &mut dyn Conn) -> Result<(), StoreError> {
        let Some(ahead) = &self.ahead else {
            return Ok(());
        };
        let measured = Measured::take(conn)?;
        let better = |known| measured.better(known);
        // Another thread that has measured meanwhile is as right as this one.
        ahead
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, better)
            .ok();
        Ok(())
    }
}

impl Clock for StoreClock {
    fn now(&self) -> Timestamp {
        match &self.ahead {
            None => SystemClock.now(),
            Some(ahead) => Timestamp(steady().saturating_add(ahead.load(Ordering::Relaxed))),
        }
    }
}

/// How far the database's clock is ahead of the steady one, at least and at most: the database
/// looked at its own some time between question and answer.
#[derive(Clone, Copy, Debug)]
struct Measured {
    least: i64,
    most: i64,
}

impl Measured {
    fn take(conn: &mut dyn Conn) -> Result<Self, StoreError> {
        let sql = format!("SELECT {} AS now", dialect::clock(conn));
        let asked = steady();
        let row = conn.query_one(&sql, &[])?;
        let answered = steady();
        let missing = || StoreError::Engine("the database does not tell the time".to_owned());
        let shown = row.ok_or_else(missing)?.int("now")?;
        Ok(Self {
            least: shown - answered,
            most: shown - asked,
        })
    }

    fn middle(self) -> i64 {
        self.least.midpoint(self.most)
    }

    /// What to believe instead of what is known, when that cannot be. A slow answer says little,
    /// and what is known stays: time does not jump to and fro.
    fn better(self, known: i64) -> Option<i64> {
        let possible = self.least <= known && known <= self.most;
        (!possible).then(|| self.middle())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_answer_allows_is_kept_and_what_it_excludes_is_corrected() {
        let quick = Measured {
            least: 1_000,
            most: 1_200,
        };
        for possible in [1_000, 1_090, 1_200] {
            assert_eq!(quick.better(possible), None);
        }
        assert_eq!(quick.better(999), Some(1_100));
        assert_eq!(quick.better(-120_000_000), Some(1_100));
        assert_eq!(quick.better(120_000_000), Some(1_100));
        let slow = Measured {
            least: -500_000,
            most: 9_500_000,
        };
        assert_eq!(slow.better(1_100), None);
    }
}
