//! What happens to a session.

use std::sync::mpsc::Sender;

/// What happens.
pub(super) enum Event {
    /// The server printed a line.
    Printed(String),
    /// The server has ended.
    Ended,
    /// Something in the folder changed.
    Saved,
    /// A person or the system wants an end.
    Stop,
}

/// A channel's end for threads that report to the session.
pub(super) type Report = Sender<Event>;
