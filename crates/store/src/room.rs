//! How much a reader may hold of what it reads.

use shared::memory::{Held, NoRoom};

use crate::error::StoreError;

/// Bytes that are read before any memory of the instance is asked for.
const FREE: u64 = 16 << 10;
/// What is asked for at a time, at least.
const STEP: u64 = 64 << 10;

/// Room for what is read: so many bytes, and of the instance's memory as many as there are.
#[derive(Debug)]
pub struct Room {
    left: u64,
    taken: u64,
    held: Option<Held>,
}

impl Room {
    /// Room for so many bytes that nobody else may need.
    pub const fn of(bytes: u64) -> Self {
        Self {
            left: bytes,
            taken: 0,
            held: None,
        }
    }

    /// The same, of which all but a little is taken from the memory of the instance.
    pub fn within(bytes: u64, held: Held) -> Self {
        Self {
            held: Some(held),
            ..Self::of(bytes)
        }
    }

    /// Takes room for bytes that were read; an error when there is none.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), StoreError> {
        let left = self.left.checked_sub(bytes as u64);
        self.left = left.ok_or(StoreError::NoRoom)?;
        self.taken += bytes as u64;
        let Some(held) = &mut self.held else {
            return Ok(());
        };
        let needed = self.taken.saturating_sub(FREE);
        if needed > held.bytes() {
            let more = (needed - held.bytes()).max(STEP);
            held.grow(more).map_err(|NoRoom| StoreError::NoMemory)?;
        }
        Ok(())
    }

    /// What the reader holds of the instance's memory, until what was read is gone.
    pub fn into_held(self) -> Option<Held> {
        self.held
    }
}

#[cfg(test)]
mod tests {
    use shared::memory::{Memory, Order};

    use super::*;

    #[test]
    fn what_is_read_is_held_before_more_is_read() {
        let memory = Memory::new(1 << 20);
        let mut room = Room::within(u64::MAX, memory.hold(None, Order::Request));
        room.take(FREE as usize).unwrap();
        assert_eq!(memory.used(), 0);
        room.take(1).unwrap();
        assert_eq!(memory.used(), STEP);
        let failed = (0..1_000).find_map(|_| room.take(10_000).err());
        assert!(matches!(failed, Some(StoreError::NoMemory)));
        let held = room.into_held().unwrap();
        assert!(held.bytes() > 500_000 && held.bytes() == memory.used());
        drop(held);
        assert_eq!(memory.used(), 0);
    }

    #[test]
    fn the_readers_own_bound_comes_first() {
        let memory = Memory::new(1 << 20);
        let mut room = Room::within(50_000, memory.hold(None, Order::Request));
        assert!(matches!(room.take(50_001), Err(StoreError::NoRoom)));
        assert_eq!(memory.used(), 0);
    }
}
