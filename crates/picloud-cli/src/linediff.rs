//! A unified diff of two texts, by lines.

use std::time::Duration;

use similar::{ChangeTag, TextDiff, TextDiffConfig};

/// Lines around a change.
const CONTEXT: usize = 3;
/// After so long the rest is compared roughly: it is shown as removed and added.
const PATIENCE: Duration = Duration::from_secs(2);

/// A line of a diff.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Where the following lines are: `@@ -2,7 +2,7 @@`.
    Place(String),
    /// A line that stays, goes or comes, without its line feed.
    Text(ChangeTag, String),
    /// The line before has no line feed at its end.
    NoLineFeed,
}

/// The changed lines with their surroundings.
pub(crate) fn unified(old: &str, new: &str) -> Vec<Line> {
    let diff: TextDiff<'_, '_, str> = TextDiffConfig::default()
        .timeout(PATIENCE)
        .diff_lines(old, new);
    let mut lines = Vec::new();
    for hunk in diff.unified_diff().context_radius(CONTEXT).iter_hunks() {
        lines.push(Line::Place(hunk.header().to_string()));
        for change in hunk.iter_changes() {
            let text = change.value();
            let bare = text.strip_suffix('\n').unwrap_or(text);
            lines.push(Line::Text(change.tag(), bare.to_owned()));
            if change.missing_newline() {
                lines.push(Line::NoLineFeed);
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(old: &str, new: &str) -> String {
        let text = |line| match line {
            Line::Place(place) => place,
            Line::Text(ChangeTag::Equal, line) => format!(" {line}"),
            Line::Text(ChangeTag::Delete, line) => format!("-{line}"),
            Line::Text(ChangeTag::Insert, line) => format!("+{line}"),
            Line::NoLineFeed => "\\".to_owned(),
        };
        let lines = unified(old, new).into_iter();
        lines.map(|line| text(line) + "\n").collect()
    }

    #[test]
    fn changes_are_shown_with_their_surroundings() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        assert_eq!(
            shown(old, &old.replace('5', "five")),
            "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"
        );
        assert_eq!(shown("a\n", "a\n"), "");
        assert_eq!(shown("", "a\n"), "@@ -0,0 +1 @@\n+a\n");
        assert_eq!(shown("a\nb\n", ""), "@@ -1,2 +0,0 @@\n-a\n-b\n");
    }

    #[test]
    fn the_ends_of_lines_count() {
        assert_eq!(shown("a\n", "a"), "@@ -1 +1 @@\n-a\n+a\n\\\n");
        assert_eq!(shown("a\n", "a\r\n"), "@@ -1 +1 @@\n-a\n+a\r\n");
    }
}
