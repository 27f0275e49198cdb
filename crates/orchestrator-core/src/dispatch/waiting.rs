//! Deliveries that wait in the database: which lines' are due when, and taking them.
//!
//! Apps take turns, and so do the lines of an app: a long one does not keep the delayed and repeated
//! deliveries of the others waiting. What was gone through once is not gone through again, because on PostgreSQL what was
//! taken stays in the index for as long as any other transaction is open.

use std::collections::HashMap;
use std::time::Duration;

use shared::clock::Timestamp;
use shared::id::AppId;
use store::StoreError;
use store::outbox::{self, Delivery, Due, Line};
use store::triggers::PARKED;

use super::parts::Dispatcher;
use super::pauses::Pauses;

/// Deliveries taken at once: a transaction for many, and no long one.
pub(super) const CLAIM: usize = 256;
/// Room in memory that makes taking worth while. With less, a long queue would cost a transaction
/// for every few of its deliveries.
pub(super) const WORTH: usize = 64;
/// How long is waited when the database is away, or somebody else holds what comes first.
pub(super) const AGAIN: Duration = Duration::from_millis(500);
/// Looking at all lines reads through every queue, so it takes at most one part in so many of the
/// time …
pub(super) const SELDOM: u32 = 20;
/// … but is not put off for longer.
pub(super) const LOOK: Duration = Duration::from_secs(10);
/// Turns that are remembered of lines in which nothing waits.
const KEPT_TURNS: usize = 10_000;

/// Where a line's deliveries are looked for next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Next {
    /// When.
    pub(super) at: Timestamp,
    /// None waits that was due before.
    pub(super) from: Timestamp,
    /// From here to `from` all were gone through; those behind others with the same key were left.
    pub(super) passed: Option<Timestamp>,
}

impl Next {
    fn at(due: Timestamp) -> Self {
        Self {
            at: due,
            from: due,
            passed: None,
        }
    }

    /// Where to start when those that were left are to be seen too.
    pub(super) fn start(self) -> Timestamp {
        self.passed
            .map_or(self.from, |passed| passed.min(self.from))
    }
}

/// What is known about them.
#[derive(Default)]
pub(super) struct Waiting {
    /// Where a line's first is, as far as is known.
    due: HashMap<Line, Next>,
    /// When the first of those was due that are being taken, or could not be taken yet.
    late: HashMap<Line, Timestamp>,
    /// Lines with deliveries behind others with the same key, and when the first was due.
    blocked: HashMap<Line, Timestamp>,
    turns: Turns,
    /// Lines of which nothing is taken.
    pub(super) pauses: Pauses,
    /// Whether a transaction is under way.
    pub(super) claiming: bool,
    /// Whether all lines are to be looked at, and not before when.
    pub(super) look: bool,
    pub(super) look_after: Option<Timestamp>,
}

/// Whose turn it was when: the numbers of the last turns.
#[derive(Default)]
struct Turns {
    apps: HashMap<AppId, u64>,
    lines: HashMap<Line, u64>,
    last: u64,
}

impl Turns {
    /// Whose turn comes first has the lowest.
    fn of(&self, line: &Line) -> (u64, u64) {
        let app = self.apps.get(&line.app).copied().unwrap_or(0);
        (app, self.lines.get(line).copied().unwrap_or(0))
    }

    fn took(&mut self, line: &Line) {
        self.last += 1;
        self.apps.insert(line.app, self.last);
        self.lines.insert(line.clone(), self.last);
    }

    /// Forgets lines of which nothing is known any more, when there are many.
    fn tidy(&mut self, known: impl Fn(&Line) -> bool) {
        if self.lines.len() > KEPT_TURNS {
            self.lines.retain(|line, _| known(line));
        }
    }
}

/// What was found in a span.
pub(super) struct Taken {
    pub(super) deliveries: Vec<Delivery>,
    /// There are more of them.
    pub(super) more: bool,
    /// When the next is due.
    pub(super) next: Option<Timestamp>,
    /// Some are due and not free.
    pub(super) left: bool,
}

/// What was taken.
pub(super) enum Claimed {
    /// Of one line.
    Line {
        line: Line,
        next: Next,
        /// How many new ones of it had been turned away when that began.
        turned_away: u64,
        result: Result<Taken, StoreError>,
    },
    /// When the first of every line is due, and how long it took to find out.
    All(Result<Vec<Due>, StoreError>, Duration),
}

impl Waiting {
    pub(super) async fn load(parts: &Dispatcher) -> Result<Self, StoreError> {
        let mut waiting = Self {
            pauses: Pauses::new(parts.store.read(outbox::all_paused).await?),
            ..Self::default()
        };
        for due in parts.store.read(outbox::lines).await? {
            waiting.expect(due.line, due.at);
        }
        Ok(waiting)
    }

    /// A line has a delivery that is due then.
    pub(super) fn expect(&mut self, line: Line, due_at: Timestamp) {
        if due_at != PARKED {
            self.look_at(line, Next::at(due_at));
        }
    }

    /// Any of a line's deliveries may be due.
    pub(super) fn expect_any(&mut self, line: Line, now: Timestamp) {
        let from = Timestamp(i64::MIN);
        self.look_at(
            line,
            Next {
                from,
                ..Next::at(now)
            },
        );
    }

    pub(super) fn look_at(&mut self, line: Line, more: Next) {
        let next = self.due.entry(line).or_insert(more);
        let passed = [next.passed, more.passed].into_iter().flatten().min();
        *next = Next {
            at: next.at.min(more.at),
            from: next.from.min(more.from),
            passed,
        };
    }

    /// A lane of a line has become free: what was behind it may go.
    pub(super) fn lane_free(&mut self, line: Line, now: Timestamp) {
        if let Some(from) = self.blocked.remove(&line) {
            self.look_at(
                line,
                Next {
                    from,
                    ..Next::at(now)
                },
            );
        }
    }

    /// When the first of all that may start is due, as far as is known.
    pub(super) fn first_due(&self) -> Option<Timestamp> {
        let due = self.free().map(|(_, next)| next.at);
        due.chain(self.late.values().copied()).min()
    }

    /// Lines in which something waits, but for those that are paused.
    fn free(&self) -> impl Iterator<Item = (&Line, &Next)> {
        let all = self.due.iter();
        all.filter(|(line, _)| !self.pauses.hold(line))
    }

    /// An app is gone.
    pub(super) fn forget(&mut self, app: AppId) {
        self.pauses.forget(app);
        self.due.retain(|line, _| line.app != app);
        self.late.retain(|line, _| line.app != app);
        self.blocked.retain(|line, _| line.app != app);
        self.turns.lines.retain(|line, _| line.app != app);
        self.turns.apps.remove(&app);
    }

    /// Whether something is due.
    pub(super) fn wants(&self, now: Timestamp) -> bool {
        self.due_now(now).next().is_some()
    }

    /// Whether something is being taken.
    pub(super) fn is_claiming(&self) -> bool {
        self.claiming
    }

    /// All lines are to be looked at.
    pub(super) fn look(&mut self) {
        self.look = true;
        self.pauses.want();
    }

    /// The clock was set back: all lines are to be looked at, and now.
    pub(super) fn set_back(&mut self) {
        self.look = true;
        self.look_after = None;
    }

    /// Lines in which something is due.
    pub(super) fn due_now(&self, now: Timestamp) -> impl Iterator<Item = &Line> {
        let due = self.free().filter(move |(_, next)| next.at <= now);
        due.map(|(line, _)| line)
    }

    /// When the next claim is due. Lines without room in memory are looked at when there is.
    pub(super) fn next_due(&self, parts: &Dispatcher) -> Option<Timestamp> {
        if self.claiming {
            return None;
        }
        let look = self.look.then_some(self.look_after).flatten();
        let handover = parts.store.handover();
        if !handover.holds() || handover.is_in_doubt() {
            return look;
        }
        let room = |line: &Line| handover.room(line) >= WORTH;
        let due = self.free().filter(|(line, _)| room(line));
        due.map(|(_, next)| next.at).chain(look).min()
    }

    /// Whether all lines are to be looked at now.
    pub(super) fn begins_look(&mut self, now: Timestamp) -> bool {
        let begins = self.look && self.look_after.is_none_or(|after| after <= now);
        self.look &= !begins;
        begins
    }

    /// The line whose turn it is among those with something due and room for it.
    pub(super) fn begin(
        &mut self,
        now: Timestamp,
        room: &dyn Fn(&Line) -> bool,
    ) -> Option<(Line, Next)> {
        let due = self
            .free()
            .filter(|(line, next)| next.at <= now && room(line));
        let first = due.min_by_key(|(line, next)| (self.turns.of(line), next.at));
        let line = first?.0.clone();
        let mut next = self.due.remove(&line)?;
        self.turns.took(&line);
        self.turns.tidy(|line| self.due.contains_key(line));
        self.late.entry(line.clone()).or_insert(next.at);
        if let Some(blocked) = self.blocked.remove(&line) {
            next.from = next.from.min(blocked);
        }
        Some((line, next))
    }

    /// Notes what a claim has left to do. `shared`: others may hold what comes first, and do not
    /// tell.
    pub(super) fn end(
        &mut self,
        (line, next): (Line, Next),
        taken: &Taken,
        now: Timestamp,
        shared: bool,
    ) {
        self.late.remove(&line);
        if taken.more
            && let Some(last) = taken.deliveries.last()
        {
            let more = Next {
                at: now,
                from: last.due_at,
                passed: Some(next.start()),
            };
            self.look_at(line, more);
            return;
        }
        if let Some(due) = taken.next {
            self.expect(line.clone(), due);
        }
        if !taken.left {
            return;
        }
        let from = next.start();
        if from < next.from {
            // They were left a while ago, and may be free by now.
            self.look_at(
                line,
                Next {
                    from,
                    ..Next::at(now)
                },
            );
            return;
        }
        self.blocked.insert(line.clone(), from);
        if shared {
            let at = now.plus(AGAIN);
            self.look_at(
                line,
                Next {
                    from,
                    ..Next::at(at)
                },
            );
        }
    }
}

#[cfg(test)]
mod tests;
