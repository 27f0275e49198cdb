//! How large the stacks of scripts are, and how many there may be.
//!
//! A stack takes address space, of which 39-bit kernels and `ulimit -v` leave little, and two
//! mappings, of which a process usually has 65,530. The allocator needs both and ends the process
//! without them, so all stacks together take a part of each.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A stack at least, where there is plenty of address space; only touched pages cost memory.
const USUAL: usize = 256 << 20;
/// A stack at least, where there is little.
const SMALL: usize = 128 << 20;
/// Less address space than this is little.
const PLENTY: usize = 1 << 40;
/// Address space for each byte a script may allocate: dropping the most deeply nested values it can
/// make of it (functions that capture functions) takes 2.3.
const PER_BYTE: u64 = 4;
/// Sizes are multiples of it, whatever the machine's pages are.
const PAGES: usize = 64 << 10;
/// Mappings of one stack: itself and its guard page.
const MAPPINGS: usize = 2;

/// The stacks of a process.
#[derive(Debug)]
pub(crate) struct Stacks {
    usual: usize,
    space: usize,
    space_left: AtomicUsize,
    count_left: AtomicUsize,
}

impl Stacks {
    /// Stacks in so much free address space, where a process has so many mappings.
    pub(crate) fn new(space: usize, mappings: usize) -> Arc<Self> {
        let space = space / 4 * 3;
        Arc::new(Self {
            usual: if space < PLENTY { SMALL } else { USUAL },
            space,
            space_left: AtomicUsize::new(space),
            count_left: AtomicUsize::new(mappings / 5 * 4 / MAPPINGS),
        })
    }

    /// Bytes of a stack for any script with the usual limits.
    pub(crate) fn usual(&self) -> usize {
        self.usual
    }

    /// Bytes of a stack for a script that may allocate `memory` bytes.
    pub(crate) fn bytes_for(&self, memory: u64) -> usize {
        let wanted = usize::try_from(memory.saturating_mul(PER_BYTE)).unwrap_or(usize::MAX);
        let wanted = wanted.min(usize::MAX / 2);
        wanted.next_multiple_of(PAGES).max(self.usual)
    }

    /// A place for a stack of so many bytes, if there is one.
    pub(crate) fn take(self: &Arc<Self>, bytes: usize) -> Option<Place> {
        take(&self.count_left, 1)?;
        if take(&self.space_left, bytes).is_none() {
            self.count_left.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let of = Arc::clone(self);
        Some(Place { of, bytes })
    }

    /// Whether more than half of the address space is taken: stacks that nobody uses are to be given
    /// back, because another worker may need one.
    pub(crate) fn is_scarce(&self) -> bool {
        self.space_left.load(Ordering::Relaxed) < self.space / 2
    }
}

fn take(of: &AtomicUsize, count: usize) -> Option<()> {
    let less = |left: usize| left.checked_sub(count);
    let taken = of.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    taken.ok().map(|_before| ())
}

/// Where a stack is, as long as it is there.
#[derive(Debug)]
pub(crate) struct Place {
    of: Arc<Stacks>,
    bytes: usize,
}

impl Place {
    /// Bytes of the stack.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.of.space_left.fetch_add(self.bytes, Ordering::Relaxed);
        self.of.count_left.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: usize = 65_530;

    fn all(stacks: &Arc<Stacks>) -> Vec<Place> {
        std::iter::from_fn(|| stacks.take(stacks.usual())).collect()
    }

    #[test]
    fn a_small_address_space_holds_many_small_stacks() {
        let of_39_bits = Stacks::new(256 << 30, MANY);
        assert_eq!(of_39_bits.usual(), SMALL);
        assert!(all(&of_39_bits).len() > 1_000);
        let limited = Stacks::new(2 << 30, MANY);
        assert_eq!(
            all(&limited).len(),
            12,
            "and a quarter is left to the allocator"
        );
        assert_eq!(Stacks::new(1 << 46, MANY).usual(), USUAL);
    }

    #[test]
    fn the_allocator_keeps_mappings() {
        let stacks = all(&Stacks::new(1 << 46, MANY)).len();
        assert!(
            stacks > 20_000 && stacks * MAPPINGS + 10_000 < MANY,
            "{stacks}"
        );
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let room = Stacks::new(2 << 30, MANY);
        let mut places = all(&room);
        assert!(room.take(1).is_none());
        assert!(room.is_scarce());
        places.truncate(3);
        assert!(!room.is_scarce());
        assert_eq!(all(&room).len(), 9);
    }

    #[test]
    fn a_stack_grows_with_what_its_script_may_allocate() {
        let room = Stacks::new(1 << 46, MANY);
        assert_eq!(room.bytes_for(32 << 20), USUAL);
        assert_eq!(room.bytes_for(256 << 20), 1 << 30);
        assert!(room.take(room.bytes_for(u64::MAX)).is_none());
    }
}
