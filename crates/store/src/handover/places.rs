//! Places for deliveries in memory: who has them, and which lines have to wait for theirs.

use std::collections::HashMap;

use shared::id::AppId;

use crate::outbox::line::Line;

/// Deliveries of one app held in memory: one with long queues leaves room for the others, and what
/// does not fit is as safe in the database.
const PER_APP: usize = 512;
/// Deliveries of one line held in memory, so that an app's long queue leaves room for its others.
const PER_LINE: usize = 256;
/// Deliveries held in memory.
const ALL: usize = 8_192;

#[derive(Debug, Default)]
struct Places {
    held: usize,
    /// Older ones of this line wait in the database: what is new may not pass them.
    behind: bool,
    /// How many were turned away because of that.
    turned_away: u64,
}

/// Who has places.
#[derive(Debug, Default)]
pub(super) struct Memory {
    apps: HashMap<AppId, usize>,
    lines: HashMap<Line, Places>,
    total: usize,
}

impl Memory {
    /// How many places are taken.
    pub(super) fn taken(&self) -> usize {
        self.total
    }

    /// Room for more deliveries of a line.
    pub(super) fn room(&self, line: &Line) -> usize {
        let of_app = self.apps.get(&line.app).copied().unwrap_or(0);
        let of_line = self.lines.get(line).map_or(0, |places| places.held);
        PER_LINE
            .saturating_sub(of_line)
            .min(PER_APP.saturating_sub(of_app))
            .min(ALL.saturating_sub(self.total))
    }

    /// Takes a place for what is new in a line, unless older ones are before it.
    pub(super) fn take(&mut self, line: &Line) -> bool {
        let room = self.room(line);
        let behind = self.lines.get(line).is_some_and(|places| places.behind);
        if room > 0 && !behind {
            self.add(line, 1);
            return true;
        }
        let places = self.lines.entry(line.clone()).or_default();
        places.behind = true;
        places.turned_away += 1;
        false
    }

    /// Takes places for what was claimed.
    pub(super) fn add(&mut self, line: &Line, count: usize) {
        if count == 0 {
            return;
        }
        self.total += count;
        *self.apps.entry(line.app).or_default() += count;
        self.lines.entry(line.clone()).or_default().held += count;
    }

    /// Gives one back.
    pub(super) fn give_back(&mut self, line: &Line) {
        self.total = self.total.saturating_sub(1);
        if let Some(of_app) = self.apps.get_mut(&line.app) {
            *of_app = of_app.saturating_sub(1);
            if *of_app == 0 {
                self.apps.remove(&line.app);
            }
        }
        if let Some(places) = self.lines.get_mut(line) {
            places.held = places.held.saturating_sub(1);
        }
        self.tidy(line);
    }

    /// Due deliveries of a line wait in the database.
    pub(super) fn wait(&mut self, line: &Line) {
        self.lines.entry(line.clone()).or_default().behind = true;
    }

    /// How many of a line have been turned away until now.
    pub(super) fn turned_away(&self, line: &Line) -> u64 {
        self.lines.get(line).map_or(0, |places| places.turned_away)
    }

    /// Nothing that may start waits in the database; so it was looked when `turned_away` had been.
    pub(super) fn caught_up(&mut self, line: &Line, turned_away: u64) {
        if let Some(places) = self.lines.get_mut(line)
            && places.turned_away == turned_away
        {
            places.behind = false;
        }
        self.tidy(line);
    }

    /// Forgets an app's lines in which nothing is held.
    pub(super) fn forget(&mut self, app: AppId) {
        self.lines
            .retain(|line, places| line.app != app || places.held > 0);
    }

    fn tidy(&mut self, line: &Line) {
        let idle = |places: &Places| places.held == 0 && !places.behind;
        if self.lines.get(line).is_some_and(idle) {
            self.lines.remove(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::clock::Timestamp;

    use super::*;

    fn line(of: &str) -> Line {
        Line::new(AppId::from_bytes([1; 16]), of)
    }

    #[test]
    fn a_long_line_leaves_room_for_the_apps_others() {
        let mut memory = Memory::default();
        let (long, short) = (line("queue/long"), line("queue/short"));
        assert_eq!((0..1_000).filter(|_| memory.take(&long)).count(), PER_LINE);
        assert!(memory.take(&short));
        let other = Line::new(AppId::new(Timestamp(1)), "queue/long");
        assert!(memory.take(&other));
        assert_eq!(memory.taken(), PER_LINE + 2);
    }

    #[test]
    fn what_is_new_does_not_pass_what_waits() {
        let mut memory = Memory::default();
        let line = line("queue/q");
        while memory.take(&line) {}
        for _ in 0..PER_LINE {
            memory.give_back(&line);
        }
        assert_eq!(memory.room(&line), PER_LINE);
        assert!(!memory.take(&line), "one waits in the database");
        // A claim finds nothing more, but meanwhile another was turned away.
        let seen = memory.turned_away(&line);
        assert!(!memory.take(&line));
        memory.caught_up(&line, seen);
        assert!(!memory.take(&line));
        let seen = memory.turned_away(&line);
        memory.caught_up(&line, seen);
        assert!(memory.take(&line));
    }

    #[test]
    fn nothing_is_kept_of_lines_that_are_empty() {
        let mut memory = Memory::default();
        for n in 0..100 {
            let line = line(&format!("queue/{n}"));
            memory.wait(&line);
            memory.add(&line, 1);
            memory.caught_up(&line, 0);
            memory.give_back(&line);
        }
        assert!(memory.lines.is_empty() && memory.apps.is_empty());
    }
}
