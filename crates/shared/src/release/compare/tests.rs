//! Nothing that can be written in a release goes unseen.

use serde_json::{Value, json};

use super::*;

/// Every field of a release has a value here.
const FULL: &str = include_str!("full.json");

fn full() -> Value {
    serde_json::from_str(FULL).unwrap()
}

/// The paths of all values that hold no others.
fn leaves(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(name, value)| leaves(value, &format!("{at}/{name}"), found)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(n, value)| leaves(value, &format!("{at}/{n}"), found)),
        _ => found.push(at.to_owned()),
    }
}

/// Other values a field may have; most are none of its kind and are refused.
fn others(old: &Value) -> Vec<Value> {
    let texts = [
        "7m",
        "7MiB",
        "POST",
        "/other",
        "other",
        "OTHER",
        "0 7 * * *",
        "fixed",
        "exponential",
        "async",
        "sync",
        "token",
        "public",
        "skip",
        "all",
        "github",
        "slack",
        "Asia/Tokyo",
        "https://other.example",
        "1111111111111111111111111111111111111111111111111111111111111111",
    ];
    let texts = texts.map(|text| json!(text)).into_iter();
    let more = [json!(7), json!(true), json!(false)];
    texts.chain(more).filter(|new| new != old).collect()
}

fn parent(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap()
}

#[test]
fn a_change_of_any_field_is_seen() {
    let base: Snapshot = serde_json::from_value(full()).unwrap();
    let mut paths = Vec::new();
    leaves(&full(), "", &mut paths);
    let mut seen = 0;
    for path in paths {
        // The number follows from the source. A kind with the settings of another makes no trigger,
        // and is in the trigger's name.
        if path.ends_with("/version") || path.ends_with("/kind") {
            continue;
        }
        let (above, name) = parent(&path);
        let replaced = others(full().pointer(&path).unwrap())
            .into_iter()
            .map(|other| {
                let mut changed = full();
                *changed.pointer_mut(&path).unwrap() = other;
                changed
            });
        let removed = || {
            let mut changed = full();
            match changed.pointer_mut(above).unwrap() {
                Value::Object(fields) => drop(fields.remove(name)),
                Value::Array(items) => drop(items.remove(name.parse().unwrap())),
                _ => unreachable!("a leaf is in something"),
            }
            changed
        };
        let mut tried = 0;
        for changed in replaced.chain([removed()]) {
            let Ok(next) = serde_json::from_value::<Snapshot>(changed) else {
                continue;
            };
            if next == base {
                continue;
            }
            tried += 1;
            let plan = compare(&base, &next);
            assert!(plan.iter().any(|i| i.action != PlanAction::Keep), "{path}");
            assert!(
                compare(&next, &next)
                    .iter()
                    .all(|i| i.action == PlanAction::Keep)
            );
        }
        assert!(tried > 0, "no other value of {path} was found");
        seen += 1;
    }
    assert!(seen > 50, "{seen}");
}

#[test]
fn changes_are_told_in_the_words_of_the_manifest() {
    let base: Snapshot = serde_json::from_value(full()).unwrap();
    let mut next = full();
    next["scripts"]["orders"]["limits"]["wall"] = json!("9s");
    next["routes"][1]["mode"] = json!("sync");
    next["routes"][0]["cors"] = Value::Null;
    next["triggers"][1]["retry"]["attempts"] = json!(9);
    let next: Snapshot = serde_json::from_value(next).unwrap();
    let told: Vec<String> = compare(&base, &next)
        .iter()
        .filter(|item| item.action != PlanAction::Keep)
        .flat_map(|item| {
            let (what, name) = (&item.what, &item.name);
            item.changes
                .iter()
                .map(move |change| format!("{what} {name}: {change}"))
        })
        .collect();
    assert_eq!(
        told,
        [
            "script orders: limits.wall: 9s (was 5s)",
            "route ANY /orders: cors.origins: none (was [\"https://shop.example.com\"])",
            "route ANY /orders: cors.headers: none (was [\"x-a\"])",
            "route ANY /orders: cors.expose: none (was [\"x-b\"])",
            "route ANY /orders: cors.credentials: none (was true)",
            "route ANY /orders: cors.max_age: none (was 10m)",
            "route POST /orders/:id: mode: sync (was async)",
            "trigger queue/emails: retry.attempts: 9 (was 3)",
        ]
    );
}

#[test]
fn what_is_new_is_told_with_all_it_has() {
    let whole: Snapshot = serde_json::from_value(full()).unwrap();
    let contents = contents(&whole);
    let items = whole.scripts.len() + whole.modules.len();
    let items = items + whole.routes.len() + whole.triggers.len();
    assert_eq!(contents.len(), items);
    assert!(
        contents
            .iter()
            .all(|i| i.action == PlanAction::Add && !i.changes.is_empty())
    );
    let gone = compare(&whole, &Snapshot::default());
    assert!(gone.iter().all(|item| item.action == PlanAction::Remove));
    assert!(
        gone.iter()
            .flat_map(|item| &item.changes)
            .all(|change| change.new.is_none())
    );
}
