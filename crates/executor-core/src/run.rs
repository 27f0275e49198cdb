//! One script from its start to its end: the workers, and what they do for a run.

pub(crate) mod drive;
pub(crate) mod evaluate;
pub(crate) mod executor;
pub(crate) mod scopes;
pub(crate) mod worker;
