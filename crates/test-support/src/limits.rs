//! The limits of an instance that was not told otherwise.

use std::time::Duration;

use shared::limits::Limits;

/// The highest values a script may ask for on an instance that was not told otherwise.
pub const fn default_ceiling() -> Limits {
    Limits {
        wall: Duration::from_mins(5),
        cpu: Duration::from_mins(1),
        operations: 500_000_000,
        memory: 256 << 20,
        response: 64 << 20,
        logs: 1 << 20,
        host_calls: 100_000,
        concurrency: 100_000,
    }
}
