//! The scripts of `compute_ours` and `compute_plain`, and how both time them.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Instant;

/// Name and source; the names are those `bench/src/rows/compute.rs` knows.
const SCRIPTS: [(&str, &str); 5] = [
    ("arrays", include_str!("arrays.rhai")),
    ("fib", include_str!("fib.rhai")),
    ("loops", include_str!("loops.rhai")),
    ("maps", include_str!("maps.rhai")),
    ("strings", include_str!("strings.rhai")),
];
/// Runs of each script; the quickest counts, because others have met something on the machine.
const RUNS: u32 = 15;

/// Times every script and prints milliseconds by name, with a sum of all results on stderr: two
/// programs that compute the same print the same.
pub(crate) fn time_all(mut run: impl FnMut(&str) -> String) {
    let mut times = BTreeMap::new();
    let mut results = Vec::new();
    for (name, source) in SCRIPTS {
        let result = run(source);
        let mut best = f64::INFINITY;
        for _ in 0..RUNS {
            let start = Instant::now();
            let again = run(source);
            best = best.min(start.elapsed().as_secs_f64() * 1_000.0);
            assert_eq!(again, result, "{name}");
        }
        times.insert(name, best);
        results.push(format!("{name}={result}"));
    }
    let mut text = serde_json::to_string(&times).expect("numbers are JSON");
    text.push('\n');
    let written = std::io::stdout().write_all(text.as_bytes());
    written.expect("the one who started this reads it");
    let results = results.join(" ") + "\n";
    let written = std::io::stderr().write_all(results.as_bytes());
    written.expect("the one who started this reads it");
}
