//! One script from its start to its end: the workers, and what they do for a run.

mod drive;
mod edges;
mod evaluate;
pub(crate) mod executor;
mod handover;
mod language;
mod leaks;
mod natives;
mod reply;
#[cfg(test)]
mod rig;
mod running;
mod scopes;
mod stopped;
pub(crate) mod validator;
mod worker;
mod wrong_calls;
