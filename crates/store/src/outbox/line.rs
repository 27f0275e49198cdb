//! The line in front of a trigger.

use shared::id::AppId;

/// The runs of one schedule are one lane; its name is the trigger's.
pub(crate) const SCHEDULE_LANE: &str = "schedule";

/// What waits for one trigger of an app. Within a line what is due first is handled first; lines
/// take turns.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Line {
    /// The app.
    pub app: AppId,
    /// The trigger's key; empty for what names its script.
    pub trigger: String,
}

impl Line {
    /// The line of a trigger.
    pub fn new(app: AppId, trigger: impl Into<String>) -> Self {
        let trigger = trigger.into();
        Self { app, trigger }
    }
}
