//! The table people read and the JSON programs read.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde::Serialize;
use shared::clock::{Clock as _, SystemClock};

use crate::error::Result;
use crate::machine;
use crate::stats::{Pairs, median};

/// One row.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// Its id in the budgets.
    pub(crate) id: &'static str,
    /// What was measured of PiCloud.
    pub(crate) ours: f64,
    /// What was measured of the baseline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) baseline: Option<f64>,
    /// What the baseline is.
    pub(crate) baseline_name: &'static str,
    /// The median of the pairwise ratios.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ratio: Option<f64>,
    /// Largest minus smallest pairwise ratio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) spread: Option<f64>,
    /// Of `ours` and `baseline`.
    pub(crate) unit: &'static str,
    /// Pairs, or repetitions where there is no baseline.
    pub(crate) pairs: u32,
    /// More values, by name.
    pub(crate) details: BTreeMap<&'static str, f64>,
    /// The first bar, in words.
    pub(crate) first_bar: &'static str,
    /// `PASS` or `FAIL`: whether the first bar is met.
    pub(crate) verdict: &'static str,
}

impl Row {
    /// A row without a baseline.
    pub(crate) fn value(
        id: &'static str,
        (ours, unit): (f64, &'static str),
        repetitions: u32,
        (first_bar, met): (&'static str, bool),
    ) -> Self {
        Self {
            id,
            ours,
            baseline: None,
            baseline_name: "-",
            ratio: None,
            spread: None,
            unit,
            pairs: repetitions,
            details: BTreeMap::new(),
            first_bar,
            verdict: verdict(met),
        }
    }

    /// A row whose ratio to a baseline counts: at least `least`.
    pub(crate) fn ratio(
        id: &'static str,
        unit: &'static str,
        pairs: &Pairs,
        baseline_name: &'static str,
        (first_bar, least): (&'static str, f64),
    ) -> Self {
        let ratio = pairs.ratio();
        Self {
            baseline: Some(median(&pairs.baseline)),
            baseline_name,
            ratio: Some(ratio.median),
            spread: Some(ratio.most - ratio.least),
            ..Self::value(
                id,
                (median(&pairs.ours), unit),
                pairs.ours.len() as u32,
                (first_bar, ratio.median >= least),
            )
        }
    }

    /// Adds a value.
    #[must_use]
    pub(crate) fn with(mut self, name: &'static str, value: f64) -> Self {
        self.details.insert(name, value);
        self
    }
}

fn verdict(met: bool) -> &'static str {
    if met { "PASS" } else { "FAIL" }
}

/// Writes a line for the person who waits.
pub(crate) fn say(line: &str) {
    // Nobody may be reading; the report file is what counts.
    drop(writeln!(std::io::stdout().lock(), "{line}"));
}

/// A row as a line of the table.
pub(crate) fn line(row: &Row) -> String {
    let baseline = row.baseline.map_or_else(|| "-".to_owned(), number);
    let ratio = row
        .ratio
        .map_or_else(|| "-".to_owned(), |r| format!("{r:.2}"));
    let spread = row
        .spread
        .map_or_else(|| "-".to_owned(), |s| format!("{s:.2}"));
    let mut text = format!(
        "{:<12} {:>10} {:>10} {:<7} {:>6} {:>6} {:>3}  {} ({})",
        row.id,
        number(row.ours),
        baseline,
        row.unit,
        ratio,
        spread,
        row.pairs,
        row.verdict,
        row.first_bar
    );
    for (name, value) in &row.details {
        text.push_str(&format!("\n{:14}{name} = {}", "", number(*value)));
    }
    text
}

/// The table's head.
pub(crate) fn head() -> String {
    format!(
        "{:<12} {:>10} {:>10} {:<7} {:>6} {:>6} {:>3}  first bar",
        "row", "ours", "baseline", "unit", "ratio", "spread", "n"
    )
}

fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 1_000.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

#[derive(Serialize)]
struct Kept<'a> {
    date: String,
    machine: String,
    rows: &'a [Row],
}

/// Writes the report; with `keep` also a dated copy with the machine's description.
pub(crate) fn write(rows: &[Row], report: &Path, keep: Option<&Path>) -> Result<()> {
    if let Some(folder) = report.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(report, serde_json::to_string_pretty(rows)? + "\n")?;
    say(&format!("report: {}", report.display()));
    if let Some(folder) = keep {
        fs::create_dir_all(folder)?;
        let date = date(SystemClock.now().as_millis() / 86_400_000);
        let file = folder.join(format!("{date}.json"));
        let kept = Kept {
            date,
            machine: machine::description(),
            rows,
        };
        fs::write(&file, serde_json::to_string_pretty(&kept)? + "\n")?;
        say(&format!("kept: {}", file.display()));
    }
    Ok(())
}

/// The date of a day since the epoch, after Howard Hinnant's `civil_from_days`.
fn date(days: i64) -> String {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(19_782), "2024-02-29");
        assert_eq!(date(20_454), "2026-01-01");
    }

    #[test]
    fn a_ratio_below_its_bar_fails() {
        let mut pairs = Pairs::default();
        pairs.add(74.0, 100.0);
        let row = |least| Row::ratio("x", "req/s", &pairs, "bare", ("0.75", least));
        assert_eq!(row(0.75).verdict, "FAIL");
        assert_eq!(row(0.74).verdict, "PASS");
        assert!(line(&row(0.75)).contains("FAIL"));
    }
}
