//! The memory budget of an instance: what is held for clients and for runs, within one bound and in
//! fair shares.
//!
//! Whoever wants more asks first, and is refused when there is none. Refused first is what can wait
//! best ([`Order`]), and of that what belongs to an app that holds more than others. A quarter of
//! the budget is for apps that hold little: nobody else can take it from them.

mod ledger;
mod order;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::id::AppId;
use ledger::Ledger;
pub use order::Order;

/// A budget in bytes, shared by everything that counts against it.
#[derive(Debug)]
pub struct Memory {
    most: u64,
    ledger: Mutex<Ledger>,
    refused: AtomicU64,
}

/// There is no room for more bytes now; there will be when something else has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the server's memory is in use; try again")]
pub struct NoRoom;

impl Memory {
    /// A budget of so many bytes.
    pub fn new(most: u64) -> Arc<Self> {
        Arc::new(Self {
            most,
            ledger: Mutex::default(),
            refused: AtomicU64::new(0),
        })
    }

    /// Bytes of the budget.
    pub fn most(&self) -> u64 {
        self.most
    }

    /// Bytes in use.
    pub fn used(&self) -> u64 {
        self.ledger().used()
    }

    /// How often there was no room.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Something of this app that holds nothing yet; without an app it is the control plane's.
    pub fn hold(self: &Arc<Self>, app: Option<AppId>, order: Order) -> Held {
        Held {
            of: Arc::clone(self),
            app,
            order,
            bytes: 0,
        }
    }

    /// Whether something of this app would find room for a little more.
    pub fn has_room(&self, app: Option<AppId>, order: Order) -> bool {
        self.ledger().fits(self.most, app, order, 1)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes of a budget that somebody holds; free again when it is dropped.
#[derive(Debug)]
pub struct Held {
    of: Arc<Memory>,
    app: Option<AppId>,
    order: Order,
    bytes: u64,
}

impl Held {
    /// Bytes it holds.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Holds so many bytes more, or as many as before where there is no room.
    pub fn grow(&mut self, bytes: u64) -> Result<(), NoRoom> {
        self.grow_as(self.order, bytes)
    }

    /// The same, with another order for these bytes.
    pub fn grow_as(&mut self, order: Order, bytes: u64) -> Result<(), NoRoom> {
        let mut ledger = self.of.ledger();
        if !ledger.fits(self.of.most, self.app, order, bytes) {
            self.of.refused.fetch_add(1, Ordering::Relaxed);
            return Err(NoRoom);
        }
        ledger.add(self.of.most, self.app, bytes);
        self.bytes += bytes;
        Ok(())
    }

    /// Holds no more than so many bytes.
    pub fn shrink_to(&mut self, bytes: u64) {
        let less = self.bytes.saturating_sub(bytes);
        if less > 0 {
            self.of.ledger().remove(self.of.most, self.app, less);
            self.bytes -= less;
        }
    }

    /// The same bytes, which hold this until the last part of them is gone.
    pub fn around(self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Counted { bytes, _held: self })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

struct Counted {
    bytes: Bytes,
    _held: Held,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests;
