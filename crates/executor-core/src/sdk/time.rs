//! `time`: times are texts in RFC 3339, durations are seconds or texts like `5m`.

use std::fmt::Write as _;
use std::time::Duration;

use chrono::format::{Item, StrftimeItems};
use chrono::{DateTime, FixedOffset, SecondsFormat, TimeDelta, Utc};
use chrono_tz::Tz;
use rhai::plugin::{Dynamic, ImmutableString, export_module};
use shared::units::parse_duration;

use super::globals::sleep_seconds;
use crate::language::error::{Result, wrong};
use crate::sandbox::context;

/// Bytes of a format, and of what it makes.
const FORMAT: usize = 256;

/// A duration a script gave: seconds, or a text like `5m`.
pub(super) fn duration(value: &Dynamic, what: &str) -> Result<Duration> {
    let seconds = if let Ok(whole) = value.as_int() {
        u64::try_from(whole).ok().map(Duration::from_secs)
    } else if let Ok(float) = value.as_float() {
        Duration::try_from_secs_f64(float).ok()
    } else if let Some(text) = value.read_lock::<ImmutableString>() {
        return parse_duration(&text).map_err(|error| wrong(format!("{what}: {error}")));
    } else {
        None
    };
    seconds.ok_or_else(|| {
        wrong(format!(
            "{what} is a number of seconds that is not negative, or a text like \"5m\""
        ))
    })
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_micros(context::now().as_micros()).unwrap_or_default()
}

/// A time a script gave: a text in RFC 3339, or milliseconds since 1970.
fn time(value: &Dynamic) -> Result<DateTime<FixedOffset>> {
    if let Ok(millis) = value.as_int() {
        return DateTime::from_timestamp_millis(millis)
            .map(|time| time.fixed_offset())
            .ok_or_else(|| wrong(format!("{millis} ms is not a time this calendar has")));
    }
    let Some(text) = value.read_lock::<ImmutableString>() else {
        return Err(wrong(format!(
            "a time is a text like 2026-01-31T12:00:00Z or milliseconds since 1970, not {}",
            value.type_name()
        )));
    };
    DateTime::parse_from_rfc3339(&text).map_err(|_not_a_time| {
        let shown: String = text.chars().take(40).collect();
        wrong(format!(
            "`{shown}` is not a time; write it like 2026-01-31T12:00:00Z"
        ))
    })
}

fn written(time: DateTime<FixedOffset>) -> ImmutableString {
    time.to_rfc3339_opts(SecondsFormat::Millis, true).into()
}

fn moved(time: DateTime<FixedOffset>, by: &Dynamic) -> Option<DateTime<FixedOffset>> {
    if let Some(text) = by.read_lock::<ImmutableString>() {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.as_str()),
        };
        let by = TimeDelta::from_std(parse_duration(text).ok()?).ok()?;
        return if negative {
            time.checked_sub_signed(by)
        } else {
            time.checked_add_signed(by)
        };
    }
    if let Ok(seconds) = by.as_int() {
        return time.checked_add_signed(TimeDelta::try_seconds(seconds)?);
    }
    let millis = by.as_float().ok()? * 1_000.0;
    // A float that is no number of milliseconds this calendar has becomes its end, and fails.
    time.checked_add_signed(TimeDelta::try_milliseconds(millis as i64)?)
}

fn formatted<Z: chrono::TimeZone>(time: &DateTime<Z>, format: &str) -> Option<ImmutableString>
where
    Z::Offset: std::fmt::Display,
{
    if format.len() > FORMAT || StrftimeItems::new(format).any(|item| item == Item::Error) {
        return None;
    }
    let mut out = String::new();
    write!(out, "{}", time.format(format)).ok()?;
    Some(out.into())
}

fn zone(name: &str) -> Result<Tz> {
    name.parse::<Tz>().map_err(|_unknown| {
        let shown: String = name.chars().take(40).collect();
        wrong(format!(
            "`{shown}` is not a time zone; names look like Europe/Berlin"
        ))
    })
}

#[export_module]
pub(super) mod functions {
    /// The time in UTC, as text in RFC 3339. It stands still between two calls of services.
    #[rhai_fn(name = "now", volatile)]
    pub fn now_text() -> ImmutableString {
        written(now().fixed_offset())
    }

    /// The time in milliseconds since 1970.
    #[rhai_fn(volatile)]
    pub fn now_ms() -> i64 {
        context::now().as_millis()
    }

    /// Milliseconds since 1970 of a time in RFC 3339.
    #[rhai_fn(return_raw)]
    pub fn parse(text: ImmutableString) -> Result<i64> {
        Ok(time(&Dynamic::from(text))?.timestamp_millis())
    }

    /// A time, text or milliseconds, as text in RFC 3339 and UTC.
    #[rhai_fn(return_raw)]
    pub fn format(at: Dynamic) -> Result<ImmutableString> {
        Ok(written(time(&at)?.with_timezone(&Utc).fixed_offset()))
    }

    /// A time in a format like `%Y-%m-%d %H:%M`.
    #[rhai_fn(name = "format", return_raw)]
    pub fn format_as(at: Dynamic, format: ImmutableString) -> Result<ImmutableString> {
        formatted(&time(&at)?, &format).ok_or_else(|| {
            wrong("not a format of at most 256 bytes; write it like %Y-%m-%d %H:%M:%S")
        })
    }

    /// The time later by seconds or a text like `5m`; earlier by `-5m` or negative seconds.
    #[rhai_fn(return_raw)]
    pub fn add(at: Dynamic, by: Dynamic) -> Result<ImmutableString> {
        let at = time(&at)?;
        moved(at, &by).map(written).ok_or_else(|| {
            wrong("time::add takes seconds or a text like \"5m\" or \"-1h\", within the calendar")
        })
    }

    /// Milliseconds from the second time to the first.
    #[rhai_fn(return_raw)]
    pub fn diff(later: Dynamic, earlier: Dynamic) -> Result<i64> {
        Ok(time(&later)?.timestamp_millis() - time(&earlier)?.timestamp_millis())
    }

    /// The same time on the clocks of a zone like `Europe/Berlin`.
    #[rhai_fn(return_raw)]
    pub fn in_zone(at: Dynamic, name: ImmutableString) -> Result<ImmutableString> {
        Ok(written(
            time(&at)?.with_timezone(&zone(&name)?).fixed_offset(),
        ))
    }

    /// Waits for seconds or a text like `250ms`; others run meanwhile.
    #[rhai_fn(return_raw, volatile)]
    pub fn sleep(wait: Dynamic) -> Result<()> {
        sleep_seconds(duration(&wait, "time::sleep")?.as_secs_f64())
    }
}
