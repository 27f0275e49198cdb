//! The machine: its description, and which core does what.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::error::Result;

/// What the numbers were measured on.
pub(crate) fn description() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("unknown processor", |(_, model)| model);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let gib = memory
        .lines()
        .find_map(|line| {
            line.strip_prefix("MemTotal:")?
                .split_whitespace()
                .next()?
                .parse::<u64>()
                .ok()
        })
        .map_or(0, |kib| kib >> 20);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{} cores, {model}, {gib} GiB, Linux {}",
        cores(),
        kernel.trim()
    )
}

/// Cores this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Puts this process and the load generators it starts on the second core. `false` on a machine
/// with one.
pub(crate) fn load_on_second_core() -> Result<bool> {
    if cores() < 2 {
        return Ok(false);
    }
    let mut set = CpuSet::new();
    set.set(1);
    sched_setaffinity(None, &set)?;
    Ok(true)
}

/// Raises the limit of open files, which the servers inherit. Ten thousand connections need it.
pub(crate) fn raise_file_limit() -> Result<()> {
    const WANTED: u64 = 65_536;
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(u64::MAX);
    let current = limit.current.unwrap_or(u64::MAX);
    if current < WANTED {
        let current = Some(WANTED.min(most));
        setrlimit(
            Resource::Nofile,
            Rlimit {
                current,
                maximum: limit.maximum,
            },
        )?;
    }
    Ok(())
}
