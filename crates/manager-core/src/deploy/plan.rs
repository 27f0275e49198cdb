//! What a release changes, item by item.

use std::collections::BTreeMap;

use shared::api::{PlanAction, PlanItem};
use shared::release::Snapshot;
use shared::trigger::TriggerSpec;

/// Scripts, then modules, then routes, then triggers; each by name.
pub(super) fn plan(base: &Snapshot, next: &Snapshot) -> Vec<PlanItem> {
    let mut items = compare("script", &named(&base.scripts), &named(&next.scripts));
    items.extend(compare(
        "module",
        &named(&base.modules),
        &named(&next.modules),
    ));
    items.extend(compare("route", &routes(base), &routes(next)));
    items.extend(compare("trigger", &triggers(base), &triggers(next)));
    items
}

fn named<K: ToString, V>(map: &BTreeMap<K, V>) -> BTreeMap<String, &V> {
    map.iter()
        .map(|(name, value)| (name.to_string(), value))
        .collect()
}

fn routes(snapshot: &Snapshot) -> BTreeMap<String, &shared::release::RouteSpec> {
    let name = |route: &shared::release::RouteSpec| format!("{} {}", route.method, route.path);
    snapshot
        .routes
        .iter()
        .map(|route| (name(route), route))
        .collect()
}

fn triggers(snapshot: &Snapshot) -> BTreeMap<String, &TriggerSpec> {
    snapshot.triggers.iter().map(|t| (t.key(), t)).collect()
}

fn compare<V: PartialEq>(
    what: &str,
    base: &BTreeMap<String, &V>,
    next: &BTreeMap<String, &V>,
) -> Vec<PlanItem> {
    let item = |action, name: &String| PlanItem {
        action,
        what: what.to_owned(),
        name: name.clone(),
    };
    let kept = next.iter().map(|(name, value)| match base.get(name) {
        None => item(PlanAction::Add, name),
        Some(old) if old == value => item(PlanAction::Keep, name),
        Some(_) => item(PlanAction::Change, name),
    });
    let gone = base.keys().filter(|name| !next.contains_key(*name));
    let mut items: Vec<PlanItem> = kept
        .chain(gone.map(|name| item(PlanAction::Remove, name)))
        .collect();
    items.sort_by(|a, b| a.name.cmp(&b.name));
    items
}
