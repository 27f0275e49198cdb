//! What outlasts a release: admission state lives as long as the process.

use std::collections::HashMap;
use std::sync::Arc;

use shared::id::AppId;
use shared::name::ScriptName;

use crate::admission::{AppState, Gate};

/// What lasts of one app.
struct LastingApp {
    state: Arc<AppState>,
    scripts: HashMap<ScriptName, Arc<Gate>>,
}

#[derive(Default)]
pub(super) struct Lasting(HashMap<AppId, LastingApp>);

impl Lasting {
    /// The state of an app; `concurrency` is for a new one. Of its scripts, those are forgotten that
    /// a release has no more, once nothing of them is under way.
    pub(super) fn app(
        &mut self,
        app: AppId,
        concurrency: u32,
        has: impl Fn(&ScriptName) -> bool,
    ) -> Arc<AppState> {
        let lasting = self.0.entry(app).or_insert_with(|| LastingApp {
            state: AppState::new(concurrency),
            scripts: HashMap::new(),
        });
        let scripts = &mut lasting.scripts;
        scripts.retain(|name, gate| has(name) || gate.under_way() > 0);
        Arc::clone(&lasting.state)
    }

    /// The gate of a script, whose bound the caller sets; of an app whose state was asked for.
    pub(super) fn gate(&mut self, app: AppId, name: &ScriptName) -> Arc<Gate> {
        let new = || Gate::new(0);
        let Some(lasting) = self.0.get_mut(&app) else {
            return new();
        };
        let known = lasting.scripts.entry(name.clone());
        Arc::clone(known.or_insert_with(new))
    }

    /// Forgets an app.
    pub(super) fn remove(&mut self, app: AppId) -> Option<Arc<AppState>> {
        self.0.remove(&app).map(|lasting| lasting.state)
    }
}
