//! Peaks, measured by wrk.

use std::process::Command;

use crate::error::Result;

/// One load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load<'a> {
    /// Where to.
    pub(crate) url: &'a str,
    /// The `Host` header.
    pub(crate) host: &'a str,
    /// Connections.
    pub(crate) connections: u32,
    /// How long.
    pub(crate) seconds: u32,
    /// A Lua script below `bench/wrk`, for what a URL cannot say.
    pub(crate) script: Option<&'a str>,
}

/// What wrk measured.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Peak {
    /// Answers per second.
    pub(crate) rate: f64,
    /// Answers.
    pub(crate) requests: u64,
}

/// Runs a load. Any answer that is not 2xx or 3xx, and any broken connection, is an error: a
/// number made of failures is worth nothing.
pub(crate) fn run(load: &Load<'_>) -> Result<Peak> {
    let mut command = Command::new("wrk");
    command
        .args(["--threads", "1"])
        .args(["--connections", &load.connections.to_string()])
        .args(["--duration", &format!("{}s", load.seconds)])
        .args(["--header", &format!("Host: {}", load.host)]);
    if let Some(script) = load.script {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/wrk/");
        command.args(["--script", &format!("{path}{script}")]);
    }
    let output = command
        .arg(load.url)
        .output()
        .map_err(|e| format!("wrk does not start: {e}; scripts/bench.sh installs it"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        return Err(format!(
            "wrk failed: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        )
        .into());
    }
    parse(&text)
}

fn parse(text: &str) -> Result<Peak> {
    for trouble in ["Non-2xx", "Socket errors"] {
        if let Some(line) = text.lines().find(|line| line.trim().starts_with(trouble)) {
            return Err(format!("wrk: {}", line.trim()).into());
        }
    }
    let rate = text
        .lines()
        .find_map(|line| line.strip_prefix("Requests/sec:"));
    let requests = text.lines().find_map(|line| {
        line.trim()
            .split_once(" requests in ")
            .map(|(count, _)| count)
    });
    match (rate, requests) {
        (Some(rate), Some(requests)) => Ok(Peak {
            rate: rate.trim().parse()?,
            requests: requests.trim().parse()?,
        }),
        _ => Err(format!("wrk printed something unknown: {text}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "Running 1s test @ http://127.0.0.1:1/\n  1 threads and 32 connections\n  \
        Thread Stats   Avg      Stdev     Max   +/- Stdev\n    Latency   396.01us  124.41us   2.97ms   85.32%\n  \
        78951 requests in 1.01s, 10.24MB read\nRequests/sec:  78250.12\nTransfer/sec:     10.15MB\n";

    #[test]
    fn numbers_are_read() {
        let peak = parse(GOOD).unwrap();
        assert_eq!(peak.requests, 78_951);
        assert!((peak.rate - 78_250.12).abs() < 1e-6);
    }

    #[test]
    fn failures_are_no_measurement() {
        assert!(parse(&format!("{GOOD}  Non-2xx or 3xx responses: 7\n")).is_err());
        assert!(parse(&format!("{GOOD}  Socket errors: connect 0, read 1\n")).is_err());
        assert!(parse("").is_err());
    }
}
