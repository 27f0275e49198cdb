//! Which lines are paused, as far as is known here. Pure.

use std::collections::BTreeSet;

use shared::id::AppId;
use store::StoreError;
use store::outbox::Line;

/// Lines of which nothing is started.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    lines: BTreeSet<Line>,
    /// Those that go on as soon as nothing of them is on its way back to the database any more: what
    /// is taken before would overtake that.
    resuming: BTreeSet<Line>,
    /// They are to be read: another process may have changed them.
    wanted: bool,
    reading: bool,
    /// Changes that this process was told of.
    changes: u64,
}

/// What was known when they were read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked(u64);

/// Lines that are paused in the database.
pub(super) struct PausesRead {
    pub(super) asked: Asked,
    pub(super) result: Result<BTreeSet<Line>, StoreError>,
}

impl Pauses {
    pub(super) fn new(lines: BTreeSet<Line>) -> Self {
        Self {
            lines,
            ..Self::default()
        }
    }

    /// Whether nothing of a line is started.
    pub(super) fn hold(&self, line: &Line) -> bool {
        !self.lines.is_empty() && self.lines.contains(line)
    }

    /// The same, without making a line where nothing is paused.
    pub(super) fn hold_trigger(&self, app: AppId, trigger: &str) -> bool {
        !self.lines.is_empty() && self.lines.contains(&Line::new(app, trigger))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter()
    }

    /// A line is paused, or is to go on.
    pub(super) fn set(&mut self, line: Line, paused: bool) {
        self.changes += 1;
        self.change(line, paused);
    }

    fn change(&mut self, line: Line, paused: bool) {
        if paused {
            self.resuming.remove(&line);
            self.lines.insert(line);
        } else if self.lines.contains(&line) {
            self.resuming.insert(line);
        }
    }

    /// Lines that go on now; `is_returning` tells which have to wait for that.
    pub(super) fn resume(&mut self, is_returning: impl Fn(&Line) -> bool) -> Vec<Line> {
        let free = self.resuming.extract_if(.., |line| !is_returning(line));
        let free: Vec<Line> = free.collect();
        for line in &free {
            self.lines.remove(line);
        }
        free
    }

    /// They are to be read.
    pub(super) fn want(&mut self) {
        self.wanted = true;
    }

    /// Begins to read them, if that is wanted.
    pub(super) fn begin(&mut self) -> Option<Asked> {
        let begins = self.wanted && !self.reading;
        self.wanted &= !begins;
        self.reading |= begins;
        begins.then_some(Asked(self.changes))
    }

    /// They were read, or could not be: those that are paused now and were not before. What this
    /// process has changed meanwhile may have been read or not: then they are read once more.
    pub(super) fn read(&mut self, asked: Asked, read: Option<BTreeSet<Line>>) -> Vec<Line> {
        self.reading = false;
        let Some(read) = read.filter(|_| asked.0 == self.changes) else {
            self.wanted = true;
            return Vec::new();
        };
        let gone: Vec<Line> = self.lines.difference(&read).cloned().collect();
        for line in gone {
            self.change(line, false);
        }
        let mut new = Vec::new();
        for line in read {
            if !self.lines.contains(&line) {
                new.push(line.clone());
            }
            self.change(line, true);
        }
        new
    }

    /// An app is gone.
    pub(super) fn forget(&mut self, app: AppId) {
        self.lines.retain(|line| line.app != app);
        self.resuming.retain(|line| line.app != app);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str) -> Line {
        Line::new(AppId::from_bytes([1; 16]), name)
    }

    fn lines(names: &[&str]) -> BTreeSet<Line> {
        names.iter().map(|name| line(name)).collect()
    }

    #[test]
    fn a_line_goes_on_when_all_of_it_has_gone_back() {
        let mut pauses = Pauses::new(lines(&["a", "b"]));
        pauses.set(line("a"), false);
        assert!(pauses.resume(|_| true).is_empty() && pauses.hold(&line("a")));
        // It is paused once more before that.
        pauses.set(line("a"), true);
        assert!(pauses.resume(|_| false).is_empty() && pauses.hold(&line("a")));
        pauses.set(line("a"), false);
        assert_eq!(pauses.resume(|_| false), [line("a")]);
        assert!(!pauses.hold(&line("a")) && pauses.hold(&line("b")));
        // One that is not paused does not go on once more.
        pauses.set(line("a"), false);
        assert!(pauses.resume(|_| false).is_empty());
    }

    #[test]
    fn what_was_read_before_a_change_does_not_undo_it() {
        let mut pauses = Pauses::default();
        assert!(pauses.begin().is_none());
        pauses.want();
        let asked = pauses.begin().unwrap();
        pauses.want();
        assert!(pauses.begin().is_none(), "one at a time");
        pauses.set(line("a"), true);
        assert!(pauses.read(asked, Some(lines(&["b"]))).is_empty());
        assert!(pauses.hold(&line("a")) && !pauses.hold(&line("b")));
        let again = pauses.begin().unwrap();
        assert_eq!(pauses.read(again, Some(lines(&["a", "b"]))), [line("b")]);
        // What another process lets go on.
        pauses.want();
        let asked = pauses.begin().unwrap();
        assert!(pauses.read(asked, Some(lines(&["a"]))).is_empty());
        assert_eq!(pauses.resume(|_| false), [line("b")]);
        assert!(pauses.hold(&line("a")) && pauses.begin().is_none());
    }
}
