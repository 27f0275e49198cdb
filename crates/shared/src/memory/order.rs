//! Whose wish for memory is refused first.

/// What is refused first when memory runs out. What is small is refused last, whatever it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The handler of an event: it is tried again by itself.
    Event,
    /// A request that is answered before it is handled: its sender tries again.
    Later,
    /// A request whose client waits.
    Request,
    /// What every run needs that waits.
    Small,
}
