//! What `/proc` knows about a process.

use std::fs;
use std::time::Duration;

use crate::error::Result;

/// A clock tick of `/proc/<pid>/stat`: the kernel's user interface fixes it to 100 per second.
const TICK: Duration = Duration::from_millis(10);

fn number(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(key))?;
    line[key.len()..].split_whitespace().next()?.parse().ok()
}

fn status(pid: u32, key: &str) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    number(&text, key).ok_or_else(|| format!("/proc/{pid}/status has no `{key}`").into())
}

/// Resident memory in MiB.
pub(crate) fn resident_mib(pid: u32) -> Result<f64> {
    Ok(status(pid, "VmRSS:")? as f64 / 1_024.0)
}

/// The most memory that was ever resident, in MiB.
pub(crate) fn peak_mib(pid: u32) -> Result<f64> {
    Ok(status(pid, "VmHWM:")? as f64 / 1_024.0)
}

/// Threads.
pub(crate) fn threads(pid: u32) -> Result<u64> {
    status(pid, "Threads:")
}

/// Processor ticks (10 ms) used so far.
pub(crate) fn ticks(pid: u32) -> Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name in parentheses may hold anything; utime and stime are fields 14 and 15.
    let after = stat.rsplit(") ").next().unwrap_or_default();
    let fields = after.split(' ').skip(11).take(2);
    Ok(fields.filter_map(|field| field.parse::<u64>().ok()).sum())
}

/// Ticks as time.
pub(crate) fn tick_time(ticks: u64) -> Duration {
    TICK * u32::try_from(ticks).unwrap_or(u32::MAX)
}

/// Times its threads went to sleep by themselves so far.
pub(crate) fn voluntary_switches(pid: u32) -> Result<u64> {
    let mut sum = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let text = fs::read_to_string(thread?.path().join("status"))?;
        sum += number(&text, "voluntary_ctxt_switches:").unwrap_or(0);
    }
    Ok(sum)
}
