//! Tests of schedules: what an expression means, daylight saving, missed ticks.

mod daylight;
mod expressions;
mod missed;
mod oracle;

use super::Schedule;
use super::search::MICROS;
use crate::clock::Timestamp;
use crate::moment::{Moment, Precision};
use crate::zone::Zone;

/// `2026-03-29T01:00:00Z` as a time.
fn at(text: &str) -> Timestamp {
    Moment::parse(text).unwrap().at()
}

/// A time as `2026-03-29T01:00:00Z`.
fn text(time: Timestamp) -> String {
    time.written(Precision::Seconds)
}

fn schedule(expression: &str, zone: &str) -> Schedule {
    Schedule::parse(expression, zone).unwrap()
}

fn zone(name: &str) -> Zone {
    Zone::find(name).unwrap()
}

fn runs(schedule: &Schedule, after: &str, count: usize) -> Vec<String> {
    schedule
        .upcoming(at(after), count)
        .into_iter()
        .map(text)
        .collect()
}
