//! A checker of what `/metrics` shows: the rules of both text formats, and what `promtool check
//! metrics` says about names.

use std::collections::{BTreeMap, BTreeSet};

/// Suffixes of a histogram's samples.
const OF_HISTOGRAMS: [&str; 3] = ["_bucket", "_sum", "_count"];
/// Units that are no base units.
const UNITS: [&str; 12] = [
    "milliseconds",
    "microseconds",
    "minutes",
    "hours",
    "days",
    "ms",
    "us",
    "kilobytes",
    "megabytes",
    "kib",
    "mib",
    "percent",
];

/// One described name and its samples.
#[derive(Debug, Default)]
struct Family {
    name: String,
    help: bool,
    kind: String,
    samples: Vec<Sample>,
}

#[derive(Debug)]
struct Sample {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

/// What is wrong with a text; empty when nothing is. `open`: it is OpenMetrics, not the classic
/// format.
pub fn findings(text: &str, open: bool) -> Vec<String> {
    let mut found = Vec::new();
    if !text.ends_with('\n') {
        found.push("the last line has no line feed".to_owned());
    }
    if open != text.ends_with("# EOF\n") || text.matches("# EOF").count() > 1 {
        found.push("`# EOF` ends OpenMetrics, once, and nothing else".to_owned());
    }
    let families = families(text, open, &mut found);
    let mut names = BTreeSet::new();
    let mut series = BTreeSet::new();
    for family in &families {
        if !names.insert(&family.name) {
            found.push(format!("{}: described twice", family.name));
        }
        described(family, open, &mut found);
        for sample in &family.samples {
            if !series.insert((&sample.name, &sample.labels)) {
                found.push(format!("{} {:?}: there twice", sample.name, sample.labels));
            }
        }
        if family.kind == "histogram" {
            histogram(family, &mut found);
        }
    }
    found
}

fn families(text: &str, open: bool, found: &mut Vec<String>) -> Vec<Family> {
    let mut families: Vec<Family> = Vec::new();
    for line in text.lines().filter(|line| *line != "# EOF") {
        let mut words = line.splitn(4, ' ');
        let (hash, what, name) = (words.next(), words.next(), words.next());
        if hash == Some("#") {
            let (Some(what), Some(name)) = (what, name) else {
                found.push(format!("not a description: {line}"));
                continue;
            };
            if families.last().is_none_or(|family| family.name != name) {
                families.push(Family {
                    name: name.to_owned(),
                    ..Family::default()
                });
            }
            let rest = words.next().unwrap_or_default();
            let Some(family) = families.last_mut() else {
                continue;
            };
            match what {
                "HELP" => family.help = !rest.trim().is_empty(),
                "TYPE" if family.samples.is_empty() => rest.clone_into(&mut family.kind),
                "UNIT" if open && name.ends_with(&format!("_{rest}")) => {}
                _ => found.push(format!("does not belong here: {line}")),
            }
            continue;
        }
        match (sample(line), families.last_mut()) {
            (Some(sample), Some(family)) => family.samples.push(sample),
            _ => found.push(format!("not a sample: {line}")),
        }
    }
    families
}

fn is_name(text: &str) -> bool {
    let mut letters = text.chars();
    let first = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    letters.next().is_some_and(first) && letters.all(|l| first(l) || l.is_ascii_digit())
}

fn sample(line: &str) -> Option<Sample> {
    let end = line.find(['{', ' '])?;
    let (name, mut rest) = line.split_at(end);
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.starts_with('}') {
            let (label, value) = rest.split_once("=\"")?;
            let (value, after) = quoted(value)?;
            if !is_name(label) || labels.insert(label.to_owned(), value).is_some() {
                return None;
            }
            rest = after.strip_prefix(',').unwrap_or(after);
        }
        rest = &rest[1..];
    }
    let value = match rest.strip_prefix(' ')? {
        "+Inf" => f64::INFINITY,
        value => value.parse().ok()?,
    };
    is_name(name).then(|| Sample {
        name: name.to_owned(),
        labels,
        value,
    })
}

/// A text up to its quote, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match letters.next()?.1 {
                'n' => value.push('\n'),
                letter @ ('\\' | '"') => value.push(letter),
                _ => return None,
            },
            letter => value.push(letter),
        }
    }
    None
}

/// Whether a family is described, and called what it should be.
fn described(family: &Family, open: bool, found: &mut Vec<String>) {
    let Family { name, kind, .. } = family;
    let mut wrong = |why: &str| found.push(format!("{name}: {why}"));
    if !family.help {
        wrong("it has no help");
    }
    if !matches!(kind.as_str(), "counter" | "gauge" | "histogram" | "info")
        || (kind == "info" && !open)
    {
        wrong("it has no type of this format");
    }
    if (kind == "counter" && !open) != name.ends_with("_total") {
        wrong("`_total` ends the name of a counter in the classic format, and no other");
    }
    if name.to_ascii_lowercase() != *name {
        wrong("it has capitals");
    }
    let mut words = name.split('_');
    if words.any(|word| UNITS.contains(&word)) {
        wrong("it is not told in a base unit");
    }
    let mut words = name.split('_');
    if words.any(|word| ["counter", "gauge", "histogram"].contains(&word)) {
        wrong("its type is in its name");
    }
    for sample in &family.samples {
        let rest = sample.name.strip_prefix(name.as_str());
        let right = match (kind.as_str(), rest) {
            ("counter", Some(rest)) => rest == if open { "_total" } else { "" },
            ("histogram", Some(rest)) => OF_HISTOGRAMS.contains(&rest),
            ("info", Some(rest)) => rest == "_info",
            (_, Some(rest)) => rest.is_empty(),
            (_, None) => false,
        };
        if !right {
            wrong(&format!("{} is not a sample of it", sample.name));
        }
        if kind == "counter" && (sample.value.is_nan() || sample.value < 0.0) {
            wrong("a counter is a number from 0 on");
        }
    }
}

/// The buckets of one series with their bounds, and its count.
type Buckets = (Vec<(f64, f64)>, Option<f64>);

/// Buckets grow, and the last one is the count.
fn histogram(family: &Family, found: &mut Vec<String>) {
    let mut by_series: BTreeMap<_, Buckets> = BTreeMap::new();
    for sample in &family.samples {
        let mut labels = sample.labels.clone();
        let bound = labels.remove("le");
        let (buckets, count) = by_series.entry(labels).or_default();
        match bound {
            Some(bound) => {
                let bound = if bound == "+Inf" {
                    Ok(f64::INFINITY)
                } else {
                    bound.parse()
                };
                buckets.push((bound.unwrap_or(f64::NAN), sample.value));
            }
            None if sample.name.ends_with("_count") => *count = Some(sample.value),
            None => {}
        }
    }
    for (labels, (buckets, count)) in by_series {
        let grows = buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1);
        let last = buckets.last().copied();
        let whole = last.is_some_and(|(bound, all)| bound == f64::INFINITY && Some(all) == count);
        if !grows || !whole {
            let name = &family.name;
            found.push(format!(
                "{name} {labels:?}: buckets grow up to +Inf, which is the count"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::findings;

    const GOOD: &str = "# HELP a Things.\n# TYPE a counter\na_total{x=\"a \\\"b\\\" } c\"} 1\n\
                        # HELP t_seconds Time.\n# TYPE t_seconds histogram\n# UNIT t_seconds seconds\n\
                        t_seconds_sum 1.5\nt_seconds_count 2\n\
                        t_seconds_bucket{le=\"1.0\"} 1\nt_seconds_bucket{le=\"+Inf\"} 2\n# EOF\n";

    #[test]
    fn what_is_right_passes_and_each_mistake_is_found() {
        assert_eq!(findings(GOOD, true), Vec::<String>::new());
        assert_ne!(findings(GOOD, false), Vec::<String>::new());
        for (right, wrong) in [
            ("# HELP a Things.\n", ""),
            ("# TYPE a counter", "# TYPE a gauge"),
            ("a_total{x", "b_total{x"),
            ("a_total{x", "a_total{1x"),
            ("} 1\n", "} one\n"),
            ("} 1\n", "} -1\n"),
            ("} 1\n", "} 1\na_total{x=\"a \\\"b\\\" } c\"} 1\n"),
            ("le=\"1.0\"} 1", "le=\"1.0\"} 3"),
            ("count 2", "count 3"),
            ("\"+Inf\"", "\"9\""),
            ("UNIT t_seconds seconds", "UNIT t_seconds bytes"),
            ("t_seconds", "t_ms"),
            ("# EOF\n", ""),
            ("# EOF\n", "# EOF"),
        ] {
            let text = GOOD.replace(right, wrong);
            assert_ne!(
                findings(&text, true),
                Vec::<String>::new(),
                "{wrong} for {right}"
            );
        }
    }
}
