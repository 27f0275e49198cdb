//! What a process does about the others that share its database: told what happened and when, it says
//! what is to be done. Pure: it asks no clock and no database.

use std::time::{Duration, Instant};

use store::handover::{Doubt, LEASE, RENEW};

use super::certainty::{Certainty, LookUp};

/// Notifications are at least so far apart.
pub(super) const QUIET: Duration = Duration::from_millis(200);
/// How long is waited when the database is away.
const AWAY: Duration = Duration::from_millis(500);
/// Where there are others, everything is looked at so often, although they tell: one that is killed
/// between a commit and telling of it has told nobody, and nobody can tell that a connection is half
/// dead.
const LOOK: Duration = LEASE;

/// Who else uses the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Company {
    /// It is this process's own: there is nobody to tell or to look at.
    Own,
    /// Nobody has been met since the start. It looks at nothing by itself.
    Alone,
    /// Others are there. It looks by itself when the first lease may be over; without a time a look
    /// is begun or wanted.
    Others { look_at: Option<Instant> },
}

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    /// Nothing.
    Resting,
    /// One round: transactions that do what was wanted when it began.
    Round(Round),
    /// Nothing, because the database is away.
    Paused { until: Instant },
}

/// The others are to be told that there is work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Telling {
    wanted: bool,
    told_at: Option<Instant>,
}

/// What a round does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Round {
    pub(super) renew: bool,
    pub(super) tell: bool,
    pub(super) look: bool,
    pub(super) look_up: Option<LookUp>,
}

/// What the dispatcher is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Doing {
    /// It holds something, or is about to.
    pub(crate) holds: bool,
    /// It is taking what waits: what is held would be taken for lost.
    pub(crate) claims: bool,
    /// Its lease was over: others may have taken what it holds, until that is looked up.
    pub(crate) lapsed: bool,
}

/// What a round has achieved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::dispatch) struct Ended {
    /// When the lease was renewed.
    pub(in crate::dispatch) renewed: Option<Instant>,
    pub(in crate::dispatch) told: bool,
    pub(in crate::dispatch) seen: Option<Others>,
    pub(in crate::dispatch) looked_up: bool,
    pub(in crate::dispatch) failed: bool,
}

/// The others that were seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dispatch) enum Others {
    Nobody,
    /// What is left of the lease that ends first.
    Somebody(Duration),
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    /// This process holds something: the others have to know until when.
    Holds,
    /// Something waits that others can take.
    Waits,
    /// Another process was heard.
    Met,
    /// Something may have been missed: the others are to be looked at.
    Missed,
    /// Nobody knows whether a write of this process has happened.
    Doubt(Doubt),
}

/// What is known about the other processes, and what they are to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Nodes {
    pub(super) company: Company,
    pub(super) activity: Activity,
    /// When the lease was renewed last.
    pub(super) renewed_at: Option<Instant>,
    pub(super) telling: Telling,
    /// The others and the database's clock are to be looked at.
    pub(super) look: bool,
    pub(super) certainty: Certainty,
}

impl Nodes {
    /// A process that has just begun. `shared`: others may use its database, and it has said when
    /// that it is there.
    pub(super) fn new(shared: bool, renewed_at: Option<Instant>) -> Self {
        Self {
            company: if shared { Company::Alone } else { Company::Own },
            activity: Activity::Resting,
            renewed_at,
            telling: Telling::default(),
            look: shared,
            certainty: Certainty::new(),
        }
    }

    /// Whether nobody has been met who could hold what this process held.
    pub(crate) fn is_alone(&self) -> bool {
        matches!(self.company, Company::Own | Company::Alone)
    }

    fn is_shared(&self) -> bool {
        self.company != Company::Own
    }

    /// Takes in what happened.
    pub(crate) fn on(&mut self, fact: Fact, at: Instant) {
        match fact {
            Fact::Holds => {
                let told_at = self.telling.told_at;
                if told_at.is_none_or(|told_at| told_at + RENEW <= at) {
                    self.tell();
                }
            }
            Fact::Waits => self.tell(),
            Fact::Met => self.meet(),
            Fact::Missed => self.look = self.is_shared(),
            Fact::Doubt(doubt) => self.certainty.doubt(doubt, at),
        }
    }

    fn tell(&mut self) {
        self.telling.wanted = self.is_shared();
    }

    /// Another process is there; it is to know of this one too.
    fn meet(&mut self) {
        if self.company == Company::Alone {
            self.company = Company::Others { look_at: None };
            self.tell();
        }
    }

    /// Whether what this process holds is being looked up.
    pub(crate) fn is_looking_up(&self) -> bool {
        matches!(self.activity, Activity::Round(round) if round.look_up.is_some())
    }

    /// Whether it is time to look at everything; then the others are.
    pub(crate) fn looks_in_time(&mut self, at: Instant) -> bool {
        let Company::Others { look_at } = &mut self.company else {
            return false;
        };
        let over = look_at.is_some_and(|look_at| look_at <= at);
        if over {
            *look_at = None;
            self.look = true;
        }
        over
    }

    /// When the lease is to be renewed.
    fn renew_at(&self, at: Instant) -> Instant {
        self.renewed_at.map_or(at, |renewed_at| renewed_at + RENEW)
    }

    /// When the others are to be told.
    fn tell_at(&self, at: Instant) -> Option<Instant> {
        let told_at = self.telling.told_at;
        let due = told_at.map_or(at, |told_at| told_at + QUIET);
        self.telling.wanted.then_some(due)
    }

    /// How long there is nothing to do here.
    pub(crate) fn next_due(&self, at: Instant, doing: Doing) -> Option<Duration> {
        let not_before = match self.activity {
            Activity::Round(_) => return None,
            Activity::Paused { until } => until,
            Activity::Resting => at,
        };
        let renew = (doing.holds && self.is_shared()).then(|| self.renew_at(at));
        let look = self.look.then_some(at);
        let look_again = match self.company {
            Company::Others { look_at } => look_at,
            Company::Own | Company::Alone => None,
        };
        let look_up = self.certainty.due().filter(|_| !doing.claims);
        let times = [renew, look, self.tell_at(at), look_again, look_up];
        let first = times.into_iter().flatten().min()?;
        Some(first.max(not_before).saturating_duration_since(at))
    }

    /// What is to be done at a moment, when nothing is being done: it counts as begun.
    pub(super) fn begin(&mut self, at: Instant, doing: Doing) -> Option<Round> {
        match self.activity {
            Activity::Round(_) => return None,
            Activity::Paused { until } if until > at => return None,
            Activity::Paused { .. } | Activity::Resting => {}
        }
        let looks_up = !doing.claims;
        if doing.lapsed && looks_up {
            self.certainty.lapsed(at);
        }
        let renews = doing.lapsed || doing.holds && self.renew_at(at) <= at;
        let round = Round {
            renew: self.is_shared() && renews,
            tell: self.tell_at(at).is_some_and(|due| due <= at),
            look: self.look,
            look_up: looks_up.then(|| self.certainty.look_up(at)).flatten(),
        };
        if round == Round::default() {
            return None;
        }
        // What comes up meanwhile is another reason: this round may be past where it matters.
        self.telling.wanted &= !round.tell;
        self.look &= !round.look;
        self.activity = Activity::Round(round);
        Some(round)
    }

    /// The round that was begun has ended. What it did not achieve is wanted again.
    pub(in crate::dispatch) fn ended(&mut self, ended: &Ended, at: Instant) {
        let Activity::Round(begun) = self.activity else {
            return;
        };
        self.activity = Activity::Resting;
        if ended.failed {
            self.activity = Activity::Paused { until: at + AWAY };
            self.telling.wanted |= begun.tell && !ended.told;
            self.look |= begun.look && ended.seen.is_none();
            if begun.look_up.is_some() && !ended.looked_up {
                self.certainty.not_looked_up(at);
            }
        }
        self.renewed_at = ended.renewed.or(self.renewed_at);
        if ended.told {
            self.telling.told_at = Some(at);
        }
        if let Some(others) = ended.seen {
            self.saw(others, at);
        }
    }

    /// The others were looked at: the next time is when the first lease ends, or a while later.
    fn saw(&mut self, others: Others, at: Instant) {
        let pause = match others {
            Others::Nobody => LOOK,
            Others::Somebody(left) => {
                self.meet();
                LOOK.min(left + QUIET)
            }
        };
        if let Company::Others { look_at } = &mut self.company {
            *look_at = Some(at + pause);
        }
    }
}

#[cfg(test)]
mod tests;
