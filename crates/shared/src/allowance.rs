//! What a script may use that another one called: no more than its caller has left.

use std::fmt::Display;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::limits::Limits;
use crate::name::ScriptName;
use crate::script_error::{LimitKind, ScriptError, ScriptErrorKind};

/// What is left of one limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share<T> {
    /// How much is left.
    pub left: T,
    /// The whole limit.
    pub limit: T,
    /// The script whose limit it is: the caller, or one that called it.
    pub of: ScriptName,
}

/// What a run has left for one that it calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowance {
    /// Elapsed time.
    pub wall: Share<Duration>,
    /// Time on the processor.
    pub cpu: Share<Duration>,
    /// Evaluation steps.
    pub operations: Share<u64>,
    /// Bytes allocated at any one time.
    pub memory: Share<u64>,
    /// Host calls.
    pub host_calls: Share<u32>,
}

impl<T: Clone> Share<T> {
    /// Says that it is what is left of a caller's limit.
    pub fn is_of(&mut self, callers: &Self) {
        self.limit = callers.limit.clone();
        self.of = callers.of.clone();
    }
}

impl Allowance {
    /// What is left of the limits of a script.
    pub fn new(left: &Limits, whole: &Limits, of: &ScriptName) -> Self {
        Self {
            wall: share(left.wall, whole.wall, of),
            cpu: share(left.cpu, whole.cpu, of),
            operations: share(left.operations, whole.operations, of),
            memory: share(left.memory, whole.memory, of),
            host_calls: share(left.host_calls, whole.host_calls, of),
        }
    }

    /// These limits, none of them above what is left.
    #[must_use]
    pub fn within(&self, own: Limits) -> Limits {
        Limits {
            wall: own.wall.min(self.wall.left),
            cpu: own.cpu.min(self.cpu.left),
            operations: own.operations.min(self.operations.left),
            memory: own.memory.min(self.memory.left),
            host_calls: own.host_calls.min(self.host_calls.left),
            ..own
        }
    }

    /// Why a run ends that has used up what was left of a limit; `None` for limits that are its own
    /// in any case.
    pub fn used_up(&self, limit: LimitKind) -> Option<ScriptError> {
        let (of, whole) = match limit {
            LimitKind::Wall => {
                let whole = format!("{:?} of elapsed time", self.wall.limit);
                (&self.wall.of, whole)
            }
            LimitKind::Cpu => {
                let whole = format!("{:?} of processor time", self.cpu.limit);
                (&self.cpu.of, whole)
            }
            LimitKind::Operations => counted(&self.operations, "operations"),
            LimitKind::Memory => counted(&self.memory, "bytes of memory"),
            LimitKind::HostCalls => counted(&self.host_calls, "host calls"),
            _ => return None,
        };
        let name = limit.as_str();
        let message = format!(
            "the script used up what was left of its caller's limit: `{of}` has {whole} for itself \
             and all that it calls; do less work in one run, or raise `limits.{name}` of `{of}` up \
             to the instance's ceiling"
        );
        let error = ScriptError::new(ScriptErrorKind::Limit(limit), message);
        Some(ScriptError {
            limit_of: Some(Box::new(of.clone())),
            ..error
        })
    }
}

fn share<T>(left: T, limit: T, of: &ScriptName) -> Share<T> {
    let of = of.clone();
    Share { left, limit, of }
}

fn counted<'a, T: Display>(share: &'a Share<T>, what: &str) -> (&'a ScriptName, String) {
    (&share.of, format!("{} {what}", share.limit))
}

/// An allowance as the run that was called has it.
#[derive(Clone, Debug)]
pub struct Grant {
    /// What its caller had left.
    pub allowance: Allowance,
    /// When its caller's time is over.
    pub until: Instant,
}

/// The end of a time that is longer than clocks can count.
const AGES: Duration = Duration::from_hours(24);

impl From<Allowance> for Grant {
    /// Counts elapsed time from now on. An allowance comes from another process, so any length of
    /// time is possible.
    fn from(allowance: Allowance) -> Self {
        let now = Instant::now();
        let until = now.checked_add(allowance.wall.left);
        let until = until.unwrap_or_else(|| now + AGES);
        Self { allowance, until }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    #[test]
    fn any_length_of_time_becomes_an_end() {
        let of: ScriptName = "caller".parse().expect("a name");
        for left in [Duration::ZERO, Duration::from_secs(1), Duration::MAX] {
            let limits = Limits {
                wall: left,
                ..Limits::default()
            };
            let grant = Grant::from(Allowance::new(&limits, &limits, &of));
            assert!(grant.until <= Instant::now() + AGES.max(left.min(AGES)));
        }
    }
}
