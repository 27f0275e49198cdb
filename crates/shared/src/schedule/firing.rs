//! Which ticks of a schedule are run now, after any time without a scheduler, and when it is due
//! after its clock was wrong.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::search::Schedule;
use crate::clock::Timestamp;

/// A tick older than this was missed; a younger one is run under every policy. A clock that is set
/// back by more was wrong.
pub const GRACE: Duration = Duration::from_mins(1);

/// The most ticks one call of [`firing`] returns; more than there are seconds in the grace.
pub const MAX_FIRED: usize = 100;

/// The most missed ticks that are made up for, the latest ones.
pub const MAX_CAUGHT_UP: usize = 10_000;

/// The most runs of one schedule that wait for the one before.
pub const MAX_QUEUED: usize = 1_000;

/// What happens to ticks that were missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CatchUp {
    /// They are not run.
    Skip,
    /// One run makes up for all of them.
    #[default]
    Last,
    /// Each of them is run, in order.
    All,
}

impl CatchUp {
    /// The name manifests and the API use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Last => "last",
            Self::All => "all",
        }
    }
}

/// What happens to a tick that is due while the run before goes on, which it does until its event
/// has succeeded or is given up: its retries are part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// It is counted and not run.
    #[default]
    Skip,
    /// It is run afterwards, in order.
    Queue,
    /// It is run at the same time.
    Allow,
}

impl Overlap {
    /// The name manifests and the API use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Queue => "queue",
            Self::Allow => "allow",
        }
    }

    /// Runs that are under way or wait when a tick is skipped; `None`: none is.
    pub const fn most(self) -> Option<usize> {
        match self {
            Self::Skip => Some(1),
            Self::Queue => Some(MAX_QUEUED),
            Self::Allow => None,
        }
    }
}

/// A time of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// The time.
    pub at: Timestamp,
    /// Whether it was missed, and is run because the policy says so.
    pub missed: bool,
}

/// What to run now, and when to look again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firing {
    /// The ticks to run, in order.
    pub fire: Vec<Tick>,
    /// The last tick that was considered, run or not.
    pub last: Option<Timestamp>,
    /// The first tick that was not considered; it may be due already, then call again. None: the
    /// schedule is over.
    pub next_due: Option<Timestamp>,
}

/// Which ticks to run at `now`, when `next_due` is the first that was not considered yet.
pub fn firing(
    schedule: &Schedule,
    catch_up: CatchUp,
    next_due: Timestamp,
    now: Timestamp,
) -> Firing {
    // What is due before was missed.
    let fresh = now.minus(GRACE);
    let (mut fire, mut last, mut next) = (Vec::new(), None, Some(next_due));
    if catch_up == CatchUp::All {
        next = next.map(|first| within_reach(schedule, first, now));
    } else if next_due < fresh {
        let at = latest_before(schedule, next_due, fresh);
        if catch_up == CatchUp::Last {
            fire.push(Tick { at, missed: true });
        }
        last = Some(at);
        next = schedule.next_after(at);
    }
    while let Some(at) = next.filter(|at| *at <= now && fire.len() < MAX_FIRED) {
        let missed = at < fresh;
        fire.push(Tick { at, missed });
        last = Some(at);
        next = schedule.next_after(at);
    }
    Firing {
        fire,
        last,
        next_due: next,
    }
}

/// When a schedule is due by a clock that shows `now`, when `due` is noted and `last` was its last
/// tick. What is due stays. A later time is the schedule's next one from now: the noted one may be
/// of a clock that was wrong, or of other rules of its zone. Ticks that were considered less than a
/// minute too early are not repeated.
pub fn due_anew(
    schedule: &Schedule,
    due: Option<Timestamp>,
    last: Option<Timestamp>,
    now: Timestamp,
) -> Option<Timestamp> {
    if due.is_some_and(|due| due <= now) {
        return due;
    }
    let early = last.filter(|last| *last > now && last.since(now) <= GRACE);
    schedule.next_after(early.unwrap_or(now))
}

/// The latest tick before `end`, from one that is.
fn latest_before(schedule: &Schedule, first: Timestamp, end: Timestamp) -> Timestamp {
    latest_due(schedule, first, Timestamp(end.0.saturating_sub(1)))
}

/// `first`, or a later tick when more than [`MAX_CAUGHT_UP`] are due from there on: then at most so
/// many are left, and at least half of them.
fn within_reach(schedule: &Schedule, first: Timestamp, now: Timestamp) -> Timestamp {
    let mut window = Duration::from_secs(MAX_CAUGHT_UP as u64);
    let too_many = |from: Timestamp| {
        let ticks = std::iter::successors(Some(from), |&tick| schedule.next_after(tick));
        let due = ticks.take_while(|&tick| tick <= now);
        due.take(MAX_CAUGHT_UP + 1).count() > MAX_CAUGHT_UP
    };
    // A second has one tick at most.
    if now.since(first) < window || !too_many(first) {
        return first;
    }
    let mut reached = first;
    loop {
        match schedule.next_after(now.minus(window)) {
            Some(from) if from > first && !too_many(from) => reached = from,
            _ => return reached,
        }
        window *= 2;
    }
}

/// The latest tick at or before `now`, from one that is. Halves the time that is left with every
/// step, so a year of seconds takes some thirty.
fn latest_due(schedule: &Schedule, first: Timestamp, now: Timestamp) -> Timestamp {
    let due = |after| schedule.next_after(after).filter(|&tick| tick <= now);
    let (mut latest, mut end) = (first, now);
    while let Some(tick) = due(latest) {
        latest = tick;
        let middle = Timestamp(latest.0.midpoint(end.0));
        match due(middle) {
            Some(tick) => latest = tick,
            None => end = middle,
        }
    }
    latest
}
