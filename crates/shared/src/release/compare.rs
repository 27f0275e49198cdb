//! What is in a release, and what one release changes of another. One answer serves deploys, dry
//! runs, `pic diff`, `pic releases show` and whoever asks the API.
//!
//! Every struct is taken apart here with all its fields, so that a new field does not compile
//! before somebody has said how it is told.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::snapshot::{Cors, ModuleSpec, RouteSpec, ScriptSpec, Snapshot};
use crate::id::ContentHash;
use crate::limits::LimitSettings;
use crate::retry::RetryPolicy;
use crate::trigger::{CronSource, Source, TriggerSpec, WebhookSource};
use crate::units::{format_duration, format_size};

/// What a release does with an item of the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PlanAction {
    /// It is new.
    Add,
    /// It differs.
    Change,
    /// It goes.
    Remove,
    /// It stays as it is.
    Keep,
}

/// One field of an item that differs. Values are written as a manifest writes them, texts without
/// quotes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FieldChange {
    /// Its name, like `cors.origins`.
    pub field: String,
    /// Its value before; null when it had none.
    pub old: Option<String>,
    /// Its value now; null when it has none.
    pub new: Option<String>,
}

impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let new = self.new.as_deref().unwrap_or("none");
        write!(f, "{}: {new}", self.field)?;
        match &self.old {
            Some(old) => write!(f, " (was {old})"),
            None => Ok(()),
        }
    }
}

/// One script, module, route or trigger, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlanItem {
    /// `add`, `change`, `remove` or `keep`.
    pub action: PlanAction,
    /// `script`, `module`, `route` or `trigger`.
    pub what: String,
    /// Its name.
    pub name: String,
    /// The fields that differ: all it has when it is new or goes, none when it is kept.
    pub changes: Vec<FieldChange>,
}

/// What `next` makes of `base`: scripts, then modules, then routes, then triggers, each by name.
pub fn compare(base: &Snapshot, next: &Snapshot) -> Vec<PlanItem> {
    let (base, next) = (items(base), items(next));
    let plan = |old: &Items, new: &Items, what: &'static str| {
        let names = old
            .keys()
            .chain(new.keys().filter(|n| !old.contains_key(*n)));
        let mut plan: Vec<PlanItem> = names
            .map(|name| item(what, name, old.get(name), new.get(name)))
            .collect();
        plan.sort_by(|a, b| a.name.cmp(&b.name));
        plan
    };
    let kinds = base.iter().zip(&next);
    kinds
        .flat_map(|((what, old), (_, new))| plan(old, new, what))
        .collect()
}

/// Everything in a release: what it would add to nothing.
pub fn contents(snapshot: &Snapshot) -> Vec<PlanItem> {
    compare(&Snapshot::default(), snapshot)
}

/// Items of one kind, by name.
type Items = BTreeMap<String, Facts>;

fn items(snapshot: &Snapshot) -> [(&'static str, Items); 4] {
    let Snapshot {
        scripts,
        modules,
        routes,
        triggers,
    } = snapshot;
    let scripts = scripts.iter().map(|(n, s)| (n.to_string(), script(s)));
    let modules = modules.iter().map(|(n, m)| (n.to_string(), module(m)));
    [
        ("script", scripts.collect()),
        ("module", modules.collect()),
        ("route", routes.iter().map(route).collect()),
        (
            "trigger",
            triggers.iter().map(|t| (t.key(), trigger(t))).collect(),
        ),
    ]
}

fn item(what: &str, name: &str, old: Option<&Facts>, new: Option<&Facts>) -> PlanItem {
    let none = Facts::default();
    let changes = changes(old.unwrap_or(&none), new.unwrap_or(&none));
    let action = match (old, new) {
        (None, _) => PlanAction::Add,
        (_, None) => PlanAction::Remove,
        _ if changes.is_empty() => PlanAction::Keep,
        _ => PlanAction::Change,
    };
    PlanItem {
        action,
        what: what.to_owned(),
        name: name.to_owned(),
        changes,
    }
}

fn changes(old: &Facts, new: &Facts) -> Vec<FieldChange> {
    let shown = |fact: &Fact| fact.shown.clone();
    let now = new.0.iter().filter_map(|fact| {
        let before = old.find(fact.field);
        let differs = before.is_none_or(|before| before.exact != fact.exact);
        differs.then(|| (fact.field, before.map(shown), Some(shown(fact))))
    });
    let gone = old.0.iter().filter(|fact| new.find(fact.field).is_none());
    let gone = gone.map(|fact| (fact.field, Some(shown(fact)), None));
    now.chain(gone)
        .map(|(field, old, new)| FieldChange {
            field: field.to_owned(),
            old,
            new,
        })
        .collect()
}

/// A field that has a value.
struct Fact {
    field: &'static str,
    /// What is compared.
    exact: String,
    /// What people read.
    shown: String,
}

/// The fields of one item that have a value.
#[derive(Default)]
struct Facts(Vec<Fact>);

impl Facts {
    fn find(&self, field: &str) -> Option<&Fact> {
        self.0.iter().find(|fact| fact.field == field)
    }

    fn text(&mut self, field: &'static str, value: impl Into<String>) {
        let value = value.into();
        self.0.push(Fact {
            field,
            exact: value.clone(),
            shown: value,
        });
    }

    /// A value as a manifest writes it.
    fn value(&mut self, field: &'static str, value: &impl Serialize) {
        let json = serde_json::to_value(value).expect("names, numbers and lists are JSON");
        match json {
            serde_json::Value::String(text) => self.text(field, text),
            other => self.text(field, other.to_string()),
        }
    }

    fn optional(&mut self, field: &'static str, value: Option<&impl Serialize>) {
        if let Some(value) = value {
            self.value(field, value);
        }
    }

    fn list(&mut self, field: &'static str, values: &[String]) {
        if !values.is_empty() {
            self.value(field, &values);
        }
    }

    fn source(&mut self, hash: ContentHash) {
        self.0.push(Fact {
            field: "source",
            exact: hash.to_string(),
            shown: hash.short(),
        });
    }
}

fn script(spec: &ScriptSpec) -> Facts {
    let ScriptSpec {
        hash,
        // It follows from the source, and a release that is not stored yet has none.
        version: _,
        description,
        limits: settings,
    } = spec;
    let mut facts = Facts::default();
    facts.source(*hash);
    if !description.is_empty() {
        facts.text("description", description);
    }
    limits(&mut facts, settings);
    facts
}

fn limits(facts: &mut Facts, settings: &LimitSettings) {
    let LimitSettings {
        wall,
        cpu,
        operations,
        memory,
        response,
        logs,
        host_calls,
        concurrency,
    } = settings;
    facts.optional("limits.wall", wall.map(format_duration).as_ref());
    facts.optional("limits.cpu", cpu.map(format_duration).as_ref());
    facts.optional("limits.operations", operations.as_ref());
    facts.optional("limits.memory", memory.map(format_size).as_ref());
    facts.optional("limits.response", response.map(format_size).as_ref());
    facts.optional("limits.logs", logs.map(format_size).as_ref());
    facts.optional("limits.host_calls", host_calls.as_ref());
    facts.optional("limits.concurrency", concurrency.as_ref());
}

fn module(spec: &ModuleSpec) -> Facts {
    let ModuleSpec { hash, version: _ } = spec;
    let mut facts = Facts::default();
    facts.source(*hash);
    facts
}

fn route(spec: &RouteSpec) -> (String, Facts) {
    let RouteSpec {
        method,
        path,
        script,
        handler,
        auth,
        mode,
        cors: rules,
    } = spec;
    let mut facts = Facts::default();
    facts.value("script", script);
    facts.optional("handler", handler.as_ref());
    facts.value("auth", auth);
    facts.value("mode", mode);
    if let Some(rules) = rules {
        cors(&mut facts, rules);
    }
    (format!("{method} {path}"), facts)
}

fn cors(facts: &mut Facts, rules: &Cors) {
    let Cors {
        origins,
        headers,
        expose,
        credentials,
        max_age,
    } = rules;
    // Also when there are none: rules that allow nobody are rules.
    facts.value("cors.origins", origins);
    facts.list("cors.headers", headers);
    facts.list("cors.expose", expose);
    facts.value("cors.credentials", credentials);
    facts.optional("cors.max_age", max_age.map(format_duration).as_ref());
}

fn trigger(spec: &TriggerSpec) -> Facts {
    let TriggerSpec {
        source,
        script,
        handler,
        retry: policy,
        concurrency,
    } = spec;
    let mut facts = Facts::default();
    facts.text("kind", source.kind().as_str());
    waits_for(&mut facts, source);
    facts.value("script", script);
    facts.optional("handler", handler.as_ref());
    if let Some(policy) = policy {
        retry(&mut facts, policy);
    }
    facts.optional("concurrency", concurrency.as_ref());
    facts
}

fn waits_for(facts: &mut Facts, source: &Source) {
    match source {
        Source::Kv { collection, prefix } => {
            facts.optional("collection", collection.as_ref());
            facts.optional("prefix", prefix.as_ref());
        }
        Source::Queue { queue } => facts.value("queue", queue),
        Source::Pubsub { topic } => facts.value("topic", topic),
        Source::Cron(CronSource {
            schedule,
            timezone,
            catch_up,
            overlap,
        }) => {
            facts.value("schedule", schedule);
            facts.optional("timezone", timezone.as_ref());
            facts.optional("catch_up", catch_up.as_ref());
            facts.optional("overlap", overlap.as_ref());
        }
        Source::DeadLetter { of } => facts.optional("of", of.as_ref()),
        Source::Webhook(WebhookSource {
            path,
            provider,
            secret,
        }) => {
            facts.value("path", path);
            facts.optional("provider", provider.as_ref());
            facts.value("secret", secret);
        }
        Source::Deploy => {}
    }
}

fn retry(facts: &mut Facts, policy: &RetryPolicy) {
    let RetryPolicy {
        attempts,
        backoff,
        base,
        max,
    } = policy;
    facts.value("retry.attempts", attempts);
    facts.value("retry.backoff", backoff);
    facts.text("retry.base", format_duration(*base));
    facts.text("retry.max", format_duration(*max));
}

#[cfg(test)]
mod tests;
