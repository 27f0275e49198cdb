//! Delivering events: from the outbox to handlers, until they succeed or are given up.
//!
//! One task decides, and it sleeps while there is nothing to do: a notice of a write, the end of a
//! run, or the next due time wakes it. What it holds in memory is also in the database, so nothing
//! is lost with it. The protocol is in `docs/adr/0014-events-are-held-from-their-birth.md`.

mod attempt;
mod cron;
mod judge;
mod nodes;
mod parts;
mod pauses;
mod plan;
mod settling;
mod state;
mod tail;
mod waiting;

use std::sync::Arc;
use std::time::{Duration, Instant};

use shared::clock::Timestamp;
use shared::id::AppId;
use store::StoreError;
use store::handover::Notice;
use tokio::sync::mpsc;

use attempt::Attempt;
use nodes::Fact;
use plan::Plan;
use state::{Event, Mailbox, State};

pub use parts::{DispatchConfig, Dispatcher};
pub(crate) use tail::weight as weight_of_attempt;

/// Longest sleep: the clock that counts, the machine's or the database's, may be set meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_mins(15);
/// How often is looked for work when nobody tells.
const POLL: Duration = Duration::from_secs(1);

impl Dispatcher {
    /// Takes over what earlier processes left, then delivers until `stop` resolves; then lets what
    /// runs end and gives the rest back.
    pub async fn run(self: Arc<Self>, stop: impl Future<Output = ()>) -> Result<(), StoreError> {
        let (events, mut inbox) = Mailbox::new();
        tokio::pin!(stop);
        let (mut state, mut notices) = tokio::select! {
            () = &mut stop => return Ok(()),
            begun = self.begin(events) => begun?,
        };
        loop {
            state.act();
            let sleep = state.sleep();
            tokio::select! {
                () = &mut stop => break,
                Some(event) = inbox.recv() => state.take(event),
                Some(notice) = notices.recv() => state.take(Event::Notice(notice)),
                () = pause(sleep) => {}
            }
            // What came meanwhile belongs to the same decision, and to the same write.
            while let Ok(event) = inbox.try_recv() {
                state.take(event);
            }
            while let Ok(notice) = notices.try_recv() {
                state.take(Event::Notice(notice));
            }
            // Going on would deliver nothing and say nothing. The next process takes over.
            if let Some(step) = state.broken {
                let text = format!("{step} has panicked; deliveries cannot go on");
                return Err(StoreError::Engine(text));
            }
        }
        self.store.handover().close();
        state.drain(&mut inbox, self.config.drain).await
    }
}

impl Dispatcher {
    /// Takes over what earlier processes left; waits for a database that is away.
    async fn begin(
        self: &Arc<Self>,
        events: Mailbox,
    ) -> Result<(State, mpsc::UnboundedReceiver<Notice>), StoreError> {
        let backlogs = patiently(|| self.store.read(store::outbox::backlogs)).await?;
        let notices = self.store.handover().open(backlogs, self.config.hints);
        let nodes = patiently(|| nodes::Nodes::sign_on(self)).await?;
        let state = State {
            polled_at: None,
            broken: None,
            waiting: patiently(|| waiting::Waiting::load(self)).await?,
            cron: cron::Cron::new(),
            nodes,
            plan: Plan::default(),
            settling: settling::Settling::default(),
            events,
            parts: Arc::clone(self),
        };
        Ok((state, notices))
    }
}

/// Repeats a step until the database is there.
async fn patiently<T, F: Future<Output = Result<T, StoreError>>>(
    mut step: impl FnMut() -> F,
) -> Result<T, StoreError> {
    loop {
        match step().await {
            Err(error) if error.is_temporary() => {
                tracing::warn!(%error, "deliveries cannot begin; trying again");
                tokio::time::sleep(POLL).await;
            }
            other => return other,
        }
    }
}

/// Sleeps; without a time for ever.
async fn pause(sleep: Option<Duration>) {
    match sleep {
        Some(sleep) => tokio::time::sleep(sleep).await,
        None => std::future::pending().await,
    }
}

impl State {
    fn take(&mut self, event: Event) {
        let now = self.now();
        match event {
            Event::Notice(Notice::Held(delivery)) => {
                self.concerns_others(Fact::Holds);
                if self.plan.holds(delivery.seq) {
                    // It was looked up before it was told of, and its place taken once more.
                    self.parts.store.handover().release(&delivery.line());
                } else {
                    let line = delivery.line();
                    if let Some(back) = self.plan.add_new(*delivery, now) {
                        self.settling.back(back);
                    }
                    self.hold_back(&line);
                }
            }
            Event::Notice(Notice::Waiting { line, due_at, .. } | Notice::Due { line, due_at }) => {
                let starts = !self.waiting.pauses.hold(&line);
                self.waiting.expect(line, due_at);
                if starts {
                    self.concerns_others(Fact::Waits);
                }
            }
            Event::Notice(Notice::Paused(line, paused)) => self.paused(line, paused),
            Event::Notice(Notice::Pauses) => self.waiting.pauses.want(),
            Event::Notice(Notice::Removed(app)) => self.waiting.forget(app),
            Event::Notice(Notice::Unsure(doubt)) => self.concerns_others(Fact::Doubt(doubt)),
            Event::Notice(Notice::Activated(woken)) => {
                self.cron.look();
                for line in woken {
                    self.waiting.expect_any(line, now);
                }
                self.concerns_others(Fact::Waits);
            }
            Event::Notice(Notice::Foreign) => {
                self.concerns_others(Fact::Met);
                self.look();
            }
            Event::Notice(Notice::Unheard) => self.look(),
            // The catalog hears of it by itself, what is cancelled is only counted, and what was
            // withdrawn is a lapse.
            Event::Notice(Notice::Raised(_) | Notice::Cancelled { .. } | Notice::Withdrawn) => {}
            Event::Finished(finished) => self.finished(*finished, now),
            Event::Settled(settled) => self.settled(settled, now),
            Event::Claimed(claimed) => self.claimed(claimed, now),
            Event::Cron(fired) => self.fired(fired),
            Event::Nodes(seen) => self.seen(seen, now),
            Event::Pauses(read) => self.pauses_read(read),
            Event::Broken(step) => self.broken = Some(step),
        }
    }

    /// Looks for what nobody told about.
    fn poll(&mut self) {
        let hints = self.parts.config.hints;
        if !hints && self.polled_at.is_none_or(|at| at.elapsed() >= POLL) {
            self.polled_at = Some(Instant::now());
            self.look();
        }
        if self.nodes.looks_in_time(Instant::now()) {
            self.look();
        }
    }

    /// Looks at everything.
    fn look(&mut self) {
        self.concerns_others(Fact::Missed);
        self.cron.look();
        self.waiting.look();
    }

    /// Starts everything that can be started now.
    fn act(&mut self) {
        let now = self.now();
        self.watch_clock(now);
        self.poll();
        self.read_pauses();
        self.resume(now);
        self.plan.wake(now);
        self.start_attempts(now);
        self.start_settling(now);
        self.start_claim(now);
        let overdue = [self.plan.first_due(), self.waiting.first_due()];
        let overdue = overdue.into_iter().flatten().min();
        self.parts.metrics.first_due(overdue);
        if let Some(round) = self.cron.start(&self.parts, now) {
            let fired = async move { Event::Cron(round.await) };
            self.events.report("firing schedules", fired);
        }
        let doing = self.doing(now);
        let plan = &self.plan;
        let known = || plan.known();
        if let Some(round) = self.nodes.start(&self.parts, doing, &known) {
            let seen = async move { Event::Nodes(round.await) };
            self.events.report("looking at other processes", seen);
        }
    }

    fn start_attempts(&mut self, now: Timestamp) {
        let places = if self.parts.requests.pressed() {
            self.parts.config.pressed
        } else {
            self.parts.config.concurrency
        };
        let live = self.parts.catalog.live();
        let pauses = &self.waiting.pauses;
        let limit = |app: AppId, trigger: &str| {
            if pauses.hold_trigger(app, trigger) {
                return 0;
            }
            let app = live.app(app);
            let trigger = app.and_then(|app| app.triggers.get(trigger));
            trigger.map_or(shared::trigger::DEFAULT_CONCURRENCY, |t| {
                t.spec.concurrency()
            })
        };
        // What others may have taken over is looked up before it is started. Asked every time: the
        // process may be paused at any moment.
        while self.parts.store.handover().holds()
            && let Some(delivery) = self.plan.next(places, &limit)
        {
            let attempt = Attempt::new(&self.parts, delivery, now);
            let panicked = Event::Finished(Box::new(attempt.panicked()));
            self.events.report_or(panicked, async move {
                Event::Finished(Box::new(attempt.make().await))
            });
        }
    }

    /// How long there is nothing to do.
    fn sleep(&self) -> Option<Duration> {
        let now = self.now();
        let until = |due: Timestamp| due.since(now) + Duration::from_micros(500);
        let waiting = self.waiting.next_due(&self.parts);
        let waiting = waiting.filter(|_| !self.nodes.is_looking_up());
        let times = [
            self.plan.next_due().map(until),
            waiting.map(until),
            self.cron.next_due().map(until),
            self.settling.next_due().map(until),
            self.nodes.next_due(Instant::now(), self.doing(now)),
            (!self.parts.config.hints).then_some(POLL),
        ];
        let first = times.into_iter().flatten().min()?;
        Some(first.min(LONGEST_SLEEP))
    }

    /// Lets what runs end, writes down how it did, and gives back the rest.
    async fn drain(
        mut self,
        inbox: &mut mpsc::UnboundedReceiver<Event>,
        patience: Duration,
    ) -> Result<(), StoreError> {
        // What has not begun waits in the database for whoever comes next.
        self.plan.clear();
        let end = tokio::time::Instant::now() + patience;
        while self.plan.running() > 0 || !self.settling.is_idle() {
            let now = self.now();
            self.start_settling(now);
            match tokio::time::timeout_at(end, inbox.recv()).await {
                Ok(Some(event)) => self.take(event),
                Ok(None) | Err(_) => break,
            }
            self.plan.clear();
        }
        let node = self.parts.store.handover().node();
        let write = self.parts.store.write(move |conn| {
            store::outbox::release_node(conn, node)?;
            store::outbox::remove_node(conn, node)
        });
        write.await
    }
}
