//! Brakes on guessing: after a few failures, each further attempt has to wait longer.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use shared::clock::{SharedClock, Timestamp};
use shared::error::{Kind, code};

use crate::error::{ApiError, ApiResult};

/// Longest wait between two attempts: guessing is hopeless, yet nobody is locked out for long.
const LONGEST: Duration = Duration::from_mins(1);
/// When failures are forgotten.
const FORGET: Duration = Duration::from_mins(15);
/// Buckets and known addresses kept.
const MOST: usize = 10_000;

/// What failures are counted by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Bucket {
    /// One account, from addresses that never signed in to it.
    Account(String),
    /// One account from an address that has signed in to it before: strangers who hammer the
    /// account do not slow its owner down.
    Known(String, IpAddr),
    /// One address.
    Address(IpAddr),
}

impl Bucket {
    /// Failures without a wait.
    const fn free(&self) -> u32 {
        match self {
            Self::Account(_) | Self::Known(..) => 5,
            Self::Address(_) => 20,
        }
    }
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

    /// The buckets of an attempt to sign in.
    pub(crate) fn buckets(&self, account: &str, address: IpAddr) -> Vec<Bucket> {
        let address = network(address);
        let pair = (account.to_owned(), address);
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let own = if counts.known.contains_key(&pair) {
            Bucket::Known(pair.0, pair.1)
        } else {
            Bucket::Account(pair.0)
        };
        vec![own, Bucket::Address(address)]
    }

    /// Lets an attempt through, or says how long to wait. It counts as failed until
    /// [`succeeded`](Self::succeeded) says otherwise, so that many at once do not slip through.
    pub(crate) fn attempt(&self, buckets: &[Bucket]) -> ApiResult<()> {
        let now = self.clock.now();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let until = buckets
            .iter()
            .filter_map(|bucket| counts.counts.get(bucket))
            .map(|count| count.until)
            .max();
        if let Some(until) = until.filter(|until| *until > now) {
            let seconds = until.since(now).as_millis().div_ceil(1_000) as u64;
            let detail = format!("too many failed attempts; wait {seconds} s and try again");
            let error = ApiError::new(Kind::TooManyRequests, code::TOO_MANY_ATTEMPTS, detail);
            return Err(error.retry_after(seconds));
        }
        for bucket in buckets {
            counts.fail(bucket, now);
        }
        Ok(())
    }

    /// Forgets the failures of an attempt's buckets and remembers the address for the account.
    pub(crate) fn succeeded(&self, account: &str, address: IpAddr, buckets: &[Bucket]) {
        let now = self.clock.now();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        for bucket in buckets {
            counts.counts.remove(bucket);
        }
        if counts.known.len() >= MOST {
            let oldest = counts.known.iter().min_by_key(|(_, at)| **at);
            let oldest = oldest.map(|(pair, _)| pair.clone());
            oldest.map(|pair| counts.known.remove(&pair));
        }
        counts
            .known
            .insert((account.to_owned(), network(address)), now);
    }
}

impl Counts {
    fn fail(&mut self, bucket: &Bucket, now: Timestamp) {
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
        let over = count.failures.saturating_sub(bucket.free());
        if over > 0 {
            let wait = Duration::from_secs(1_u64 << over.saturating_sub(1).min(16));
            count.until = now.plus(wait.min(LONGEST));
        }
    }

    fn make_room(&mut self, now: Timestamp) {
        self.counts
            .retain(|_, count| now.since(count.last) <= FORGET);
        while self.counts.len() >= MOST {
            let oldest = self.counts.iter().min_by_key(|(_, count)| count.last);
            let Some(oldest) = oldest.map(|(bucket, _)| bucket.clone()) else {
                return;
            };
            self.counts.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use shared::clock::ManualClock;

    use super::*;

    fn throttle() -> (Arc<ManualClock>, Throttle) {
        let clock = Arc::new(ManualClock::new(Timestamp(1_000_000_000)));
        let shared: SharedClock = clock.clone();
        (clock, Throttle::new(shared))
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// Attempts, from ever new addresses, that get through in ten minutes.
    fn evaluated(clock: &ManualClock, throttle: &Throttle) -> u32 {
        let mut through = 0;
        for second in 0..600_u32 {
            for i in 0..17_u32 {
                let from = IpAddr::from((second * 17 + i).to_be_bytes());
                let buckets = throttle.buckets("a@b.c", from);
                through += u32::from(throttle.attempt(&buckets).is_ok());
            }
            clock.advance(Duration::from_secs(1));
        }
        through
    }

    #[test]
    fn ten_thousand_guesses_are_about_twenty() {
        let (clock, throttle) = throttle();
        assert!(evaluated(&clock, &throttle) <= 30);
    }

    #[test]
    fn the_owners_own_address_is_not_slowed_down_by_strangers() {
        let (clock, throttle) = throttle();
        let home = address(1);
        let buckets = throttle.buckets("a@b.c", home);
        throttle.attempt(&buckets).unwrap();
        throttle.succeeded("a@b.c", home, &buckets);
        evaluated(&clock, &throttle);
        assert!(throttle.attempt(&throttle.buckets("a@b.c", home)).is_ok());
    }

    #[test]
    fn failures_are_forgotten_and_one_address_cannot_try_all_accounts() {
        let (clock, throttle) = throttle();
        let tries = |n: u32| {
            (0..n)
                .filter(|i| {
                    let buckets = throttle.buckets(&format!("{i}@b.c"), address(9));
                    throttle.attempt(&buckets).is_ok()
                })
                .count()
        };
        assert_eq!(tries(100), 21);
        clock.advance(FORGET + Duration::from_secs(1));
        assert_eq!(tries(100), 21);
    }

    #[test]
    fn one_network_is_one_address() {
        let (_, throttle) = throttle();
        let a = throttle.buckets("x", "2001:db8::1".parse().unwrap());
        let b = throttle.buckets("x", "2001:db8::ffff:1".parse().unwrap());
        assert_eq!(a, b);
        let mapped = throttle.buckets("x", "::ffff:192.0.2.1".parse().unwrap());
        assert_eq!(mapped, throttle.buckets("x", address(1)));
    }
}
