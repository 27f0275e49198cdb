//! From a committed write to this process's dispatcher and catalog, without asking the database.
//!
//! A delivery that is written here may be held by this process from its birth: it is handed over
//! in memory once its transaction has committed. The database thread does it, so that it happens
//! whoever stopped waiting for the write meanwhile.

mod lease;
mod news;
mod notice;
mod places;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use shared::id::{AppId, NodeId};
use tokio::sync::mpsc;

use crate::outbox::line::Line;
use crate::steady::Steady;
use lease::Lease;
use places::Memory;

pub use lease::{LEASE, Lapse};
pub use news::{Heard, News};
pub use notice::{Backlog, BacklogLimit, Doubt, Hold, Notice};

/// A lease is renewed when so much of it is over.
pub const RENEW: Duration = Duration::from_secs(3);
/// Nothing is begun in the last part of a lease: it would go on beside the process that takes over.
const MARGIN: Duration = Duration::from_secs(1);

/// Between two counts of an outbox that seems full.
const RECOUNT: Duration = Duration::from_mins(1);

#[derive(Debug, Default)]
struct State {
    dispatcher: Option<mpsc::UnboundedSender<Notice>>,
    memory: Memory,
    backlog: HashMap<AppId, Backlog>,
    /// When an outbox that seemed full was counted.
    counted: HashMap<AppId, Instant>,
    lease: Lease,
    /// This process may hold more than its dispatcher knows, so what comes now could overtake it:
    /// the last reason to think so, and the last one that was looked into.
    doubt: Doubt,
    certain: Doubt,
    /// The line whose waiting deliveries the dispatcher is taking.
    claiming: Option<Line>,
}

impl State {
    fn is_in_doubt(&self) -> bool {
        self.doubt > self.certain
    }

    fn doubt(&mut self) -> Doubt {
        self.doubt.0 += 1;
        self.doubt
    }
}

/// The hand-over of one store.
#[derive(Debug)]
pub struct Handover {
    node: NodeId,
    limit: BacklogLimit,
    /// Whether other processes share the database, so that holding needs a lease.
    shared: bool,
    state: Mutex<State>,
    news: News,
}

impl Handover {
    pub(crate) fn new(node: NodeId, shared: bool, limit: BacklogLimit) -> Self {
        Self {
            node,
            limit,
            shared,
            state: Mutex::default(),
            news: News::default(),
        }
    }

    /// This process.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// What has changed of what is served.
    pub fn news(&self) -> &News {
        &self.news
    }

    /// Whether other processes share the database.
    pub fn is_shared(&self) -> bool {
        self.shared
    }

    /// Begins to hold deliveries; where notices arrive. `hints` off: nothing is held from its
    /// birth and nothing is told.
    pub fn open(
        &self,
        backlog: HashMap<AppId, Backlog>,
        hints: bool,
    ) -> mpsc::UnboundedReceiver<Notice> {
        #[expect(
            clippy::disallowed_methods,
            reason = "what is held has a bounded number of places; the rest is as small as its row is large"
        )]
        let (sender, receiver) = mpsc::unbounded_channel();
        let mut state = self.lock();
        state.backlog = backlog;
        if hints {
            state.dispatcher = Some(sender);
        }
        receiver
    }

    /// Stops holding: from here on deliveries wait in the database.
    pub fn close(&self) {
        self.lock().dispatcher = None;
    }

    /// A delivery held in memory is no longer.
    pub fn release(&self, line: &Line) {
        self.lock().memory.give_back(line);
    }

    /// Room in memory for more deliveries of a line.
    pub fn room(&self, line: &Line) -> usize {
        self.lock().memory.room(line)
    }

    /// Counts deliveries of a line that were claimed from the database.
    pub fn adopt(&self, line: &Line, count: usize) {
        self.lock().memory.add(line, count);
    }

    /// Due deliveries of a line wait in the database, without a place in memory: what is new does
    /// not get one before them.
    pub fn waits(&self, line: &Line) {
        self.lock().memory.wait(line);
    }

    /// A delivery has left an app's outbox.
    pub fn settled(&self, app: AppId, bytes: u64) {
        shrink(&mut self.lock(), app, 1, bytes);
    }

    /// What waits in an app's outbox: exact where one process uses the database.
    pub fn backlog(&self, app: AppId) -> Backlog {
        self.lock().backlog.get(&app).copied().unwrap_or_default()
    }

    /// What waits in all outboxes.
    pub fn backlogs(&self) -> HashMap<AppId, Backlog> {
        self.lock().backlog.clone()
    }

    /// Whether an app's outbox that seems full should be counted again: what other processes have
    /// handled is not known here. Once in [`RECOUNT`], because counting a full one takes a while.
    pub(crate) fn may_recount(&self, app: AppId) -> bool {
        if !self.shared {
            return false;
        }
        let now = Instant::now();
        let mut state = self.lock();
        state
            .counted
            .retain(|_, last| now.duration_since(*last) < RECOUNT);
        let due = !state.counted.contains_key(&app);
        if due {
            state.counted.insert(app, now);
        }
        due
    }

    /// What was counted in an app's outbox.
    pub(crate) fn recounted(&self, app: AppId, backlog: Backlog) {
        self.lock().backlog.insert(app, backlog);
    }

    /// Whether an app's outbox takes more.
    pub(crate) fn is_full(&self, app: AppId) -> bool {
        let backlog = self.backlog(app);
        backlog.rows >= self.limit.rows || backlog.bytes >= self.limit.bytes
    }

    /// The lease was renewed at this time.
    pub fn renewed(&self, at: Steady) {
        let mut state = self.lock();
        let held = state.memory.taken() > 0;
        state.lease.look(self.shared && held, Steady::now());
        state.lease.renewed(at);
    }

    /// Whether what is held may be worked on: nothing of it was withdrawn, the lease was never over
    /// while something was held, and is good for a while yet.
    pub fn holds(&self) -> bool {
        let mut state = self.lock();
        if !self.shared {
            return state.lease.lapse().is_none();
        }
        let held = state.memory.taken() > 0;
        let now = Steady::now();
        state.lease.look(held, now);
        state.lease.is_good(now.plus(MARGIN))
    }

    /// Whether the lease was over while something was held, or something was withdrawn: others may have
    /// that, and nothing is begun until it has been looked up. The reason to look, if there is one.
    pub fn lapse(&self) -> Option<Lapse> {
        let mut state = self.lock();
        let held = state.memory.taken() > 0;
        state.lease.look(self.shared && held, Steady::now());
        state.lease.lapse()
    }

    /// What this process holds was looked up because of this lapse.
    pub fn looked_up(&self, lapse: Option<Lapse>) {
        self.lock().lease.looked_up(lapse);
    }

    /// A line's waiting deliveries are being taken. Until [`Self::claimed`] the database may say of
    /// some that this process holds them before its dispatcher knows: what is written behind them
    /// must not be handed over first. How many of the line had to wait until now.
    pub fn claims(&self, line: &Line) -> u64 {
        let mut state = self.lock();
        state.claiming = Some(line.clone());
        state.memory.turned_away(line)
    }

    /// The dispatcher knows what it has taken, or is in doubt about it.
    pub fn claimed(&self) {
        self.lock().claiming = None;
    }

    /// Nothing of a line waits that may start, unless more than `turned_away` had to wait meanwhile.
    pub fn caught_up(&self, line: &Line, turned_away: u64) {
        self.lock().memory.caught_up(line, turned_away);
    }

    /// Asks for a place for one more delivery; given back by [`Self::release`] or with an undone
    /// transaction. `ordered`: it has a key.
    pub(crate) fn hold(&self, line: &Line, ordered: bool) -> Hold {
        let mut state = self.lock();
        let now = Steady::now();
        let held = state.memory.taken() > 0;
        state.lease.look(self.shared && held, now);
        let claims = ordered && state.claiming.as_ref() == Some(line);
        let lapsed = state.lease.lapse().is_some();
        if state.dispatcher.is_none() || state.is_in_doubt() || lapsed || claims {
            return Hold::No;
        }
        if !state.memory.take(line) {
            return Hold::No;
        }
        // A lease that is renewed with the deliveries themselves costs no transaction of its own.
        let good = state.lease.is_good(now.plus(LEASE.saturating_sub(RENEW)));
        if self.shared && !good {
            Hold::Renewing(self.node)
        } else {
            Hold::By(self.node)
        }
    }

    /// Whether a write took place is not known: nothing is held from its birth until what this
    /// process holds has been looked up.
    pub fn doubt(&self) -> Doubt {
        self.lock().doubt()
    }

    /// Whether there is such a doubt.
    pub fn is_in_doubt(&self) -> bool {
        self.lock().is_in_doubt()
    }

    /// What this process held was looked up because of this doubt. A later one stays: what it is
    /// about may have been written too late to be seen.
    pub fn certain(&self, of: Doubt) {
        let mut state = self.lock();
        state.certain = state.certain.max(of);
    }

    /// Another process has taken deliveries out of this one's hands.
    pub(crate) fn withdrawn(&self) {
        self.lock().lease.withdrawn();
        self.tell(Notice::Withdrawn);
    }

    /// Tells the dispatcher something that no transaction noted.
    pub(crate) fn tell(&self, notice: Notice) {
        if let Some(dispatcher) = &self.lock().dispatcher {
            dispatcher.send(notice).ok();
        }
    }

    /// Passes on what a transaction noted. `committed`: `None` when nobody knows.
    pub(crate) fn publish(&self, notices: Vec<Notice>, committed: Option<bool>) {
        if notices.is_empty() {
            return;
        }
        let mut state = self.lock();
        let held = |notice: &Notice| matches!(notice, Notice::Held(_));
        let mut unsure = committed.is_none() && notices.iter().any(held);
        if unsure {
            state.doubt();
        }
        for notice in notices {
            let keep = match &notice {
                Notice::Held(delivery) => {
                    if committed == Some(true) {
                        grow(&mut state, delivery.app, delivery.payload.len() as u64);
                    }
                    // One with a key could overtake another that is in doubt; it is looked up
                    // together with that.
                    let known = !state.is_in_doubt() || delivery.order_key.is_none();
                    let keep = committed == Some(true) && known;
                    // One that commits during the look at what is held may not be seen by it.
                    unsure |= committed == Some(true) && !known;
                    if !keep {
                        state.memory.give_back(&delivery.line());
                    }
                    keep
                }
                other => self.passes_on(&mut state, other, committed),
            };
            if keep && let Some(dispatcher) = &state.dispatcher {
                // A dispatcher that has ended needs no notice.
                dispatcher.send(notice).ok();
            }
        }
        if unsure {
            let doubt = state.doubt();
            if let Some(dispatcher) = &state.dispatcher {
                dispatcher.send(Notice::Unsure(doubt)).ok();
            }
        }
    }

    /// Notes what is no delivery of this process's; whether the dispatcher is to know of it. What may
    /// have happened is told too: looking for what is not there does no harm.
    fn passes_on(&self, state: &mut State, notice: &Notice, committed: Option<bool>) -> bool {
        let sure = committed == Some(true);
        match notice {
            Notice::Waiting {
                line, now, bytes, ..
            } => {
                if sure {
                    grow(state, line.app, *bytes);
                }
                if *now && committed != Some(false) && state.dispatcher.is_some() {
                    state.memory.wait(line);
                }
            }
            Notice::Removed(app) if sure => {
                state.backlog.remove(app);
                state.counted.remove(app);
                state.memory.forget(*app);
            }
            Notice::Cancelled { app, rows, bytes } => {
                if sure {
                    shrink(state, *app, *rows, *bytes);
                }
                return false;
            }
            // Before the dispatcher can start one more of them.
            Notice::Withdrawn if committed != Some(false) => state.lease.withdrawn(),
            Notice::Paused(line, true) if sure => state.memory.wait(line),
            Notice::Raised(raised) => {
                if committed != Some(false) {
                    self.news.tell(*raised);
                }
                return false;
            }
            _ => {}
        }
        committed != Some(false)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shrink(state: &mut State, app: AppId, rows: u64, bytes: u64) {
    let Some(backlog) = state.backlog.get_mut(&app) else {
        return;
    };
    backlog.rows = backlog.rows.saturating_sub(rows);
    backlog.bytes = backlog.bytes.saturating_sub(bytes);
    if backlog.rows == 0 {
        state.backlog.remove(&app);
    }
}

fn grow(state: &mut State, app: AppId, bytes: u64) {
    let backlog = state.backlog.entry(app).or_default();
    backlog.rows = backlog.rows.saturating_add(1);
    backlog.bytes = backlog.bytes.saturating_add(bytes);
}

#[cfg(test)]
mod tests;
