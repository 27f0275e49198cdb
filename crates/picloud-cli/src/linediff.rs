//! A unified diff of two texts, by lines.

/// Lines around a change.
const CONTEXT: usize = 3;
/// Beyond this many comparisons the middle is shown as removed and added as a whole.
const MOST: usize = 4_000_000;

/// What happens to a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    /// It stays.
    Keep,
    /// It goes.
    Remove,
    /// It comes.
    Add,
}

/// All lines of both texts in order.
fn edits<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(Edit, &'a str)> {
    let same = |pair: &(&&str, &&str)| pair.0 == pair.1;
    let head = old.iter().zip(new).take_while(same).count();
    let (old_rest, new_rest) = (&old[head..], &new[head..]);
    let tail = old_rest
        .iter()
        .rev()
        .zip(new_rest.iter().rev())
        .take_while(same)
        .count();
    let (old_mid, new_mid) = (
        &old_rest[..old_rest.len() - tail],
        &new_rest[..new_rest.len() - tail],
    );
    let mut all: Vec<_> = old[..head].iter().map(|line| (Edit::Keep, *line)).collect();
    all.extend(middle(old_mid, new_mid));
    all.extend(
        old_rest[old_rest.len() - tail..]
            .iter()
            .map(|line| (Edit::Keep, *line)),
    );
    all
}

/// By the longest common subsequence.
fn middle<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(Edit, &'a str)> {
    let width = new.len() + 1;
    let mut common = vec![0_u32; 0];
    let small = old.len().saturating_mul(new.len()) <= MOST;
    if small {
        common = vec![0; (old.len() + 1) * width];
        for i in (0..old.len()).rev() {
            for j in (0..new.len()).rev() {
                common[i * width + j] = if old[i] == new[j] {
                    common[(i + 1) * width + j + 1] + 1
                } else {
                    common[(i + 1) * width + j].max(common[i * width + j + 1])
                };
            }
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut all = Vec::new();
    while i < old.len() || j < new.len() {
        if small && i < old.len() && j < new.len() && old[i] == new[j] {
            all.push((Edit::Keep, old[i]));
            (i, j) = (i + 1, j + 1);
        } else if i < old.len()
            && (j == new.len()
                || !small
                || common[(i + 1) * width + j] >= common[i * width + j + 1])
        {
            all.push((Edit::Remove, old[i]));
            i += 1;
        } else {
            all.push((Edit::Add, new[j]));
            j += 1;
        }
    }
    all
}

/// The changed lines with their surroundings; each hunk starts with its `@@` line.
pub(crate) fn unified(old: &str, new: &str) -> Vec<(Option<Edit>, String)> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let all = edits(&old, &new);
    let changed: Vec<usize> = (0..all.len())
        .filter(|at| all[*at].0 != Edit::Keep)
        .collect();
    let mut lines = Vec::new();
    let mut at = 0;
    while at < changed.len() {
        let mut last = at;
        while last + 1 < changed.len() && changed[last + 1] - changed[last] <= 2 * CONTEXT {
            last += 1;
        }
        let from = changed[at].saturating_sub(CONTEXT);
        let to = (changed[last] + CONTEXT + 1).min(all.len());
        let count = |part: &[(Edit, &str)], not: Edit| part.iter().filter(|e| e.0 != not).count();
        let (before, part) = (&all[..from], &all[from..to]);
        let range = |not: Edit| {
            let (skipped, length) = (count(before, not), count(part, not));
            format!(
                "{},{length}",
                if length == 0 { skipped } else { skipped + 1 }
            )
        };
        let head = format!("@@ -{} +{} @@", range(Edit::Add), range(Edit::Remove));
        lines.push((None, head));
        lines.extend(
            part.iter()
                .map(|(edit, line)| (Some(*edit), (*line).to_owned())),
        );
        at = last + 1;
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(old: &str, new: &str) -> String {
        let sign = |edit| match edit {
            None => "",
            Some(Edit::Keep) => " ",
            Some(Edit::Remove) => "-",
            Some(Edit::Add) => "+",
        };
        let mut text = String::new();
        for (edit, line) in unified(old, new) {
            text.push_str(&format!("{}{line}\n", sign(edit)));
        }
        text
    }

    #[test]
    fn changes_are_shown_with_their_surroundings() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        assert_eq!(
            shown(old, &old.replace('5', "five")),
            "@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"
        );
        assert_eq!(shown("a\n", "a\n"), "");
        assert_eq!(shown("", "a\n"), "@@ -0,0 +1,1 @@\n+a\n");
        assert_eq!(shown("a\nb\n", ""), "@@ -1,2 +0,0 @@\n-a\n-b\n");
    }
}
