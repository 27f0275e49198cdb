//! Which ticks of a schedule are run now, after any time without a scheduler.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Schedule;
use crate::clock::Timestamp;

/// A tick older than this was missed.
pub const GRACE: Duration = Duration::from_mins(1);

/// The most ticks one call of [`firing`] returns.
pub const MAX_FIRED: usize = 100;

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

/// What to run now, and when to look again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firing {
    /// The ticks to run, in order.
    pub fire: Vec<Timestamp>,
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
    if now < next_due {
        return Firing {
            fire: Vec::new(),
            next_due: Some(next_due),
        };
    }
    let ticks = match catch_up {
        CatchUp::All => std::iter::successors(Some(next_due), |&tick| schedule.next_after(tick))
            .take_while(|&tick| tick <= now)
            .take(MAX_FIRED)
            .collect(),
        CatchUp::Skip | CatchUp::Last => vec![latest_due(schedule, next_due, now)],
    };
    let considered = ticks.last().copied().unwrap_or(next_due);
    let missed = now.since(considered) > GRACE;
    Firing {
        fire: if catch_up == CatchUp::Skip && missed {
            Vec::new()
        } else {
            ticks
        },
        next_due: schedule.next_after(considered),
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
