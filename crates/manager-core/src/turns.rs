//! Who may hash a password next. Hashing is slow on purpose, so a flood of wrong passwords makes a
//! queue; it must not keep out the one who knows the right one.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::error::{Kind, code};
use tokio::sync::oneshot;

use crate::error::{ApiError, ApiResult};

/// Hashes computed at once: each takes 19 MiB, and small machines have two cores.
const AT_ONCE: usize = 2;
/// Of them, those of strangers.
const STRANGERS_AT_ONCE: usize = 1;
/// Callers waiting in one lane.
const WAITING: usize = 1_024;
/// Every so many turns of strangers, one of the doubtful comes before the fresh.
const DOUBTFUL_EVERY: u64 = 4;

/// What is known about who wants to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// They have signed in to this account from this address before.
    Known,
    /// Their address has not failed lately.
    Fresh,
    /// It has.
    Doubtful,
}

struct Waiter {
    from: IpAddr,
    go: oneshot::Sender<Turn>,
}

#[derive(Default)]
struct Queue {
    under_way: usize,
    strangers: usize,
    known: VecDeque<Waiter>,
    fresh: VecDeque<Waiter>,
    doubtful: VecDeque<Waiter>,
    /// Turns strangers have had.
    turns: u64,
}

/// The lanes.
#[derive(Clone, Default)]
pub(crate) struct Turns(Arc<Mutex<Queue>>);

impl std::fmt::Debug for Turns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Turns")
    }
}

/// The right to hash; the next one's turn comes when it is dropped.
pub(crate) struct Turn {
    turns: Turns,
    stranger: bool,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut queue = self.turns.queue();
        queue.under_way -= 1;
        queue.strangers -= usize::from(self.stranger);
        drop(queue);
        self.turns.go_on();
    }
}

fn busy() -> ApiError {
    let detail = "too many people are signing in; try again in a second";
    ApiError::new(Kind::TooManyRequests, code::BUSY, detail)
}

impl Queue {
    fn lane(&mut self, lane: Lane) -> &mut VecDeque<Waiter> {
        match lane {
            Lane::Known => &mut self.known,
            Lane::Fresh => &mut self.fresh,
            Lane::Doubtful => &mut self.doubtful,
        }
    }

    /// Who is next, and whether they are a stranger.
    fn next(&mut self) -> Option<(Waiter, bool)> {
        if self.under_way == AT_ONCE {
            return None;
        }
        if let Some(waiter) = pop(&mut self.known, false) {
            return Some((waiter, false));
        }
        if self.strangers == STRANGERS_AT_ONCE {
            return None;
        }
        // The newest every other time: who comes last into a flood does not wait for all of it.
        let newest = self.turns % 2 == 1;
        let fresh_first = self.turns % DOUBTFUL_EVERY != DOUBTFUL_EVERY - 1;
        let (fresh, doubtful) = (&mut self.fresh, &mut self.doubtful);
        let next = if fresh_first {
            pop(fresh, newest).or_else(|| pop(doubtful, false))
        } else {
            pop(doubtful, false).or_else(|| pop(fresh, newest))
        };
        self.turns += u64::from(next.is_some());
        next.map(|waiter| (waiter, true))
    }
}

/// The oldest or newest who still waits.
fn pop(lane: &mut VecDeque<Waiter>, newest: bool) -> Option<Waiter> {
    loop {
        let waiter = if newest {
            lane.pop_back()
        } else {
            lane.pop_front()
        }?;
        if !waiter.go.is_closed() {
            return Some(waiter);
        }
    }
}

impl Turns {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn. A stranger's address waits once only, so that many addresses and not many
    /// requests are what makes a flood.
    pub(crate) async fn take(&self, lane: Lane, from: IpAddr) -> ApiResult<Turn> {
        let (go, turn) = oneshot::channel();
        {
            let mut queue = self.queue();
            let waiting = queue.lane(lane);
            waiting.retain(|waiter| !waiter.go.is_closed());
            let again = lane != Lane::Known && waiting.iter().any(|waiter| waiter.from == from);
            if again || waiting.len() >= WAITING {
                return Err(busy());
            }
            waiting.push_back(Waiter { from, go });
        }
        self.go_on();
        turn.await.map_err(|_never| busy())
    }

    /// Gives out the turns there are.
    fn go_on(&self) {
        loop {
            let mut queue = self.queue();
            let Some((waiter, stranger)) = queue.next() else {
                return;
            };
            queue.under_way += 1;
            queue.strangers += usize::from(stranger);
            drop(queue);
            let turn = Turn {
                turns: self.clone(),
                stranger,
            };
            // Who has left meanwhile drops the turn, and so it goes on.
            drop(waiter.go.send(turn));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    type Waiting = std::pin::Pin<Box<dyn Future<Output = ApiResult<Turn>>>>;

    fn address(number: u32) -> IpAddr {
        IpAddr::from(number.to_be_bytes())
    }

    fn wait(turns: &Turns, lane: Lane, from: u32) -> Waiting {
        let turns = turns.clone();
        let mut waiting: Waiting = Box::pin(async move { turns.take(lane, address(from)).await });
        assert!(poll(&mut waiting).is_none(), "it waits");
        waiting
    }

    fn poll(waiting: &mut Waiting) -> Option<ApiResult<Turn>> {
        match waiting
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        }
    }

    fn taken(turns: &Turns, lane: Lane, from: u32) -> Turn {
        let mut taking = pin!(turns.take(lane, address(from)));
        match taking
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(Ok(turn)) => turn,
            _ => panic!("there is room"),
        }
    }

    #[test]
    fn who_comes_into_a_flood_is_soon_next() {
        let turns = Turns::default();
        let mut hashing = taken(&turns, Lane::Fresh, 0);
        let mut flood: Vec<Waiting> = (1..=1_000).map(|n| wait(&turns, Lane::Fresh, n)).collect();
        let mut owner = wait(&turns, Lane::Fresh, 5_000);
        for _ in 0..2 {
            drop(hashing);
            if let Some(turn) = poll(&mut owner) {
                turn.unwrap();
                return;
            }
            let next = flood.iter_mut().find_map(poll);
            hashing = next.unwrap().unwrap();
        }
        panic!("the owner waits for the flood");
    }

    #[test]
    fn who_has_failed_waits_for_who_has_not_but_not_for_ever() {
        let turns = Turns::default();
        let mut hashing = taken(&turns, Lane::Doubtful, 0);
        let mut doubtful: Vec<Waiting> = (1..=9).map(|n| wait(&turns, Lane::Doubtful, n)).collect();
        let mut fresh: Vec<Waiting> = (11..=19).map(|n| wait(&turns, Lane::Fresh, n)).collect();
        let mut order = String::new();
        while let Some(next) = {
            drop(hashing);
            let of = |lane: &mut Vec<Waiting>, name| {
                let at = (0..lane.len()).find_map(|at| Some((at, poll(&mut lane[at])?)));
                at.map(|(at, turn)| {
                    drop(lane.remove(at));
                    (turn, name)
                })
            };
            of(&mut fresh, 'f').or_else(|| of(&mut doubtful, 'd'))
        } {
            order.push(next.1);
            hashing = next.0.unwrap();
        }
        assert_eq!(order.len(), 18);
        assert_eq!(&order[..8], "ffdfffdf");
    }

    #[test]
    fn strangers_leave_a_place_for_those_who_are_known() {
        let turns = Turns::default();
        let _stranger = taken(&turns, Lane::Fresh, 0);
        let _waiting = wait(&turns, Lane::Fresh, 1);
        let owner = taken(&turns, Lane::Known, 2);
        let mut second = wait(&turns, Lane::Known, 2);
        drop(owner);
        assert!(poll(&mut second).is_some());
    }

    #[test]
    fn an_address_waits_once_and_who_leaves_takes_no_place() {
        let turns = Turns::default();
        let hashing = taken(&turns, Lane::Fresh, 0);
        let first = wait(&turns, Lane::Fresh, 1);
        let mut again = pin!(turns.take(Lane::Fresh, address(1)));
        let refused = again.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(refused, Poll::Ready(Err(_))));
        drop(first);
        let mut next = wait(&turns, Lane::Fresh, 1);
        let mut rest: Vec<Waiting> = (2..=WAITING as u32)
            .map(|n| wait(&turns, Lane::Fresh, n))
            .collect();
        let mut full = pin!(turns.take(Lane::Fresh, address(9_999)));
        let refused = full.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(matches!(refused, Poll::Ready(Err(_))));
        drop(hashing);
        // It goes on to the end, with those who left in between.
        rest.truncate(2);
        let mut left = 0;
        for _ in 0..3 {
            let mut all = rest.iter_mut().chain([&mut next]);
            left += usize::from(all.any(|waiting| matches!(poll(waiting), Some(Ok(_)))));
        }
        assert!(left >= 1);
    }
}
