//! Reading a cron expression: what is wrong, where, and what to write instead.

use croner::parser::{CronParser, Seconds, Year};
use croner::{Cron, CronComponent, CronPattern};
use jiff::civil::Date;

use super::search::{Days, Schedule, TimesOfDay};
use crate::zone::{UnknownZone, Zone};

/// Bytes of an expression.
pub const MAX_EXPRESSION_BYTES: usize = 256;

/// An expression or a time zone that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Too long.
    #[error("a cron expression has at most {MAX_EXPRESSION_BYTES} bytes; write several schedules")]
    TooLong,
    /// Not 5 or 6 fields.
    #[error(
        "`{shown}` has {found} fields; write 5 (minute hour day month weekday) like \
         `30 4 * * MON-FRI`, or 6 with the second in front"
    )]
    Fields {
        /// The expression.
        shown: String,
        /// How many fields it has.
        found: usize,
    },
    /// A nickname nobody knows.
    #[error(
        "`{shown}` is not known; write @hourly, @daily, @midnight, @weekly, @monthly, @yearly, \
         @annually or five fields"
    )]
    Nickname {
        /// The nickname.
        shown: String,
    },
    /// One element of a field is wrong.
    #[error("`{shown}` is not a valid {field} (field {position} of `{expression}`); write {hint}")]
    Field {
        /// The element.
        shown: String,
        /// The field's name.
        field: &'static str,
        /// The field's number, from 1.
        position: usize,
        /// The expression.
        expression: String,
        /// What is allowed.
        hint: &'static str,
    },
    /// No date matches.
    #[error("`{shown}` never runs: no date matches its day, month and weekday; change one of them")]
    Never {
        /// The expression.
        shown: String,
    },
    /// Not a time zone.
    #[error(transparent)]
    Timezone(#[from] UnknownZone),
}

/// A field's name, its letters and what is allowed.
struct Field {
    name: &'static str,
    words: &'static [&'static str],
    hint: &'static str,
}

const WEEKDAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];
const MONTHS: &[&str] = &[
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];

const FIELDS: [Field; 6] = [
    Field {
        name: "second",
        words: &[],
        hint: "0-59, `*`, a step like `*/10`, a range like `10-30/5` or a list like `0,30`",
    },
    Field {
        name: "minute",
        words: &[],
        hint: "0-59, `*`, a step like `*/10`, a range like `10-30/5` or a list like `0,30`",
    },
    Field {
        name: "hour",
        words: &[],
        hint: "0-23, `*`, a step like `*/2`, a range like `8-18/2` or a list like `6,18`",
    },
    Field {
        name: "day of the month",
        words: &["L", "W", "LW"],
        hint: "1-31, `*`, a step, a range or a list, `L` for the last day, `15W` for the weekday \
               nearest to the 15th or `LW` for the last weekday",
    },
    Field {
        name: "month",
        words: MONTHS,
        hint: "1-12 or JAN-DEC, `*`, a step like `*/3`, a range or a list",
    },
    Field {
        name: "weekday",
        words: WEEKDAYS,
        hint: "0-7 (0 and 7 are Sunday) or SUN-SAT, `*`, a range like `MON-FRI`, a list, `MON#2` \
               for the second Monday, `FRI#L` for the last Friday or `+MON` when the day of the \
               month must match too",
    },
];

impl Schedule {
    /// Reads an expression of 5 or 6 fields (the sixth is seconds, in front) or a nickname like
    /// `@daily`, and the name of an IANA time zone.
    pub fn parse(expression: &str, timezone: &str) -> Result<Self, ScheduleError> {
        parse(expression, timezone)
    }
}

fn parse(expression: &str, timezone: &str) -> Result<Schedule, ScheduleError> {
    if expression.len() > MAX_EXPRESSION_BYTES {
        return Err(ScheduleError::TooLong);
    }
    let expression = expression.trim();
    let written = match expression.strip_prefix('@') {
        Some(_) => nickname(expression)?,
        None => expression,
    };
    let written = written.to_ascii_uppercase();
    let fields: Vec<&str> = written.split_whitespace().collect();
    if !matches!(fields.len(), 5 | 6) {
        return Err(ScheduleError::Fields {
            shown: shown(expression),
            found: fields.len(),
        });
    }
    let pattern = pattern(&fields).map_err(|(position, element)| {
        let field = &FIELDS[6 - fields.len() + position];
        ScheduleError::Field {
            shown: shown(element),
            field: field.name,
            position: position + 1,
            expression: shown(expression),
            hint: field.hint,
        }
    })?;
    let schedule = Schedule {
        expression: expression.to_owned(),
        zone: Zone::find(timezone)?,
        times: TimesOfDay {
            hours: bits(&pattern.hours),
            minutes: bits(&pattern.minutes),
            seconds: bits(&pattern.seconds),
        },
        months: bits(&pattern.months),
        days: days(&fields),
        interval: is_interval(&fields),
    };
    let start = Date::constant(2000, 1, 1);
    match schedule.next_date(start) {
        Some(_) => Ok(schedule),
        None => Err(ScheduleError::Never {
            shown: shown(expression),
        }),
    }
}

/// The day fields, of which croner looks at one at a time: how they combine is ours.
fn days(fields: &[&str]) -> Days {
    let (of_month, of_week) = (fields[fields.len() - 3], fields[fields.len() - 1]);
    let alone = |index, text: &str| {
        let mut pattern = read(&alone(index, text)).expect("it was read before");
        // Five thousand bytes that no search of ours looks at.
        pattern.years = CronComponent::default();
        pattern
    };
    let plain = of_week.trim_start_matches('+');
    let is_free = |text: &str| text.starts_with(['*', '?']);
    Days {
        of_month: alone(3, of_month),
        of_week: alone(5, plain),
        both: is_free(of_month) || is_free(plain) || of_week != plain,
    }
}

/// Whether the minute or the hour starts with `*` or names the whole range, like `0-59/5`.
fn is_interval(fields: &[&str]) -> bool {
    let whole = |text: &str, range: &str| {
        let step = text.strip_prefix(range);
        text.starts_with('*') || step.is_some_and(|step| step.is_empty() || step.starts_with('/'))
    };
    let (minute, hour) = (fields[fields.len() - 5], fields[fields.len() - 4]);
    whole(minute, "0-59") || whole(hour, "0-23")
}

fn nickname(text: &str) -> Result<&'static str, ScheduleError> {
    match text.to_ascii_lowercase().as_str() {
        "@hourly" => Ok("0 * * * *"),
        "@daily" | "@midnight" => Ok("0 0 * * *"),
        "@weekly" => Ok("0 0 * * 0"),
        "@monthly" => Ok("0 0 1 * *"),
        "@yearly" | "@annually" => Ok("0 0 1 1 *"),
        _ => Err(ScheduleError::Nickname { shown: shown(text) }),
    }
}

/// The pattern, or the index of the field that is wrong and its element.
fn pattern<'a>(fields: &[&'a str]) -> Result<CronPattern, (usize, &'a str)> {
    for (position, text) in fields.iter().enumerate() {
        let index = 6 - fields.len() + position;
        let list = if index == 5 {
            text.strip_prefix('+').unwrap_or(text)
        } else {
            text
        };
        if let Some(bad) = list.split(',').find(|element| !good(index, element)) {
            return Err((position, bad));
        }
        // An element may be good alone and not in a list, like `*`.
        if read(&alone(index, text)).is_none() {
            return Err((position, text));
        }
    }
    read(&fields.join(" ")).ok_or((0, fields[0]))
}

/// Whether croner takes an element, and its words are those of its field: croner replaces names
/// wherever they stand, and skips elements that are empty.
fn good(index: usize, element: &str) -> bool {
    let bare_last = index == 5 && element == "L";
    !element.is_empty()
        && element.is_ascii()
        && !bare_last
        && words_fit(index, element)
        && read(&alone(index, element)).is_some()
}

fn words_fit(index: usize, element: &str) -> bool {
    let bytes = element.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !bytes[at].is_ascii_alphabetic() {
            at += 1;
            continue;
        }
        let length = bytes[at..]
            .iter()
            .take_while(|b| b.is_ascii_alphabetic())
            .count();
        let word = &element[at..at + length];
        let after_digit = at > 0 && bytes[at - 1].is_ascii_digit();
        let before_digit = bytes.get(at + length).is_some_and(u8::is_ascii_digit);
        let name = word.strip_suffix('L').unwrap_or(word);
        let fits = match index {
            // `5L` and `FRIL` are the last Friday.
            5 => word == "L" || (WEEKDAYS.contains(&name) && !after_digit),
            3 => FIELDS[3].words.contains(&word),
            _ => FIELDS[index].words.contains(&word) && !after_digit,
        };
        if !fits || before_digit {
            return false;
        }
        at += length;
    }
    true
}

/// An expression with one field set and the others `*`.
fn alone(index: usize, text: &str) -> String {
    let mut fields = ["*"; 6];
    fields[index] = text;
    fields.join(" ")
}

fn read(expression: &str) -> Option<CronPattern> {
    let parser = CronParser::builder()
        .seconds(Seconds::Optional)
        .year(Year::Disallowed)
        .build();
    parser
        .parse(expression)
        .ok()
        .map(|Cron { pattern }| pattern)
}

fn bits(component: &CronComponent) -> u64 {
    component
        .values()
        .into_iter()
        .fold(0, |bits, value| bits | 1 << value)
}

/// What may stand in a message: short and printable.
fn shown(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}
