//! This process's lease, as far as it knows, and whether it was over while something was held.

use std::time::Duration;

use crate::steady::Steady;

/// How long a process may hold deliveries without saying that it is still there.
pub const LEASE: Duration = Duration::from_secs(10);

/// A reason to look up what is held: later ones are larger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lapse(u64);

/// A lease. Pure: it asks no clock.
#[derive(Debug, Default)]
pub(super) struct Lease {
    until: Option<Steady>,
    lapsed: Lapse,
    looked_up: Lapse,
}

impl Lease {
    /// Looks whether the lease is over. Where something is `held`, another process may have taken it
    /// over; where nothing is, nothing depends on it.
    pub(super) fn look(&mut self, held: bool, now: Steady) {
        let Some(until) = self.until.filter(|until| *until <= now) else {
            return;
        };
        self.until = None;
        if !held {
            return;
        }
        let first = self.lapse().is_none();
        self.lapsed.0 += 1;
        if first {
            tracing::warn!(
                over_for_ms = now.since(until).as_millis() as u64,
                "this process was away for longer than its lease: it looks up which deliveries it \
                 still holds before it starts one"
            );
        }
    }

    /// Something of what is held was taken out of this process's hands.
    pub(super) fn withdrawn(&mut self) {
        self.lapsed.0 += 1;
    }

    /// It was renewed at this time.
    pub(super) fn renewed(&mut self, at: Steady) {
        let until = at.plus(LEASE);
        self.until = Some(self.until.map_or(until, |before| before.max(until)));
    }

    /// Whether it is good until then, and was not over since what is held was looked up.
    pub(super) fn is_good(&self, then: Steady) -> bool {
        self.lapse().is_none() && self.until.is_some_and(|until| until > then)
    }

    /// Why what is held has to be looked up.
    pub(super) fn lapse(&self) -> Option<Lapse> {
        (self.lapsed > self.looked_up).then_some(self.lapsed)
    }

    /// What is held was looked up after this lapse.
    pub(super) fn looked_up(&mut self, lapse: Option<Lapse>) {
        self.looked_up = self.looked_up.max(lapse.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_that_was_over_while_something_was_held_is_not_good_again_by_itself() {
        let start = Steady::now();
        let at = |seconds| start.plus(Duration::from_secs(seconds));
        let mut lease = Lease::default();
        lease.renewed(at(0));
        assert!(lease.is_good(at(9)) && !lease.is_good(at(10)));
        // Away for 20 seconds. A write that renews the lease first does not hide it.
        lease.look(true, at(20));
        lease.renewed(at(20));
        assert!(!lease.is_good(at(21)));
        let first = lease.lapse();
        assert!(first.is_some());
        // Away again, during the look.
        lease.look(true, at(40));
        lease.renewed(at(40));
        lease.looked_up(first);
        assert!(!lease.is_good(at(41)), "that is another reason");
        lease.looked_up(lease.lapse());
        assert!(lease.is_good(at(41)));
    }

    #[test]
    fn nothing_depends_on_a_lease_while_nothing_is_held() {
        let start = Steady::now();
        let later = start.plus(Duration::from_mins(1));
        let mut lease = Lease::default();
        lease.renewed(start);
        lease.look(false, later);
        assert!(lease.lapse().is_none() && !lease.is_good(later));
        lease.renewed(later);
        lease.look(true, later);
        assert!(lease.is_good(later));
    }
}
