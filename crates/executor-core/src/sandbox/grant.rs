//! Operations the running script may do before it looks at its limits again.
//!
//! Each of them costs a subtraction. Whoever notices something that the next operation has to see
//! takes the rest back.

use std::cell::Cell;

thread_local! {
    static GRANTED: Cell<u64> = const { Cell::new(0) };
    /// Of those granted, the ones that were taken back before they were used.
    static TAKEN_BACK: Cell<u64> = const { Cell::new(0) };
}

/// Takes one of the operations granted; `false` when none is left.
#[inline]
pub(super) fn take() -> bool {
    let left = GRANTED.get();
    if left > 0 {
        GRANTED.set(left - 1);
    }
    left > 0
}

/// Grants operations. Those of the last grant must have been settled.
pub(super) fn give(operations: u64) {
    GRANTED.set(operations);
}

/// Makes the next operation look at the limits. Safe inside of an allocation.
pub(super) fn hurry() {
    let left = GRANTED.replace(0);
    TAKEN_BACK.set(TAKEN_BACK.get() + left);
}

/// Ends the grant; returns how many of its operations were not used.
pub(super) fn settle() -> u64 {
    hurry();
    TAKEN_BACK.replace(0)
}

/// Operations of the grant that were not used so far.
pub(super) fn unused() -> u64 {
    GRANTED.get() + TAKEN_BACK.get()
}
