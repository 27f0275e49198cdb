//! Why scripts run.

/// Why a script runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TriggerKind {
    /// A request to a route.
    Http,
    /// A draft or a direct call through the API.
    Manual,
    /// A key changed.
    Kv,
    /// A message in a queue.
    Queue,
    /// A message to a topic.
    Pubsub,
    /// A schedule.
    Cron,
    /// An event whose handler failed for good.
    DeadLetter,
    /// A signed call from outside.
    Webhook,
    /// A release went live.
    Deploy,
    /// Another script of the app.
    Invoke,
}

impl TriggerKind {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::Http,
        Self::Manual,
        Self::Kv,
        Self::Queue,
        Self::Pubsub,
        Self::Cron,
        Self::DeadLetter,
        Self::Webhook,
        Self::Deploy,
        Self::Invoke,
    ];

    /// The name scripts, logs and metrics use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Manual => "manual",
            Self::Kv => "kv",
            Self::Queue => "queue",
            Self::Pubsub => "pubsub",
            Self::Cron => "cron",
            Self::DeadLetter => "dead_letter",
            Self::Webhook => "webhook",
            Self::Deploy => "deploy",
            Self::Invoke => "invoke",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}
