//! What scripts may call: the host side of every SDK service, one file each.
//!
//! Each service checks what it is asked, decides whether to answer on the calling thread or on a
//! database thread, and turns failures into texts for the script's author. The app always comes
//! from the [`Caller`], never from the call.

mod asked;
mod dead_letters;
mod domain_proof;
mod failure;
mod invoke;
mod kv;
mod message;
mod pubsub;
mod queue;
mod tx;

use std::sync::Arc;

use shared::clock::SharedClock;
use shared::invocation::{Invocation, LogLine};
use shared::memory::Memory;
use shared::seam::{Caller, Host, HostAnswer};
use shared::service::HostCall;
use store::Store;

pub use domain_proof::domain_proof;
use store::outbox::Sent;

use asked::Asked;

/// All services over one store.
#[derive(Clone, Debug)]
pub struct Services {
    store: Store,
    clock: SharedClock,
    memory: Arc<Memory>,
}

impl Services {
    /// Services that keep their data in `store`; `clock` decides what has expired, and
    /// large answers take their part of `memory`.
    pub fn new(store: Store, clock: SharedClock, memory: Arc<Memory>) -> Self {
        Self {
            store,
            clock,
            memory,
        }
    }

    fn asked(&self, caller: Caller) -> Asked {
        let sent = Sent {
            app: caller.app,
            cause: caller.cause,
            execution: caller.execution,
            now: self.clock.now(),
        };
        Asked {
            store: self.store.clone(),
            sent,
            room: caller.memory,
            held: self.memory.hold(Some(caller.app), caller.order),
            cpu: caller.cpu,
        }
    }
}

impl Host for Services {
    fn call(&self, caller: Caller, call: HostCall) -> HostAnswer {
        let asked = self.asked(caller);
        match call {
            HostCall::Kv(call) => kv::call(asked, call),
            HostCall::Tx(call) => tx::call(asked, call),
            HostCall::Queue(call) => queue::call(asked, call),
            HostCall::Pubsub(call) => pubsub::call(asked, call),
            HostCall::Invoke(call) => invoke::call(asked, call),
            HostCall::DeadLetters(call) => dead_letters::call(asked, call),
        }
    }

    /// What runs log is shown by who runs them.
    fn logged(&self, _: &Invocation, _before: usize, _lines: &[LogLine]) {}
}
