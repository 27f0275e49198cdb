//! What a machine has and knows: the names by which it is reached, its memory.

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;

/// The machine's names in lower case: its host name, by itself and in its own networks, and what
/// `/etc/hosts` calls it.
pub fn names() -> BTreeSet<String> {
    // What cannot be read names nothing.
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let host = read("/proc/sys/kernel/hostname");
    names_of(host.trim(), &read("/etc/hosts"), &read("/etc/resolv.conf"))
}

/// What is assumed of a machine that does not tell.
const MEMORY: u64 = 1 << 30;

/// Bytes of memory this process may use: what the machine has, or what the cgroups it is in may
/// have, if that is less.
pub fn memory() -> u64 {
    let read = |path: &str| fs::read_to_string(path).ok();
    let groups = read("/proc/self/cgroup").unwrap_or_default();
    let limits = limit_files(&groups);
    let group = limits.filter_map(|path| read(&path)?.trim().parse::<u64>().ok());
    let machine = read("/proc/meminfo").as_deref().and_then(total_of);
    group.chain(machine).min().unwrap_or(MEMORY)
}

/// Mappings of memory a process may have, if the machine does not tell.
const MAPPINGS: usize = 65_530;

/// Mappings of memory this process may have.
pub fn mappings() -> usize {
    let told = fs::read_to_string("/proc/sys/vm/max_map_count");
    let told = told.ok().and_then(|told| told.trim().parse().ok());
    told.unwrap_or(MAPPINGS)
}

/// `MemTotal` of `/proc/meminfo`.
fn total_of(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib = line
        .trim()
        .strip_suffix(" kB")?
        .trim()
        .parse::<u64>()
        .ok()?;
    kib.checked_mul(1_024)
}

/// Where the limits of a process's cgroups may be (`/proc/self/cgroup`, both versions): its own
/// and those around it. `max` there is no number.
fn limit_files(groups: &str) -> impl Iterator<Item = String> {
    groups.lines().flat_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (of, path) = (parts.next().unwrap_or("?"), parts.next().unwrap_or("/"));
        let (root, file) = match of {
            "" => ("/sys/fs/cgroup", "memory.max"),
            "memory" => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
            _ => return Vec::new(),
        };
        let path = std::path::Path::new(path).to_owned();
        let around = path.ancestors().map(|at| at.display().to_string());
        around
            .map(|at| format!("{root}{}/{file}", at.trim_end_matches('/')))
            .collect()
    })
}

fn names_of(host: &str, hosts: &str, resolver: &str) -> BTreeSet<String> {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let mut names = BTreeSet::from(["localhost".to_owned()]);
    if !host.is_empty() {
        let short = host.split('.').next().unwrap_or_default();
        let networks = ["local", "localdomain"]
            .into_iter()
            .chain(searched(resolver));
        for network in networks {
            names.insert(format!("{short}.{}", network.to_ascii_lowercase()));
        }
        names.insert(host);
    }
    names.extend(own_lines(hosts).map(str::to_ascii_lowercase));
    names
}

/// The networks in which names are completed.
fn searched(resolver: &str) -> impl Iterator<Item = &str> {
    let lines = resolver.lines().map(str::trim);
    lines
        .filter_map(|line| {
            line.strip_prefix("search ")
                .or(line.strip_prefix("domain "))
        })
        .flat_map(str::split_whitespace)
        .map(|network| network.trim_matches('.'))
        .filter(|network| !network.is_empty())
}

/// Names in lines of `/etc/hosts` for the machine itself.
fn own_lines(hosts: &str) -> impl Iterator<Item = &str> {
    hosts.lines().flat_map(|line| {
        let mut words = line
            .split('#')
            .next()
            .unwrap_or_default()
            .split_whitespace();
        let address = words.next().and_then(|word| word.parse::<IpAddr>().ok());
        let own = address.is_some_and(|ip| ip.is_loopback());
        words.filter(move |_| own)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_knows_its_names() {
        let hosts = "127.0.0.1 localhost\n127.0.1.1\tPi.example.com pi # own\n10.0.0.9 nas.lan\n";
        let names = names_of(
            "Pi",
            hosts,
            "# x\nsearch fritz.box lan.\nnameserver 10.0.0.1\n",
        );
        let want = [
            "localhost",
            "pi",
            "pi.example.com",
            "pi.fritz.box",
            "pi.lan",
            "pi.local",
            "pi.localdomain",
        ];
        assert_eq!(names, want.map(str::to_owned).into());
        let named = names_of("shop.example.com.", "", "");
        assert!(named.contains("shop.example.com") && named.contains("shop.local"));
        assert_eq!(names_of("", "", "").len(), 1);
        assert!(super::names().contains("localhost"));
    }

    #[test]
    fn a_cgroup_is_found_with_those_around_it() {
        let files = |groups| limit_files(groups).collect::<Vec<_>>();
        assert_eq!(
            files("0::/system.slice/picloud.service\n"),
            [
                "/sys/fs/cgroup/system.slice/picloud.service/memory.max",
                "/sys/fs/cgroup/system.slice/memory.max",
                "/sys/fs/cgroup/memory.max",
            ]
        );
        assert_eq!(
            files("5:cpu,cpuacct:/a\n4:memory:/docker/1f\n"),
            [
                "/sys/fs/cgroup/memory/docker/1f/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/docker/memory.limit_in_bytes",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            ]
        );
        assert_eq!(files("what is this"), [""; 0]);
    }

    #[test]
    fn a_machine_knows_its_memory() {
        assert_eq!(
            total_of("MemTotal:        2040 kB\nMemFree: 1 kB\n"),
            Some(2_040 << 10)
        );
        assert_eq!(total_of("MemFree: 1 kB\n"), None);
        assert!(memory() > 64 << 20);
    }
}
