//! Checks releases on threads of its own.

use std::sync::Arc;

use shared::seam::{BoxFuture, Checked, Kept, ScriptGraph, ScriptValidator};
use tokio::sync::oneshot;

use super::language::language;
use crate::language::compile::pool::Pool;
use crate::language::compile::trees::Trees;
use crate::language::engine::Language;
use crate::language::validate::{check, finding};

/// Releases that are checked at the same time. Checking a large one takes seconds.
const THREADS: usize = 4;

/// The validator: runs on compile threads of its own, which end when idle.
pub struct Validator {
    language: Arc<Language>,
    trees: Arc<Trees>,
    pool: Pool,
}

impl std::fmt::Debug for Validator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Validator")
    }
}

impl Validator {
    /// Its threads start with the first release to check. What it compiles is in `trees`.
    pub(super) fn new(trees: Arc<Trees>) -> Self {
        Self {
            language: language(),
            trees,
            pool: Pool::new(THREADS),
        }
    }
}

impl ScriptValidator for Validator {
    fn validate(&self, graph: ScriptGraph) -> BoxFuture<Checked> {
        let (whose, (reply, answer)) = (graph.app, oneshot::channel());
        let (language, trees) = (Arc::clone(&self.language), Arc::clone(&self.trees));
        let work = Box::new(move || {
            // Nobody may be waiting any more.
            drop(reply.send(check(&language, &trees, &graph)));
        });
        let queued = self.pool.run(whose, work);
        Box::pin(async move {
            let busy = "too many releases are being checked; try again in a few seconds";
            if !queued {
                return Checked::of(vec![finding("", busy.to_owned())]);
            }
            let Ok((findings, keep)) = answer.await else {
                let failed = "the check failed; the server's log has the details";
                return Checked::of(vec![finding("", failed.to_owned())]);
            };
            Checked {
                findings,
                kept: Kept::new(keep),
            }
        })
    }
}
