//! Brakes on guessing: after a few failures, each further attempt has to wait longer.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::clock::{SharedClock, Timestamp};
use shared::error::{Kind, code};

use crate::error::{ApiError, ApiResult};
use crate::turns::Lane;

/// Longest wait between two attempts: guessing is hopeless, yet nobody is locked out for long.
const LONGEST: Duration = Duration::from_mins(1);
/// When failures are forgotten.
const FORGET: Duration = Duration::from_mins(15);
/// Buckets and known addresses kept.
const MOST: usize = 10_000;

/// Failures of strangers after which an account is under attack: from then on an address has one
/// guess without a wait.
const ATTACK: u32 = 50;

/// What failures are counted by. An account alone stops nobody: whoever floods it would lock its
/// owner out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Bucket {
    /// One account, from all addresses that never signed in to it.
    Account(String),
    /// One account from one such address.
    Stranger(String, IpAddr),
    /// One account from an address that has signed in to it before.
    Known(String, IpAddr),
    /// One address, whatever the account.
    Address(IpAddr),
}

impl Bucket {
    /// Failures without a wait; `None`: there is none.
    const fn free(&self, attacked: bool) -> Option<u32> {
        match self {
            Self::Account(_) => None,
            Self::Stranger(..) if attacked => Some(0),
            Self::Stranger(..) | Self::Known(..) => Some(5),
            Self::Address(_) => Some(20),
        }
    }
}

/// Who wants to sign in, in the eyes of the queue for hashing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller {
    /// Their lane.
    pub(crate) lane: Lane,
    /// Their address, or its network.
    pub(crate) network: IpAddr,
}

/// An attempt that was let through. It counts as failed until
/// [`succeeded`](Throttle::succeeded) says otherwise, so that many at once do not slip through.
#[derive(Debug)]
pub(crate) struct Attempt {
    account: String,
    buckets: Vec<Bucket>,
    /// Who attempts it.
    pub(crate) caller: Caller,
}

#[derive(Clone, Copy, Debug)]
struct Count {
    failures: u32,
    until: Timestamp,
    last: Timestamp,
}

#[derive(Debug, Default)]
struct Counts {
    counts: HashMap<Bucket, Count>,
    known: HashMap<(String, IpAddr), Timestamp>,
}

/// Counts failures in memory.
#[derive(Debug)]
pub(crate) struct Throttle {
    clock: SharedClock,
    counts: Mutex<Counts>,
}

/// All addresses of one IPv6 network are one: a home has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let bits = u128::from(v6) & (u128::MAX << 64);
            IpAddr::V6(bits.into())
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl Throttle {
    pub(crate) fn new(clock: SharedClock) -> Self {
        Self {
            clock,
            counts: Mutex::default(),
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets an attempt through, or says how long to wait.
    pub(crate) fn attempt(&self, account: &str, address: IpAddr) -> ApiResult<Attempt> {
        let (now, network) = (self.clock.now(), network(address));
        let mut counts = self.counts();
        let pair = (account.to_owned(), network);
        let known = counts.known.contains_key(&pair);
        let buckets = if known {
            vec![Bucket::Known(pair.0, pair.1)]
        } else {
            vec![
                Bucket::Account(pair.0.clone()),
                Bucket::Stranger(pair.0, pair.1),
                Bucket::Address(network),
            ]
        };
        let recent = |bucket: &&Bucket| counts.failures(bucket, now) > 0;
        let lane = match () {
            () if known => Lane::Known,
            () if buckets[1..].iter().any(|b| recent(&b)) => Lane::Doubtful,
            () => Lane::Fresh,
        };
        if let Some(until) = counts.until(&buckets).filter(|until| *until > now) {
            let seconds = until.since(now).as_millis().div_ceil(1_000) as u64;
            let detail = format!("too many failed attempts; wait {seconds} s and try again");
            let error = ApiError::new(Kind::TooManyRequests, code::TOO_MANY_ATTEMPTS, detail);
            return Err(error.retry_after(seconds));
        }
        let attacked = counts.failures(&Bucket::Account(account.to_owned()), now) >= ATTACK;
        for bucket in &buckets {
            counts.fail(bucket, now, attacked);
        }
        Ok(Attempt {
            account: account.to_owned(),
            buckets,
            caller: Caller { lane, network },
        })
    }

    /// Forgets the failures of an attempt's own buckets and remembers the address for the account.
    pub(crate) fn succeeded(&self, attempt: &Attempt) {
        let now = self.clock.now();
        let mut counts = self.counts();
        for bucket in &attempt.buckets {
            // What others failed at stays counted.
            if !matches!(bucket, Bucket::Account(_)) {
                counts.counts.remove(bucket);
            }
        }
        if counts.known.len() >= MOST {
            let oldest = counts.known.iter().min_by_key(|(_, at)| **at);
            let oldest = oldest.map(|(pair, _)| pair.clone());
            oldest.map(|pair| counts.known.remove(&pair));
        }
        let pair = (attempt.account.clone(), attempt.caller.network);
        counts.known.insert(pair, now);
    }
}

impl Counts {
    fn failures(&self, bucket: &Bucket, now: Timestamp) -> u32 {
        let count = self.counts.get(bucket);
        let fresh = count.filter(|count| now.since(count.last) <= FORGET);
        fresh.map_or(0, |count| count.failures)
    }

    /// When the last wait of these ends.
    fn until(&self, buckets: &[Bucket]) -> Option<Timestamp> {
        let counts = buckets.iter().filter_map(|bucket| self.counts.get(bucket));
        counts.map(|count| count.until).max()
    }

    fn fail(&mut self, bucket: &Bucket, now: Timestamp, attacked: bool) {
        if self.counts.len() >= MOST && !self.counts.contains_key(bucket) {
            self.make_room(now);
        }
        let fresh = Count {
            failures: 0,
            until: now,
            last: now,
        };
        let count = self.counts.entry(bucket.clone()).or_insert(fresh);
        if now.since(count.last) > FORGET {
            *count = fresh;
        }
        count.failures = count.failures.saturating_add(1);
        count.last = now;
        let Some(free) = bucket.free(attacked) else {
            return;
        };
        let over = count.failures.saturating_sub(free);
        if over > 0 {
            let wait = Duration::from_secs(1_u64 << over.saturating_sub(1).min(16));
            count.until = now.plus(wait.min(LONGEST));
        }
    }

    /// Forgets what is over, and the oldest tenth when that is not enough.
    fn make_room(&mut self, now: Timestamp) {
        self.counts
            .retain(|_, count| now.since(count.last) <= FORGET);
        if self.counts.len() < MOST {
            return;
        }
        let mut last: Vec<Timestamp> = self.counts.values().map(|count| count.last).collect();
        let (_, cutoff, _) = last.select_nth_unstable(MOST / 10);
        let cutoff = *cutoff;
        self.counts.retain(|_, count| count.last > cutoff);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use test_support::ManualClock;

    use super::*;

    fn throttle() -> (Arc<ManualClock>, Throttle) {
        let clock = Arc::new(ManualClock::new(Timestamp(1_000_000_000)));
        let shared: SharedClock = clock.clone();
        (clock, Throttle::new(shared))
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    fn guesses(throttle: &Throttle, account: &str, from: IpAddr, tries: u32) -> usize {
        let through = |_| throttle.attempt(account, from).is_ok();
        (0..tries).filter(|n| through(*n)).count()
    }

    #[test]
    fn one_address_has_few_guesses() {
        let (clock, throttle) = throttle();
        let mut through = 0;
        for _ in 0..600 {
            through += guesses(&throttle, "a@b.c", address(1), 17);
            clock.advance(Duration::from_secs(1));
        }
        assert!(through <= 25, "{through}");
    }

    #[test]
    fn a_thousand_addresses_have_one_guess_each_and_few_more() {
        let (clock, throttle) = throttle();
        let mut through = 0;
        for _ in 0..60 {
            for i in 0..1_000_u32 {
                let from = IpAddr::from((0x0a00_0000 + i).to_be_bytes());
                through += guesses(&throttle, "a@b.c", from, 5);
            }
            clock.advance(Duration::from_secs(1));
        }
        // Waits double: one guess, and six more within a minute.
        assert!(through <= 8_000, "{through}");
    }

    #[test]
    fn a_flood_does_not_lock_the_owner_out_of_any_address() {
        let (clock, throttle) = throttle();
        let home = throttle.attempt("a@b.c", address(1)).unwrap();
        assert_eq!(home.caller.lane, Lane::Fresh);
        throttle.succeeded(&home);
        for i in 0..5_000_u32 {
            let from = IpAddr::from((0x0a00_0000 + i).to_be_bytes());
            throttle.attempt("a@b.c", from).unwrap();
            clock.advance(Duration::from_millis(1));
        }
        let home = throttle.attempt("a@b.c", address(1)).unwrap();
        assert_eq!(home.caller.lane, Lane::Known);
        let elsewhere = throttle.attempt("a@b.c", address(2)).unwrap();
        assert_eq!(elsewhere.caller.lane, Lane::Fresh);
        let flood = IpAddr::from(0x0a00_1387_u32.to_be_bytes());
        assert!(throttle.attempt("a@b.c", flood).is_err(), "one guess each");
    }

    #[test]
    fn failures_are_forgotten_and_one_address_cannot_try_all_accounts() {
        let (clock, throttle) = throttle();
        let tries = |n: u32| {
            (0..n)
                .filter(|i| throttle.attempt(&format!("{i}@b.c"), address(9)).is_ok())
                .count()
        };
        assert_eq!(tries(100), 21);
        clock.advance(FORGET + Duration::from_secs(1));
        assert_eq!(tries(100), 21);
    }

    #[test]
    fn one_network_is_one_address() {
        assert_eq!(
            network("2001:db8::1".parse().unwrap()),
            network("2001:db8::ffff:1".parse().unwrap())
        );
        assert_eq!(network("::ffff:192.0.2.1".parse().unwrap()), address(1));
    }
}
