//! `time`: times are texts in RFC 3339, durations are seconds or texts like `5m`.

use std::time::Duration;

use rhai::plugin::{Dynamic, ImmutableString, export_module};
use shared::clock::Timestamp;
use shared::moment::{Moment, Precision};
use shared::units::parse_duration;
use shared::zone::Zone;

use super::globals::sleep_seconds;
use crate::language::error::{Result, wrong};
use crate::language::kinds::kind_of;
use crate::sandbox::context;
use crate::sandbox::meter::{Unmetered, unmetered};

/// Bytes of a format.
const FORMAT: usize = 256;
/// What is said of a time that has no text.
const CALENDAR: &str = "the calendar has the years 0 to 9999";

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

fn now() -> Result<Moment> {
    let beyond = || {
        wrong(format!(
            "the server's clock is beyond the calendar: {CALENDAR}"
        ))
    };
    Moment::utc(context::now()).ok_or_else(beyond)
}

/// A time a script gave: a text in RFC 3339, or milliseconds since 1970.
fn time(value: &Dynamic) -> Result<Moment> {
    if let Ok(millis) = value.as_int() {
        let at = millis.checked_mul(1_000).map(Timestamp);
        return at
            .and_then(Moment::utc)
            .ok_or_else(|| wrong(format!("{millis} ms since 1970 is no time: {CALENDAR}")));
    }
    let Some(text) = value.read_lock::<ImmutableString>() else {
        return Err(wrong(format!(
            "a time is a text like 2026-01-31T12:00:00Z or milliseconds since 1970, not {}",
            kind_of(value)
        )));
    };
    Moment::parse(&text).ok_or_else(|| {
        let shown: String = text.chars().take(40).collect();
        wrong(format!(
            "`{shown}` is not a time; write it like 2026-01-31T12:00:00Z"
        ))
    })
}

fn written(time: Moment) -> ImmutableString {
    time.to_rfc3339(Precision::Millis).into()
}

/// Microseconds a script gave as a text, seconds or a part of them; `None` when it is none of these.
fn micros(by: &Dynamic) -> Option<i64> {
    if let Some(text) = by.read_lock::<ImmutableString>() {
        let (sign, text) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text.as_str()),
        };
        let micros = i64::try_from(parse_duration(text).ok()?.as_micros()).ok()?;
        return Some(sign * micros);
    }
    if let Ok(seconds) = by.as_int() {
        return seconds.checked_mul(1_000_000);
    }
    let seconds = by.as_float().ok()?;
    // A float beyond the calendar becomes the last whole number there is, which is beyond it too.
    seconds
        .is_finite()
        .then_some((seconds * 1_000.0) as i64)?
        .checked_mul(1_000)
}

/// A zone that was read stays in memory, whoever asks for it next.
fn zone(name: &str) -> Result<Unmetered<Zone>> {
    let found = Unmetered::new(unmetered(|| Zone::find(name)));
    match &*found {
        Ok(_) => Ok(found.map(|found| found.expect("just looked"))),
        Err(unknown) => Err(wrong(unknown.to_string())),
    }
}

#[export_module(root = "crate::language::placed")]
pub(super) mod functions {
    /// The time in UTC, as text in RFC 3339. It stands still between two calls of services.
    #[rhai_fn(name = "now", return_raw, volatile)]
    pub fn now_text() -> Result<ImmutableString> {
        now().map(written)
    }

    /// The time in milliseconds since 1970.
    #[rhai_fn(volatile)]
    pub fn now_ms() -> i64 {
        context::now().as_millis()
    }

    /// Milliseconds since 1970 of a time in RFC 3339.
    #[rhai_fn(return_raw)]
    pub fn parse(text: ImmutableString) -> Result<i64> {
        Ok(time(&Dynamic::from(text))?.at().as_millis())
    }

    /// A time, text or milliseconds, as text in RFC 3339 and UTC.
    #[rhai_fn(return_raw)]
    pub fn format(at: Dynamic) -> Result<ImmutableString> {
        Ok(written(time(&at)?.in_utc()))
    }

    /// A time in a format like `%Y-%m-%d %H:%M`.
    #[rhai_fn(name = "format", return_raw)]
    pub fn format_as(at: Dynamic, format: ImmutableString) -> Result<ImmutableString> {
        let at = time(&at)?;
        let text = (format.len() <= FORMAT)
            .then(|| at.format(&format))
            .flatten();
        text.map(Into::into).ok_or_else(|| {
            wrong("not a format of at most 256 bytes; write it like %Y-%m-%d %H:%M:%S")
        })
    }

    /// The time later by seconds or a text like `5m`; earlier by `-5m` or negative seconds.
    #[rhai_fn(return_raw)]
    pub fn add(at: Dynamic, by: Dynamic) -> Result<ImmutableString> {
        let at = time(&at)?;
        let later = micros(&by).and_then(|by| at.moved(by));
        later.map(written).ok_or_else(|| {
            wrong(format!(
                "time::add takes seconds or a text like \"5m\" or \"-1h\"; {CALENDAR}"
            ))
        })
    }

    /// Milliseconds from the second time to the first.
    #[rhai_fn(return_raw)]
    pub fn diff(later: Dynamic, earlier: Dynamic) -> Result<i64> {
        Ok(time(&later)?.at().as_millis() - time(&earlier)?.at().as_millis())
    }

    /// The same time on the clocks of a zone like `Europe/Berlin`.
    #[rhai_fn(return_raw)]
    pub fn in_zone(at: Dynamic, name: ImmutableString) -> Result<ImmutableString> {
        let (at, zone) = (time(&at)?, zone(&name)?);
        at.in_zone(&zone).map(written).ok_or_else(|| {
            wrong(format!(
                "clocks in {} show no year that can be written then: {CALENDAR}",
                zone.name()
            ))
        })
    }

    /// Waits for seconds or a text like `250ms`; others run meanwhile.
    #[rhai_fn(return_raw, volatile)]
    pub fn sleep(wait: Dynamic) -> Result<()> {
        sleep_seconds(duration(&wait, "time::sleep")?.as_secs_f64())
    }
}
