//! The rule again, as slowly as possible: walk through real time and watch the wall clock.

use jiff::SignedDuration;
use jiff::civil::DateTime;

use crate::zone::Zone;

/// What a clock shows: the seconds that would be in UTC.
pub(super) type Local = i64;

/// A second, what the clock shows, and its second, minute, hour, day, month and weekday.
pub(super) type Tick = (i64, Local, [u32; 6]);

const DAY: i64 = 86_400;

/// Zones with every kind of transition, and some with none from 2026 to 2030.
pub(super) const ZONES: [&str; 14] = [
    "Africa/Casablanca",
    "America/New_York",
    "America/Nuuk",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Antarctica/Troll",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Pacific/Apia",
    "Pacific/Chatham",
    "UTC",
];

/// Values of seconds, minutes, hours, days, months and weekdays.
pub(super) struct Fields {
    values: [Vec<u32>; 6],
    interval: bool,
    both_days: bool,
}

impl Fields {
    /// Six fields of `*`, numbers, ranges and steps.
    pub(super) fn new(expression: &str) -> Self {
        let mut fields: Vec<&str> = expression.split(' ').collect();
        if fields.len() == 5 {
            fields.insert(0, "0");
        }
        let limits = [(0, 59), (0, 59), (0, 23), (1, 31), (1, 12), (0, 6)];
        let values = |index: usize| {
            let all = limits[index];
            let elements = fields[index].split(',').flat_map(|element| {
                let (range, step) = element.split_once('/').unwrap_or((element, "1"));
                let number = |text: &str| text.parse::<u32>().unwrap();
                let (first, last) = match range.split_once('-') {
                    Some((first, last)) => (number(first), number(last)),
                    None if range == "*" => all,
                    None => (number(range), number(range)),
                };
                (first..=last).step_by(number(step) as usize)
            });
            elements.collect()
        };
        let star = |index: usize| fields[index].starts_with('*');
        Self {
            values: [0, 1, 2, 3, 4, 5].map(values),
            interval: star(1)
                || star(2)
                || fields[1].starts_with("0-59")
                || fields[2].starts_with("0-23"),
            both_days: star(3) || star(5),
        }
    }

    fn match_(&self, shown: [u32; 6]) -> bool {
        let is = |index: usize| self.values[index].contains(&shown[index]);
        let days = if self.both_days {
            is(3) && is(5)
        } else {
            is(3) || is(5)
        };
        [0, 1, 2, 4].into_iter().all(is) && days
    }

    /// The runs among ticks that follow each other; the first is only where the clock stands.
    pub(super) fn runs(&self, ticks: &[Tick], step: i64) -> Vec<i64> {
        let mut reached = ticks[0].1;
        let mut runs = Vec::new();
        for &(second, local, shown) in &ticks[1..] {
            let run = if self.interval || local == reached + step {
                self.match_(shown)
            } else {
                let news = std::iter::successors(Some(reached + step), |&t| Some(t + step));
                news.take_while(|&t| t <= local)
                    .any(|t| self.match_(parts(t)))
            };
            if run {
                runs.push(second);
            }
            reached = reached.max(local);
        }
        runs
    }
}

/// What a clock that shows `local` shows.
pub(super) fn civil(local: Local) -> DateTime {
    let epoch = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
    epoch.checked_add(SignedDuration::from_secs(local)).unwrap()
}

fn parts(local: Local) -> [u32; 6] {
    let shown = civil(local);
    let parts = [
        shown.second(),
        shown.minute(),
        shown.hour(),
        shown.day(),
        shown.month(),
        shown.weekday().to_sunday_zero_offset(),
    ];
    parts.map(|part| part as u32)
}

pub(super) fn local(zone: &Zone, second: i64) -> Local {
    second + zone.offset_at(second)
}

/// Seconds and what the clock shows, every `step` seconds.
pub(super) fn walk(zone: &Zone, from: i64, to: i64, step: i64) -> Vec<Tick> {
    (from..=to)
        .step_by(step as usize)
        .map(|second| {
            let local = local(zone, second);
            (second, local, parts(local))
        })
        .collect()
}

/// All seconds from 2026 to 2030 at which the clock of a zone jumps.
pub(super) fn transitions(zone: &Zone) -> Vec<i64> {
    let offset = |second| zone.offset_at(second);
    let (first, last) = (1_767_225_600, 1_924_992_000);
    let mut found = Vec::new();
    for day in (first..last).step_by(DAY as usize) {
        if offset(day) != offset(day + DAY) {
            let minutes = (day..=day + DAY).step_by(60);
            found.extend(minutes.filter(|&second| offset(second) != offset(second - 60)));
        }
    }
    found
}
