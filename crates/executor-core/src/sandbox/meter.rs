//! Memory per invocation: a counting allocator that charges the account of the running script, and
//! the allocator below it.
//!
//! # Safety
//!
//! [`MeteredAlloc`] hands every request to the allocator it wraps, unchanged, and only counts; it
//! never returns another pointer than the one it got. The current account is a raw pointer in a
//! thread-local without a destructor (so it may be read inside the allocator at any time of a
//! thread's life). It is set only by [`metered`], which borrows the account for as long as the
//! pointer is set and puts the old pointer back on every exit, panics included. An account is
//! only ever touched by the thread that runs its script.
#![expect(
    unsafe_code,
    reason = "one of the three files that may; see the safety argument above"
)]

use std::alloc::{GlobalAlloc, Layout};
use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::ptr;

use libmimalloc_sys::{
    mi_free, mi_malloc, mi_malloc_aligned, mi_realloc, mi_realloc_aligned, mi_zalloc,
    mi_zalloc_aligned,
};

use super::grant::hurry;

/// Bytes of an allocation that counts as large: a few microseconds of copying.
const LARGE: i64 = 32 << 10;

/// Bytes a script has allocated and not freed, and the most there ever were.
///
/// Signed: a script may free what was allocated for it outside of its account.
#[derive(Debug)]
pub(crate) struct Account {
    used: Cell<i64>,
    peak: Cell<i64>,
    large: Cell<bool>,
    /// Bytes beyond which the next operation looks at the limits.
    alarm: Cell<i64>,
}

impl Default for Account {
    fn default() -> Self {
        Self::with_alarm(u64::MAX)
    }
}

impl Account {
    /// An account whose script looks at its limits as soon as it uses more than these bytes.
    pub(crate) fn with_alarm(bytes: u64) -> Self {
        let account = Self {
            used: Cell::new(0),
            peak: Cell::new(0),
            large: Cell::new(false),
            alarm: Cell::new(0),
        };
        account.set_alarm(bytes);
        account
    }

    /// From now on the script looks at its limits as soon as it uses more than these bytes.
    pub(super) fn set_alarm(&self, bytes: u64) {
        self.alarm.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Bytes in use now.
    pub(crate) fn used(&self) -> i64 {
        self.used.get()
    }

    /// Most bytes in use at one time.
    pub(crate) fn peak(&self) -> u64 {
        self.peak.get().max(0) as u64
    }

    /// Counts bytes that were in use for the script elsewhere.
    pub(crate) fn raise_peak(&self, bytes: u64) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        self.peak.set(self.peak.get().max(bytes));
    }

    /// Whether something large was allocated since it was last asked: what makes and fills it
    /// takes time that operations do not show.
    pub(crate) fn take_large(&self) -> bool {
        self.large.get() && self.large.replace(false)
    }

    fn charge(&self, bytes: i64) {
        let used = self.used.get() + bytes;
        self.used.set(used);
        if bytes >= LARGE || used > self.alarm.get() {
            self.large.set(bytes >= LARGE || self.large.get());
            hurry();
        }
        if used > self.peak.get() {
            self.peak.set(used);
        }
    }
}

thread_local! {
    static CURRENT: Cell<*const Account> = const { Cell::new(ptr::null()) };
}

/// Puts a pointer back when it goes out of scope.
struct Restore(*const Account);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// Runs `work` with allocations charged to `account`.
pub(crate) fn metered<R>(account: &Account, work: impl FnOnce() -> R) -> R {
    let _restore = Restore(CURRENT.replace(account));
    work()
}

/// Runs `work` with allocations charged to nobody: what the platform allocates for itself while
/// it answers a script is not the script's.
pub(crate) fn unmetered<R>(work: impl FnOnce() -> R) -> R {
    let _restore = Restore(CURRENT.replace(ptr::null()));
    work()
}

/// A value of the platform's memory, freed as what it is: it was charged to nobody.
#[derive(Debug)]
pub(crate) struct Unmetered<T>(Option<T>);

impl<T> Unmetered<T> {
    /// Wraps what was allocated inside [`unmetered`].
    pub(crate) fn new(value: T) -> Self {
        Self(Some(value))
    }

    /// The value, whose owner must free it inside [`unmetered`].
    pub(crate) fn into_inner(mut self) -> T {
        self.0.take().expect("only taken by value")
    }

    /// Another value made from this one.
    pub(crate) fn map<U>(self, work: impl FnOnce(T) -> U) -> Unmetered<U> {
        let value = self.into_inner();
        Unmetered::new(unmetered(|| work(value)))
    }
}

impl<T> Deref for Unmetered<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_ref().expect("only taken by value")
    }
}

impl<T> DerefMut for Unmetered<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.as_mut().expect("only taken by value")
    }
}

impl<T> Drop for Unmetered<T> {
    fn drop(&mut self) {
        unmetered(|| self.0 = None);
    }
}

fn charge(bytes: i64) {
    let account = CURRENT.get();
    if !account.is_null() {
        // SAFETY: see the module's argument; `metered` still borrows the account.
        unsafe { &*account }.charge(bytes);
    }
}

/// Whether the program's allocator is a [`MeteredAlloc`]: without it no memory limit holds.
pub(crate) fn installed() -> bool {
    let account = Account::default();
    drop(metered(&account, || std::hint::black_box(Box::new(0_u64))));
    account.peak() > 0
}

/// The program's allocator, with memory metering. Install it with `#[global_allocator]`.
#[derive(Debug, Default)]
pub struct MeteredAlloc<A>(pub A);

// SAFETY: every call goes to the wrapped allocator as it came.
unsafe impl<A: GlobalAlloc> GlobalAlloc for MeteredAlloc<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        charge(layout.size() as i64);
        // SAFETY: the caller's promises are the wrapped allocator's.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        charge(layout.size() as i64);
        // SAFETY: as above.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        charge(-(layout.size() as i64));
        // SAFETY: as above.
        unsafe { self.0.dealloc(pointer, layout) }
    }

    // Forwarded, because growing a string by one byte at a time is quadratic without it.
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        charge(size as i64 - layout.size() as i64);
        // SAFETY: as above.
        unsafe { self.0.realloc(pointer, layout, size) }
    }
}

/// mimalloc, asked for an alignment only when it does not give it anyway. Asked for one it takes a
/// longer way, and for most of what is over 1 KiB also more memory than needed.
#[derive(Debug)]
pub struct Mimalloc;

/// mimalloc aligns to this whatever is as large (`MI_MAX_ALIGN_SIZE`), and what is smaller to the
/// largest power of two within its size.
const ALIGNED: usize = 16;

/// Whether `size` bytes are aligned for this without asking.
const fn is_aligned_anyway(size: usize, align: usize) -> bool {
    align <= ALIGNED && align <= size
}

// SAFETY: declared as in `mimalloc.h`, which the crate above is built from.
unsafe extern "C" {
    fn mi_collect(force: bool);
}

/// Gives back to the system what this thread has freed. mimalloc would do so when it is used again,
/// which may be never.
pub(crate) fn give_back() {
    // SAFETY: it only looks after pages that nobody uses.
    unsafe { mi_collect(true) }
}

// SAFETY: blocks come from mimalloc and go back to it, which takes back what any of its functions
// returned. Each is as large as asked for, and aligned: by request, or by the rule of `ALIGNED`.
unsafe impl GlobalAlloc for Mimalloc {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let (size, align) = (layout.size(), layout.align());
        // SAFETY: both take any size; `Layout` promises that the alignment is a power of two.
        unsafe {
            if is_aligned_anyway(size, align) {
                mi_malloc(size).cast()
            } else {
                mi_malloc_aligned(size, align).cast()
            }
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let (size, align) = (layout.size(), layout.align());
        // SAFETY: as above.
        unsafe {
            if is_aligned_anyway(size, align) {
                mi_zalloc(size).cast()
            } else {
                mi_zalloc_aligned(size, align).cast()
            }
        }
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, _layout: Layout) {
        // SAFETY: the caller promises that the pointer came from here and is given back once.
        unsafe { mi_free(pointer.cast()) }
    }

    #[inline]
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above; a new block is aligned like one of `alloc`.
        unsafe {
            if is_aligned_anyway(size, layout.align()) {
                mi_realloc(pointer.cast(), size).cast()
            } else {
                mi_realloc_aligned(pointer.cast(), size, layout.align()).cast()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_is_aligned_however_it_came_about() {
        let aligned = |pointer: *mut u8, align: usize| {
            assert!(!pointer.is_null());
            assert_eq!(pointer.addr() % align, 0);
        };
        let sizes = (1..=200).chain([1_000, 1_025, 1_100, 5_000, 40_000, 300_000]);
        for (size, align) in sizes.flat_map(|size| [1, 2, 4, 8, 16, 64].map(|a| (size, a))) {
            let layout = Layout::from_size_align(size, align).unwrap();
            let grown = Layout::from_size_align(size * 3, align).unwrap();
            // SAFETY: each block is used within its size and given back once, as what it is.
            unsafe {
                // Several, so that they are not all at the start of a page.
                for _ in 0..5 {
                    let block = Mimalloc.alloc(layout);
                    aligned(block, align);
                    block.write_bytes(7, size);
                    let block = Mimalloc.realloc(block, layout, size * 3);
                    aligned(block, align);
                    assert!(*block == 7 && *block.add(size - 1) == 7);
                    let zeroed = Mimalloc.alloc_zeroed(layout);
                    aligned(zeroed, align);
                    assert!(*zeroed == 0 && *zeroed.add(size - 1) == 0);
                    Mimalloc.dealloc(block, grown);
                    Mimalloc.dealloc(zeroed, layout);
                }
            }
        }
    }

    #[global_allocator]
    static ALLOC: MeteredAlloc<std::alloc::System> = MeteredAlloc(std::alloc::System);

    #[test]
    fn only_what_runs_inside_is_charged() {
        let account = Account::default();
        let outside = vec![0_u8; 1_000];
        let inside = metered(&account, || {
            let platform = unmetered(|| vec![0_u8; 5_000]);
            assert_eq!(account.used(), 0);
            drop(outside);
            assert_eq!(account.used(), -1_000);
            drop(unmetered(|| platform));
            vec![0_u8; 10_000]
        });
        assert_eq!(account.peak(), 4_000, "-1,000 - 5,000 + 10,000");
        assert_eq!(account.used(), 4_000);
        drop(inside);
        assert_eq!(account.used(), 4_000);
    }

    #[test]
    fn it_knows_whether_it_is_installed() {
        assert!(installed());
    }

    #[test]
    fn growing_is_charged_once() {
        let account = Account::default();
        metered(&account, || {
            let mut bytes = Vec::with_capacity(16);
            for at in 0..100_000_u32 {
                bytes.push(at as u8);
            }
            assert_eq!(account.used(), bytes.capacity() as i64);
        });
        assert_eq!(account.used(), 0);
    }

    #[test]
    fn a_panic_ends_the_charging() {
        let account = Account::default();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            metered(&account, || panic!("on purpose"));
        }));
        assert!(result.is_err());
        let before = account.used();
        let more = vec![0_u8; 4_096];
        assert_eq!(account.used(), before);
        drop(more);
    }
}
