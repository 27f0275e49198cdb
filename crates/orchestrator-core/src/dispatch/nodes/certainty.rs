//! Whether this process holds what its plan says. After a write nobody knows the end of, it may hold
//! more; after a lease that was over, less.

use std::time::{Duration, Instant};

use store::handover::Doubt;

/// Younger deliveries may be on their way from their transaction to the plan.
const ON_THE_WAY: Duration = Duration::from_secs(1);
/// A look clears a doubt that is as old as this.
const RIPE: Duration = Duration::from_millis(1_500);
/// When what is held is looked up once more after a doubt: the database may carry out a commit after
/// its connection has ended.
const LATE: Duration = Duration::from_secs(6);
/// What is older then is not on its way any more, however busy the machine is.
const LONG_AGO: Duration = Duration::from_secs(5);

/// The states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It holds what the plan says.
    Sure,
    /// What it holds is to be looked up, and perhaps once more later.
    Doubtful {
        look_at: Instant,
        again_at: Option<Instant>,
    },
    /// It was looked up; once more, for a commit that came late.
    Confirming { again_at: Instant },
}

impl State {
    fn new(look_at: Option<Instant>, again_at: Option<Instant>) -> Self {
        match (look_at, again_at) {
            (Some(look_at), again_at) => Self::Doubtful { look_at, again_at },
            (None, Some(again_at)) => Self::Confirming { again_at },
            (None, None) => Self::Sure,
        }
    }

    fn times(self) -> (Option<Instant>, Option<Instant>) {
        match self {
            Self::Sure => (None, None),
            Self::Doubtful { look_at, again_at } => (Some(look_at), again_at),
            Self::Confirming { again_at } => (None, Some(again_at)),
        }
    }
}

/// A look at what this process holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LookUp {
    /// What is older than this and not in the plan is lost sight of.
    pub(super) age: Duration,
    /// The last doubt that it clears.
    pub(super) doubt: Doubt,
}

/// The state and the last doubt that this was told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Certainty {
    pub(super) state: State,
    newest: Doubt,
    /// When a look can clear it.
    ripe_at: Option<Instant>,
}

impl Certainty {
    pub(super) fn new() -> Self {
        Self {
            state: State::Sure,
            newest: Doubt::default(),
            ripe_at: None,
        }
    }

    /// Nobody knows whether a write of this process has happened.
    pub(super) fn doubt(&mut self, doubt: Doubt, at: Instant) {
        self.newest = self.newest.max(doubt);
        self.ripe_at = Some(at + RIPE);
        self.state = State::Doubtful {
            look_at: at + RIPE,
            again_at: Some(at + LATE),
        };
    }

    /// Another process may have taken over what this one holds.
    pub(super) fn lapsed(&mut self, at: Instant) {
        let (_, again_at) = self.state.times();
        self.state = State::new(Some(at), again_at);
    }

    /// A look has failed: it is to be done again, unless another is planned.
    pub(super) fn not_looked_up(&mut self, at: Instant) {
        let (look_at, again_at) = self.state.times();
        self.state = State::new(look_at.or(Some(at)), again_at);
    }

    /// When it is time to look.
    pub(super) fn due(&self) -> Option<Instant> {
        let (look_at, again_at) = self.state.times();
        [look_at, again_at].into_iter().flatten().min()
    }

    /// The look that is due, which counts as begun.
    pub(super) fn look_up(&mut self, at: Instant) -> Option<LookUp> {
        let (look_at, again_at) = self.state.times();
        let over = |due: Option<Instant>| due.is_some_and(|due| due <= at);
        // The second look is for what is older.
        let age = if over(look_at) {
            ON_THE_WAY
        } else if over(again_at) {
            LONG_AGO
        } else {
            return None;
        };
        // A look for another reason may come too early for a doubt.
        let early = self.ripe_at.filter(|ripe| *ripe > at);
        self.state = State::new(early, again_at.filter(|again| *again > at));
        let doubt = if early.is_some() {
            Doubt::default()
        } else {
            self.newest
        };
        Some(LookUp { age, doubt })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(start: Instant, after: u64) -> Instant {
        start + Duration::from_millis(after)
    }

    /// A state as text, with its times in milliseconds.
    fn shown(certainty: &Certainty, start: Instant) -> String {
        let after = |at: Instant| (at - start).as_millis();
        match certainty.state {
            State::Sure => "sure".to_owned(),
            State::Doubtful { look_at, again_at } => {
                format!("doubtful {} {:?}", after(look_at), again_at.map(after))
            }
            State::Confirming { again_at } => format!("confirming {}", after(again_at)),
        }
    }

    enum Fact {
        Doubt(u64),
        Lapsed,
        Failed,
        Looks,
    }

    #[test]
    fn every_state_and_what_follows_from_each_fact() {
        use Fact::{Doubt as D, Failed, Lapsed, Looks};
        /// What leads to a state, the fact with its time, the state after it, and what is looked up.
        type Row<'a> = (&'a [(Fact, u64)], (Fact, u64), &'a str, Option<(u64, u64)>);
        let sure: &[(Fact, u64)] = &[];
        let doubtful: &[(Fact, u64)] = &[(D(1), 0)];
        let lapsed: &[(Fact, u64)] = &[(Lapsed, 0)];
        let confirming: &[(Fact, u64)] = &[(D(1), 0), (Looks, 1_500)];
        let table: &[Row<'_>] = &[
            (sure, (D(1), 0), "doubtful 1500 Some(6000)", None),
            (sure, (Lapsed, 7), "doubtful 7 None", None),
            (sure, (Failed, 7), "doubtful 7 None", None),
            (sure, (Looks, 7), "sure", None),
            (doubtful, (D(2), 100), "doubtful 1600 Some(6100)", None),
            (doubtful, (Lapsed, 100), "doubtful 100 Some(6000)", None),
            (doubtful, (Failed, 100), "doubtful 1500 Some(6000)", None),
            (doubtful, (Looks, 1_499), "doubtful 1500 Some(6000)", None),
            (
                doubtful,
                (Looks, 1_500),
                "confirming 6000",
                Some((1_000, 1)),
            ),
            (doubtful, (Looks, 6_000), "sure", Some((1_000, 1))),
            (lapsed, (D(1), 1), "doubtful 1501 Some(6001)", None),
            (lapsed, (Lapsed, 1), "doubtful 1 None", None),
            (lapsed, (Failed, 1), "doubtful 0 None", None),
            (lapsed, (Looks, 1), "sure", Some((1_000, 0))),
            (confirming, (D(2), 2_000), "doubtful 3500 Some(8000)", None),
            (
                confirming,
                (Lapsed, 2_000),
                "doubtful 2000 Some(6000)",
                None,
            ),
            (
                confirming,
                (Failed, 2_000),
                "doubtful 2000 Some(6000)",
                None,
            ),
            (confirming, (Looks, 5_999), "confirming 6000", None),
            (confirming, (Looks, 6_000), "sure", Some((5_000, 1))),
            // A look for another reason comes too early to clear the doubt.
            (
                &[(D(1), 0), (Lapsed, 100)],
                (Looks, 100),
                "doubtful 1500 Some(6000)",
                Some((1_000, 0)),
            ),
        ];
        for (at, (before, fact, after, looked_up)) in table.iter().enumerate() {
            let start = Instant::now();
            let mut certainty = Certainty::new();
            for (fact, when) in *before {
                happens(&mut certainty, fact, ms(start, *when));
            }
            let found = happens(&mut certainty, &fact.0, ms(start, fact.1));
            let found = found.map(|look| (look.age.as_millis() as u64, look.doubt.0));
            assert_eq!(shown(&certainty, start), *after, "row {at}");
            assert_eq!(found, *looked_up, "row {at}");
        }
    }

    fn happens(certainty: &mut Certainty, fact: &Fact, at: Instant) -> Option<LookUp> {
        match fact {
            Fact::Doubt(doubt) => certainty.doubt(Doubt(*doubt), at),
            Fact::Lapsed => certainty.lapsed(at),
            Fact::Failed => certainty.not_looked_up(at),
            Fact::Looks => return certainty.look_up(at),
        }
        None
    }
}
