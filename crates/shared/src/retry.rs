//! Whether and when a failed run is tried again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::script_error::{LimitKind, ScriptErrorKind};
use crate::units;

/// The most attempts a policy may allow.
pub const MAX_ATTEMPTS: u32 = 100;
/// The longest delay a policy may allow.
pub const MAX_DELAY: Duration = Duration::from_hours(30 * 24);

/// How delays grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Backoff {
    /// Each delay is twice the one before.
    #[default]
    Exponential,
    /// Every delay is the base.
    Fixed,
}

/// How often and how fast a failed run is tried again, as a manifest or the API writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RetryPolicy {
    /// Attempts in all, the first included; 1 to 100.
    pub attempts: u32,
    /// How delays grow.
    pub backoff: Backoff,
    /// The delay after the first attempt, like `2s`.
    #[serde(with = "units::set_duration")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "2s"))]
    pub base: Duration,
    /// The longest delay, like `1h`.
    #[serde(with = "units::set_duration")]
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "1h"))]
    pub max: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 5,
            backoff: Backoff::Exponential,
            base: Duration::from_secs(2),
            max: Duration::from_hours(1),
        }
    }
}

/// What happens after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Try again after this long.
    After(Duration),
    /// Do not try again.
    GiveUp,
}

/// Whether another attempt may end better. What does not compile and what needs more than its
/// limits fails again; a slow call, a thrown error or a stopped node need not.
pub const fn may_retry(kind: ScriptErrorKind) -> bool {
    match kind {
        ScriptErrorKind::Compile => false,
        ScriptErrorKind::Limit(limit) => matches!(limit, LimitKind::Wall),
        ScriptErrorKind::Runtime
        | ScriptErrorKind::Thrown
        | ScriptErrorKind::Host
        | ScriptErrorKind::Cancelled
        | ScriptErrorKind::Overloaded
        | ScriptErrorKind::Suspended
        | ScriptErrorKind::Internal => true,
    }
}

impl RetryPolicy {
    /// Says what is wrong with the policy.
    pub fn check(&self) -> Result<(), String> {
        if !(1..=MAX_ATTEMPTS).contains(&self.attempts) {
            return Err(format!(
                "attempts = {} is not between 1 and {MAX_ATTEMPTS}; write 1 to never retry",
                self.attempts
            ));
        }
        if self.base < Duration::from_millis(1) {
            return Err("base must be at least 1ms; write a delay like 2s".to_owned());
        }
        if self.max > MAX_DELAY {
            return Err(format!(
                "max = {} is longer than {}",
                units::format_duration(self.max),
                units::format_duration(MAX_DELAY)
            ));
        }
        if self.base > self.max {
            return Err(format!(
                "base = {} is longer than max = {}; raise max or lower base",
                units::format_duration(self.base),
                units::format_duration(self.max)
            ));
        }
        Ok(())
    }

    /// What to do after `attempt` attempts, the last of which failed. `random` is from 0 to 1.
    ///
    /// Delays vary by a quarter in both directions and are never longer than `max`. Where that
    /// bound is near, the middle is below it, so that no crowd of runs meets at `max`.
    pub fn decide(&self, attempt: u32, kind: ScriptErrorKind, random: f64) -> Decision {
        const MILLION: u128 = 1_000_000;
        if attempt >= self.attempts || !may_retry(kind) {
            return Decision::GiveUp;
        }
        let doublings = match self.backoff {
            Backoff::Exponential => attempt.saturating_sub(1).min(40),
            Backoff::Fixed => 0,
        };
        let grown = self.base.as_micros().saturating_mul(1 << doublings);
        let middle = grown.min(self.max.as_micros() / 5 * 4);
        let random = if random.is_nan() { 0.5 } else { random };
        let factor = 750_000 + (random.clamp(0.0, 1.0) * 500_000.0) as u128;
        let micros = u64::try_from(middle * factor / MILLION).unwrap_or(u64::MAX);
        Decision::After(Duration::from_micros(micros).min(self.max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ScriptErrorKind::{
        Cancelled, Compile, Host, Internal, Limit, Overloaded, Runtime, Suspended, Thrown,
    };

    fn delay(policy: &RetryPolicy, attempt: u32, random: f64) -> Duration {
        match policy.decide(attempt, Runtime, random) {
            Decision::After(delay) => delay,
            Decision::GiveUp => panic!("gave up after {attempt}"),
        }
    }

    #[test]
    fn each_kind_of_failure_is_in_the_table() {
        let table = [
            (Compile, false),
            (Runtime, true),
            (Thrown, true),
            (Host, true),
            (Cancelled, true),
            (Overloaded, true),
            (Suspended, true),
            (Internal, true),
            (Limit(LimitKind::Wall), true),
            (Limit(LimitKind::Cpu), false),
            (Limit(LimitKind::Operations), false),
            (Limit(LimitKind::Memory), false),
            (Limit(LimitKind::CallDepth), false),
            (Limit(LimitKind::StringSize), false),
            (Limit(LimitKind::Nesting), false),
            (Limit(LimitKind::Response), false),
            (Limit(LimitKind::HostCalls), false),
            (Limit(LimitKind::Source), false),
        ];
        for (kind, again) in table {
            let decision = RetryPolicy::default().decide(1, kind, 0.5);
            assert_eq!(decision != Decision::GiveUp, again, "{kind:?}");
        }
    }

    #[test]
    fn delays_double_up_to_the_maximum_and_attempts_end() {
        let policy = RetryPolicy {
            attempts: 14,
            ..RetryPolicy::default()
        };
        let delays: Vec<_> = (1..14).map(|n| delay(&policy, n, 0.5).as_secs()).collect();
        assert_eq!(
            delays,
            [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 2880, 2880]
        );
        assert_eq!(delay(&policy, 0, 0.5), delay(&policy, 1, 0.5));
        for attempt in [14, 15, u32::MAX] {
            assert_eq!(policy.decide(attempt, Runtime, 0.5), Decision::GiveUp);
        }
        let once = RetryPolicy {
            attempts: 1,
            ..policy
        };
        assert_eq!(once.decide(1, Runtime, 0.5), Decision::GiveUp);
    }

    #[test]
    fn fixed_delays_stay() {
        let policy = RetryPolicy {
            attempts: 100,
            backoff: Backoff::Fixed,
            ..RetryPolicy::default()
        };
        for attempt in 1..100 {
            assert_eq!(delay(&policy, attempt, 0.5), Duration::from_secs(2));
        }
    }

    #[test]
    fn jitter_is_a_quarter_and_any_random_number_is_safe() {
        let policy = RetryPolicy::default();
        for (random, millis) in [
            (0.0, 1_500),
            (0.5, 2_000),
            (1.0, 2_500),
            (-7.0, 1_500),
            (7.0, 2_500),
            (f64::NAN, 2_000),
            (f64::INFINITY, 2_500),
            (f64::NEG_INFINITY, 1_500),
        ] {
            assert_eq!(
                delay(&policy, 1, random),
                Duration::from_millis(millis),
                "{random}"
            );
        }
    }

    #[test]
    fn ten_thousand_failures_spread_and_none_waits_longer_than_the_maximum() {
        let policy = RetryPolicy {
            attempts: 100,
            ..RetryPolicy::default()
        };
        for attempt in [1, 5, 12, 13, 99] {
            let delays: Vec<_> = (0..10_000)
                .map(|n| delay(&policy, attempt, f64::from(n) / 10_000.0).as_secs_f64())
                .collect();
            let (first, last) = (delays[0], delays[9_999]);
            assert!(last <= policy.max.as_secs_f64() && first < last * 0.61);
            let mut buckets = [0; 20];
            for delay in delays {
                buckets[((delay - first) / (last - first) * 19.99) as usize] += 1;
            }
            assert!(buckets.iter().all(|&n| n < 1_000), "{attempt}: {buckets:?}");
        }
    }

    #[test]
    fn nothing_overflows() {
        let policy = RetryPolicy {
            attempts: u32::MAX,
            backoff: Backoff::Exponential,
            base: Duration::MAX,
            max: Duration::MAX,
        };
        assert!(delay(&policy, u32::MAX - 1, 1.0) > MAX_DELAY);
        let zero = RetryPolicy {
            base: Duration::ZERO,
            max: Duration::ZERO,
            ..policy
        };
        assert_eq!(delay(&zero, 9, 1.0), Duration::ZERO);
    }

    #[test]
    fn a_policy_is_checked_with_words() {
        let default = RetryPolicy::default();
        assert_eq!(default.check(), Ok(()));
        let check = |policy: RetryPolicy| policy.check().unwrap_err();
        for attempts in [0, 101] {
            let error = check(RetryPolicy {
                attempts,
                ..default
            });
            assert!(error.contains("between 1 and 100"), "{error}");
        }
        let base = Duration::ZERO;
        assert!(check(RetryPolicy { base, ..default }).contains("at least 1ms"));
        let base = Duration::from_hours(2);
        let error = check(RetryPolicy { base, ..default });
        assert!(error.contains("base = 2h is longer than max = 1h"));
        let max = Duration::from_hours(31 * 24);
        assert!(check(RetryPolicy { max, ..default }).contains("longer than 30d"));
    }

    #[test]
    fn a_policy_is_written_as_people_write_it() {
        let read = |json: &str| serde_json::from_str::<RetryPolicy>(json);
        assert_eq!(read("{}").unwrap(), RetryPolicy::default());
        let policy =
            read(r#"{"attempts": 3, "backoff": "fixed", "base": "10s", "max": "5m"}"#).unwrap();
        assert_eq!(policy.base, Duration::from_secs(10));
        assert_eq!(policy.backoff, Backoff::Fixed);
        let json = serde_json::to_string(&policy).unwrap();
        assert_eq!(
            json,
            r#"{"attempts":3,"backoff":"fixed","base":"10s","max":"5m"}"#
        );
        assert_eq!(read(&json).unwrap(), policy);
        for bad in [
            r#"{"attempt": 3}"#,
            r#"{"base": 2}"#,
            r#"{"base": "2"}"#,
            r#"{"attempts": -1}"#,
            r#"{"backoff": "linear"}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
