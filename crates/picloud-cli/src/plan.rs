//! A plan in words: what a release changes, and what is in one. The words are the server's.

use shared::api::DeployRequest;
use shared::release::{PlanAction, PlanItem, Snapshot, compare, next};

use crate::error::{Failure, Outcome};
use crate::text::clean;
use crate::ui::Paint;

/// What a deploy of `request` would change of what is live.
pub(crate) fn changes(live: &Snapshot, request: &DeployRequest) -> Outcome<Vec<PlanItem>> {
    let next = next(live, request).map_err(|error| Failure::new(error.to_string()))?;
    let mut plan = compare(live, &next);
    plan.retain(|item| item.action != PlanAction::Keep);
    Ok(plan)
}

/// Lines of an item: what becomes of it, and each field that it says.
pub(crate) fn lines(item: &PlanItem, paint: impl Fn(Paint, &str) -> String) -> Vec<String> {
    let (sign, colour) = match item.action {
        PlanAction::Add => ("+", Paint::Good),
        PlanAction::Change => ("~", Paint::Warning),
        PlanAction::Remove => ("-", Paint::Error),
        PlanAction::Keep => ("=", Paint::Dim),
    };
    let head = format!("{sign} {} {}", clean(&item.what), clean(&item.name));
    let mut lines = vec![format!("  {}", paint(colour, &head))];
    if item.action != PlanAction::Remove {
        lines.extend(fields(item));
    }
    lines
}

/// A line for each field of an item.
pub(crate) fn fields(item: &PlanItem) -> impl Iterator<Item = String> {
    let changes = item.changes.iter();
    changes.map(|change| format!("      {}", clean(&change.to_string())))
}

#[cfg(test)]
mod tests {
    use shared::release::FieldChange;

    use super::*;

    #[test]
    fn what_a_manifest_says_cannot_steer_a_terminal_nor_forge_a_line() {
        let item = PlanItem {
            action: PlanAction::Change,
            what: "script".to_owned(),
            name: "a".to_owned(),
            changes: vec![FieldChange {
                field: "description".to_owned(),
                old: None,
                new: Some("one\n+ script evil\u{1b}[2J".to_owned()),
            }],
        };
        assert_eq!(
            lines(&item, |_, text| text.to_owned()),
            [
                "  ~ script a",
                "      description: one\\n+ script evil\\u{1b}[2J"
            ]
        );
    }
}
