//! What the dispatcher is told, and what waits for it.

use shared::clock::Timestamp;
use shared::id::{AppId, NodeId};
use shared::seam::Raised;

use crate::outbox::delivery::Delivery;
use crate::outbox::line::Line;

/// What a dispatcher is told.
#[derive(Debug)]
pub enum Notice {
    /// A new delivery that this process holds.
    Held(Box<Delivery>),
    /// A new delivery that waits in the database until this time.
    Waiting {
        /// Its line.
        line: Line,
        /// When it may start.
        due_at: Timestamp,
        /// Whether that is now.
        now: bool,
        /// Bytes of its payload.
        bytes: u64,
    },
    /// Nobody knows whether a write has happened: what this process holds must be looked up.
    Unsure(Doubt),
    /// An app was removed with everything that waited.
    Removed(AppId),
    /// An app's triggers and schedules may have changed; in these lines something is due now.
    Activated(Vec<Line>),
    /// Deliveries of an app that waited in the database were removed: nobody is to handle them.
    Cancelled {
        /// The app.
        app: AppId,
        /// How many.
        rows: u64,
        /// Bytes of their payloads.
        bytes: u64,
    },
    /// A delivery that waits in the database has another time.
    Due {
        /// Its line.
        line: Line,
        /// When it may start.
        due_at: Timestamp,
    },
    /// Deliveries were taken out of processes' hands: what is held is looked up.
    Withdrawn,
    /// A line is paused (`true`), or goes on.
    Paused(Line, bool),
    /// Another process has paused lines, or lets them go on.
    Pauses,
    /// What is served for an app has changed; for the catalog.
    Raised(Raised),
    /// Another process is there, and may have written something.
    Foreign,
    /// Nobody has listened until now: another process may have written something.
    Unheard,
}

/// A reason to look up what this process holds: later ones are larger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Doubt(pub u64);

/// What waits in an app's outbox.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Deliveries.
    pub rows: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
}

/// How much may wait in one app's outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BacklogLimit {
    /// Deliveries.
    pub rows: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
}

impl Default for BacklogLimit {
    fn default() -> Self {
        Self {
            rows: 1_000_000,
            bytes: 1 << 30,
        }
    }
}

/// Whether a delivery may be held from its birth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It may not: nobody would take it, or memory is full.
    No,
    /// By this process.
    By(NodeId),
    /// By this process, after it has renewed its lease in the same transaction.
    Renewing(NodeId),
}
