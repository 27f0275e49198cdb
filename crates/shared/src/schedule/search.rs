//! The search through time.

use std::fmt;

use croner::{CronPattern, Weekday};
use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};

use crate::clock::Timestamp;
use crate::zone::{Instants, Zone};

/// A cron expression in a time zone. It has at least one run.
#[derive(Clone)]
pub struct Schedule {
    pub(super) expression: String,
    pub(super) zone: Zone,
    pub(super) times: TimesOfDay,
    /// Bit 1 is January.
    pub(super) months: u64,
    pub(super) days: Days,
    pub(super) interval: bool,
}

/// Which days match.
#[derive(Clone)]
pub(super) struct Days {
    pub(super) of_month: CronPattern,
    pub(super) of_week: CronPattern,
    /// Whether both must.
    pub(super) both: bool,
}

pub(super) const MICROS: i64 = 1_000_000;
/// 0001-01-01; what is before runs from here.
const FIRST_SECOND: i64 = -62_135_596_800;
/// 9999-12-31T23:59:59Z; nothing runs later, because there is no way to write when.
const LAST_SECOND: i64 = 253_402_300_799;
/// After this many years weekdays and dates repeat: what has not matched by then never does.
const CALENDAR_CYCLE: i16 = 400;
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
/// Gaps one search may cross. Real jobs cross one.
const MAX_GAPS: usize = 16;

impl Schedule {
    /// The expression, as it was written.
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The time zone's name.
    pub fn timezone(&self) -> &str {
        self.zone.name()
    }

    /// The first run strictly after a time.
    pub fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let after = after.0.div_euclid(MICROS).max(FIRST_SECOND);
        let next = if self.interval {
            self.next_of_interval(after)
        } else {
            self.next_of_fixed(after)
        };
        next.filter(|next| *next <= LAST_SECOND)?
            .checked_mul(MICROS)
            .map(Timestamp)
    }

    /// The next runs strictly after a time, at most `count`.
    pub fn upcoming(&self, after: Timestamp, count: usize) -> Vec<Timestamp> {
        std::iter::successors(self.next_after(after), |&last| self.next_after(last))
            .take(count)
            .collect()
    }

    /// The first second after `after` whose local time matches.
    fn next_of_interval(&self, after: i64) -> Option<i64> {
        let mut from = after + 1;
        let mut local = self.local(from)?;
        if let Instants::Twice(first, second) = self.instants(local)
            && from == first
        {
            // What is left of the first pass comes before the whole second one.
            let turn = self.zone.turn(first, second);
            let in_first_pass = self.next_local(local)?;
            let wait = seconds(in_first_pass) - seconds(local);
            if wait < turn - first {
                return Some(first + wait);
            }
            from = turn;
            local = self.local(from)?;
        }
        for _ in 0..MAX_GAPS {
            let candidate = self.next_local(local)?;
            match self.instants(candidate) {
                Instants::Once(at) => return Some(at),
                Instants::Twice(first, second) => {
                    return Some(if first >= from { first } else { second });
                }
                Instants::Never { gap_end } => local = self.local(gap_end)?,
            }
        }
        None
    }

    /// The first second after `after` at which the wall clock reaches or passes a matching local
    /// time it had not reached before.
    fn next_of_fixed(&self, after: i64) -> Option<i64> {
        let local = self.local(after)?;
        let step = match self.instants(local) {
            Instants::Twice(first, second) if after == second => {
                self.zone.turn(first, second) - first
            }
            _ => 1,
        };
        let unreached = local.checked_add(SignedDuration::from_secs(step)).ok()?;
        Some(match self.instants(self.next_local(unreached)?) {
            Instants::Once(at) | Instants::Twice(at, _) => at,
            Instants::Never { gap_end } => gap_end,
        })
    }

    /// The wall clock at a second.
    fn local(&self, second: i64) -> Option<DateTime> {
        let shown = second.checked_add(self.zone.offset_at(second))?;
        EPOCH.checked_add(SignedDuration::from_secs(shown)).ok()
    }

    fn instants(&self, local: DateTime) -> Instants {
        self.zone.instants(local, seconds(local))
    }

    /// The first matching local time at or after `from`, whether or not it exists in the zone.
    fn next_local(&self, from: DateTime) -> Option<DateTime> {
        let date = self.next_date(from.date())?;
        if date == from.date()
            && let Some(time) = self.times.at_or_after(from.time())
        {
            return Some(date.to_datetime(time));
        }
        let date = self.next_date(date.max(from.date().tomorrow().ok()?))?;
        Some(date.to_datetime(self.times.at_or_after(Time::MIN)?))
    }

    /// The first matching date at or after `from`.
    pub(super) fn next_date(&self, from: Date) -> Option<Date> {
        let last = from.year().saturating_add(CALENDAR_CYCLE);
        let mut date = from;
        while date.year() <= last {
            if self.months & (1 << date.month()) == 0 {
                date = date.last_of_month().tomorrow().ok()?;
            } else if self.matches(date) {
                return Some(date);
            } else {
                date = date.tomorrow().ok()?;
            }
        }
        None
    }

    fn matches(&self, date: Date) -> bool {
        self.months & (1 << date.month()) != 0 && self.days.match_(date)
    }
}

impl Days {
    fn match_(&self, date: Date) -> bool {
        let part = |value: i8| u32::from(value.unsigned_abs());
        let (year, month, day) = (i32::from(date.year()), part(date.month()), part(date.day()));
        let weekday = Weekday::from_days_from_sunday(part(date.weekday().to_sunday_zero_offset()));
        let is = |pattern: &CronPattern| {
            pattern
                .day_match(year, month, day, weekday)
                .unwrap_or(false)
        };
        if self.both {
            is(&self.of_month) && is(&self.of_week)
        } else {
            is(&self.of_month) || is(&self.of_week)
        }
    }
}

/// Seconds since 1970, as if the local time were UTC.
fn seconds(local: DateTime) -> i64 {
    local.duration_since(EPOCH).as_secs()
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schedule({:?}, {})", self.expression, self.zone.name())
    }
}

/// The hours, minutes and seconds of an expression as bits; none of them is empty.
#[derive(Clone, Copy)]
pub(super) struct TimesOfDay {
    pub(super) hours: u64,
    pub(super) minutes: u64,
    pub(super) seconds: u64,
}

impl TimesOfDay {
    /// The first time of the day at or after `from`.
    fn at_or_after(self, from: Time) -> Option<Time> {
        let parts = [from.hour(), from.minute(), from.second()];
        let [hour, minute, second] = parts.map(|part| u32::from(part.unsigned_abs()));
        let in_this_minute = || next_bit(self.seconds, second).map(|s| (hour, minute, s));
        let in_this_hour = || {
            let later = || {
                Some((
                    hour,
                    next_bit(self.minutes, minute + 1)?,
                    self.first_second(),
                ))
            };
            let now = next_bit(self.minutes, minute) == Some(minute);
            now.then(in_this_minute).flatten().or_else(later)
        };
        let later = || {
            let hour = next_bit(self.hours, hour + 1)?;
            Some((hour, self.minutes.trailing_zeros(), self.first_second()))
        };
        let now = next_bit(self.hours, hour) == Some(hour);
        let (hour, minute, second) = now.then(in_this_hour).flatten().or_else(later)?;
        let part = |value: u32| i8::try_from(value).ok();
        Time::new(part(hour)?, part(minute)?, part(second)?, 0).ok()
    }

    fn first_second(self) -> u32 {
        self.seconds.trailing_zeros()
    }
}

/// The lowest bit that is set at or above `from`, which is at most 60.
fn next_bit(bits: u64, from: u32) -> Option<u32> {
    let rest = bits >> from;
    (rest != 0).then(|| from + rest.trailing_zeros())
}
