//! `docs/guide/limits.md` has the numbers of the code.

use shared::limits::{Limits, fixed};

use crate::text::read;

fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn size(bytes: u64) -> String {
    if bytes >= 1 << 20 {
        format!("{} MiB", bytes >> 20)
    } else {
        format!("{} KiB", bytes >> 10)
    }
}

fn time(time: std::time::Duration) -> String {
    let seconds = time.as_secs();
    if seconds >= 60 {
        format!("{} min", seconds / 60)
    } else {
        format!("{seconds} s")
    }
}

#[test]
fn every_limit_of_a_run_is_listed_with_its_default_and_ceiling() {
    let page = read("docs/guide/limits.md");
    let (default, ceiling) = (Limits::default(), test_support::default_ceiling());
    let row = |name: &str, of: &dyn Fn(&Limits) -> String| {
        let start = format!("| `{name}`: ");
        let line = page.lines().find(|line| line.starts_with(&start));
        let line = line.unwrap_or_else(|| panic!("limits.md has no line for `{name}`"));
        let values = format!("| {} | {} |", of(&default), of(&ceiling));
        assert!(line.contains(&values), "{line}\nshould say {values}");
    };
    row("wall", &|l| time(l.wall));
    row("cpu", &|l| time(l.cpu));
    row("operations", &|l| thousands(l.operations));
    row("memory", &|l| size(l.memory));
    row("response", &|l| size(l.response));
    row("logs", &|l| size(l.logs));
    row("host_calls", &|l| thousands(u64::from(l.host_calls)));
    row("concurrency", &|l| thousands(u64::from(l.concurrency)));
}

#[test]
fn fixed_limits_are_listed() {
    let page = read("docs/guide/limits.md");
    let bytes = |bytes: usize| size(bytes as u64);
    let count = |count: usize| thousands(count as u64);
    for (what, limit) in [
        ("nested calls of script functions", count(fixed::CALL_DEPTH)),
        ("one text made by the SDK", bytes(fixed::STRING_BYTES)),
        (
            "nesting of JSON, and of values that are printed, compared or encoded",
            count(fixed::VALUE_DEPTH),
        ),
        ("a request's body", bytes(fixed::BODY_BYTES)),
        (
            "a key; a value in `kv`",
            format!(
                "{} bytes; {}",
                fixed::KV_KEY_BYTES,
                bytes(fixed::KV_VALUE_BYTES)
            ),
        ),
        ("keys in one call of `kv`", count(fixed::KV_BATCH)),
        ("one script or module", bytes(fixed::SOURCE_BYTES)),
        (
            "a release",
            format!(
                "{}, {} scripts and modules, {} routes",
                bytes(fixed::RELEASE_BYTES),
                count(fixed::RELEASE_ITEMS),
                count(fixed::ROUTES)
            ),
        ),
        (
            "modules one script reaches",
            format!(
                "{}, at most {} deep",
                fixed::GRAPH_MODULES,
                fixed::IMPORT_DEPTH
            ),
        ),
        ("compiling one script", time(fixed::COMPILE_TIME)),
        (
            "environment variables of an app",
            format!(
                "{}, {} each",
                fixed::ENV_VARS,
                bytes(fixed::ENV_VALUE_BYTES)
            ),
        ),
        ("a request to the admin API", bytes(fixed::ADMIN_BODY_BYTES)),
    ] {
        let row = format!("| {what} | {limit}");
        assert!(page.contains(&row), "limits.md should have: {row}");
    }
}
