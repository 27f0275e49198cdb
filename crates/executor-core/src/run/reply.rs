//! How the end of a run comes to whoever waits on another thread, or has given it up.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use shared::invocation::{Farewell, Outcome};
use tokio::sync::oneshot;

/// Who is told when nobody waits any more.
type Given = Arc<Mutex<Option<Farewell>>>;

fn lock(given: &Given) -> MutexGuard<'_, Option<Farewell>> {
    given.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The two ends: where a run tells how it ended, and where that is waited for.
pub(crate) fn reply() -> (Reply, Answer) {
    let (to, from) = oneshot::channel();
    let given = Given::default();
    let reply = Reply {
        to: Some(to),
        given: Arc::clone(&given),
    };
    (reply, Answer { from, given })
}

/// Where a run tells how it ended: exactly once, also when its thread ends under it.
pub(crate) struct Reply {
    to: Option<oneshot::Sender<Outcome>>,
    given: Given,
}

impl Reply {
    /// Ready when nobody waits any more.
    pub(crate) fn poll_abandoned(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.to {
            Some(to) => to.poll_closed(cx),
            None => Poll::Ready(()),
        }
    }

    /// Tells whoever waits, or whoever gave the run up.
    pub(crate) fn send(mut self, outcome: Outcome) {
        self.tell(outcome);
    }

    fn tell(&mut self, outcome: Outcome) {
        let Some(to) = self.to.take() else {
            return;
        };
        let Err(unheard) = to.send(outcome) else {
            return;
        };
        let told = lock(&self.given).take();
        if let Some(told) = told {
            unheard.abandon(told);
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        self.tell(Outcome::cancelled());
    }
}

/// Where the end of a run is waited for.
pub(crate) struct Answer {
    from: oneshot::Receiver<Outcome>,
    given: Given,
}

impl Answer {
    /// How the run ended.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        let outcome = Pin::new(&mut self.from).poll(cx);
        outcome.map(|told| told.unwrap_or_else(|_never| Outcome::cancelled()))
    }

    /// Does not wait any more; `told` learns of the end.
    pub(crate) fn abandon(mut self, told: Farewell) {
        // Before the channel closes: from then on the other end looks for it.
        *lock(&self.given) = Some(told);
        self.from.close();
        let Ok(outcome) = self.from.try_recv() else {
            return;
        };
        let told = lock(&self.given).take();
        if let Some(told) = told {
            outcome.abandon(told);
        }
    }
}
