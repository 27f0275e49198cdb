//! What runs leave allocated, and the suspension of an app that goes on leaving something.
//!
//! Nothing a script can do is known to leave memory: what its closures share ends with its run
//! (`language/cells.rs`). This is for what is not known, so that it hurts the app it comes from.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use shared::id::AppId;
use shared::invocation::AppContext;
use shared::script_error::{ScriptError, ScriptErrorKind};

/// Bytes of one app in one process, beyond which the app is suspended.
const LEFT_PER_APP: u64 = 16 << 20;
/// Apps in the table after which those are forgotten that are not served any more.
const FORGET_AT: usize = 1_000;

/// What an app has left so far.
#[derive(Default)]
struct Left {
    bytes: u64,
    /// The app as it was when it last left something. A deploy makes another one.
    app: Weak<AppContext>,
    /// It had left too much by then.
    suspended: bool,
}

/// What runs of all workers have left.
#[derive(Default)]
pub(super) struct Leaks {
    apps: Mutex<HashMap<AppId, Left>>,
    /// Whether any app is suspended: most of the time nothing has to be looked up.
    any: AtomicBool,
}

impl Leaks {
    /// Counts what a run left; returns the app's total.
    pub(super) fn count(&self, app: &Arc<AppContext>, bytes: u64) -> u64 {
        let mut apps = self.apps();
        if apps.len() >= FORGET_AT && !apps.contains_key(&app.id) {
            apps.retain(|_, left| left.app.strong_count() > 0);
        }
        let left = apps.entry(app.id).or_default();
        left.bytes = left.bytes.saturating_add(bytes);
        left.app = Arc::downgrade(app);
        left.suspended = left.bytes > LEFT_PER_APP;
        if left.suspended {
            self.any.store(true, Ordering::Relaxed);
        }
        left.bytes
    }

    /// Fails while the app is suspended: until its next deploy, or the end of the process.
    pub(super) fn check(&self, app: &Arc<AppContext>) -> Result<(), ScriptError> {
        if !self.any.load(Ordering::Relaxed) {
            return Ok(());
        }
        let apps = self.apps();
        let left = apps.get(&app.id).filter(|left| {
            let same = std::ptr::eq(left.app.as_ptr(), Arc::as_ptr(app));
            left.suspended && same
        });
        left.map_or(Ok(()), |left| Err(suspended(left.bytes)))
    }

    fn apps(&self) -> MutexGuard<'_, HashMap<AppId, Left>> {
        self.apps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn suspended(bytes: u64) -> ScriptError {
    ScriptError::new(
        ScriptErrorKind::Suspended,
        format!(
            "the app is suspended on this server: its runs have left {bytes} bytes in memory that \
             nothing frees. The log of its last runs says which script did; deploy a version that \
             does not, and report this as a defect of the platform"
        ),
    )
}

#[cfg(test)]
mod tests {
    use shared::seam::Executor as _;

    use super::*;
    use crate::run::rig::{app, on_executor, run_of};

    #[test]
    fn an_app_that_left_too_much_is_suspended_until_its_next_deploy() {
        let (leaks, before, other) = (Leaks::default(), app(), app());
        leaks.count(&before, LEFT_PER_APP);
        assert!(leaks.check(&before).is_ok(), "as much as it may leave");
        assert_eq!(leaks.count(&before, 1), LEFT_PER_APP + 1);
        let error = leaks.check(&before).unwrap_err();
        assert_eq!(error.kind, ScriptErrorKind::Suspended);
        assert!(error.message.contains("16777217 bytes"), "{error:?}");
        assert!(leaks.check(&other).is_ok(), "others are not");

        let deployed = Arc::new(AppContext::clone(&before));
        assert!(leaks.check(&deployed).is_ok());
        leaks.count(&deployed, 1);
        assert!(leaks.check(&deployed).is_err(), "it goes on leaving");
    }

    #[test]
    fn apps_that_are_gone_are_forgotten_and_new_ones_counted() {
        let leaks = Leaks::default();
        for _ in 0..FORGET_AT {
            leaks.count(&app(), 1);
        }
        let new = app();
        leaks.count(&new, LEFT_PER_APP + 1);
        assert!(leaks.check(&new).is_err());
        assert_eq!(leaks.apps().len(), 1);
    }

    #[test]
    fn a_suspended_app_runs_nothing_and_says_why() {
        on_executor(async |executor| {
            let app = app();
            assert!(executor.execute(run_of(&app, "1")).await.response.is_some());
            executor.leaks.count(&app, LEFT_PER_APP + 1);
            let outcome = executor.execute(run_of(&app, "1")).await;
            let error = outcome.completion.error.expect("it was refused");
            assert_eq!(error.kind, ScriptErrorKind::Suspended);
            assert!(error.message.contains("suspended"), "{error:?}");
        });
    }
}
