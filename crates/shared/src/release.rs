//! A release: the complete, immutable snapshot of what an app serves.

pub(crate) mod compare;
mod next;
pub mod rules;
pub(crate) mod snapshot;

pub use compare::{FieldChange, PlanAction, PlanItem, compare, contents};
pub use next::{NextError, next};
pub use snapshot::{Cors, ModuleSpec, RouteAuth, RouteMode, RouteSpec, ScriptSpec, Snapshot};
