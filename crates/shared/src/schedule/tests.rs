//! Tests of schedules: what an expression means, daylight saving, missed ticks.

mod daylight;
mod expressions;
mod missed;
mod oracle;

use chrono::DateTime;

use super::{MICROS, Schedule};
use crate::clock::Timestamp;

/// `2026-03-29T01:00:00Z` as a time.
fn at(text: &str) -> Timestamp {
    Timestamp(DateTime::parse_from_rfc3339(text).unwrap().timestamp() * MICROS)
}

/// A time as `2026-03-29T01:00:00Z`.
fn text(time: Timestamp) -> String {
    let time = DateTime::from_timestamp_micros(time.0).unwrap();
    time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn schedule(expression: &str, zone: &str) -> Schedule {
    Schedule::parse(expression, zone).unwrap()
}

fn runs(schedule: &Schedule, after: &str, count: usize) -> Vec<String> {
    schedule
        .upcoming(at(after), count)
        .into_iter()
        .map(text)
        .collect()
}
