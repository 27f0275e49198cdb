//! What scripts may call: the host side of every SDK service.
//!
//! Each service checks what it is asked, decides whether to answer on the calling thread or on a
//! database thread, and turns failures into texts for the script's author. The app always comes
//! from the [`Caller`], never from the call.

mod events;
mod failure;
mod kv;

use shared::clock::SharedClock;
use shared::seam::{Caller, Host, HostAnswer, HostCall};
use store::Store;
use store::outbox::Sent;

/// All services over one store.
#[derive(Clone, Debug)]
pub struct Services {
    store: Store,
    clock: SharedClock,
}

impl Services {
    /// Services that keep their data in `store`; `clock` decides what has expired.
    pub fn new(store: Store, clock: SharedClock) -> Self {
        Self { store, clock }
    }

    fn sent(&self, caller: Caller) -> Sent {
        Sent {
            app: caller.app,
            cause: caller.cause,
            execution: caller.execution,
            now: self.clock.now(),
        }
    }
}

impl Host for Services {
    fn call(&self, caller: Caller, call: HostCall) -> HostAnswer {
        match call {
            HostCall::Kv(call) => kv::call(&self.store, self.sent(caller), call),
            HostCall::Event(call) => events::call(&self.store, self.sent(caller), call),
        }
    }
}
