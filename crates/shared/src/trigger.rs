//! Triggers: what makes a script run besides requests.

#[cfg(feature = "openapi")]
mod schema;
mod wire;

use serde::Serialize;

use crate::invocation::TriggerKind;
use crate::name::{CollectionName, EnvName, FunctionName, QueueName, ScriptName, TopicPattern};
use crate::retry::RetryPolicy;
use crate::routing::PathPattern;
use crate::schedule::{CatchUp, Overlap, Schedule};
use crate::webhook::Provider;

/// Triggers of one app.
pub const MAX_TRIGGERS: usize = 200;

/// Runs of one trigger at the same time, unless it says otherwise.
pub const DEFAULT_CONCURRENCY: u32 = 16;

/// Bytes of a `prefix`.
const MAX_PREFIX: usize = 512;

/// What a trigger waits for, with the settings that only this kind has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A change of a key.
    Kv {
        /// The collection; every collection when absent.
        collection: Option<CollectionName>,
        /// Only keys that start with this.
        prefix: Option<String>,
    },
    /// A message in a queue.
    Queue {
        /// The queue.
        queue: QueueName,
    },
    /// A message to a topic.
    Pubsub {
        /// The topic, or a pattern like `orders.*`.
        topic: TopicPattern,
    },
    /// A time.
    Cron(CronSource),
    /// An event whose handler failed for good.
    DeadLetter {
        /// Only events of this script; of every script when absent.
        of: Option<ScriptName>,
    },
    /// A signed call from outside.
    Webhook(WebhookSource),
    /// A release that went live.
    Deploy,
}

/// When a script runs by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CronSource {
    /// When, in five or six fields.
    pub schedule: String,
    /// The zone the schedule is in; UTC when absent.
    pub timezone: Option<String>,
    /// What becomes of times at which no server ran; the default when absent.
    pub catch_up: Option<CatchUp>,
    /// What becomes of a time that is due while the last run goes on; the default when absent.
    pub overlap: Option<Overlap>,
}

impl CronSource {
    /// The zone the schedule is in.
    pub fn timezone(&self) -> &str {
        self.timezone.as_deref().unwrap_or("UTC")
    }

    /// What becomes of missed times.
    pub fn catch_up(&self) -> CatchUp {
        self.catch_up.unwrap_or_default()
    }

    /// What becomes of a time that is due while the last run goes on.
    pub fn overlap(&self) -> Overlap {
        self.overlap.unwrap_or_default()
    }

    /// The schedule; `None` when this program cannot read what an older one took.
    pub fn parsed(&self) -> Option<Schedule> {
        Schedule::parse(&self.schedule, self.timezone()).ok()
    }
}

/// Calls from outside that a secret proves genuine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookSource {
    /// The path it is called on.
    pub path: PathPattern,
    /// How calls are signed; `standard` when absent.
    pub provider: Option<Provider>,
    /// The environment variable with the secret; several secrets, one a line, while one is
    /// replaced by another.
    pub secret: EnvName,
}

impl WebhookSource {
    /// How calls are signed.
    pub fn provider(&self) -> Provider {
        self.provider.unwrap_or(Provider::Standard)
    }
}

impl Source {
    /// The kind its events have.
    pub const fn kind(&self) -> TriggerKind {
        match self {
            Self::Kv { .. } => TriggerKind::Kv,
            Self::Queue { .. } => TriggerKind::Queue,
            Self::Pubsub { .. } => TriggerKind::Pubsub,
            Self::Cron(_) => TriggerKind::Cron,
            Self::DeadLetter { .. } => TriggerKind::DeadLetter,
            Self::Webhook(_) => TriggerKind::Webhook,
            Self::Deploy => TriggerKind::Deploy,
        }
    }

    /// What its events are about: collection, queue, topic, schedule, script or path.
    pub fn subject(&self) -> String {
        match self {
            Self::Kv { collection, .. } => collection
                .as_ref()
                .map_or_else(|| "*".to_owned(), ToString::to_string),
            Self::Queue { queue } => queue.to_string(),
            Self::Pubsub { topic } => topic.to_string(),
            Self::Cron(cron) => cron.schedule.clone(),
            Self::DeadLetter { of } => of.as_ref().map(ToString::to_string).unwrap_or_default(),
            Self::Webhook(webhook) => webhook.path.to_string(),
            Self::Deploy => String::new(),
        }
    }

    /// What else its events must be: the beginning of a key.
    pub fn filter(&self) -> Option<&str> {
        match self {
            Self::Kv { prefix, .. } => prefix.as_deref(),
            _ => None,
        }
    }
}

/// One trigger of a release. As JSON and TOML it is one object: `kind`, the settings of the kind,
/// and those every trigger has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "wire::Flat")]
pub struct TriggerSpec {
    /// What it waits for.
    pub source: Source,
    /// The script that handles it.
    pub script: ScriptName,
    /// The function to call; the script's top level when absent.
    pub handler: Option<FunctionName>,
    /// How failed attempts are repeated.
    pub retry: Option<RetryPolicy>,
    /// Runs at the same time, per node; absent: [`DEFAULT_CONCURRENCY`].
    pub concurrency: Option<u32>,
}

impl TriggerSpec {
    /// Its identity in an app: what it waits for, and who handles it. The state of a schedule and
    /// waiting deliveries belong to it across releases.
    pub fn key(&self) -> String {
        let kind = self.source.kind().as_str();
        let subject = self.source.subject();
        match &self.source {
            // The consumer may change; queue and path stay.
            Source::Queue { .. } | Source::Webhook(_) => format!("{kind}/{subject}"),
            Source::Cron(cron) => {
                let zone = cron.timezone();
                format!("{kind}/{subject}/{zone}/{}", self.target())
            }
            Source::Kv { prefix, .. } => {
                let prefix = prefix.as_deref().unwrap_or_default();
                format!("{kind}/{subject}/{prefix}/{}", self.target())
            }
            Source::Pubsub { .. } | Source::DeadLetter { .. } | Source::Deploy => {
                format!("{kind}/{subject}/{}", self.target())
            }
        }
    }

    fn target(&self) -> String {
        match &self.handler {
            Some(handler) => format!("{}.{handler}", self.script),
            None => self.script.to_string(),
        }
    }

    /// How failed attempts are repeated.
    pub fn retry(&self) -> RetryPolicy {
        self.retry.unwrap_or_default()
    }

    /// Runs at the same time, per node.
    pub fn concurrency(&self) -> u32 {
        self.concurrency.unwrap_or(DEFAULT_CONCURRENCY).max(1)
    }

    /// Whether its values keep their rules; says which does not. Releases that are stored are not
    /// asked again: what was taken once is served.
    pub fn check(&self) -> Result<(), String> {
        if let Source::Cron(cron) = &self.source {
            let parsed = Schedule::parse(&cron.schedule, cron.timezone());
            parsed.map_err(|error| error.to_string())?;
        }
        let prefix = self.source.filter().unwrap_or_default();
        if prefix.contains('\0') || prefix.len() > MAX_PREFIX {
            return Err(format!(
                "`prefix` has at most {MAX_PREFIX} bytes and no character U+0000"
            ));
        }
        if self.concurrency.is_some_and(|n| n == 0 || n > 10_000) {
            return Err("`concurrency` is from 1 to 10000".to_owned());
        }
        self.retry.map_or(Ok(()), |retry| retry.check())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> TriggerSpec {
        toml::from_str(text).unwrap()
    }

    /// Schedules, leases and waiting deliveries in databases are known by these texts.
    #[test]
    fn keys_stay_what_they_are() {
        for (text, key) in [
            ("kind = 'kv'", "kv/*//a"),
            (
                "kind = 'kv'\ncollection = 'c'\nprefix = 'p/'\nhandler = 'h'",
                "kv/c/p//a.h",
            ),
            ("kind = 'queue'\nqueue = 'q'\nhandler = 'h'", "queue/q"),
            ("kind = 'pubsub'\ntopic = 't.*'", "pubsub/t.*/a"),
            ("kind = 'cron'\nschedule = '@daily'", "cron/@daily/UTC/a"),
            (
                "kind = 'cron'\nschedule = '0 6 * * *'\ntimezone = 'Europe/Berlin'\nhandler = 'h'",
                "cron/0 6 * * */Europe/Berlin/a.h",
            ),
            ("kind = 'dead_letter'", "dead_letter//a"),
            ("kind = 'dead_letter'\nof = 'b'", "dead_letter/b/a"),
            (
                "kind = 'webhook'\npath = '/x'\nsecret = 'S'\nhandler = 'h'",
                "webhook//x",
            ),
            ("kind = 'deploy'", "deploy//a"),
        ] {
            assert_eq!(parsed(&format!("{text}\nscript = 'a'")).key(), key);
        }
    }

    #[test]
    fn values_keep_their_rules() {
        for (text, wrong) in [
            ("kind = 'cron'\nschedule = '0 6 * * *'", None),
            ("kind = 'cron'\nschedule = 'daily'", Some("daily")),
            ("kind = 'kv'", None),
            ("kind = 'kv'\nconcurrency = 0", Some("from 1")),
            ("kind = 'kv'\nprefix = \"\\u0000\"", Some("`prefix`")),
            (
                "kind = 'deploy'\nretry = { attempts = 0 }",
                Some("attempts = 0"),
            ),
        ] {
            match (parsed(&format!("{text}\nscript = 'a'")).check(), wrong) {
                (Ok(()), None) => {}
                (Err(message), Some(part)) => assert!(message.contains(part), "{message}"),
                (got, wanted) => panic!("{text}: {got:?}, expected {wanted:?}"),
            }
        }
    }
}
