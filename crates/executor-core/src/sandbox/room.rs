//! What a run holds of the instance's memory: little for nothing, then in steps.
//!
//! An allocation only counts; the run asks for the next step when it looks at its limits, so the
//! budget of the instance is locked once in a while and never inside of an allocation. Where there
//! is no more, the run ends that asked.

use std::cell::{Cell, RefCell};

use bytes::Bytes;
use shared::memory::{Held, NoRoom, Order};

use super::context::{Context, current, with};
use super::meter::unmetered;
use super::signal::{StopReason, Stopped};

/// Bytes that a run may use without asking, as long as it does not wait.
const FREE: u64 = 16 << 10;
/// What is asked for at a time, at least. About what a run that waits takes besides: its stack, its
/// request, its connection.
const STEP: u64 = 32 << 10;

/// Memory of a run that is worth giving back to the system.
const MUCH: u64 = 2 << 20;

/// What a run holds.
#[derive(Default)]
pub(super) struct Room {
    held: RefCell<Option<Held>>,
    taken: Cell<u64>,
    /// Bytes of the run's answer, which are the platform's.
    answer: Cell<u64>,
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
    fn take(&self, memory: u64, hold: impl FnOnce() -> Held) -> Result<(), NoRoom> {
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

    fn shrink_to(&self, bytes: u64) {
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

impl Context {
    /// Makes sure of room for what the run has and so many bytes more, or ends it.
    pub(super) fn room_for(&self, more: u64) -> Result<(), Stopped> {
        let needed = self.budget.memory().saturating_add(more);
        if self.budget.room.fits(needed) {
            return Ok(());
        }
        self.take(needed)
    }

    /// Makes sure of room for a run that waits: while it does, there may be many others.
    pub(super) fn room_to_wait(&self) -> Result<(), Stopped> {
        if self.budget.room.taken.get() >= STEP {
            return self.room_for(0);
        }
        self.take(self.budget.memory())
    }

    fn take(&self, memory: u64) -> Result<(), Stopped> {
        let taken = unmetered(|| self.budget.room.take(memory, || self.hold()));
        taken.map_err(|NoRoom| self.budget.stop(StopReason::NoRoom))?;
        self.budget.set_alarm();
        Ok(())
    }

    fn hold(&self) -> Held {
        let invocation = &self.invocation;
        let memory = &self.services.memory;
        memory.hold(Some(invocation.app.id), invocation.order())
    }

    /// Gives back all the room of a run that has ended.
    pub(crate) fn release_room(&self) {
        self.budget.room.shrink_to(0);
    }

    /// Whether the run has used so much memory that it is worth giving back to the system.
    pub(crate) fn used_much(&self) -> bool {
        self.budget.account.peak() > MUCH
    }
}

/// Counts the bytes of the run's answer, which the platform holds until the run has ended.
pub(crate) fn answers(bytes: usize) -> Result<(), Stopped> {
    with(|context| {
        context.budget.room.answer.set(bytes as u64);
        context.room_for(0)
    })
}

/// A piece of a streamed answer, which holds its memory until the client has it. The bytes are the
/// platform's.
pub(super) fn counted(piece: Bytes) -> Result<Bytes, Stopped> {
    let bytes = piece.len() as u64;
    if bytes <= FREE {
        return Ok(piece);
    }
    let context = current();
    let counted = unmetered(|| {
        let mut held = context.hold();
        held.grow(bytes)?;
        Ok(held.around(piece))
    });
    counted.map_err(|NoRoom| context.budget.stop(StopReason::NoRoom))
}
