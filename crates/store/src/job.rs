//! A closure on its way to a database thread and its answer on the way back.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use tokio::sync::oneshot;

use crate::conn::Conn;
use crate::error::StoreError;
use crate::payer::Payer;
use crate::turns::Party;

/// Work for a database thread.
pub(crate) trait Job: Send {
    /// Runs the closure. `false`: its writes must be rolled back.
    fn run(&mut self, conn: &mut dyn Conn) -> bool;

    /// Answers the caller, after the commit or with the reason there was none.
    fn finish(self: Box<Self>, commit: Result<(), StoreError>);
}

struct Typed<F, T, E> {
    work: Option<F>,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Job for Typed<F, T, E>
where
    F: FnOnce(&mut dyn Conn) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn run(&mut self, conn: &mut dyn Conn) -> bool {
        let Some(work) = self.work.take() else {
            return false;
        };
        // A panic in one caller's closure must not take the database thread from everybody.
        let result = catch_unwind(AssertUnwindSafe(|| work(conn))).unwrap_or_else(|_payload| {
            Err(StoreError::Engine("a storage closure panicked".to_owned()).into())
        });
        let keep = result.is_ok();
        self.result = Some(result);
        keep
    }

    fn finish(self: Box<Self>, commit: Result<(), StoreError>) {
        let answer = match (commit, self.result) {
            (Ok(()), Some(result)) => result,
            // The closure's own error says more than the rollback it caused.
            (Err(_), Some(Err(error))) => Err(error),
            (Err(error), _) => Err(error.into()),
            (Ok(()), None) => Err(StoreError::Unavailable("the write did not run".into()).into()),
        };
        // Nobody may be waiting any more; the write is done all the same.
        drop(self.reply.send(answer));
    }
}

/// A job for `work` and where its answer arrives.
pub(crate) fn job<F, T, E>(work: F) -> (Box<dyn Job>, oneshot::Receiver<Result<T, E>>)
where
    F: FnOnce(&mut dyn Conn) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    (
        Box::new(Typed {
            work: Some(work),
            result: None,
            reply,
        }),
        answer,
    )
}

/// What a job's transaction may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// It only looks; all its statements see the same moment.
    Read,
    /// It changes something.
    Write,
}

/// A job in a queue.
pub(crate) struct Task {
    /// What to do.
    pub(crate) job: Box<dyn Job>,
    /// What it may do.
    pub(crate) access: Access,
    /// When it was queued.
    pub(crate) since: Instant,
    /// Who it is for; `None`: the platform itself.
    pub(crate) payer: Option<Payer>,
    /// It makes the database larger.
    pub(crate) grows: bool,
}

impl Task {
    /// Whose turn it takes.
    pub(crate) fn party(&self) -> Party {
        self.payer.as_ref().map(Payer::app)
    }
}

/// What a database thread is told.
pub(crate) enum Message {
    /// Do this.
    Job(Task),
    /// Finish what is queued, then end.
    Stop,
}
