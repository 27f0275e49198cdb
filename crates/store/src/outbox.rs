//! The outbox: what has happened and still has to be handled.
//!
//! A delivery is written in the transaction of what it tells about. It is held by one process at a
//! time, or waits. Every later write to it is conditioned on its epoch, which grows whenever it
//! changes hands: an answer that comes too late changes nothing.

mod claim;
mod clock;
pub(crate) mod delivery;
mod emit;
pub(crate) mod insert;
pub(crate) mod line;
mod manage;
mod once;
mod paused;
mod recover;
mod settle;
pub(crate) mod waiting;

pub use claim::{Due, Span, claim, due, lines, overdue};
pub use clock::pull_back;
pub use delivery::Delivery;
pub use emit::{ByHand, Emitted, Event, Once, Release, Request, Sent, To, emit, fire, message};
pub(crate) use emit::{Consumers, Key, Tick, change, emit_among, listeners, tell};
pub use insert::OutboxError;
pub use line::Line;
pub use manage::{Managed, Moved, cancel, last, move_to};
pub use once::{Before, sent_before};
pub use paused::{Paused, all_paused, pause, paused};
pub use recover::{
    Node, held_by, hold_lease, look_up, nodes, notify, release_node, release_own, remove_node,
    renew_lease, take_over,
};
pub use settle::{Failed, Stale, mark_started, settle};
pub use waiting::{
    Filter, Pending, QueueRow, Wait, Waits, backlogs, depth, get, list, of_event, queues, waits,
};
