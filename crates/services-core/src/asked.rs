//! What a service needs to answer: the store, who asks, and how much the answer may hold.

use std::time::Duration;

use shared::event::{Destination, Effect, Message, ReadKey};
use shared::id::EventId;
use shared::kv::KvOp;
use shared::memory::Held;
use shared::seam::{Answered, HostAnswer};
use shared::service::{HostError, Service};
use store::effects::{self, EffectError};
use store::outbox::Sent;
use store::{Conn, Payer, Room, Store, StoreError};

use crate::failure::Failed;

/// A call that is being answered.
pub(crate) struct Asked {
    pub(crate) store: Store,
    pub(crate) sent: Sent,
    /// Bytes the answer may have.
    pub(crate) room: u64,
    /// What it takes of the instance's memory.
    pub(crate) held: Held,
    /// Time the database may work for it.
    pub(crate) cpu: Duration,
}

/// What was read has changed: nothing may be committed.
enum Undone {
    Changed,
    Failed(EffectError),
}

impl From<StoreError> for Undone {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl Asked {
    /// Reads on a database thread.
    pub(crate) async fn read<S: Service, R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Conn) -> Result<R, StoreError> + Send + 'static,
    ) -> Result<R, HostError> {
        let read = self.store.read(work).await;
        read.map_err(|error| error.as_host_error(S::KIND))
    }

    /// Reads on a database thread what may be large. The answer holds its part of the instance's
    /// memory.
    pub(crate) async fn read_within<S, R, E>(
        self,
        work: impl FnOnce(&mut dyn Conn, &mut Room) -> Result<R, E> + Send + 'static,
    ) -> Result<(R, Option<Held>), HostError>
    where
        S: Service,
        R: Send + 'static,
        E: From<StoreError> + Failed + Send + 'static,
    {
        let mut room = Room::within(self.room, self.held);
        let read = self.store.read(move |conn| {
            let found = work(conn, &mut room)?;
            Ok((found, room.into_held()))
        });
        read.await.map_err(|error: E| error.as_host_error(S::KIND))
    }

    /// Writes; it is on the disk when this returns.
    pub(crate) async fn write<S: Service, R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn Conn) -> Result<R, StoreError> + Send + 'static,
    ) -> Result<R, HostError> {
        let written = self.store.write(work).await;
        written.map_err(|error| error.as_host_error(S::KIND))
    }

    /// Does everything, or nothing when something that was read has changed: `false`.
    pub(crate) async fn commit<S: Service>(
        &self,
        reads: Vec<ReadKey>,
        effects: Vec<Effect>,
    ) -> Result<bool, HostError> {
        let sent = self.sent;
        let frees = |effect: &Effect| matches!(effect, Effect::Kv(call) if matches!(call.op, KvOp::Delete(_)));
        let store = if effects.iter().all(frees) {
            self.store.clone()
        } else {
            self.store.clone().growing()
        };
        let write = store.write(move |conn| {
            let done = effects::commit(conn, sent, &reads, &effects);
            done.map_err(Undone::Failed)?
                .then_some(())
                .ok_or(Undone::Changed)
        });
        match write.await {
            Ok(()) => Ok(true),
            Err(Undone::Changed) => Ok(false),
            Err(Undone::Failed(error)) => Err(error.as_host_error(S::KIND)),
        }
    }

    /// Sends messages, all or none; the events they become.
    pub(crate) async fn send<S: Service>(
        &self,
        to: Destination,
        messages: Vec<Message>,
    ) -> Result<Vec<EventId>, HostError> {
        let sent = self.sent;
        let store = self.store.clone().growing();
        let write = store.write(move |conn| effects::send(conn, sent, &to, &messages));
        write.await.map_err(|error| error.as_host_error(S::KIND))
    }
}

/// An answer that is there.
pub(crate) fn ready<S: Service>(answer: Result<S::Reply, HostError>) -> HostAnswer {
    HostAnswer::Ready(answer.map(S::wrap_reply))
}

/// An answer to wait for, which is small. What the database does for it is the caller's.
pub(crate) fn later<S: Service, A>(
    asked: Asked,
    answer: impl FnOnce(Asked) -> A + Send + 'static,
) -> HostAnswer
where
    A: Future<Output = Result<S::Reply, HostError>> + Send + 'static,
{
    later_held::<S, _>(asked, |asked| async move {
        let reply = answer(asked).await?;
        Ok((reply, None))
    })
}

/// An answer to wait for, with what it holds of the instance's memory. What the database does for it
/// is the caller's.
pub(crate) fn later_held<S: Service, A>(
    mut asked: Asked,
    answer: impl FnOnce(Asked) -> A + Send + 'static,
) -> HostAnswer
where
    A: Future<Output = Result<(S::Reply, Option<Held>), HostError>> + Send + 'static,
{
    let payer = Payer::new(asked.sent.app, asked.cpu);
    asked.store = asked.store.paid_by(payer.clone());
    let answer = answer(asked);
    HostAnswer::Pending(Box::pin(async move {
        let (answer, held) = match answer.await {
            Ok((reply, held)) => (Ok(S::wrap_reply(reply)), held),
            Err(error) => (Err(error), None),
        };
        Answered {
            answer,
            spent: payer.spent(),
            held,
        }
    }))
}
