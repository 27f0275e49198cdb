//! What outlasts a release: admission state lives as long as the process.

use std::collections::HashMap;
use std::sync::Arc;

use shared::id::AppId;
use shared::name::ScriptName;

use crate::admission::{AppState, Gate};

#[derive(Default)]
pub(super) struct Lasting {
    apps: HashMap<AppId, Arc<AppState>>,
    scripts: HashMap<(AppId, ScriptName), Arc<Gate>>,
}

impl Lasting {
    /// The state of an app; `concurrency` is for a new one.
    pub(super) fn app(&mut self, app: AppId, concurrency: u32) -> Arc<AppState> {
        let state = self.apps.entry(app);
        Arc::clone(state.or_insert_with(|| AppState::new(concurrency)))
    }

    /// The gate of a script, whose bound the caller sets.
    pub(super) fn gate(&mut self, app: AppId, name: &ScriptName) -> Arc<Gate> {
        let known = self.scripts.entry((app, name.clone()));
        Arc::clone(known.or_insert_with(|| Gate::new(0)))
    }

    /// Forgets an app.
    pub(super) fn remove(&mut self, app: AppId) {
        self.apps.remove(&app);
        self.scripts.retain(|(owner, _), _| *owner != app);
    }
}
