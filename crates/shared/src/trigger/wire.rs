//! A trigger as JSON and TOML write it: one object with the settings of all kinds, of which it has
//! those of its own.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::{CronSource, Source, TriggerSpec, WebhookSource};
use crate::name::{CollectionName, EnvName, FunctionName, QueueName, ScriptName, TopicPattern};
use crate::retry::RetryPolicy;
use crate::routing::PathPattern;
use crate::schedule::{CatchUp, Overlap};
use crate::webhook::Provider;

/// The kinds of triggers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Kv,
    Queue,
    Pubsub,
    Cron,
    DeadLetter,
    Webhook,
    Deploy,
}

/// One trigger of a release.
#[derive(Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct Flat {
    /// What it waits for.
    #[cfg_attr(feature = "openapi", schema(inline))]
    kind: Kind,
    /// The script that handles it.
    script: ScriptName,
    /// The function to call; the script's top level when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    handler: Option<FunctionName>,
    /// The collection; every collection when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    collection: Option<CollectionName>,
    /// Only keys that start with this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
    /// The queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    queue: Option<QueueName>,
    /// The topic, or a pattern like `orders.*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    topic: Option<TopicPattern>,
    /// When, in five or six fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schedule: Option<String>,
    /// The zone the schedule is in; UTC when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    timezone: Option<String>,
    /// What becomes of times at which no server ran; `last` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    catch_up: Option<CatchUp>,
    /// What becomes of a time that is due while the last run goes on; `skip` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    overlap: Option<Overlap>,
    /// Only events of this script; of every script when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<ScriptName>,
    /// The path it is called on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<PathPattern>,
    /// How calls are signed; `standard` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider: Option<Provider>,
    /// The environment variable with the secret; several secrets, one a line, while one is
    /// replaced by another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<EnvName>,
    /// How failed attempts are repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    retry: Option<RetryPolicy>,
    /// Runs at the same time, per node; absent: 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    concurrency: Option<u32>,
}

impl Kind {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Kv => "kv",
            Self::Queue => "queue",
            Self::Pubsub => "pubsub",
            Self::Cron => "cron",
            Self::DeadLetter => "dead_letter",
            Self::Webhook => "webhook",
            Self::Deploy => "deploy",
        }
    }
}

/// A setting that only some kinds have.
pub(super) struct Setting {
    pub(super) name: &'static str,
    /// The kinds that have it.
    pub(super) kinds: &'static [Kind],
    there: bool,
}

/// Settings that do not make a trigger of the kind it says it is.
#[derive(Debug, thiserror::Error)]
pub(super) enum Misfit {
    #[error(
        "the trigger of script `{script}`: a {kind} trigger has no `{name}`, which is a setting of \
         {owners} triggers; remove it, or change `kind`",
        kind = kind.as_str(),
        owners = list(owners)
    )]
    Foreign {
        script: ScriptName,
        kind: Kind,
        name: &'static str,
        owners: &'static [Kind],
    },
    #[error("the trigger of script `{script}`: a {kind} trigger needs `{name}`", kind = kind.as_str())]
    Missing {
        script: ScriptName,
        kind: Kind,
        name: &'static str,
    },
}

fn list(kinds: &[Kind]) -> String {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.as_str()).collect();
    names.join(" and ")
}

impl Flat {
    /// The settings that not every kind has. A new one does not compile before it is here.
    pub(super) fn settings(&self) -> [Setting; 12] {
        let Self {
            kind: _,
            script: _,
            handler: _,
            collection,
            prefix,
            queue,
            topic,
            schedule,
            timezone,
            catch_up,
            overlap,
            of,
            path,
            provider,
            secret,
            retry: _,
            concurrency: _,
        } = self;
        let setting = |name, there, kinds| Setting { name, kinds, there };
        [
            setting("collection", collection.is_some(), &[Kind::Kv]),
            setting("prefix", prefix.is_some(), &[Kind::Kv]),
            setting("queue", queue.is_some(), &[Kind::Queue]),
            setting("topic", topic.is_some(), &[Kind::Pubsub]),
            setting("schedule", schedule.is_some(), &[Kind::Cron]),
            setting("timezone", timezone.is_some(), &[Kind::Cron]),
            setting("catch_up", catch_up.is_some(), &[Kind::Cron]),
            setting("overlap", overlap.is_some(), &[Kind::Cron]),
            setting("of", of.is_some(), &[Kind::DeadLetter]),
            setting("path", path.is_some(), &[Kind::Webhook]),
            setting("provider", provider.is_some(), &[Kind::Webhook]),
            setting("secret", secret.is_some(), &[Kind::Webhook]),
        ]
    }

    /// A trigger of this kind without settings.
    pub(super) fn of(kind: Kind, script: ScriptName) -> Self {
        Self {
            kind,
            script,
            handler: None,
            collection: None,
            prefix: None,
            queue: None,
            topic: None,
            schedule: None,
            timezone: None,
            catch_up: None,
            overlap: None,
            of: None,
            path: None,
            provider: None,
            secret: None,
            retry: None,
            concurrency: None,
        }
    }
}

impl Flat {
    /// What it waits for; else the name of a setting that is missing.
    fn source(self) -> Result<Source, &'static str> {
        Ok(match self.kind {
            Kind::Kv => Source::Kv {
                collection: self.collection,
                prefix: self.prefix,
            },
            Kind::Queue => Source::Queue {
                queue: self.queue.ok_or("queue")?,
            },
            Kind::Pubsub => Source::Pubsub {
                topic: self.topic.ok_or("topic")?,
            },
            Kind::Cron => Source::Cron(CronSource {
                schedule: self.schedule.ok_or("schedule")?,
                timezone: self.timezone,
                catch_up: self.catch_up,
                overlap: self.overlap,
            }),
            Kind::DeadLetter => Source::DeadLetter { of: self.of },
            Kind::Webhook => Source::Webhook(WebhookSource {
                path: self.path.ok_or("path")?,
                provider: self.provider,
                secret: self.secret.ok_or("secret")?,
            }),
            Kind::Deploy => Source::Deploy,
        })
    }
}

impl TryFrom<Flat> for TriggerSpec {
    type Error = Misfit;

    fn try_from(flat: Flat) -> Result<Self, Misfit> {
        let (kind, script) = (flat.kind, flat.script.clone());
        let foreign = |s: &Setting| s.there && !s.kinds.contains(&kind);
        if let Some(setting) = flat.settings().into_iter().find(foreign) {
            return Err(Misfit::Foreign {
                script,
                kind,
                name: setting.name,
                owners: setting.kinds,
            });
        }
        let (handler, retry, concurrency) = (flat.handler.clone(), flat.retry, flat.concurrency);
        match flat.source() {
            Ok(source) => Ok(Self {
                source,
                script,
                handler,
                retry,
                concurrency,
            }),
            Err(name) => Err(Misfit::Missing { script, kind, name }),
        }
    }
}

impl<'de> Deserialize<'de> for TriggerSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = TriggerSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a trigger")
            }

            // Decided in here, so that a parser that knows where the object is says so.
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TriggerSpec, A::Error> {
                let flat = Flat::deserialize(MapAccessDeserializer::new(map))?;
                flat.try_into().map_err(A::Error::custom)
            }
        }

        deserializer.deserialize_map(Object)
    }
}

impl From<TriggerSpec> for Flat {
    fn from(spec: TriggerSpec) -> Self {
        let TriggerSpec {
            source,
            script,
            handler,
            retry,
            concurrency,
        } = spec;
        let mut flat = match source {
            Source::Kv { collection, prefix } => Self {
                collection,
                prefix,
                ..Self::of(Kind::Kv, script)
            },
            Source::Queue { queue } => Self {
                queue: Some(queue),
                ..Self::of(Kind::Queue, script)
            },
            Source::Pubsub { topic } => Self {
                topic: Some(topic),
                ..Self::of(Kind::Pubsub, script)
            },
            Source::Cron(CronSource {
                schedule,
                timezone,
                catch_up,
                overlap,
            }) => Self {
                schedule: Some(schedule),
                timezone,
                catch_up,
                overlap,
                ..Self::of(Kind::Cron, script)
            },
            Source::DeadLetter { of } => Self {
                of,
                ..Self::of(Kind::DeadLetter, script)
            },
            Source::Webhook(WebhookSource {
                path,
                provider,
                secret,
            }) => Self {
                path: Some(path),
                provider,
                secret: Some(secret),
                ..Self::of(Kind::Webhook, script)
            },
            Source::Deploy => Self::of(Kind::Deploy, script),
        };
        flat.handler = handler;
        flat.retry = retry;
        flat.concurrency = concurrency;
        flat
    }
}

#[cfg(test)]
mod tests;
