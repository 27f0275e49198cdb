//! What the system knows about this process, for metrics.

use std::fs;

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

/// A number that every process has. Names are those all collectors know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessNumber {
    /// Processor time used.
    CpuSeconds,
    /// When it was started, since 1970.
    StartSeconds,
    /// Memory in use.
    ResidentBytes,
    /// Addresses in use.
    VirtualBytes,
    /// Threads.
    Threads,
    /// Open files and connections.
    OpenFds,
    /// How many it may have.
    MaxFds,
}

impl ProcessNumber {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::CpuSeconds,
        Self::StartSeconds,
        Self::ResidentBytes,
        Self::VirtualBytes,
        Self::Threads,
        Self::OpenFds,
        Self::MaxFds,
    ];

    /// Its name; that of a number that only grows is without its `_total`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CpuSeconds => "process_cpu_seconds",
            Self::StartSeconds => "process_start_time_seconds",
            Self::ResidentBytes => "process_resident_memory_bytes",
            Self::VirtualBytes => "process_virtual_memory_bytes",
            Self::Threads => "process_threads",
            Self::OpenFds => "process_open_fds",
            Self::MaxFds => "process_max_fds",
        }
    }

    /// What it means.
    pub const fn help(self) -> &'static str {
        match self {
            Self::CpuSeconds => "Processor time used, by the process and on its behalf",
            Self::StartSeconds => "When the process was started, in seconds since 1970",
            Self::ResidentBytes => "Memory in use",
            Self::VirtualBytes => "Addresses in use",
            Self::Threads => "Threads",
            Self::OpenFds => "Open files and connections",
            Self::MaxFds => "How many files and connections may be open",
        }
    }

    /// Whether it only grows.
    pub const fn only_grows(self) -> bool {
        matches!(self, Self::CpuSeconds)
    }

    /// Its value now; `None` where the system does not tell.
    pub fn read(self) -> Option<f64> {
        let ticks = clock_ticks_per_second() as f64;
        // Fields are counted from 1 and start with the third behind the name.
        let stat = |field: usize| stat_field(&fs::read_to_string("/proc/self/stat").ok()?, field);
        match self {
            Self::CpuSeconds => Some((stat(14)? + stat(15)?) / ticks),
            Self::StartSeconds => Some(booted()? + stat(22)? / ticks),
            Self::ResidentBytes => Some(stat(24)? * page_size() as f64),
            Self::VirtualBytes => stat(23),
            Self::Threads => stat(20),
            Self::OpenFds => Some(fs::read_dir("/proc/self/fd").ok()?.count() as f64),
            Self::MaxFds => Some(getrlimit(Resource::Nofile).current? as f64),
        }
    }
}

/// A field of `/proc/PID/stat`. The second is the program's name, which may hold anything.
fn stat_field(stat: &str, field: usize) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace()
        .nth(field.checked_sub(3)?)?
        .parse()
        .ok()
}

/// When the system was started, in seconds since 1970.
fn booted() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_all_of_them() {
        for number in ProcessNumber::ALL {
            let value = number.read().unwrap();
            assert!(value.is_finite() && value >= 0.0, "{number:?}: {value}");
        }
        assert!(ProcessNumber::ResidentBytes.read().unwrap() > 1e5);
        // After this was written, and within a day of now by any clock.
        assert!(ProcessNumber::StartSeconds.read().unwrap() > 1.7e9);
    }

    #[test]
    fn a_program_may_be_called_anything() {
        let stat = "7 (a) b (c) S 1 2 3";
        assert_eq!(stat_field(stat, 4), Some(1.0));
        assert_eq!(stat_field(stat, 99), None);
        assert_eq!(stat_field("", 4), None);
    }
}
