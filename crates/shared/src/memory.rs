//! The memory budget of an instance: what is held for clients, within one bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A budget in bytes, shared by everything that counts against it.
#[derive(Debug)]
pub struct Memory {
    most: u64,
    used: AtomicU64,
}

/// There is no room for more bytes now; there will be when something else has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server's memory is in use; try again")]
pub struct NoRoom;

impl Memory {
    /// A budget of so many bytes.
    pub fn new(most: u64) -> Arc<Self> {
        Arc::new(Self {
            most,
            used: AtomicU64::new(0),
        })
    }

    /// Bytes of the budget.
    pub fn most(&self) -> u64 {
        self.most
    }

    /// Bytes in use.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Something that holds nothing yet.
    pub fn hold(self: &Arc<Self>) -> Held {
        Held {
            of: Arc::clone(self),
            bytes: 0,
        }
    }

    fn take(&self, bytes: u64) -> Result<(), NoRoom> {
        let more = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= self.most);
        let order = Ordering::Relaxed;
        let taken = self.used.fetch_update(order, order, more);
        taken.map(drop).map_err(|_full| NoRoom)
    }
}

/// Bytes of a budget that somebody holds; free again when it is dropped.
#[derive(Debug)]
pub struct Held {
    of: Arc<Memory>,
    bytes: u64,
}

impl Held {
    /// Holds so many bytes more, or as many as before where there is no room.
    pub fn grow(&mut self, bytes: u64) -> Result<(), NoRoom> {
        self.of.take(bytes)?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.of.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_full_refuses_and_keeps_what_it_has() {
        let memory = Memory::new(100);
        let mut one = memory.hold();
        assert_eq!(one.grow(60), Ok(()));
        let mut two = memory.hold();
        assert_eq!(two.grow(41), Err(NoRoom));
        assert_eq!(two.grow(u64::MAX), Err(NoRoom));
        assert_eq!(memory.used(), 60);
        assert_eq!(two.grow(40), Ok(()));
        drop(one);
        assert_eq!(memory.used(), 40);
    }

    proptest! {
        #[test]
        fn all_that_was_held_is_free_in_the_end(steps in prop::collection::vec((0..4_usize, 0..500_u64, any::<bool>()), 0..60)) {
            let memory = Memory::new(1_000);
            let mut held: Vec<_> = (0..4).map(|_| memory.hold()).collect();
            let mut expected = [0; 4];
            for (who, bytes, ends) in steps {
                if ends {
                    held[who] = memory.hold();
                    expected[who] = 0;
                } else if held[who].grow(bytes).is_ok() {
                    expected[who] += bytes;
                }
                prop_assert_eq!(memory.used(), expected.iter().sum::<u64>());
                prop_assert!(memory.used() <= memory.most());
            }
            drop(held);
            prop_assert_eq!(memory.used(), 0);
        }
    }
}
