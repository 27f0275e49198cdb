//! What delivering needs.

use std::sync::Arc;
use std::time::Duration;

use shared::clock::SharedClock;
use store::Store;

use super::tail::AttemptTails;
use crate::admission::Gate;
use crate::catalog::LiveCatalog;
use crate::metrics::Metrics;
use crate::runs::Runs;

/// How events are delivered.
#[derive(Clone, Copy, Debug)]
pub struct DispatchConfig {
    /// Handlers that run at the same time.
    pub concurrency: u32,
    /// Handlers that start while requests need most of the node.
    pub pressed: u32,
    /// Whether a write tells the dispatcher. Off: it looks every second.
    pub hints: bool,
    /// How long handlers may take to end when the server stops.
    pub drain: Duration,
}

/// The parts delivering needs.
pub struct Dispatcher {
    pub(crate) config: DispatchConfig,
    pub(crate) store: Store,
    pub(crate) clock: SharedClock,
    pub(crate) catalog: Arc<LiveCatalog>,
    pub(crate) runs: Arc<Runs>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) tail: AttemptTails,
    /// Requests under way: they come first.
    pub(crate) requests: Arc<Gate>,
}

impl std::fmt::Debug for Dispatcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Dispatcher")
    }
}
