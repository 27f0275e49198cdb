//! Which script answers a request: pure rules shared by ingress (matching) and control plane
//! (conflict detection, match preview).
//!
//! Precedence, segment by segment from the left: exact beats parameter beats prefix. A path
//! matches with or without percent-encoding in its exact segments; parameters are decoded.

mod method;
mod pattern;
mod reserved;
mod table;

pub use method::{Method, MethodError};
pub use pattern::{MAX_PATH_BYTES, MAX_SEGMENTS, PathPattern, PatternError, Segment};
pub use reserved::{WELL_KNOWN, reserved};
pub use table::{Conflict, Match, Params, RouteTable};
