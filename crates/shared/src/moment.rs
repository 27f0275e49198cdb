//! A moment as a clock shows it: a time with the offset of who wrote it, in the years 0 to 9999,
//! which are those that RFC 3339 can write.

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime::{BrokenDownTime, Config, PosixCustom};
use jiff::tz::Offset;

use crate::clock::Timestamp;
use crate::zone::Zone;

/// 0000-01-01T00:00:00Z, in microseconds.
const FIRST: i64 = -62_167_219_200_000_000;
/// 9999-12-31T23:59:59.999999Z, in microseconds.
const LAST: i64 = 253_402_300_799_999_999;
const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60;
/// The largest offset RFC 3339 can write, in seconds.
const LARGEST_OFFSET: i64 = 24 * 60 * MINUTE - MINUTE;
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// How much of a second is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// `12:00:00Z`.
    Seconds,
    /// `12:00:00.000Z`.
    Millis,
    /// `12:00:00.000000Z`.
    Micros,
}

/// A time and an offset from UTC; both the time and what the clock shows are in years 0 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    at: Timestamp,
    /// Seconds east of UTC, whole minutes.
    offset: i64,
}

impl Timestamp {
    /// RFC 3339 in UTC with milliseconds, like `2026-11-24T06:00:00.000Z`; years that have no such
    /// form are shown as the nearest that has.
    pub fn to_rfc3339(self) -> String {
        self.written(Precision::Millis)
    }

    /// RFC 3339 in UTC; years that have no such form are shown as the nearest that has.
    pub fn written(self, precision: Precision) -> String {
        Moment::nearest(self).to_rfc3339(precision)
    }
}

impl Moment {
    /// A time in UTC; `None` outside the years 0 to 9999.
    pub fn utc(at: Timestamp) -> Option<Self> {
        Self::with_offset(at, 0)
    }

    /// A time in UTC, or the nearest that can be written.
    fn nearest(at: Timestamp) -> Self {
        Self {
            at: Timestamp(at.0.clamp(FIRST, LAST)),
            offset: 0,
        }
    }

    fn with_offset(at: Timestamp, offset: i64) -> Option<Self> {
        let local = at.0.checked_add(offset * SECOND)?;
        let possible = FIRST..=LAST;
        (possible.contains(&at.0) && possible.contains(&local)).then_some(Self { at, offset })
    }

    /// Reads a time in RFC 3339. What is finer than a microsecond is cut off, and a leap second
    /// counts as the one before it.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let (date_and_time, rest) = bytes.split_at_checked(19)?;
        let (year, month, day) = (
            number(&date_and_time[..4])?,
            number(&date_and_time[5..7])?,
            number(&date_and_time[8..10])?,
        );
        let (hour, minute, second) = (
            number(&date_and_time[11..13])?,
            number(&date_and_time[14..16])?,
            number(&date_and_time[17..])?,
        );
        let marks = [4, 7, 10, 13, 16].map(|at| date_and_time[at].to_ascii_uppercase());
        if !matches!(marks, [b'-', b'-', b'T' | b' ', b':', b':']) || second > 60 {
            return None;
        }
        let (fraction, offset) = fraction(rest)?;
        let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
        let (hour, minute) = (i8::try_from(hour).ok()?, i8::try_from(minute).ok()?);
        let second = i8::try_from(second.min(59)).ok()?;
        let time = jiff::civil::Time::new(hour, minute, second, 0).ok()?;
        let offset = offset_of(offset)?;
        let local = micros(date.to_datetime(time)) + fraction;
        Self::with_offset(Timestamp(local - offset * SECOND), offset)
    }

    /// The time.
    pub const fn at(self) -> Timestamp {
        self.at
    }

    /// The moment so many microseconds later, with the same offset; `None` when there is none.
    pub fn moved(self, by: i64) -> Option<Self> {
        Self::with_offset(Timestamp(self.at.0.checked_add(by)?), self.offset)
    }

    /// The same time in UTC.
    #[must_use]
    pub const fn in_utc(self) -> Self {
        Self {
            at: self.at,
            offset: 0,
        }
    }

    /// The same time on the clocks of a zone. Offsets of long ago, which are no whole minutes, are
    /// rounded to one: RFC 3339 has no others, and the time stays what it is. `None` when the
    /// clocks show a year that cannot be written.
    pub fn in_zone(self, zone: &Zone) -> Option<Self> {
        let offset = zone.offset_at(self.at.0.div_euclid(SECOND));
        let rounded = (offset + MINUTE / 2).div_euclid(MINUTE) * MINUTE;
        Self::with_offset(self.at, rounded)
    }

    /// What the clock shows.
    fn local(self) -> DateTime {
        let micros = self.at.0 + self.offset * SECOND;
        EPOCH.saturating_add(SignedDuration::from_micros(micros))
    }

    /// RFC 3339.
    pub fn to_rfc3339(self, precision: Precision) -> String {
        let local = self.local();
        let micros = local.subsec_nanosecond() / 1_000;
        let mut text = format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            local.year(),
            local.month(),
            local.day(),
            local.hour(),
            local.minute(),
            local.second()
        );
        match precision {
            Precision::Seconds => {}
            Precision::Millis => text.push_str(&format!(".{:03}", micros / 1_000)),
            Precision::Micros => text.push_str(&format!(".{micros:06}")),
        }
        if self.offset == 0 {
            text.push('Z');
            return text;
        }
        let sign = if self.offset < 0 { '-' } else { '+' };
        let minutes = self.offset.abs() / MINUTE;
        text.push_str(&format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60));
        text
    }

    /// In a format of `strftime`, in English; `None` when it is none.
    pub fn format(self, format: &str) -> Option<String> {
        let mut parts = BrokenDownTime::from(self.local());
        parts.set_offset(Some(Offset::from_seconds(self.offset as i32).ok()?));
        let config = Config::new().custom(PosixCustom::new());
        parts
            .to_string_with_config(&config, self.plain(format))
            .ok()
    }

    /// A format without what the library lacks: seconds of every time since 1970 (its times end
    /// before the year 9999 does), `%y` of every century, and what is built on it.
    fn plain(self, format: &str) -> String {
        let year = self.local().year().rem_euclid(100);
        let mut out = String::with_capacity(format.len());
        let mut rest = format.chars();
        while let Some(next) = rest.next() {
            if next != '%' {
                out.push(next);
                continue;
            }
            match rest.next() {
                Some('s') => out.push_str(&self.at.0.div_euclid(SECOND).to_string()),
                Some('y') => out.push_str(&format!("{year:02}")),
                Some('D' | 'x') => out.push_str(&format!("%m/%d/{year:02}")),
                Some('v') => out.push_str("%e-%b-%Y"),
                Some('+') => out.push_str("%Y-%m-%dT%H:%M:%S%.f%:z"),
                Some(other) => out.extend(['%', other]),
                None => out.push('%'),
            }
        }
        out
    }
}

fn micros(local: DateTime) -> i64 {
    local.duration_since(EPOCH).as_secs() * SECOND
}

/// A number of digits only.
fn number(digits: &[u8]) -> Option<i16> {
    let text = std::str::from_utf8(digits).ok()?;
    let plain = digits.iter().all(u8::is_ascii_digit);
    plain.then(|| text.parse().ok()).flatten()
}

/// Microseconds of a fraction, and what comes after it.
fn fraction(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some(text) = text.strip_prefix(b".") else {
        return Some((0, text));
    };
    let length = text.iter().take_while(|b| b.is_ascii_digit()).count();
    let (digits, rest) = text.split_at(length);
    let of_digit = |at: usize| digits.get(at).map_or(0, |digit| i64::from(digit - b'0'));
    let micros = (0..6).fold(0, |sum, at| sum * 10 + of_digit(at));
    (length > 0).then_some((micros, rest))
}

/// Seconds east of UTC.
fn offset_of(text: &[u8]) -> Option<i64> {
    match text {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), rest @ ..] if rest.len() == 5 && rest[2] == b':' => {
            let (hours, minutes) = (number(&rest[..2])?, number(&rest[3..])?);
            let seconds = (i64::from(hours) * 60 + i64::from(minutes)) * MINUTE;
            let possible = minutes < 60 && seconds <= LARGEST_OFFSET;
            possible.then_some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
