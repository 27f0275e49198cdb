//! Names the script when the process dies of a memory fault (a stack overflow in native code).
//!
//! # Safety
//!
//! The handler runs on its own stack and only does what is allowed in a signal handler: it reads
//! a thread-local without a destructor, writes bytes to standard error, and puts the action back
//! that was there before, so that the fault, repeated, ends the process with the right signal.
//! The label it reads is borrowed by [`labelled`] for as long as the pointer is set.
#![expect(
    unsafe_code,
    reason = "one of the three files that may; see the safety argument above"
)]

use std::cell::Cell;
use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::OnceLock;

/// Bytes of the handler's own stack.
const ALTERNATE_STACK: usize = 64 << 10;
/// Two names of 64 bytes and a slash, rounded up.
const LABEL_BYTES: usize = 136;
const SIGNALS: [i32; 2] = [libc::SIGSEGV, libc::SIGBUS];

/// What to call the running script in a last message: `app/script`. Made without allocating.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label {
    bytes: [u8; LABEL_BYTES],
    length: u8,
}

impl Label {
    /// Words a label fits in.
    pub(crate) const WORDS: usize = LABEL_BYTES / 8;

    /// `app/script`; what is longer than any valid name is cut.
    pub(crate) fn new(app: &str, script: &str) -> Self {
        let mut label = Self {
            bytes: [0; LABEL_BYTES],
            length: 0,
        };
        for part in [app, "/", script] {
            let at = usize::from(label.length);
            let end = (at + part.len()).min(LABEL_BYTES);
            label.bytes[at..end].copy_from_slice(&part.as_bytes()[..end - at]);
            label.length = end as u8;
        }
        label
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }

    /// The label in machine words, zero-padded; as many as it needs.
    pub(crate) fn words(&self) -> impl Iterator<Item = u64> {
        let (words, _rest) = self.bytes.as_chunks::<8>();
        words
            .iter()
            .take(usize::from(self.length).div_ceil(8))
            .map(|word| u64::from_le_bytes(*word))
    }

    /// The text of a label from its words.
    pub(crate) fn text(words: impl Iterator<Item = u64>) -> String {
        let bytes: Vec<u8> = words
            .flat_map(u64::to_le_bytes)
            .take_while(|byte| *byte != 0)
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

thread_local! {
    static RUNNING: Cell<*const Label> = const { Cell::new(ptr::null()) };
}

/// Runs `work` with `label` as the name a fault would be reported under.
pub(crate) fn labelled<R>(label: &Label, work: impl FnOnce() -> R) -> R {
    struct Restore(*const Label);
    impl Drop for Restore {
        fn drop(&mut self) {
            RUNNING.set(self.0);
        }
    }
    let _restore = Restore(RUNNING.replace(label));
    work()
}

/// What handled the signals before; the handler puts it back.
static BEFORE: OnceLock<[libc::sigaction; SIGNALS.len()]> = OnceLock::new();

/// Makes a memory fault name the script it happened in. Installs the handler once per process,
/// and an alternate stack for the calling thread: call it on every worker thread.
pub fn install_fault_handler() -> io::Result<()> {
    alternate_stack()?;
    let mut result = Ok(());
    let mut first = false;
    let before = BEFORE.get_or_init(|| {
        first = true;
        SIGNALS.map(|signal| {
            current_action(signal).unwrap_or_else(|error| {
                result = Err(error);
                default_action()
            })
        })
    });
    if first && result.is_ok() {
        for (signal, _) in SIGNALS.iter().zip(before) {
            handle(*signal)?;
        }
    }
    result
}

fn default_action() -> libc::sigaction {
    // SAFETY: all zeros is a valid action: the default, without flags, with an empty mask.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

fn current_action(signal: i32) -> io::Result<libc::sigaction> {
    let mut action = default_action();
    // SAFETY: only reads the current action into a valid place.
    if unsafe { libc::sigaction(signal, ptr::null(), &raw mut action) } == 0 {
        Ok(action)
    } else {
        Err(io::Error::last_os_error())
    }
}

fn handle(signal: i32) -> io::Result<()> {
    let handler: extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void) = on_fault;
    let mut action = default_action();
    action.sa_sigaction = handler as *const () as usize;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: a complete action whose handler has the signature SA_SIGINFO asks for.
    if unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn alternate_stack() -> io::Result<()> {
    let mut now = libc::stack_t {
        ss_sp: ptr::null_mut(),
        ss_flags: 0,
        ss_size: 0,
    };
    // SAFETY: only reads the current setting.
    let known = unsafe { libc::sigaltstack(ptr::null(), &raw mut now) } == 0;
    if known && now.ss_flags & libc::SS_DISABLE == 0 {
        // The standard library gave the thread one.
        return Ok(());
    }
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_STACK;
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a fresh mapping, never unmapped: a worker thread lives as long as the process.
    let at = unsafe { libc::mmap(ptr::null_mut(), ALTERNATE_STACK, access, flags, -1, 0) };
    if at == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    let stack = libc::stack_t {
        ss_sp: at,
        ss_flags: 0,
        ss_size: ALTERNATE_STACK,
    };
    // SAFETY: the mapping above, with its true size.
    if unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

extern "C" fn on_fault(signal: i32, _info: *mut libc::siginfo_t, _context: *mut libc::c_void) {
    let label = RUNNING.get();
    if !label.is_null() {
        write(b"picloud: memory fault (stack overflow?) while running the script ");
        // SAFETY: `labelled` still borrows it.
        write(unsafe { &*label }.as_bytes());
        write(b"; the process ends\n");
    }
    let at = SIGNALS.iter().position(|known| *known == signal);
    let before = BEFORE.get().zip(at).map(|(actions, at)| actions[at]);
    let action = before.unwrap_or_else(default_action);
    // SAFETY: putting an earlier action back is allowed here; the fault then repeats under it.
    unsafe {
        libc::sigaction(signal, &raw const action, ptr::null_mut());
    }
}

fn write(bytes: &[u8]) {
    // SAFETY: a plain write of a valid slice.
    unsafe {
        libc::write(libc::STDERR_FILENO, bytes.as_ptr().cast(), bytes.len());
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_label_keeps_its_text() {
        let label = Label::new("shop", "check-out");
        assert_eq!(label.as_bytes(), b"shop/check-out");
        assert_eq!(Label::text(label.words()), "shop/check-out");
        let long = Label::new(&"a".repeat(100), &"b".repeat(100));
        assert_eq!(long.as_bytes().len(), LABEL_BYTES);
        assert_eq!(Label::text(long.words()).len(), LABEL_BYTES);
    }

    /// Runs itself in a second process, which faults on purpose.
    #[test]
    fn a_fault_names_the_script_and_ends_the_process() {
        const CRASH: &str = "crash-on-purpose";
        if std::env::args().any(|argument| argument == CRASH) {
            install_fault_handler().unwrap();
            labelled(&Label::new("shop", "checkout"), || {
                // SAFETY: none; the fault is the point.
                unsafe { ptr::without_provenance_mut::<u8>(8).write_volatile(1) };
            });
        }
        let name = "sandbox::fault::tests::a_fault_names_the_script_and_ends_the_process";
        let output = Command::new(std::env::current_exe().unwrap())
            .args([name, CRASH, "--exact", "--nocapture"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.contains("while running the script shop/checkout"),
            "{said}"
        );
        assert_eq!(output.status.signal(), Some(libc::SIGSEGV));
    }
}
