//! The function that writes a streamed body: it runs when the script has answered.

use std::fmt;
use std::sync::Arc;

use rhai::plugin::{Dynamic, NativeCallContext, Position, RhaiResult};
use rhai::{Engine, FnPtr, GlobalRuntimeState};

use super::response::StreamOut;

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
