//! Cron schedules: when a script runs next.
//!
//! Croner reads the fields and knows which dates match; the rules that crontabs rely on are here
//! (`docs/adr/0019-the-rules-of-cron.md`), and so is the search through time:
//!
//! - **Days**: a day field that starts with `*` or `?` restricts nothing by itself, so both day
//!   fields must match; when both restrict, either is enough, and with `+` before the weekday both
//!   must match.
//! - An **interval job** has a minute or an hour that starts with `*`, or names the whole range. It
//!   follows the wall clock: it runs whenever that matches, so in both passes of a repeated hour,
//!   and not at local times that do not exist.
//! - Every other expression is a **fixed-time job**. It runs when the wall clock first reaches or
//!   passes a matching local time: once in a repeated hour, at the first pass, and once for all
//!   matching times in a skipped hour, at the first instant after the gap. When the gap ends at
//!   midnight, that instant belongs to the next day.

mod firing;
mod parse;
mod search;
#[cfg(test)]
mod tests;

pub use firing::{
    CatchUp, Firing, GRACE, MAX_CAUGHT_UP, MAX_FIRED, MAX_QUEUED, Overlap, Tick, due_anew, firing,
};
pub use parse::{MAX_EXPRESSION_BYTES, ScheduleError};
pub use search::Schedule;
