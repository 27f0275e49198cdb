//! The compile threads: a few, started when there is work, gone after ten idle seconds.
//!
//! Apps take turns: an app has one thread at a time, and of those that wait the one that has used
//! the least time is next. Who begins, or begins again, is as far as those that wait.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use shared::id::AppId;

use crate::sandbox::defect::aside;

type Work = Box<dyn FnOnce() + Send>;

/// For whom something is compiled; `None`: for an app that does not exist yet.
pub(crate) type Whose = Option<AppId>;

/// Compilations of one app that wait at most.
const WAITING: usize = 1_024;
/// How long a thread waits for more work before it ends.
const LINGER: Duration = Duration::from_secs(10);

/// What one app has waiting.
#[derive(Default)]
struct Turn {
    queue: VecDeque<Work>,
    /// Time used, as far as it counts.
    used: Duration,
    /// A thread works for it.
    running: bool,
}

/// Whose turn it is.
#[derive(Default)]
struct Turns(HashMap<Whose, Turn>);

impl Turns {
    /// Adds work; `false` when the app has too much waiting.
    fn add(&mut self, whose: Whose, work: Work) -> bool {
        let least = self.0.values().map(|turn| turn.used).min();
        let turn = self.0.entry(whose).or_insert_with(|| Turn {
            used: least.unwrap_or_default(),
            ..Turn::default()
        });
        if turn.queue.len() >= WAITING {
            return false;
        }
        turn.queue.push_back(work);
        true
    }

    /// The next work, of the app that has used the least; of several the one with the least to do.
    fn next(&mut self) -> Option<(Whose, Work)> {
        let waiting = self.0.iter_mut();
        let waiting = waiting.filter(|(_, turn)| !turn.running && !turn.queue.is_empty());
        let (whose, turn) = waiting.min_by_key(|(_, turn)| (turn.used, turn.queue.len()))?;
        let work = turn.queue.pop_front()?;
        turn.running = true;
        Some((*whose, work))
    }

    /// An app's work has ended. One that has nothing more is forgotten.
    fn ended(&mut self, whose: Whose, took: Duration) {
        let Some(turn) = self.0.get_mut(&whose) else {
            return;
        };
        turn.running = false;
        turn.used += took;
        if turn.queue.is_empty() {
            self.0.remove(&whose);
        }
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[derive(Default)]
struct State {
    turns: Turns,
    threads: usize,
    idle: usize,
}

struct Inner {
    state: Mutex<State>,
    wake: Condvar,
    /// Threads at most.
    most: usize,
}

/// The pool.
pub(crate) struct Pool(Arc<Inner>);

impl Pool {
    /// A pool of at most so many threads.
    pub(crate) fn new(most: usize) -> Self {
        Self(Arc::new(Inner {
            state: Mutex::default(),
            wake: Condvar::new(),
            most,
        }))
    }

    /// Queues work; `false` when too much of the app is waiting or no thread can be started.
    pub(crate) fn run(&self, whose: Whose, work: Work) -> bool {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.turns.add(whose, work) {
            return false;
        }
        if state.idle > 0 {
            self.0.wake.notify_one();
            return true;
        }
        if state.threads >= self.0.most {
            return true;
        }
        let inner = Arc::clone(&self.0);
        let spawned = thread::Builder::new()
            .name("compile".to_owned())
            .stack_size(16 << 20)
            .spawn(move || {
                work_off(&inner);
            });
        if spawned.is_ok() {
            state.threads += 1;
        }
        state.threads > 0
    }
}

fn work_off(inner: &Inner) {
    let mut state = inner.state.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        while let Some((whose, work)) = state.turns.next() {
            drop(state);
            let began = Instant::now();
            // It has told itself what went wrong; the next of the app has its turn.
            drop(aside("", work));
            let took = began.elapsed();
            state = inner.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.turns.ended(whose, took);
        }
        state.idle += 1;
        let (back, waited) = inner
            .wake
            .wait_timeout(state, LINGER)
            .unwrap_or_else(PoisonError::into_inner);
        state = back;
        state.idle -= 1;
        if waited.timed_out() && state.turns.is_empty() {
            state.threads -= 1;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::clock::Timestamp;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn work() -> Work {
        Box::new(|| {})
    }

    /// Who is next; `None` also when nobody is.
    fn next(turns: &mut Turns) -> Whose {
        turns.next().and_then(|(whose, _)| whose)
    }

    #[test]
    fn an_app_with_much_to_compile_does_not_keep_others_waiting() {
        let [hog, other] = [1, 2].map(|at| Some(AppId::new(Timestamp(at))));
        let mut turns = Turns::default();
        for _ in 0..10 {
            assert!(turns.add(hog, work()));
        }
        assert_eq!(next(&mut turns), hog);
        assert!(turns.next().is_none(), "one thread for each app");
        turns.add(other, work());
        assert_eq!(next(&mut turns), other, "while the first still works");
        turns.ended(other, SECOND);
        turns.ended(hog, SECOND * 2);
        turns.add(other, work());
        assert_eq!(
            next(&mut turns),
            other,
            "it begins no further than the others"
        );
        turns.ended(other, SECOND);
        assert_eq!(next(&mut turns), hog);
    }

    #[test]
    fn those_that_wait_share_the_time_and_not_the_number() {
        let [long, short] = [1, 2].map(|at| Some(AppId::new(Timestamp(at))));
        let mut turns = Turns::default();
        for _ in 0..100 {
            turns.add(long, work());
            turns.add(short, work());
        }
        let mut times = [Duration::ZERO; 2];
        for _ in 0..60 {
            let whose = next(&mut turns);
            let (at, took) = if whose == long {
                (0, SECOND * 4)
            } else {
                (1, SECOND)
            };
            times[at] += took;
            turns.ended(whose, took);
        }
        let apart = times[0].abs_diff(times[1]);
        assert!(apart <= SECOND * 4, "{times:?}");
    }

    #[test]
    fn what_panics_takes_no_thread_and_no_turn_with_it() {
        let pool = Pool::new(1);
        let app = Some(AppId::new(Timestamp(1)));
        let (told, done) = std::sync::mpsc::channel();
        for _ in 0..3 {
            assert!(pool.run(app, Box::new(|| panic!("on purpose"))));
        }
        let tell = move || told.send(()).unwrap();
        assert!(pool.run(app, Box::new(tell)));
        assert_eq!(done.recv(), Ok(()));
    }

    #[test]
    fn one_app_cannot_queue_without_an_end() {
        let mut turns = Turns::default();
        assert!((0..WAITING).all(|_| turns.add(None, work())));
        assert!(!turns.add(None, work()));
        assert!(turns.add(Some(AppId::new(Timestamp(1))), work()));
    }
}
