//! What a run gives to a script that it calls, and what it gets back: one budget for both.

use shared::allowance::Allowance;
use shared::invocation::Usage;
use shared::name::ScriptName;
use shared::script_error::LimitKind;

use super::context::{Context, current};
use super::meter::unmetered;
use super::signal::{StopReason, Stopped};

impl Context {
    /// What it has left for a script that it calls. Allocates.
    fn allowance(&self) -> Allowance {
        let mut left = self.budget.left();
        // The call itself is one.
        left.host_calls = left.host_calls.saturating_sub(1);
        let invocation = &self.invocation;
        let mut own = Allowance::new(&left, &invocation.limits, &invocation.script.name);
        let Some(callers) = invocation.grant.as_ref().map(|grant| &grant.allowance) else {
            return own;
        };
        if self.is_callers(LimitKind::Wall) {
            own.wall.is_of(&callers.wall);
        }
        if self.is_callers(LimitKind::Cpu) {
            own.cpu.is_of(&callers.cpu);
        }
        if self.is_callers(LimitKind::Operations) {
            own.operations.is_of(&callers.operations);
        }
        if self.is_callers(LimitKind::Memory) {
            own.memory.is_of(&callers.memory);
        }
        if self.is_callers(LimitKind::HostCalls) {
            own.host_calls.is_of(&callers.host_calls);
        }
        own
    }

    /// Whether a limit in force is not its own, but what is left of its caller's.
    pub(crate) fn is_callers(&self, limit: LimitKind) -> bool {
        let (own, in_force) = (&self.invocation.limits, &self.budget.limits);
        match limit {
            LimitKind::Wall => self.budget.callers_deadline,
            LimitKind::Cpu => in_force.cpu < own.cpu,
            LimitKind::Operations => in_force.operations < own.operations,
            LimitKind::Memory => in_force.memory < own.memory,
            LimitKind::HostCalls => in_force.host_calls < own.host_calls,
            _ => false,
        }
    }

    /// Whether it waits for a script that it called.
    pub(crate) fn calls(&self) -> bool {
        self.callee.borrow().is_some()
    }

    /// The script it waits for, or waited for when it was made to end.
    pub(crate) fn callee(&self) -> Option<ScriptName> {
        self.callee.borrow().clone()
    }
}

/// What the current run has left for a script that it calls. The platform's memory.
pub(crate) fn allowance() -> Allowance {
    current().allowance()
}

/// Does `ask`, in which the current run waits for a script that it calls.
pub(crate) fn calling<R>(script: &ScriptName, ask: impl FnOnce() -> R) -> R {
    let context = current();
    let name = unmetered(|| script.clone());
    let before = context.callee.replace(Some(name));
    unmetered(|| drop(before));
    let asked = ask();
    // Whoever reads why it was made to end finds in what.
    if context.budget.stopped().is_none() {
        let done = context.callee.take();
        unmetered(|| drop(done));
    }
    asked
}

/// Counts what a script used that the current run called, and ends the run with it, if it does.
pub(crate) fn used(usage: &Usage, ends: Option<StopReason>) -> Result<(), Stopped> {
    let budget = &current().budget;
    budget.add(usage);
    match ends {
        Some(reason) => Err(budget.stop(reason)),
        None => Ok(()),
    }
}
