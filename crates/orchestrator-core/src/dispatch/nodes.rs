//! Processes that share a database: saying that this one is there, noticing that another is not.
//!
//! With SQLite there is one process, so whatever another one held is free at the start, and
//! nothing of this is needed afterwards.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use shared::clock::Timestamp;
use shared::id::NodeId;
use store::handover::{Doubt, LEASE, RENEW};
use store::outbox::{self, Delivery, Node};
use store::{Store, StoreError};

use super::{Dispatcher, Event, Mailbox, State};

/// Deliveries freed in one transaction.
const BATCH: usize = 1_000;
/// Notifications are at least so far apart.
const QUIET: Duration = Duration::from_millis(200);
/// How long is waited when the database is away.
const AWAY: Duration = Duration::from_millis(500);
/// Where there are others, everything is looked at so often, although they tell: one that is killed
/// between a commit and telling of it has told nobody, and nobody can tell that a connection is half
/// dead.
const LOOK: Duration = LEASE;
/// Younger deliveries may be on their way from their transaction to the plan.
const ON_THE_WAY: Duration = Duration::from_secs(1);
/// When what is held is looked up once more after a doubt: the database may carry out a commit after
/// its connection has ended.
const LATE: Duration = Duration::from_secs(6);
/// What is older then is not on its way any more, however busy the machine is.
const LONG_AGO: Duration = Duration::from_secs(5);

/// What is known about the other processes, and what they are to be told.
pub(super) struct Nodes {
    shared: bool,
    /// Others have been there since the start. A process that is alone looks at nothing by itself.
    company: bool,
    /// Whether a transaction is under way.
    working: bool,
    renewed_at: Option<Instant>,
    /// The others are to be told that there is work.
    tell: bool,
    told_at: Option<Instant>,
    /// The others and the database's clock are to be looked at: now, or when the first lease ends,
    /// with everything else.
    look: bool,
    watch_at: Option<Instant>,
    /// The last doubt that this was told of, and when a look can clear it.
    doubt: Doubt,
    ripe_at: Option<Instant>,
    /// What this process holds is to be looked up, not before; nothing is claimed until then.
    doubt_at: Option<Instant>,
    /// It is to be looked up once more.
    again_at: Option<Instant>,
    /// That is under way: what is claimed meanwhile would be taken for lost.
    looking_up: bool,
    /// Not before: the database is away.
    pause_until: Option<Instant>,
}

/// What one round has found.
#[derive(Default)]
pub(super) struct Seen {
    renewed: Option<Instant>,
    /// Whether the others were to be told, and were.
    to_tell: bool,
    told: bool,
    /// Whether the others were to be looked at, and who is there.
    to_look: bool,
    others: Option<Vec<Node>>,
    freed: bool,
    /// Whether what this process holds was to be looked up.
    doubted: bool,
    /// What this process holds; what it had lost sight of has a new epoch.
    held: Option<Held>,
    error: Option<StoreError>,
}

/// What this process holds, and what was known of it before.
struct Held {
    deliveries: Vec<Delivery>,
    known: BTreeSet<i64>,
    doubt: Doubt,
}

/// A look at what this process holds.
#[derive(Debug)]
struct LookUp {
    /// The numbers of what is known to be held.
    known: BTreeSet<i64>,
    /// What else was written before this time is lost sight of.
    before: Timestamp,
    /// The last doubt that it clears.
    doubt: Doubt,
}

/// What a round is to do.
#[derive(Debug)]
struct Work {
    renew: bool,
    tell: bool,
    look: bool,
    /// When what is held is in doubt.
    look_up: Option<LookUp>,
}

impl Nodes {
    fn new(shared: bool) -> Self {
        Self {
            shared,
            company: false,
            working: false,
            renewed_at: None,
            tell: false,
            told_at: None,
            look: shared,
            watch_at: None,
            doubt: Doubt::default(),
            ripe_at: None,
            doubt_at: None,
            again_at: None,
            looking_up: false,
            pause_until: None,
        }
    }

    /// Frees what earlier processes held, and says that this one is there.
    pub(super) async fn sign_on(parts: &Dispatcher) -> Result<Self, StoreError> {
        let store = &parts.store;
        let node = store.handover().node();
        let shared = store.handover().is_shared();
        let mut nodes = Self::new(shared);
        if !shared {
            while store
                .write(move |conn| outbox::release_own(conn, node, BATCH))
                .await?
                > 0
            {}
            return Ok(nodes);
        }
        let place = store.place();
        for (other, at) in store.read(outbox::nodes).await? {
            if at == place && other.id != node {
                free(store, other.id).await?;
            }
        }
        let at = Instant::now();
        store
            .write(move |conn| outbox::renew_lease(conn, node, place))
            .await?;
        store.handover().renewed(at);
        nodes.renewed_at = Some(at);
        Ok(nodes)
    }

    /// This process holds something: the others have to know until when.
    pub(super) fn busy(&mut self, parts: &Dispatcher) {
        let quiet = |at: Instant| at.elapsed() < RENEW;
        if parts.store.handover().is_shared() && !self.told_at.is_some_and(quiet) {
            self.tell = true;
        }
    }

    /// The others are to be told that something waits.
    pub(super) fn tell(&mut self) {
        self.tell = self.shared;
    }

    /// Another process is there; it is to know of this one too.
    pub(super) fn meet(&mut self) {
        if !self.company {
            self.company = true;
            self.tell();
        }
    }

    /// The others were looked at: the next time is when the first lease ends, or a while later.
    fn looked(&mut self, others: &[Node]) {
        if !others.is_empty() {
            self.meet();
        }
        let first = others.iter().filter_map(|other| other.left).min();
        let pause = first.map_or(LOOK, |left| LOOK.min(left + QUIET));
        self.watch_at = self.company.then(|| Instant::now() + pause);
    }

    /// The others are to be looked at.
    pub(super) fn look(&mut self) {
        self.look = self.shared;
    }

    /// Nobody knows whether a write of this process has happened.
    pub(super) fn doubt(&mut self, doubt: Doubt) {
        self.doubt = self.doubt.max(doubt);
        let now = Instant::now();
        self.ripe_at = Some(now + ON_THE_WAY + Duration::from_millis(500));
        self.doubt_at = self.ripe_at;
        self.again_at = Some(now + LATE);
    }

    /// Whether what this process holds is being looked up.
    pub(super) fn is_looking_up(&self) -> bool {
        self.looking_up
    }

    /// Whether it is time to look at everything; then the others are.
    pub(super) fn look_in_time(&mut self) -> bool {
        let over = self.watch_at.is_some_and(|at| at <= Instant::now());
        if over {
            self.watch_at = None;
            self.look = true;
        }
        over
    }

    fn renew_at(&self) -> Instant {
        self.renewed_at.map_or_else(Instant::now, |at| at + RENEW)
    }

    fn tell_at(&self) -> Option<Instant> {
        self.tell
            .then(|| self.told_at.map_or_else(Instant::now, |at| at + QUIET))
    }

    /// How long there is nothing to do here.
    pub(super) fn next_due(&self, (busy, claiming): (bool, bool)) -> Option<Duration> {
        if !self.shared && self.doubt_at.or(self.again_at).is_none() || self.working {
            return None;
        }
        let renew = (busy && self.shared).then(|| self.renew_at());
        let look = self.look.then(Instant::now);
        let doubts = [self.doubt_at, self.again_at].into_iter().flatten().min();
        let doubts = doubts.filter(|_| !claiming);
        let times = [renew, look, self.tell_at(), self.watch_at, doubts];
        let first = times.into_iter().flatten().min()?;
        let first = self.pause_until.map_or(first, |until| first.max(until));
        Some(first.saturating_duration_since(Instant::now()))
    }

    pub(super) fn start(
        &mut self,
        parts: &Dispatcher,
        events: &Mailbox,
        (busy, claiming): (bool, bool),
        known: &dyn Fn() -> BTreeSet<i64>,
    ) {
        let Some(work) = self.work(Instant::now(), parts.clock.now(), (busy, claiming), known)
        else {
            return;
        };
        let store = parts.store.clone();
        events.report(async move { Event::Nodes(round(&store, work).await) });
    }

    /// What is to be done at a moment, when nothing is being done: it counts as begun.
    fn work(
        &mut self,
        at: Instant,
        now: Timestamp,
        (busy, claiming): (bool, bool),
        known: &dyn Fn() -> BTreeSet<i64>,
    ) -> Option<Work> {
        let paused = self.pause_until.is_some_and(|until| until > at);
        if self.working || paused {
            return None;
        }
        let since = |last: Option<Instant>, pause| last.is_none_or(|last| last + pause <= at);
        // The second look is for what is older.
        let ages = [(self.doubt_at, ON_THE_WAY), (self.again_at, LONG_AGO)];
        let over = |due: Option<Instant>| due.is_some_and(|due| due <= at);
        let age = ages.into_iter().find(|(due, _)| !claiming && over(*due));
        // A look for another reason may come too early for a doubt.
        let early = self.ripe_at.filter(|ripe| *ripe > at);
        let work = Work {
            renew: self.shared && busy && since(self.renewed_at, RENEW),
            tell: self.tell && since(self.told_at, QUIET),
            look: self.look,
            look_up: age.map(|(_, age)| LookUp {
                known: known(),
                before: now.minus(age),
                doubt: if early.is_some() {
                    Doubt::default()
                } else {
                    self.doubt
                },
            }),
        };
        if !(work.renew || work.tell || work.look || work.look_up.is_some()) {
            return None;
        }
        self.working = true;
        self.pause_until = None;
        // What comes up meanwhile is another reason: this round may be past where it matters.
        self.tell &= !work.tell;
        self.look &= !work.look;
        if work.look_up.is_some() {
            self.looking_up = true;
            self.doubt_at = early;
            self.again_at = self.again_at.filter(|again| *again > at);
        }
        Some(work)
    }
}

/// Frees everything a process held that is not there any more.
async fn free(store: &Store, dead: NodeId) -> Result<bool, StoreError> {
    let mut freed = false;
    loop {
        let count = store
            .write(move |conn| {
                let count = outbox::take_over(conn, dead, BATCH)?;
                if count == 0 {
                    outbox::remove_node(conn, dead)?;
                }
                Ok::<_, StoreError>(count)
            })
            .await?;
        if count == 0 {
            return Ok(freed);
        }
        freed = true;
    }
}

async fn round(store: &Store, work: Work) -> Seen {
    let mut seen = Seen {
        to_tell: work.tell,
        to_look: work.look,
        doubted: work.look_up.is_some(),
        ..Seen::default()
    };
    if let Err(error) = try_round(store, work, &mut seen).await {
        seen.error = Some(error);
    }
    seen
}

async fn try_round(store: &Store, work: Work, seen: &mut Seen) -> Result<(), StoreError> {
    let node = store.handover().node();
    if work.renew {
        let (at, place, time) = (Instant::now(), store.place(), store.clock());
        let renew = store.write(move |conn| {
            outbox::renew_lease(conn, node, place)?;
            time.measure(conn)
        });
        renew.await?;
        seen.renewed = Some(at);
    }
    if work.tell {
        store.write(move |conn| outbox::notify(conn, node)).await?;
        seen.told = true;
    }
    if work.look {
        let (mut others, time) = (Vec::new(), store.clock());
        let read = store.read(move |conn| {
            time.measure(conn)?;
            outbox::nodes(conn)
        });
        for (other, _) in read.await? {
            if other.id == node {
                continue;
            }
            if other.left.is_none() {
                seen.freed |= free(store, other.id).await?;
            } else {
                others.push(other);
            }
        }
        seen.others = Some(others);
    }
    if let Some(LookUp {
        known,
        before,
        doubt,
    }) = work.look_up
    {
        let seqs = known.clone();
        let deliveries = store
            .write(move |conn| outbox::look_up(conn, node, &seqs, before))
            .await?;
        seen.held = Some(Held {
            deliveries,
            known,
            doubt,
        });
    }
    Ok(())
}

impl State {
    /// Whether this process holds something, or is about to.
    pub(super) fn is_busy(&self, now: Timestamp) -> bool {
        self.plan.held() > 0 || self.waiting.wants(now)
    }

    pub(super) fn seen(&mut self, seen: Seen, now: Timestamp) {
        let handover = self.parts.store.handover();
        self.nodes.working = false;
        self.nodes.looking_up = false;
        if let Some(error) = &seen.error {
            tracing::warn!(%error, "the other processes cannot be told or seen; trying again");
            self.nodes.pause_until = Some(Instant::now() + AWAY);
            self.nodes.tell |= seen.to_tell && !seen.told;
            self.nodes.look |= seen.to_look && seen.others.is_none();
            if seen.doubted && seen.held.is_none() && self.nodes.doubt_at.is_none() {
                self.nodes.doubt_at = Some(Instant::now());
            }
        }
        if let Some(at) = seen.renewed {
            let lost = !handover.holds();
            handover.renewed(at);
            self.nodes.renewed_at = Some(at);
            if lost && self.plan.held() > 0 {
                // Another process may have taken over what this one holds.
                self.nodes.doubt_at = Some(Instant::now());
            }
        }
        if seen.told {
            self.nodes.told_at = Some(Instant::now());
        }
        if let Some(others) = &seen.others {
            self.nodes.looked(others);
        }
        if seen.freed {
            self.waiting.look();
        }
        if let Some(held) = seen.held {
            self.compare(held.deliveries, &held.known, now);
            self.parts.store.handover().certain(held.doubt);
        }
    }

    /// Makes the plan what this process holds, in the order of its numbers.
    fn compare(&mut self, held: Vec<Delivery>, known: &BTreeSet<i64>, now: Timestamp) {
        let handover = self.parts.store.handover();
        let epochs: HashMap<i64, i64> = held.iter().map(|d| (d.seq, d.epoch)).collect();
        let mut mine = BTreeMap::new();
        for delivery in self.plan.clear() {
            let same = epochs.get(&delivery.seq) == Some(&delivery.epoch);
            if same || !known.contains(&delivery.seq) {
                mine.insert(delivery.seq, delivery);
            } else {
                handover.release(delivery.app);
            }
        }
        for delivery in held {
            if !known.contains(&delivery.seq) {
                handover.adopt(delivery.app, 1);
                mine.insert(delivery.seq, delivery);
            }
        }
        for delivery in mine.into_values() {
            self.plan.add(delivery, now);
        }
    }
}

#[cfg(test)]
mod tests;
