//! Which delivery starts next. Pure: no I/O, no clock of its own.
//!
//! Apps take turns; within an app its triggers do. An app never holds all places, so that one
//! whose handlers are slow leaves room for the others. Of a trigger what is due first is first;
//! deliveries with the same key follow each other in the order in which they were due at first.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use shared::clock::Timestamp;
use shared::id::AppId;
use shared::schedule::GRACE;
use store::outbox::{Delivery, Line};

/// Deliveries that ran when a process ended and may run at the same time again. One of them may be
/// why it ended: the fewer run beside it, the fewer are under suspicion after the next time.
const SUSPECTS: u32 = 8;

/// Deliveries with the same trigger and key.
type Lane = (AppId, String, String);

/// Deliveries by a time and their number.
type InTime = BTreeMap<(Timestamp, i64), Delivery>;

#[derive(Debug, Default)]
struct TriggerQueue {
    /// By when they are due.
    waiting: InTime,
    running: u32,
}

#[derive(Debug, Default)]
struct AppQueue {
    triggers: BTreeMap<String, TriggerQueue>,
    /// Triggers in the order of their turns.
    turns: VecDeque<String>,
    running: u32,
}

/// Deliveries in this process's hands.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    apps: HashMap<AppId, AppQueue>,
    /// Apps in the order of their turns.
    turns: VecDeque<AppId>,
    /// What is behind the first of its lane, in its order.
    lanes: HashMap<Lane, InTime>,
    /// Lanes whose first waits in the database until then, so that nothing of them may be held.
    closed: HashMap<Lane, Timestamp>,
    /// Those that are on their way back to the database: those behind it, and those of paused lines.
    returning: BTreeMap<i64, Line>,
    /// What was taken again before its last attempt had left: its end was written, but not told yet.
    early: HashMap<i64, Delivery>,
    /// What waits for its time although this process holds it.
    delayed: InTime,
    /// Everything held, by number: when it is or was due.
    known: HashMap<i64, Timestamp>,
    /// The same, by that time.
    by_due: BTreeSet<(Timestamp, i64)>,
    running: u32,
    /// Running ones that may be the reason why a process ended.
    suspects: u32,
    /// One that crashed a process before runs alone among its like.
    alone: bool,
}

fn lane_of(delivery: &Delivery) -> Option<Lane> {
    let key = delivery.order_key.clone()?;
    Some((delivery.app, delivery.trigger.clone(), key))
}

impl Plan {
    /// Deliveries held.
    pub(crate) fn held(&self) -> usize {
        self.known.len()
    }

    /// Whether this is held.
    pub(crate) fn holds(&self, seq: i64) -> bool {
        self.known.contains_key(&seq)
    }

    /// The numbers of what is held.
    pub(crate) fn known(&self) -> BTreeSet<i64> {
        self.known.keys().copied().collect()
    }

    /// Deliveries running.
    pub(crate) fn running(&self) -> u32 {
        self.running
    }

    /// Takes a new delivery into the plan, unless its lane is closed: then it has to go back.
    pub(crate) fn add_new(&mut self, delivery: Delivery, now: Timestamp) -> Option<Delivery> {
        let closed = lane_of(&delivery).and_then(|lane| self.closed.get(&lane).copied());
        if closed.is_none_or(|until| until <= now) {
            self.add(delivery, now);
            return None;
        }
        self.note(&delivery);
        self.returning.insert(delivery.seq, delivery.line());
        Some(delivery)
    }

    /// Takes a delivery into the plan. `false`: it is there already.
    pub(crate) fn add(&mut self, delivery: Delivery, now: Timestamp) -> bool {
        if self.known.contains_key(&delivery.seq) {
            return false;
        }
        self.note(&delivery);
        // Only the first of a lane is in the turns, so that two of them never run together.
        if let Some(lane) = lane_of(&delivery) {
            if let Some(behind) = self.lanes.get_mut(&lane) {
                behind.insert(delivery.place(), delivery);
                return true;
            }
            // Empty, it still says that the first of the lane is here.
            self.lanes.insert(lane, BTreeMap::new());
        }
        self.ready(delivery, now);
        true
    }

    /// Takes a delivery into the plan that the database gave this process. One that is still there has
    /// ended there, and comes when it leaves.
    pub(crate) fn add_claimed(&mut self, delivery: Delivery, now: Timestamp) {
        if self.known.contains_key(&delivery.seq) {
            self.early.insert(delivery.seq, delivery);
        } else {
            self.add(delivery, now);
        }
    }

    /// Notes when a delivery that is held is due.
    fn note(&mut self, delivery: &Delivery) {
        if let Some(before) = self.known.insert(delivery.seq, delivery.due_at) {
            self.by_due.remove(&(before, delivery.seq));
        }
        self.by_due.insert((delivery.due_at, delivery.seq));
    }

    fn forget(&mut self, seq: i64) {
        if let Some(due) = self.known.remove(&seq) {
            self.by_due.remove(&(due, seq));
        }
    }

    /// When the first of everything held is or was due, running ones included.
    pub(crate) fn first_due(&self) -> Option<Timestamp> {
        self.by_due.first().map(|(due, _)| *due)
    }

    /// Puts a delivery where it waits for its turn, or first for its time.
    fn ready(&mut self, delivery: Delivery, now: Timestamp) {
        if delivery.due_at > now {
            self.delayed
                .insert((delivery.due_at, delivery.seq), delivery);
            return;
        }
        let app = self.apps.entry(delivery.app).or_default();
        if app.triggers.values().all(|t| t.waiting.is_empty())
            && !self.turns.contains(&delivery.app)
        {
            self.turns.push_back(delivery.app);
        }
        let queue = app.triggers.entry(delivery.trigger.clone()).or_default();
        if !app.turns.contains(&delivery.trigger) {
            app.turns.push_back(delivery.trigger.clone());
        }
        let due = (delivery.due_at, delivery.seq);
        queue.waiting.insert(due, delivery);
    }

    /// When the first of the delayed is due.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        self.delayed.keys().next().map(|(due, _)| *due)
    }

    /// Lets those go whose time has come.
    pub(crate) fn wake(&mut self, now: Timestamp) {
        self.closed.retain(|_, until| *until > now);
        while let Some(first) = self.delayed.first_entry() {
            if first.key().0 > now {
                return;
            }
            let delivery = first.remove();
            self.ready(delivery, now);
        }
    }

    /// The next delivery to start, with at most `places` running at the same time. `limit` tells
    /// how many of a trigger may.
    pub(crate) fn next(
        &mut self,
        places: u32,
        limit: &dyn Fn(AppId, &str) -> u32,
    ) -> Option<Delivery> {
        if self.running >= places || self.alone {
            return None;
        }
        let share = self.share(places);
        // Each app is asked once: all may be at their limits, and then nothing starts.
        for _ in 0..self.turns.len() {
            let id = self.turns.pop_front()?;
            let Some(app) = self.apps.get_mut(&id) else {
                continue;
            };
            let found = if app.running < share {
                app.next(&|trigger| limit(id, trigger), self.suspects)
            } else {
                None
            };
            if app.triggers.values().any(|t| !t.waiting.is_empty()) {
                self.turns.push_back(id);
            }
            if let Some(delivery) = found {
                self.running += 1;
                app.running += 1;
                if delivery.suspect {
                    self.suspects += 1;
                    self.alone = delivery.crashes > 0;
                }
                return Some(delivery);
            }
        }
        None
    }

    /// How many places an app may hold: one part is always left for who comes next.
    fn share(&self, places: u32) -> u32 {
        let busy = self.apps.len() as u32;
        (places / (busy + 1)).max(1)
    }

    /// A started delivery has ended in some way; it keeps its lane until it leaves or comes again.
    pub(crate) fn ended(&mut self, delivery: &Delivery) {
        self.running = self.running.saturating_sub(1);
        if delivery.suspect {
            self.suspects = self.suspects.saturating_sub(1);
            if delivery.crashes > 0 {
                self.alone = false;
            }
        }
        let Some(app) = self.apps.get_mut(&delivery.app) else {
            return;
        };
        app.running = app.running.saturating_sub(1);
        if let Some(queue) = app.triggers.get_mut(&delivery.trigger) {
            queue.running = queue.running.saturating_sub(1);
            if queue.running == 0 && queue.waiting.is_empty() {
                app.triggers.remove(&delivery.trigger);
                app.turns.retain(|t| *t != delivery.trigger);
            }
        }
        if app.running == 0 && app.triggers.is_empty() {
            self.apps.remove(&delivery.app);
            self.turns.retain(|id| *id != delivery.app);
        }
    }

    /// A delivery comes again at its time, first in its lane.
    pub(crate) fn again(&mut self, delivery: Delivery, now: Timestamp) {
        self.note(&delivery);
        self.ready(delivery, now);
    }

    /// The first of a lane waits in the database until `until`: those behind it have to go back
    /// there too, so that they do not fill the memory meanwhile.
    pub(crate) fn close(&mut self, first: &Delivery, until: Timestamp) -> Vec<Delivery> {
        self.forget(first.seq);
        let Some(lane) = lane_of(first) else {
            return Vec::new();
        };
        let behind = self.lanes.remove(&lane).unwrap_or_default();
        self.closed.insert(lane, until);
        self.return_all(behind.into_values().collect())
    }

    fn return_all(&mut self, all: Vec<Delivery>) -> Vec<Delivery> {
        let returning = all.iter().map(|delivery| (delivery.seq, delivery.line()));
        self.returning.extend(returning);
        all
    }

    /// Whether something of a line is on its way back to the database.
    pub(crate) fn is_returning(&self, line: &Line) -> bool {
        self.returning.values().any(|of| of == line)
    }

    /// Takes everything of a line out that is not running: the line is paused. It is on its way back
    /// to the database.
    pub(crate) fn hold_back(&mut self, line: &Line) -> Vec<Delivery> {
        let is_of = |app: AppId, trigger: &str| app == line.app && trigger == line.trigger;
        let delayed = self
            .delayed
            .extract_if(.., |_, d| is_of(d.app, &d.trigger))
            .map(|(_, delivery)| delivery);
        let mut all: Vec<Delivery> = delayed.collect();
        let queue = self.apps.get_mut(&line.app);
        if let Some(queue) = queue.and_then(|app| app.triggers.get_mut(&line.trigger)) {
            all.extend(std::mem::take(&mut queue.waiting).into_values());
        }
        // A lane whose first is running stays.
        for lane in all.iter().filter_map(lane_of).collect::<Vec<_>>() {
            let behind = self.lanes.remove(&lane).unwrap_or_default();
            all.extend(behind.into_values());
        }
        for ((app, trigger, _), behind) in &mut self.lanes {
            if is_of(*app, trigger) {
                all.extend(std::mem::take(behind).into_values());
            }
        }
        self.return_all(all)
    }

    /// A delivery leaves this process's hands; the next of its lane may go. Whether it had a lane
    /// that is empty now.
    pub(crate) fn leave(&mut self, delivery: &Delivery, now: Timestamp) -> bool {
        let free = self.leave_lane(delivery, now);
        if let Some(again) = self.early.remove(&delivery.seq) {
            self.add(again, now);
        }
        free
    }

    fn leave_lane(&mut self, delivery: &Delivery, now: Timestamp) -> bool {
        self.forget(delivery.seq);
        if self.returning.remove(&delivery.seq).is_some() {
            return false;
        }
        let Some(lane) = lane_of(delivery) else {
            return false;
        };
        let next = self.lanes.get_mut(&lane).and_then(|behind| {
            let (_, next) = behind.pop_first()?;
            Some(next)
        });
        if let Some(next) = next {
            self.ready(next, now);
            return false;
        }
        self.lanes.remove(&lane);
        true
    }

    /// The clock was ahead and is right now: what waits here for one of its times does not wait. A
    /// process keeps nothing for longer than moments.
    pub(crate) fn set_back(&mut self, now: Timestamp) {
        let end = now.plus(GRACE);
        let far = self.delayed.split_off(&(end, i64::MAX));
        for mut delivery in far.into_values() {
            delivery.due_at = now;
            self.again(delivery, now);
        }
        let mut moved = Vec::new();
        for delivery in self.lanes.values_mut().flat_map(BTreeMap::values_mut) {
            if delivery.due_at > end {
                delivery.due_at = now;
                moved.push(delivery.clone());
            }
        }
        for delivery in &moved {
            self.note(delivery);
        }
        for until in self.closed.values_mut() {
            *until = (*until).min(end);
        }
    }

    /// Takes everything out that is not running: for the end, or when the lease is lost.
    pub(crate) fn clear(&mut self) -> Vec<Delivery> {
        let mut all: Vec<Delivery> = std::mem::take(&mut self.delayed).into_values().collect();
        for app in self.apps.values_mut() {
            for queue in app.triggers.values_mut() {
                all.extend(std::mem::take(&mut queue.waiting).into_values());
            }
        }
        let firsts: Vec<Lane> = all.iter().filter_map(lane_of).collect();
        for behind in self.lanes.values_mut() {
            all.extend(std::mem::take(behind).into_values());
        }
        // A lane whose first is running stays.
        for lane in firsts {
            self.lanes.remove(&lane);
        }
        for delivery in &all {
            self.forget(delivery.seq);
        }
        all.extend(std::mem::take(&mut self.early).into_values());
        self.turns.clear();
        all
    }
}

impl AppQueue {
    fn next(&mut self, limit: &dyn Fn(&str) -> u32, suspects: u32) -> Option<Delivery> {
        for _ in 0..self.turns.len() {
            let key = self.turns.pop_front()?;
            let Some(queue) = self.triggers.get_mut(&key) else {
                continue;
            };
            let free = queue.running < limit(&key);
            let first = queue.waiting.first_key_value();
            let allowed = first.is_some_and(|(_, first)| {
                !first.suspect || suspects < if first.crashes > 0 { 1 } else { SUSPECTS }
            });
            let found = if free && allowed {
                queue.waiting.pop_first().map(|(_, first)| first)
            } else {
                None
            };
            if !queue.waiting.is_empty() {
                self.turns.push_back(key);
            }
            if let Some(delivery) = found {
                queue.running += 1;
                return Some(delivery);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
