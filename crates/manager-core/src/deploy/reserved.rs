//! Paths that no route and no webhook of an app may have.

use shared::routing::{PathPattern, reserved};

/// Why an app cannot have a path; `None` when it can.
pub(super) fn platforms(path: &PathPattern) -> Option<String> {
    let taken = reserved(path)?;
    Some(format!(
        "`{taken}` belongs to the platform on every host; choose another path"
    ))
}
