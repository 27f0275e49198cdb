//! Triggers: what makes a script run besides requests.

use serde::{Deserialize, Serialize};

use crate::invocation::TriggerKind;
use crate::name::{CollectionName, EnvName, FunctionName, QueueName, ScriptName, TopicPattern};
use crate::retry::RetryPolicy;
use crate::routing::PathPattern;
use crate::schedule::{CatchUp, Schedule};
use crate::webhook::Provider;

/// Triggers of one app.
pub const MAX_TRIGGERS: usize = 200;

/// What a trigger waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A change of a key.
    Kv,
    /// A message in a queue.
    Queue,
    /// A message to a topic.
    Pubsub,
    /// A time.
    Cron,
    /// An event whose handler failed for good.
    DeadLetter,
    /// A signed call from outside.
    Webhook,
    /// A release that went live.
    Deploy,
}

impl Source {
    /// The kind its events have.
    pub const fn kind(self) -> TriggerKind {
        match self {
            Self::Kv => TriggerKind::Kv,
            Self::Queue => TriggerKind::Queue,
            Self::Pubsub => TriggerKind::Pubsub,
            Self::Cron => TriggerKind::Cron,
            Self::DeadLetter => TriggerKind::DeadLetter,
            Self::Webhook => TriggerKind::Webhook,
            Self::Deploy => TriggerKind::Deploy,
        }
    }
}

/// One trigger of a release. Which fields there are depends on the kind; [`Self::check`] tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TriggerSpec {
    /// What it waits for.
    pub kind: Source,
    /// The script that handles it.
    pub script: ScriptName,
    /// The function to call; the script's top level when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler: Option<FunctionName>,
    /// `kv`: the collection; every collection when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<CollectionName>,
    /// `kv`: only keys that start with this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// `queue`: the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueName>,
    /// `pubsub`: the topic, or a pattern like `orders.*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<TopicPattern>,
    /// `cron`: when, in five or six fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// `cron`: the zone the schedule is in; UTC when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// `cron`: what becomes of times at which no server ran; `last` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catch_up: Option<CatchUp>,
    /// `dead_letter`: only events of this script; of every script when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<ScriptName>,
    /// `webhook`: the path it is called on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<PathPattern>,
    /// `webhook`: how calls are signed; `standard` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// `webhook`: the environment variable with the secret; several secrets, parted by spaces,
    /// while one is replaced by another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<EnvName>,
    /// How failed attempts are repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryPolicy>,
    /// Runs at the same time, per node; absent: 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u32>,
}

/// Runs of one trigger at the same time, unless it says otherwise.
pub const DEFAULT_CONCURRENCY: u32 = 16;

impl TriggerSpec {
    /// Its identity in an app: what it waits for, and who handles it. The state of a schedule and
    /// waiting deliveries belong to it across releases.
    pub fn key(&self) -> String {
        let kind = self.kind.kind().as_str();
        let subject = self.subject();
        match self.kind {
            // The consumer may change; the queue stays.
            Source::Queue => format!("queue/{subject}"),
            Source::Webhook => format!("{kind}/{subject}"),
            Source::Cron => {
                let zone = self.timezone();
                format!("{kind}/{subject}/{zone}/{}", self.target())
            }
            Source::Kv => {
                let prefix = self.prefix.as_deref().unwrap_or_default();
                format!("{kind}/{subject}/{prefix}/{}", self.target())
            }
            Source::Pubsub | Source::DeadLetter | Source::Deploy => {
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

    /// What its events are about: collection, queue, topic, schedule, script or path.
    pub fn subject(&self) -> String {
        match self.kind {
            Source::Kv => self
                .collection
                .as_ref()
                .map_or_else(|| "*".to_owned(), ToString::to_string),
            Source::Queue => text(self.queue.as_ref()),
            Source::Pubsub => text(self.topic.as_ref()),
            Source::Cron => self.schedule.clone().unwrap_or_default(),
            Source::DeadLetter => text(self.of.as_ref()),
            Source::Webhook => text(self.path.as_ref()),
            Source::Deploy => String::new(),
        }
    }

    /// The zone of a schedule.
    pub fn timezone(&self) -> &str {
        self.timezone.as_deref().unwrap_or("UTC")
    }

    /// What becomes of missed times.
    pub fn catch_up(&self) -> CatchUp {
        self.catch_up.unwrap_or_default()
    }

    /// How failed attempts are repeated.
    pub fn retry(&self) -> RetryPolicy {
        self.retry.unwrap_or_default()
    }

    /// Runs at the same time, per node.
    pub fn concurrency(&self) -> u32 {
        self.concurrency.unwrap_or(DEFAULT_CONCURRENCY).max(1)
    }

    /// The schedule of a `cron` trigger.
    pub fn parsed_schedule(&self) -> Option<Schedule> {
        Schedule::parse(self.schedule.as_deref()?, self.timezone()).ok()
    }

    /// Whether its fields are those of its kind; says what is missing, too much or wrong.
    pub fn check(&self) -> Result<(), String> {
        let kind = self.kind.kind().as_str();
        for (name, there, owner, needed) in self.fields() {
            if there && owner != self.kind {
                return Err(format!("a {kind} trigger has no `{name}`"));
            }
            if !there && owner == self.kind && needed {
                return Err(format!("a {kind} trigger needs `{name}`"));
            }
        }
        if let Some(schedule) = &self.schedule {
            Schedule::parse(schedule, self.timezone()).map_err(|error| error.to_string())?;
        }
        if self
            .prefix
            .as_ref()
            .is_some_and(|p| p.contains('\0') || p.len() > 512)
        {
            return Err("`prefix` has at most 512 bytes and no character U+0000".to_owned());
        }
        if self.concurrency.is_some_and(|n| n == 0 || n > 10_000) {
            return Err("`concurrency` is from 1 to 10000".to_owned());
        }
        self.retry.map_or(Ok(()), |retry| retry.check())
    }

    fn fields(&self) -> [(&'static str, bool, Source, bool); 11] {
        [
            ("collection", self.collection.is_some(), Source::Kv, false),
            ("prefix", self.prefix.is_some(), Source::Kv, false),
            ("queue", self.queue.is_some(), Source::Queue, true),
            ("topic", self.topic.is_some(), Source::Pubsub, true),
            ("schedule", self.schedule.is_some(), Source::Cron, true),
            ("timezone", self.timezone.is_some(), Source::Cron, false),
            ("catch_up", self.catch_up.is_some(), Source::Cron, false),
            ("of", self.of.is_some(), Source::DeadLetter, false),
            ("path", self.path.is_some(), Source::Webhook, true),
            ("provider", self.provider.is_some(), Source::Webhook, false),
            ("secret", self.secret.is_some(), Source::Webhook, true),
        ]
    }
}

fn text(value: Option<&impl ToString>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> TriggerSpec {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn fields_belong_to_their_kind() {
        let cases = [
            ("kind = 'cron'\nscript = 'a'\nschedule = '0 6 * * *'", None),
            ("kind = 'cron'\nscript = 'a'", Some("needs `schedule`")),
            (
                "kind = 'cron'\nscript = 'a'\nschedule = 'daily'",
                Some("daily"),
            ),
            (
                "kind = 'queue'\nscript = 'a'\nqueue = 'q'\ntopic = 't'",
                Some("has no `topic`"),
            ),
            ("kind = 'kv'\nscript = 'a'", None),
            ("kind = 'kv'\nscript = 'a'\nconcurrency = 0", Some("from 1")),
            (
                "kind = 'webhook'\nscript = 'a'\npath = '/x'",
                Some("needs `secret`"),
            ),
            ("kind = 'deploy'\nscript = 'a'", None),
        ];
        for (text, wrong) in cases {
            match (parsed(text).check(), wrong) {
                (Ok(()), None) => {}
                (Err(message), Some(part)) => assert!(message.contains(part), "{message}"),
                (got, wanted) => panic!("{text}: {got:?}, expected {wanted:?}"),
            }
        }
    }

    #[test]
    fn a_queue_keeps_its_key_when_its_consumer_changes() {
        let one = parsed("kind = 'queue'\nscript = 'a'\nqueue = 'q'");
        let other = parsed("kind = 'queue'\nscript = 'b'\nhandler = 'h'\nqueue = 'q'");
        assert_eq!(one.key(), other.key());
        let one = parsed("kind = 'pubsub'\nscript = 'a'\ntopic = 't'");
        let other = parsed("kind = 'pubsub'\nscript = 'b'\ntopic = 't'");
        assert_ne!(one.key(), other.key());
    }
}
