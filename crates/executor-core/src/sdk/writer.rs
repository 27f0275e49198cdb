//! The function that writes a streamed body: it runs when the script has answered.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rhai::plugin::{Dynamic, NativeCallContext, Position, RhaiResult};
use rhai::{Engine, FnPtr, GlobalRuntimeState};

/// What the function writes to: how many bytes that were.
#[derive(Clone, Debug, Default)]
pub(crate) struct StreamOut(Arc<AtomicU64>);

impl StreamOut {
    /// Counts `more` bytes; all of them.
    pub(super) fn with(&self, more: u64) -> u64 {
        let before = self.0.fetch_add(more, Ordering::Relaxed);
        before.saturating_add(more)
    }
}

/// A function, with the modules and constants of the place it was given at. By the time it is
/// called, the script that imported them is over.
#[derive(Clone)]
pub(crate) struct Writer {
    function: FnPtr,
    around: Arc<GlobalRuntimeState>,
}

impl Writer {
    /// The function, with what is there where `context` is.
    pub(super) fn new(context: &NativeCallContext<'_>, function: FnPtr) -> Self {
        let mut around = context.global_runtime_state().clone();
        // It is called from outside of all functions.
        around.level = 0;
        let around = Arc::new(around);
        Self { function, around }
    }

    /// Calls it. What it returns has no use: its output is what it wrote.
    pub(crate) fn call(&self, engine: &Engine) -> RhaiResult {
        let around = &*self.around;
        let name = self.function.fn_name();
        let context: NativeCallContext<'_> =
            (engine, name, around.source(), around, Position::NONE).into();
        let out = Dynamic::from(StreamOut::default());
        self.function.call_raw(&context, None, [out])
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.function.fmt(f)
    }
}
