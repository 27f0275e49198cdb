//! When a run asks for room in the instance's memory: as it grows, before it waits, and for what it
//! answers.

use bytes::Bytes;
use shared::memory::{Held, NoRoom};

use super::context::{Context, current, with};
use super::meter::unmetered;
use super::room::{FREE, STEP};
use super::signal::{StopReason, Stopped};

/// Memory of a run that is worth giving back to the system.
const MUCH: u64 = 2 << 20;

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
