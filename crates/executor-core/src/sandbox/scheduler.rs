//! Turns for scripts that used their first slice.
//!
//! At most one turn lies between two polls of the reactor, and while new requests come, which run
//! at once, the next turn waits until they had twice the time of the last: they get two thirds of a
//! loaded worker. Turns go around between apps, not between scripts; an app that
//! overran its slices pays with skipped turns (deficit round robin). An idle scheduler does not
//! wake.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use shared::id::AppId;
use tokio::sync::Notify;

/// Polls of the reactor that a granted turn may stay untaken before the next is granted: its
/// task may have others before it, or its owner may not poll it at all.
const PATIENCE: u32 = 16;

/// Time for new requests between two turns, in times of the first.
const NEW_REQUESTS_SHARE: u32 = 2;
/// Slices of one turn that count for that.
const MOST_SLICES: u32 = 4;

/// A script waiting for its turn.
#[derive(Default)]
struct Ticket {
    granted: Cell<bool>,
    left: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

struct AppTurns {
    app: AppId,
    /// Time used beyond the slices granted.
    debt: Duration,
    waiting: VecDeque<Rc<Ticket>>,
}

/// The long-running scripts of one worker.
pub(crate) struct Scheduler {
    slice: Duration,
    ring: RefCell<VecDeque<AppTurns>>,
    /// Scripts waiting for a turn; other threads read it to see whether this worker is busy.
    waiting: Arc<AtomicUsize>,
    /// Those of them that were not granted one.
    asking: Cell<usize>,
    /// The turn that was handed out and not taken yet.
    outstanding: RefCell<Option<Rc<Ticket>>>,
    /// Time first slices took since the reactor was last polled.
    burst: Cell<Duration>,
    /// Until then new requests go before turns.
    rest_until: Cell<Option<Instant>>,
    wake: Notify,
}

impl Scheduler {
    pub(crate) fn new(slice: Duration, waiting: Arc<AtomicUsize>) -> Self {
        Self {
            slice,
            ring: RefCell::default(),
            waiting,
            asking: Cell::new(0),
            outstanding: RefCell::new(None),
            burst: Cell::new(Duration::ZERO),
            rest_until: Cell::new(None),
            wake: Notify::new(),
        }
    }

    /// Whether others would wait for this worker: long-running scripts want turns, or new ones
    /// already took a slice's time since the reactor was polled.
    pub(crate) fn busy(&self) -> bool {
        self.waiting() > 0 || self.burst.get() >= self.slice
    }

    /// Scripts waiting for a turn.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Notes the time a new script took.
    pub(crate) fn first_slice(&self, used: Duration) {
        let burst = self.burst.get() + used;
        if burst >= self.slice && self.burst.get() < self.slice {
            // The granter resets it once the reactor has been polled.
            self.wake.notify_one();
        }
        self.burst.set(burst);
    }

    /// Waits for a turn of one slice.
    pub(crate) fn turn(self: &Rc<Self>, app: AppId) -> Turn {
        let ticket = Rc::new(Ticket::default());
        let mut ring = self.ring.borrow_mut();
        match ring.iter_mut().find(|turns| turns.app == app) {
            Some(turns) => turns.waiting.push_back(Rc::clone(&ticket)),
            None => ring.push_back(AppTurns {
                app,
                debt: Duration::ZERO,
                waiting: VecDeque::from([Rc::clone(&ticket)]),
            }),
        }
        drop(ring);
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.asking.set(self.asking.get() + 1);
        self.wake.notify_one();
        Turn {
            ticket,
            scheduler: Rc::clone(self),
        }
    }

    /// Charges what a turn really took.
    pub(crate) fn charge(&self, app: AppId, used: Duration) {
        // One native call may overrun by far; what others wait for it is bounded.
        let share = used.min(self.slice * MOST_SLICES) * NEW_REQUESTS_SHARE;
        self.rest_until.set(Instant::now().checked_add(share));
        let over = used.saturating_sub(self.slice);
        if !over.is_zero()
            && let Some(turns) = self
                .ring
                .borrow_mut()
                .iter_mut()
                .find(|turns| turns.app == app)
        {
            turns.debt += over;
        }
    }

    /// Hands out turns forever, one between two polls of the reactor.
    #[expect(
        clippy::infinite_loop,
        reason = "ends when its worker's tasks are dropped"
    )]
    pub(crate) async fn grant(self: Rc<Self>) {
        loop {
            let mut patience = PATIENCE;
            let mut requests = false;
            while self.asking.get() > 0 || self.burst.get() >= self.slice {
                let outstanding = self.outstanding.borrow().is_some();
                if outstanding && patience > 0 {
                    patience -= 1;
                } else if !(requests && self.rests()) {
                    patience = PATIENCE;
                    self.grant_one();
                }
                // Deferred by the runtime until it has polled the reactor, and behind what that
                // brought.
                tokio::task::yield_now().await;
                requests = !self.burst.replace(Duration::ZERO).is_zero();
            }
            self.wake.notified().await;
        }
    }

    /// Whether it is the time of new requests.
    fn rests(&self) -> bool {
        let until = self.rest_until.get();
        until.is_some_and(|until| Instant::now() < until)
    }

    fn grant_one(&self) {
        let mut ring = self.ring.borrow_mut();
        while let Some(mut turns) = ring.pop_front() {
            while turns
                .waiting
                .front()
                .is_some_and(|ticket| ticket.left.get())
            {
                turns.waiting.pop_front();
            }
            if turns.waiting.is_empty() && turns.debt.is_zero() {
                continue;
            }
            // Debt only costs turns while somebody else wants them.
            if !turns.debt.is_zero() && ring.iter().any(|other| !other.waiting.is_empty()) {
                turns.debt = turns.debt.saturating_sub(self.slice);
                ring.push_back(turns);
                continue;
            }
            turns.debt = Duration::ZERO;
            let Some(ticket) = turns.waiting.pop_front() else {
                continue;
            };
            ring.push_back(turns);
            drop(ring);
            ticket.granted.set(true);
            self.asking.set(self.asking.get() - 1);
            *self.outstanding.borrow_mut() = Some(Rc::clone(&ticket));
            if let Some(waker) = ticket.waker.borrow_mut().take() {
                waker.wake();
            }
            return;
        }
    }
}

/// A future that ends when it is the script's turn.
pub(crate) struct Turn {
    ticket: Rc<Ticket>,
    scheduler: Rc<Scheduler>,
}

impl Future for Turn {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.ticket.granted.get() {
            return Poll::Ready(());
        }
        *self.ticket.waker.borrow_mut() = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.ticket.left.set(true);
        let scheduler = &self.scheduler;
        if self.ticket.granted.get() {
            scheduler
                .outstanding
                .borrow_mut()
                .take_if(|ticket| Rc::ptr_eq(ticket, &self.ticket));
        } else {
            scheduler.asking.set(scheduler.asking.get() - 1);
        }
        scheduler.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shared::clock::Timestamp;

    use super::*;

    const SLICE: Duration = Duration::from_micros(250);

    fn granted(turn: &Turn) -> bool {
        turn.ticket.granted.get()
    }

    #[test]
    fn turns_go_around_between_apps_not_scripts() {
        let scheduler = Rc::new(Scheduler::new(SLICE, Arc::default()));
        let (many, one) = (AppId::new(Timestamp(1)), AppId::new(Timestamp(2)));
        let crowd: Vec<Turn> = (0..10).map(|_| scheduler.turn(many)).collect();
        let single = scheduler.turn(one);
        scheduler.grant_one();
        scheduler.grant_one();
        assert_eq!(crowd.iter().filter(|t| granted(t)).count(), 1);
        assert!(granted(&single));
    }

    #[test]
    fn an_app_that_overran_its_slice_waits_while_others_want_a_turn() {
        let scheduler = Rc::new(Scheduler::new(SLICE, Arc::default()));
        let (greedy, modest) = (AppId::new(Timestamp(1)), AppId::new(Timestamp(2)));
        let kept = scheduler.turn(greedy);
        scheduler.charge(greedy, SLICE * 4);
        let modest: Vec<Turn> = (0..3).map(|_| scheduler.turn(modest)).collect();
        for _ in 0..3 {
            scheduler.grant_one();
        }
        assert_eq!(modest.iter().filter(|t| granted(t)).count(), 3);
        scheduler.grant_one();
        assert!(granted(&kept), "alone, debt costs nothing");
    }

    #[test]
    fn a_script_that_left_takes_no_turn() {
        let scheduler = Rc::new(Scheduler::new(SLICE, Arc::default()));
        let app = AppId::new(Timestamp(1));
        let gone = scheduler.turn(app);
        let here = scheduler.turn(app);
        drop(gone);
        assert_eq!(scheduler.waiting(), 1);
        scheduler.grant_one();
        assert!(granted(&here));
    }
}
