//! A clock that nobody sets.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// A moment of a clock that goes on while the machine is suspended and is never set: what leases are
/// counted on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Steady(i64);

impl Steady {
    /// Now.
    pub fn now() -> Self {
        Self(steady())
    }

    /// So much later.
    pub fn plus(self, time: Duration) -> Self {
        let time = i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(time))
    }

    /// How long before this `earlier` was; zero when it was not.
    pub fn since(self, earlier: Self) -> Duration {
        let micros = self.0.saturating_sub(earlier.0);
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }
}

/// Microseconds of a clock that goes on while the machine is suspended and is never set.
pub(crate) fn steady() -> i64 {
    let time = clock_gettime(ClockId::Boottime);
    time.tv_sec * 1_000_000 + time.tv_nsec / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steady_clock_does_not_stand_still() {
        let before = steady();
        while steady() == before {}
        assert!(steady() > before);
        let start = Steady::now();
        let later = start.plus(Duration::from_secs(1));
        assert_eq!(later.since(start), Duration::from_secs(1));
        assert_eq!(start.since(later), Duration::ZERO);
    }
}
