//! Compiling what is new before it is called.
//!
//! A change is served soon, also one of hundreds of scripts: for a moment it waits until they are
//! compiled, then it is served, and what is called before its turn is compiled by that call. The
//! rest is compiled one by one, for one app at a time, with a pause after each as long as it took:
//! callers have the other compile thread, and at least half of a processor more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use shared::invocation::ScriptImage;
use shared::script_error::ScriptError;
use shared::seam::Kept;
use tokio::time::Instant;

use super::LiveCatalog;

impl LiveCatalog {
    /// Compiles images in their order; `served`: they are served by now, so callers come first. A
    /// script that does not compile answers with its error; it was checked before it got here.
    pub(super) async fn warming(&self, new: &[Arc<ScriptImage>], served: &AtomicBool) {
        // Modules are compiled once for all scripts that import them.
        let mut kept = Vec::new();
        for image in new {
            if !served.load(Ordering::Relaxed) {
                kept.extend(self.compiled(image).await);
                continue;
            }
            let _turn = self.warm.behind.lock().await;
            // A later state of the app may have come meanwhile.
            if self.is_served(image) {
                let began = Instant::now();
                kept.extend(self.compiled(image).await);
                tokio::time::sleep(began.elapsed()).await;
            }
        }
    }

    fn is_served(&self, image: &Arc<ScriptImage>) -> bool {
        let live = self.live();
        live.app(image.app).is_some_and(|app| app.serves(image))
    }

    async fn compiled(&self, image: &Arc<ScriptImage>) -> Option<Kept> {
        let compiled = self.executor.warm(Arc::clone(image)).await;
        let failed = |error: &ScriptError| {
            let (app, script) = (image.app, &image.name);
            tracing::warn!(%app, %script, error = %error.message, "cannot be compiled");
        };
        compiled.inspect_err(failed).ok()
    }
}
