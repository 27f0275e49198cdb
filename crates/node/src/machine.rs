//! The names by which a machine is reached, as far as it knows them.

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
}
