//! What a run holds of the instance's memory: little for nothing, then in steps.
//!
//! An allocation only counts; the run asks for the next step when it looks at its limits, so the
//! budget of the instance is locked once in a while and never inside of an allocation. Where there
//! is no more, the run ends that asked.

use std::cell::{Cell, RefCell};

use shared::memory::{Held, NoRoom, Order};

/// Bytes that a run may use without asking, as long as it does not wait.
pub(super) const FREE: u64 = 16 << 10;
/// What is asked for at a time, at least. About what a run that waits takes besides: its stack, its
/// request, its connection.
pub(super) const STEP: u64 = 32 << 10;

/// What a run holds.
#[derive(Default)]
pub(super) struct Room {
    held: RefCell<Option<Held>>,
    pub(super) taken: Cell<u64>,
    /// Bytes of the run's answer, which are the platform's.
    pub(super) answer: Cell<u64>,
}

impl Room {
    /// Bytes that a run may have without asking again.
    pub(super) fn bytes(&self) -> u64 {
        self.taken.get().max(FREE)
    }

    /// Whether there is room for a run with so much memory.
    pub(super) fn fits(&self, memory: u64) -> bool {
        memory + self.answer.get() <= self.bytes()
    }

    /// Takes what such a run needs, and a little more.
    pub(super) fn take(&self, memory: u64, hold: impl FnOnce() -> Held) -> Result<(), NoRoom> {
        let mut held = self.held.borrow_mut();
        let held = held.get_or_insert_with(hold);
        if held.bytes() == 0 {
            held.grow_as(Order::Small, STEP)?;
        }
        let more = steps(memory + self.answer.get()).saturating_sub(held.bytes());
        if more > 0 {
            held.grow(more)?;
        }
        self.taken.set(held.bytes());
        Ok(())
    }

    /// Gives back what a run with so little memory has too much; whether it did.
    pub(super) fn give_back(&self, memory: u64) -> bool {
        let enough = steps(memory + self.answer.get());
        let much = self.taken.get() / 2 > enough;
        if much {
            self.shrink_to(enough);
        }
        much
    }

    /// Gives back what is beyond so many bytes.
    pub(super) fn shrink_to(&self, bytes: u64) {
        if let Some(held) = &mut *self.held.borrow_mut() {
            held.shrink_to(bytes);
            self.taken.set(held.bytes());
        }
    }
}

/// So many bytes in steps that grow with them.
fn steps(bytes: u64) -> u64 {
    (bytes + bytes / 16).next_multiple_of(STEP)
}
