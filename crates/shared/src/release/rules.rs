//! What the parts of a release must keep to, by themselves and together, whoever asks: everything
//! that is wrong is told at once, each with its place in a manifest.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Cors, RouteSpec};
use crate::error::code;
use crate::limits::{LimitSettings, Limits, fixed};
use crate::routing::{Method, PathPattern, RouteTable, reserved};
use crate::suggest::closest;
use crate::trigger::{MAX_TRIGGERS, Source, TriggerSpec};
use crate::units::{format_duration, format_size};

/// Origins and headers in one route's CORS rules.
const CORS_ITEMS: usize = 50;
/// Characters of a trigger's key in a message.
const SHOWN: usize = 120;

/// Something that refuses a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Where in a manifest: `routes.2.path`.
    pub at: String,
    /// The error code.
    pub code: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

impl Wrong {
    fn new(at: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            at: at.into(),
            code,
            message: message.into(),
            hint: None,
        }
    }
}

/// Routes and triggers, each by itself.
pub fn parts(routes: &[RouteSpec], triggers: &[TriggerSpec]) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    if routes.len() > fixed::ROUTES {
        wrong.push(too_many_routes());
    }
    if triggers.len() > MAX_TRIGGERS {
        wrong.push(too_many_triggers());
    }
    for (index, route) in routes.iter().enumerate() {
        let reason = route.cors.as_ref().and_then(|cors| cors_of(cors).err());
        let at = || format!("routes.{index}.cors");
        wrong.extend(reason.map(|reason| bad_route(&at(), route, reason)));
    }
    for (index, trigger) in triggers.iter().enumerate() {
        let reason = trigger.check().err();
        wrong.extend(
            reason.map(|reason| bad_trigger(&format!("triggers.{index}"), trigger, &reason)),
        );
    }
    wrong
}

/// Routes and triggers together, and with the names of the scripts that are there.
pub fn together(
    scripts: &BTreeSet<&str>,
    routes: &[RouteSpec],
    triggers: &[TriggerSpec],
) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    if routes.len() > fixed::ROUTES {
        wrong.push(too_many_routes());
    }
    let mut table = RouteTable::default();
    for (index, route) in routes.iter().enumerate() {
        let at = |key: &str| format!("routes.{index}.{key}");
        if let Some((message, hint)) = missing(scripts, route.script.as_str()) {
            let bad = bad_route(&at("script"), route, &message);
            wrong.push(Wrong { hint, ..bad });
        }
        if let Some(reason) = platforms(&route.path) {
            wrong.push(bad_route(&at("path"), route, &reason));
        }
        if let Err(conflict) = table.insert(route.method, route.path.clone(), ()) {
            let message = conflict.to_string();
            wrong.push(Wrong::new(at("path"), code::INVALID_ROUTES, message));
        }
    }
    wrong.extend(triggers_together(scripts, triggers, table));
    wrong
}

fn triggers_together(
    scripts: &BTreeSet<&str>,
    triggers: &[TriggerSpec],
    mut table: RouteTable<()>,
) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    if triggers.len() > MAX_TRIGGERS {
        wrong.push(too_many_triggers());
    }
    let mut known: BTreeMap<String, &TriggerSpec> = BTreeMap::new();
    for (index, trigger) in triggers.iter().enumerate() {
        let at = |key: &str| format!("triggers.{index}.{key}");
        let mut named = vec![("script", trigger.script.as_str())];
        if let Source::DeadLetter { of: Some(script) } = &trigger.source {
            named.push(("of", script.as_str()));
        }
        for (key, script) in named {
            if let Some((message, hint)) = missing(scripts, script) {
                let bad = bad_trigger(&at(key), trigger, &message);
                wrong.push(Wrong { hint, ..bad });
            }
        }
        if let Source::Webhook(webhook) = &trigger.source {
            let conflict = || {
                let inserted = table.insert(Method::Post, webhook.path.clone(), ());
                inserted.err().map(|conflict| conflict.to_string())
            };
            let reason = platforms(&webhook.path).or_else(conflict);
            wrong.extend(reason.map(|reason| bad_trigger(&at("path"), trigger, &reason)));
        }
        let key = trigger.key();
        match known.get(&key) {
            Some(other) => wrong.push(bad_trigger(
                &format!("triggers.{index}"),
                trigger,
                &twice(trigger, other),
            )),
            None => drop(known.insert(key, trigger)),
        }
    }
    wrong
}

/// Limits a script or an app may ask for: more than nothing, at most the ceiling. A wish that would
/// be cut down in silence is refused. `at`: where they stand; `what`: whose they are.
pub fn limits(at: &str, what: &str, wish: &LimitSettings, ceiling: &Limits) -> Vec<Wrong> {
    let mut wrong = Vec::new();
    let mut check = |name: &str, wish: Option<Amount>, most: Amount| {
        let Some(wish) = wish else {
            return;
        };
        let refuse =
            |message| Wrong::new(format!("{at}.{name}"), code::LIMIT_OUT_OF_RANGE, message);
        if wish.value() == 0 && name != "logs" && name != "host_calls" {
            let message = format!("{what}: limit `{name}` is zero; nothing could run");
            wrong.push(refuse(message));
        } else if wish.value() > most.value() {
            let (wish, most) = (wish.shown(), most.shown());
            let bad = refuse(format!(
                "{what}: limit `{name}` is {wish}, above the instance's ceiling of {most}"
            ));
            let hint = Some("`pic system` and GET /system show all ceilings".to_owned());
            wrong.push(Wrong { hint, ..bad });
        }
    };
    let number = |count: u32| Amount::Number(count.into());
    check(
        "wall",
        wish.wall.map(Amount::Time),
        Amount::Time(ceiling.wall),
    );
    check("cpu", wish.cpu.map(Amount::Time), Amount::Time(ceiling.cpu));
    let operations = wish.operations.map(Amount::Number);
    check("operations", operations, Amount::Number(ceiling.operations));
    check(
        "memory",
        wish.memory.map(Amount::Size),
        Amount::Size(ceiling.memory),
    );
    check(
        "response",
        wish.response.map(Amount::Size),
        Amount::Size(ceiling.response),
    );
    check(
        "logs",
        wish.logs.map(Amount::Size),
        Amount::Size(ceiling.logs),
    );
    check(
        "host_calls",
        wish.host_calls.map(number),
        number(ceiling.host_calls),
    );
    check(
        "concurrency",
        wish.concurrency.map(number),
        number(ceiling.concurrency),
    );
    wrong
}

/// A value of a limit.
#[derive(Clone, Copy)]
enum Amount {
    Time(Duration),
    Size(u64),
    Number(u64),
}

impl Amount {
    fn value(self) -> u128 {
        match self {
            Self::Time(time) => time.as_micros(),
            Self::Size(count) | Self::Number(count) => count.into(),
        }
    }

    /// As a manifest has it.
    fn shown(self) -> String {
        match self {
            Self::Time(time) => format_duration(time),
            Self::Size(bytes) => format_size(bytes),
            Self::Number(count) => count.to_string(),
        }
    }
}

fn too_many_routes() -> Wrong {
    let message = format!("a release has at most {} routes", fixed::ROUTES);
    Wrong::new("routes", code::RELEASE_TOO_LARGE, message)
}

fn too_many_triggers() -> Wrong {
    let message = format!("an app has at most {MAX_TRIGGERS} triggers");
    Wrong::new("triggers", code::INVALID_TRIGGERS, message)
}

fn bad_route(at: &str, route: &RouteSpec, reason: &str) -> Wrong {
    let message = format!("route `{} {}`: {reason}", route.method, route.path);
    Wrong::new(at, code::INVALID_ROUTES, message)
}

fn bad_trigger(at: &str, trigger: &TriggerSpec, reason: &str) -> Wrong {
    let key = trigger.key();
    let shown = key.chars().take(SHOWN).flat_map(char::escape_debug);
    let message = format!("trigger `{}`: {reason}", shown.collect::<String>());
    Wrong::new(at, code::INVALID_TRIGGERS, message)
}

/// Why an app cannot have a path; `None` when it can.
fn platforms(path: &PathPattern) -> Option<String> {
    let taken = reserved(path)?;
    Some(format!(
        "`{taken}` belongs to the platform on every host; choose another path"
    ))
}

/// That a script is not there, and the name that may be meant.
fn missing(scripts: &BTreeSet<&str>, script: &str) -> Option<(String, Option<String>)> {
    if scripts.contains(script) {
        return None;
    }
    let near = closest(script, scripts.iter().copied());
    let hint = near.map(|near| format!("did you mean `{near}`?"));
    Some((format!("the release has no script `{script}`"), hint))
}

fn twice(trigger: &TriggerSpec, other: &TriggerSpec) -> String {
    let (one, two) = (&other.script, &trigger.script);
    if matches!(trigger.source, Source::Queue { .. }) && one != two {
        return format!(
            "a queue has one consumer, and both `{one}` and `{two}` would be; to move it, replace \
             the whole release"
        );
    }
    "it is there twice; remove one".to_owned()
}

fn cors_of(cors: &Cors) -> Result<(), &'static str> {
    let lists = [&cors.origins, &cors.headers, &cors.expose];
    if lists.iter().any(|list| list.len() > CORS_ITEMS) {
        return Err("a list in `cors` has more than 50 items");
    }
    if cors.origins.is_empty() {
        return Err("`cors` names no origin; use `*` for all");
    }
    if cors.credentials && cors.origins.iter().any(|origin| origin == "*") {
        return Err("`cors` with `credentials` needs named origins, not `*`");
    }
    if !cors
        .origins
        .iter()
        .all(|origin| origin == "*" || is_origin(origin))
    {
        return Err("an origin is `*` or like https://shop.example.com, without a path");
    }
    let header = |name: &String| name == "*" || name.parse::<http::HeaderName>().is_ok();
    if !cors.headers.iter().chain(&cors.expose).all(header) {
        return Err("`cors` names something that is not a header");
    }
    Ok(())
}

fn is_origin(text: &str) -> bool {
    let host = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    host.is_some_and(|host| {
        !host.contains(['/', '@', '?', '#', '*'])
            && host.parse::<http::uri::Authority>().is_ok()
            && host == host.to_ascii_lowercase()
    })
}
