//! The server as the kernel sees it.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::Server;

/// A clock tick of `/proc/<pid>/stat`: the kernel's user interface fixes it to 100 per second.
const TICK: Duration = Duration::from_millis(10);

/// The number behind a key of `/proc/<pid>/status`.
fn number(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

fn socket(url: &str) -> SocketAddr {
    let address = url.strip_prefix("http://").map(str::parse);
    address
        .and_then(Result::ok)
        .unwrap_or_else(|| panic!("{url} is no address"))
}

impl Server {
    fn status(&self, key: &str) -> u64 {
        let path = format!("/proc/{}/status", self.pid());
        let text = fs::read_to_string(&path).expect("a running process has a status");
        number(&text, key).unwrap_or_else(|| panic!("{path} has no {key}"))
    }

    /// The threads it has now.
    pub fn threads(&self) -> u64 {
        self.status("Threads:")
    }

    /// The bytes that are resident now; 0 when it has just ended.
    pub fn resident(&self) -> u64 {
        let path = format!("/proc/{}/status", self.pid());
        let text = fs::read_to_string(path).unwrap_or_default();
        number(&text, "VmRSS:").unwrap_or(0) << 10
    }

    /// Processor time of all its threads so far.
    pub fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap_or_default();
        // The name in parentheses may hold anything; utime and stime are fields 14 and 15.
        let after = stat.rsplit(") ").next().unwrap_or_default();
        let fields = after.split(' ').skip(11).take(2);
        let ticks: u32 = fields.filter_map(|field| field.parse::<u32>().ok()).sum();
        TICK * ticks
    }

    /// The most bytes that were ever resident; 0 when it has just ended.
    pub fn peak_resident(&self) -> u64 {
        let path = format!("/proc/{}/status", self.pid());
        let text = fs::read_to_string(path).unwrap_or_default();
        number(&text, "VmHWM:").unwrap_or(0) << 10
    }

    /// How often its threads went to sleep by themselves so far.
    pub fn voluntary_switches(&self) -> u64 {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid()));
        let threads = threads.expect("a running process has threads");
        threads
            .filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("status")).ok())
            .filter_map(|text| number(&text, "voluntary_ctxt_switches:"))
            .sum()
    }

    /// Where it listens, for clients that speak raw bytes.
    ///
    /// # Panics
    /// When its URL is not an address.
    pub fn address(&self) -> SocketAddr {
        socket(self.url())
    }

    /// Where its control plane listens.
    ///
    /// # Panics
    /// When its URL is not one of an address.
    pub fn admin_address(&self) -> SocketAddr {
        socket(self.admin_url())
    }
}

/// Lets this process open that many files, for clients with many connections.
///
/// # Panics
/// When the system does not allow it; the message says what to do.
pub fn raise_file_limit(wanted: u64) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return;
    }
    let raised = Rlimit {
        current: Some(wanted),
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap_or_else(|error| {
        panic!("this test needs {wanted} open files ({error}); raise `ulimit -Hn`")
    });
}

/// The library that shows a process another time, where Debian puts it.
pub(super) fn faketime() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    folders
        .map(|folder| folder.path().join("faketime/libfaketime.so.1"))
        .find(|library| library.is_file())
}
