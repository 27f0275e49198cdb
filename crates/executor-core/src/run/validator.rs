//! Checks releases on threads of its own.

use std::sync::Arc;

use shared::script_error::Diagnostic;
use shared::seam::{BoxFuture, ScriptGraph, ScriptValidator};
use tokio::sync::oneshot;

use super::language::language;
use crate::language::compile::pool::Pool;
use crate::language::engine::Language;
use crate::language::validate::{check, finding};

/// The validator: runs on compile threads of its own, which end when idle.
pub struct Validator {
    language: Arc<Language>,
    pool: Pool,
}

impl std::fmt::Debug for Validator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Validator")
    }
}

impl Default for Validator {
    /// Its threads start with the first release to check.
    fn default() -> Self {
        Self {
            language: language(),
            pool: Pool::new(),
        }
    }
}

impl ScriptValidator for Validator {
    fn validate(&self, graph: ScriptGraph) -> BoxFuture<Vec<Diagnostic>> {
        let (reply, answer) = oneshot::channel();
        let language = Arc::clone(&self.language);
        let queued = self.pool.run(Box::new(move || {
            // Nobody may be waiting any more.
            drop(reply.send(check(&language, &graph)));
        }));
        Box::pin(async move {
            let busy = "too many releases are being checked; try again in a few seconds";
            if !queued {
                return vec![finding("", busy.to_owned())];
            }
            answer.await.unwrap_or_else(|_gone| {
                vec![finding(
                    "",
                    "the check failed; the server's log has the details".to_owned(),
                )]
            })
        })
    }
}
