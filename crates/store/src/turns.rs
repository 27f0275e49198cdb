//! Turns at a database thread: apps take them by the time they have used, not by what they ask for.
//!
//! Each app has a line of its own. The next job is that of the app that has used the least since
//! somebody has to wait; an app that comes new starts beside the one whose turn it is, so it waits
//! for at most one job of every other app, and has no credit from the time it asked for nothing.
//! When nobody waits, everything is forgotten: alone, time costs nothing.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use shared::id::AppId;

/// Whose line it is; `None` is the platform's own.
pub(crate) type Party = Option<AppId>;

/// What a turn counts until it is known what it took, and at least.
const TURN: Duration = Duration::from_micros(100);
/// The platform works for all apps: its time counts a part of that of an app.
const PLATFORM: u32 = 4;

struct Line<J> {
    jobs: VecDeque<J>,
    used: Duration,
}

/// Jobs that wait.
pub(crate) struct Turns<J> {
    lines: HashMap<Party, Line<J>>,
    /// The lines with jobs, by what they have used.
    order: BTreeSet<(Duration, Party)>,
    /// What the line had used whose turn was last.
    now: Duration,
    waiting: usize,
}

impl<J> Default for Turns<J> {
    fn default() -> Self {
        Self {
            lines: HashMap::new(),
            order: BTreeSet::new(),
            now: Duration::ZERO,
            waiting: 0,
        }
    }
}

impl<J> Turns<J> {
    /// Jobs that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Appends a job to the line of its party.
    pub(crate) fn push(&mut self, party: Party, job: J) {
        let line = self.lines.entry(party).or_insert_with(|| Line {
            jobs: VecDeque::new(),
            used: self.now,
        });
        if line.jobs.is_empty() {
            line.used = line.used.max(self.now);
            self.order.insert((line.used, party));
        }
        line.jobs.push_back(job);
        self.waiting += 1;
    }

    /// The job whose turn it is.
    pub(crate) fn pop(&mut self) -> Option<J> {
        let Some((used, party)) = self.order.pop_first() else {
            self.lines.clear();
            return None;
        };
        self.now = self.now.max(used);
        let line = self.lines.get_mut(&party)?;
        let job = line.jobs.pop_front()?;
        self.waiting -= 1;
        line.used += counted(party, TURN);
        if !line.jobs.is_empty() {
            self.order.insert((line.used, party));
        }
        Some(job)
    }

    /// Counts what a turn took.
    pub(crate) fn charge(&mut self, party: Party, took: Duration) {
        let Some(line) = self.lines.get_mut(&party) else {
            return;
        };
        let before = line.used;
        line.used += counted(party, took.saturating_sub(TURN));
        if self.order.remove(&(before, party)) {
            self.order.insert((line.used, party));
        }
    }
}

fn counted(party: Party, time: Duration) -> Duration {
    match party {
        Some(_app) => time,
        None => time / PLATFORM,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(number: u32) -> AppId {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&number.to_le_bytes());
        AppId::from_bytes(id)
    }

    /// Pops so many jobs, each of which takes `took` for its party; who they were of.
    fn served(turns: &mut Turns<u32>, count: usize, took: impl Fn(u32) -> Duration) -> Vec<u32> {
        (0..count)
            .filter_map(|_| {
                let of = turns.pop()?;
                turns.charge(Some(app(of)), took(of));
                Some(of)
            })
            .collect()
    }

    #[test]
    fn a_new_app_waits_for_one_job_of_a_crowd() {
        let mut turns = Turns::default();
        for _ in 0..200 {
            turns.push(Some(app(1)), 1);
        }
        let slow = |_| Duration::from_millis(5);
        assert_eq!(served(&mut turns, 50, slow), [1; 50]);
        turns.push(Some(app(2)), 2);
        let next = served(&mut turns, 2, slow);
        assert!(next.contains(&2), "{next:?}");
    }

    #[test]
    fn turns_are_taken_by_time_not_by_number() {
        let mut turns = Turns::default();
        for _ in 0..100 {
            turns.push(Some(app(1)), 1);
            turns.push(Some(app(2)), 2);
        }
        let took = |of| Duration::from_millis(if of == 1 { 9 } else { 1 });
        let order = served(&mut turns, 50, took);
        let slow = order.iter().filter(|of| **of == 1).count();
        assert!((4..=6).contains(&slow), "{order:?}");
    }

    #[test]
    fn who_asked_for_nothing_has_no_credit() {
        let mut turns = Turns::default();
        for _ in 0..100 {
            turns.push(Some(app(1)), 1);
        }
        let slow = |_| Duration::from_millis(1);
        served(&mut turns, 50, slow);
        for _ in 0..50 {
            turns.push(Some(app(2)), 2);
        }
        let order = served(&mut turns, 20, slow);
        let new = order.iter().filter(|of| **of == 2).count();
        assert!((9..=11).contains(&new), "{order:?}");
    }

    #[test]
    fn jobs_under_way_count_before_they_have_ended() {
        let mut turns = Turns::default();
        for _ in 0..8 {
            turns.push(Some(app(1)), 1);
            turns.push(Some(app(2)), 2);
        }
        let begun: Vec<u32> = (0..8).filter_map(|_| turns.pop()).collect();
        assert_eq!(begun.iter().filter(|of| **of == 1).count(), 4, "{begun:?}");
    }

    #[test]
    fn a_party_keeps_its_order_and_the_platform_counts_less() {
        let mut turns = Turns::default();
        for at in 0..40 {
            turns.push(None, (None, at));
            let party = Some(app(1));
            turns.push(party, (party, at));
        }
        let mut order = Vec::new();
        while order.len() < 40 {
            let (party, at) = turns.pop().unwrap();
            turns.charge(party, Duration::from_millis(1));
            order.push((party, at));
        }
        let platform: Vec<i32> = order
            .iter()
            .filter(|(p, _)| p.is_none())
            .map(|o| o.1)
            .collect();
        assert!(
            platform.is_sorted() && (30..=34).contains(&platform.len()),
            "{platform:?}"
        );
    }

    #[test]
    fn alone_nothing_is_owed() {
        let mut turns = Turns::default();
        turns.push(Some(app(1)), 1);
        served(&mut turns, 1, |_| Duration::from_secs(9));
        assert_eq!(turns.pop(), None);
        assert!(turns.lines.is_empty());
        assert_eq!(turns.waiting(), 0);
    }
}
