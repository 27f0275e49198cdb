//! One stack per running script: started, suspended, resumed and cancelled on one thread.
//!
//! # Safety
//!
//! * [`Stack`] maps its own memory with a guard page below it and unmaps it when dropped; it
//!   gives back pages only while no coroutine lives on it.
//! * The yielder of a coroutine lives on that coroutine's stack for as long as its body runs. Its
//!   address is put into [`ACTIVE`] by the body itself at the start and by [`Coroutine::resume`]
//!   before every later switch, and taken out into the coroutine's own field after every switch
//!   back; a drop guard in the body clears it when the body ends, panics and forced unwinds
//!   included, and then null is what is taken out. [`suspend`] reads it on the same thread, so it
//!   is either null (a clear panic) or valid.
#![expect(
    unsafe_code,
    reason = "one of the three files that may; see the safety argument above"
)]

use std::cell::Cell;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};

use corosensei::stack::StackPointer;
use corosensei::{CoroutineResult, Yielder};

use super::defect::Defect;
use super::meter::unmetered;
use super::signal::{Resumed, Yielded};
use super::stacks::Place;

/// A stack that grew beyond this gives pages back when its script ends.
const KEPT_BYTES: usize = 256 << 10;
/// What it keeps then.
const WARM_BYTES: usize = 64 << 10;

/// Most of the address space in one piece that is free, about: the largest power of two.
pub(crate) fn free_address_space() -> usize {
    const LARGEST: u32 = 46;
    const SMALLEST: u32 = 24;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let is_free = |size: &usize| {
        // SAFETY: a fresh anonymous mapping at an address the kernel chooses, which nobody can touch
        // and which is taken away at once.
        unsafe {
            let at = libc::mmap(ptr::null_mut(), *size, libc::PROT_NONE, flags, -1, 0);
            at != libc::MAP_FAILED && libc::munmap(at, *size) == 0
        }
    };
    let mut sizes = (SMALLEST..=LARGEST).rev().map(|bits| 1_usize << bits);
    sizes.find(is_free).unwrap_or_default()
}

/// A stack with a guard page.
pub(crate) struct Stack {
    lowest: NonNull<u8>,
    length: usize,
    place: Place,
}

impl Stack {
    /// Maps a new stack. Fails when the process has too many mappings (`vm.max_map_count`), or no
    /// address space left.
    pub(crate) fn new(place: Place) -> io::Result<Self> {
        let page = page_size();
        let length = place.bytes() + page;
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
        // SAFETY: a fresh anonymous mapping at an address the kernel chooses.
        let at = unsafe {
            libc::mmap(
                ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                flags,
                -1,
                0,
            )
        };
        if at == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let lowest = NonNull::new(at.cast::<u8>()).ok_or_else(io::Error::last_os_error)?;
        let stack = Self {
            lowest,
            length,
            place,
        };
        // SAFETY: both calls stay inside the mapping just made. Huge pages would make every small
        // script cost 2 MiB; the advice may fail on kernels without them, which is fine.
        let guarded = unsafe {
            libc::madvise(at, length, libc::MADV_NOHUGEPAGE);
            libc::mprotect(at, page, libc::PROT_NONE)
        };
        if guarded == 0 {
            Ok(stack)
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// Bytes of it, without the guard page.
    pub(crate) fn bytes(&self) -> usize {
        self.place.bytes()
    }

    /// Gives back the pages of a stack that grew large; the top stays warm.
    pub(crate) fn cool(&mut self) {
        if !self.grew() {
            return;
        }
        let page = page_size();
        let cold = self.length - page - WARM_BYTES;
        // SAFETY: inside the mapping, above the guard page, and no coroutine lives on it now
        // (`&mut self` of a stack that is not inside a coroutine).
        unsafe {
            libc::madvise(
                self.lowest.as_ptr().add(page).cast(),
                cold,
                libc::MADV_DONTNEED,
            );
        }
    }
}

impl Stack {
    /// Whether a script touched more than a pooled stack may keep. Asks for a few pages, because
    /// one large frame may step over a single one.
    fn grew(&self) -> bool {
        const PROBED: usize = 4;
        let page = page_size();
        let mut resident = [0_u8; PROBED];
        let at = self.length - KEPT_BYTES - PROBED * page;
        // SAFETY: page-aligned, inside the mapping; the answer has one byte per page.
        let failed = unsafe {
            libc::mincore(
                self.lowest.as_ptr().add(at).cast(),
                PROBED * page,
                resident.as_mut_ptr().cast(),
            ) != 0
        };
        failed || resident.iter().any(|byte| byte & 1 == 1)
    }
}

fn page_size() -> usize {
    // SAFETY: sysconf reads a constant.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4_096)
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: the mapping this value made, not used by anybody any more.
        unsafe {
            libc::munmap(self.lowest.as_ptr().cast(), self.length);
        }
    }
}

// SAFETY: base and limit are the ends of one mapping, page-aligned, with a guard page at the low
// end, valid until the value is dropped.
unsafe impl corosensei::stack::Stack for Stack {
    fn base(&self) -> StackPointer {
        StackPointer::new(self.lowest.as_ptr() as usize + self.length).expect("not at address 0")
    }

    fn limit(&self) -> StackPointer {
        StackPointer::new(self.lowest.as_ptr() as usize).expect("not at address 0")
    }
}

type RawYielder = Yielder<Resumed, Yielded>;

thread_local! {
    static ACTIVE: Cell<*const RawYielder> = const { Cell::new(ptr::null()) };
}

/// Stops the running coroutine and hands `value` to whoever resumed it. Returns what the next
/// resume brings. Panics outside of a coroutine.
pub(crate) fn suspend(value: Yielded) -> Resumed {
    let yielder = ACTIVE.get();
    assert!(!yielder.is_null(), "only a running script can wait");
    // SAFETY: see the module's argument.
    unsafe { &*yielder }.suspend(value)
}

/// Whether the running script is being ended by unwinding it: what it catches must go on unwinding.
pub(crate) fn is_being_unwound() -> bool {
    ACTIVE.get().is_null()
}

/// Clears the yielder when the body of a coroutine ends, however it ends.
struct Body;

impl Drop for Body {
    fn drop(&mut self) {
        ACTIVE.set(ptr::null());
    }
}

/// What a resume led to.
pub(crate) enum Step<R> {
    /// The script waits.
    Yielded(Yielded),
    /// The script ended.
    Done(R),
    /// The script's thread of control panicked: a defect of the platform.
    Panicked(Defect),
}

/// One script on its own stack.
pub(crate) struct Coroutine<R: 'static> {
    inner: corosensei::Coroutine<Resumed, Yielded, R, Stack>,
    /// Null before the body has begun and after it has ended.
    yielder: *const RawYielder,
}

impl<R: 'static> Coroutine<R> {
    /// Prepares `body` to run on `stack`; nothing runs yet.
    pub(crate) fn new(stack: Stack, body: impl FnOnce() -> R + 'static) -> Self {
        let inner = corosensei::Coroutine::with_stack(stack, move |yielder, _first: Resumed| {
            ACTIVE.set(yielder);
            let _body = Body;
            body()
        });
        Self {
            inner,
            yielder: ptr::null(),
        }
    }

    /// Runs until the script waits or ends.
    pub(crate) fn resume(&mut self, with: Resumed) -> Step<R> {
        let before = ACTIVE.replace(self.yielder);
        // Outside of the coroutine: inside, it would swallow the unwinding of a cancelled script.
        let result = catch_unwind(AssertUnwindSafe(|| self.inner.resume(with)));
        self.yielder = ACTIVE.replace(before);
        match result {
            Ok(CoroutineResult::Yield(value)) => Step::Yielded(value),
            Ok(CoroutineResult::Return(value)) => Step::Done(value),
            Err(payload) => Step::Panicked(unmetered(|| Defect::of(&*payload))),
        }
    }

    /// Whether the script has begun.
    pub(crate) fn started(&self) -> bool {
        self.inner.started()
    }

    /// Whether the script has ended.
    pub(crate) fn done(&self) -> bool {
        self.inner.done()
    }

    /// The stack, for the next script. Ends a script that has not ended by unwinding it.
    pub(crate) fn into_stack(mut self) -> Stack {
        if !self.inner.done() {
            // Destructors must not wait: there is no yielder for them.
            let before = ACTIVE.replace(ptr::null());
            // A destructor that panics must not take the worker with it.
            let unwound = catch_unwind(AssertUnwindSafe(|| self.inner.force_unwind()));
            if unwound.is_err() {
                tracing::error!("a destructor panicked while a cancelled script was unwound");
            }
            ACTIVE.set(before);
        }
        self.inner.into_stack()
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::sandbox::stacks::Stacks;

    fn new_stack() -> Stack {
        let stacks = Stacks::new(free_address_space(), 65_530);
        Stack::new(stacks.take(stacks.usual()).unwrap()).unwrap()
    }

    #[test]
    fn it_suspends_resumes_and_gives_its_stack_back() {
        let mut one = Coroutine::new(new_stack(), || {
            assert!(matches!(suspend(Yielded::Preempted), Resumed::Go));
            7
        });
        assert!(matches!(
            one.resume(Resumed::Go),
            Step::Yielded(Yielded::Preempted)
        ));
        assert!(matches!(one.resume(Resumed::Go), Step::Done(7)));
        assert!(one.done());
        let mut stack = one.into_stack();
        stack.cool();
        let mut two = Coroutine::new(stack, || 8);
        assert!(matches!(two.resume(Resumed::Go), Step::Done(8)));
    }

    #[test]
    fn interleaved_coroutines_keep_their_own_yielders() {
        let start = |n: i32| {
            Coroutine::new(new_stack(), move || {
                let mut sum = 0;
                for i in 0..n {
                    suspend(Yielded::Preempted);
                    sum += i;
                }
                sum
            })
        };
        let (mut a, mut b) = (start(3), start(3));
        for _ in 0..3 {
            assert!(matches!(a.resume(Resumed::Go), Step::Yielded(_)));
            assert!(matches!(b.resume(Resumed::Go), Step::Yielded(_)));
        }
        assert!(matches!(a.resume(Resumed::Go), Step::Done(3)));
        assert!(matches!(b.resume(Resumed::Go), Step::Done(3)));
    }

    #[test]
    fn a_panic_stays_inside_and_the_next_script_runs() {
        let mut bad = Coroutine::<()>::new(new_stack(), || panic!("on purpose"));
        assert!(matches!(bad.resume(Resumed::Go), Step::Panicked(_)));
        let mut good = Coroutine::new(bad.into_stack(), || 1);
        assert!(matches!(good.resume(Resumed::Go), Step::Done(1)));
    }

    #[test]
    fn unwinding_a_waiting_script_runs_its_destructors() {
        struct Flag(Rc<Cell<bool>>);
        impl Drop for Flag {
            fn drop(&mut self) {
                self.0.set(true);
            }
        }
        let dropped = Rc::new(Cell::new(false));
        let flag = Flag(Rc::clone(&dropped));
        let mut waiting = Coroutine::new(new_stack(), move || {
            let _flag = flag;
            suspend(Yielded::Preempted);
        });
        waiting.resume(Resumed::Go);
        drop(waiting.into_stack());
        assert!(dropped.get());
    }

    #[test]
    #[should_panic(expected = "only a running script can wait")]
    fn suspending_outside_of_a_script_is_a_clear_panic() {
        suspend(Yielded::Preempted);
    }
}
