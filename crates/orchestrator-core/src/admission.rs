//! Who may start now. Refusing is immediate and cheap; a permit is given back when it is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Counts what is under way, up to a bound that may change.
#[derive(Debug)]
pub(crate) struct Gate {
    under_way: AtomicU32,
    bound: AtomicU32,
}

impl Gate {
    /// A gate that lets `bound` through at the same time.
    pub(crate) fn new(bound: u32) -> Arc<Self> {
        Arc::new(Self {
            under_way: AtomicU32::new(0),
            bound: AtomicU32::new(bound),
        })
    }

    /// Changes the bound; what is under way stays.
    pub(crate) fn set_bound(&self, bound: u32) {
        self.bound.store(bound, Ordering::Relaxed);
    }

    /// What is under way now.
    pub(crate) fn under_way(&self) -> u32 {
        self.under_way.load(Ordering::Relaxed)
    }

    /// A permit, unless the gate is full.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Permit> {
        let before = self.under_way.fetch_add(1, Ordering::Relaxed);
        if before >= self.bound.load(Ordering::Relaxed) {
            self.under_way.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Permit(Arc::clone(self)))
    }
}

/// The right to be under way.
#[derive(Debug)]
pub(crate) struct Permit(Arc<Gate>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::Gate;

    #[test]
    fn a_full_gate_refuses_until_somebody_leaves() {
        let gate = Gate::new(2);
        let first = gate.enter().unwrap();
        let _second = gate.enter().unwrap();
        assert!(gate.enter().is_none());
        drop(first);
        assert!(gate.enter().is_some());
        gate.set_bound(1);
        assert!(gate.enter().is_none(), "one is still under way");
    }
}
